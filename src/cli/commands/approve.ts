import { createInterface } from 'node:readline/promises';
import { count } from '../../report/format.ts';
import { planLines } from '../../report/plain.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import { type Intended, refusalOf, requireSame, rootOf } from '../mcp/act.ts';
import { recordApproval } from '../mcp/approvals.ts';
import { findRequest, openRequests, type Request } from '../mcp/requests.ts';
import type { Opened } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { type CommandContext, run, withTarget } from '../run.ts';

/** `voxanne-rollout approve HASH`: shows what a program asked for, computed anew, and takes a person's yes to it. */
export const approveCommand = (beginning: string | undefined, options: CommonOptions): Promise<ExitCode> =>
  run(options, (context) =>
    withTarget(
      options,
      context,
      async (opened) => {
        const { output } = context;
        const root = rootOf(opened);
        if (beginning === undefined) {
          const open = await openRequests(root);
          for (const { hash, request } of open)
            output.say(
              `${hash.slice(0, 12)}  ${request.action} ${request.step}  ${request.at.slice(0, 16).replace('T', ' ')} UTC`,
            );
          if (open.length === 0) output.say('No request waits.');
          return exitCodes.done;
        }
        const { hash, request } = await findRequest(root, beginning);
        if (process.stdin.isTTY !== true || process.stdout.isTTY !== true || output.json)
          throw new RolloutError(
            'An approval is given by a person in a terminal.',
            `Run voxanne-rollout approve ${hash.slice(0, 12)} in one.`,
            { exitCode: exitCodes.usage },
          );
        const what = await requireSame(opened, request);
        const refusal = await refusalOf(opened, request.step, what);
        if (refusal !== null) throw refusal;
        show(context, opened, request, what);
        if (!(await asked(opened))) {
          output.say('Not approved.');
          return exitCodes.failed;
        }
        // What was read may have taken a while: an approval is for what is there now.
        await requireSame(opened, request);
        await recordApproval(root, hash);
        output.say('Approved: once, for this plan and this target, for ten minutes.');
        return exitCodes.done;
      },
      { reading: true },
    ),
  );

function show({ output }: CommandContext, opened: Opened, request: Request, what: Intended): void {
  const { paint } = output;
  const title = request.action === 'apply' ? 'Apply step' : 'Roll back step';
  output.say(`${paint('strong', `${title} ${request.step}`)} on ${opened.connection.label}, ${opened.environment}`);
  output.say(`A program asked for it at ${request.at.slice(0, 16).replace('T', ' ')} UTC. This is what it does now:`);
  output.say('');
  if (what.action === 'apply') {
    for (const line of planLines(request.step, '', what.plan, paint, true)) output.say(line);
    for (const change of what.plan.changes) {
      if (change.kind === 'sql') for (const line of change.up.split('\n')) output.say(`      ${paint('dim', line)}`);
      if (change.kind === 'file') output.say(`      ${change.path}`);
    }
  } else {
    output.say(`${count(what.plan.entries.length, 'change')} rolled back, newest first:`);
    for (const { change } of what.plan.entries) output.say(`  - ${change.title}`);
  }
  output.say('');
}

/** The strict question of a production target asks for its name, any other for a yes. */
async function asked({ production, connection }: Opened): Promise<boolean> {
  const word = production ? (connection.project ?? connection.host) : 'yes';
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    // The end of the input is an answer as well.
    const gone = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const answer = await Promise.race([
      terminal.question(`Type ${word} to approve, anything else to leave it: `),
      gone,
    ]);
    return answer.trim() === word;
  } finally {
    terminal.close();
  }
}
