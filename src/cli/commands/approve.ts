import { createInterface } from 'node:readline/promises';
import { count, onOneLine } from '../../report/format.ts';
import { planLines } from '../../report/plain.ts';
import type { Change } from '../../rollout/change.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import { batchSql } from '../../wizard/preview/document.ts';
import { diffOf } from '../../workspace/diff.ts';
import { approveRequest, declineRequest, forRequests, type LookedAt, lookAtRequest } from '../mcp/answer.ts';
import { rootOf } from '../mcp/identity.ts';
import { openRequests, requestText } from '../mcp/requests.ts';
import type { Opened } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { type CommandContext, run, withTarget } from '../run.ts';

export type ApproveOptions = CommonOptions & { readonly decline?: boolean };

/** `voxanne-rollout approve HASH`: shows what a program asked for, computed anew, and takes a person's yes to it. */
export const approveCommand = (beginning: string | undefined, options: ApproveOptions): Promise<ExitCode> =>
  run(options, (context) =>
    withTarget(
      options,
      context,
      async (opened) => {
        const { output, signal } = context;
        const root = rootOf(opened);
        if (beginning === undefined) {
          const open = await openRequests(root);
          for (const { hash, request } of open) output.say(`${hash.slice(0, 12)}  ${requestText(request)}`);
          if (open.length === 0) output.say('No request waits.');
          return exitCodes.done;
        }
        if (options.decline === true) {
          output.say(`Declined: ${(await declineRequest(root, beginning)).slice(0, 12)} waits no longer.`);
          return exitCodes.done;
        }
        if (process.stdin.isTTY !== true || process.stdout.isTTY !== true || output.json)
          throw new RolloutError(
            'An approval is given by a person in a terminal.',
            `Run voxanne-rollout approve ${beginning} in one.`,
            { exitCode: exitCodes.usage },
          );
        const looked = await lookAtRequest(opened, beginning, signal);
        if (looked.refusal !== null) throw looked.refusal;
        show(context, opened, looked);
        if (!(await asked(opened))) {
          output.say('Not approved.');
          return exitCodes.failed;
        }
        await approveRequest(opened, looked.hash, signal);
        output.say('Approved: once, for this plan and this target, for ten minutes.');
        return exitCodes.done;
      },
      forRequests,
    ),
  );

const titles = { apply: 'Apply step', rollback: 'Roll back step', rollout: 'Apply everything up to step' } as const;

function show({ output }: CommandContext, opened: Opened, { request, what }: LookedAt): void {
  const { paint } = output;
  output.say(
    `${paint('strong', `${titles[request.action]} ${request.step}`)} on ${opened.connection.label}, ${opened.environment}`,
  );
  output.say(`A program asked for it at ${request.at.slice(0, 16).replace('T', ' ')} UTC. This is what it does now:`);
  output.say('');
  if (what.action === 'rollback') {
    output.say(`${count(what.plan.entries.length, 'change')} rolled back, newest first:`);
    for (const { change } of what.plan.entries) output.say(onOneLine(`  - ${change.title}`));
  } else {
    for (const { step, plan } of what.plans) {
      for (const line of planLines(step, '', plan, paint, true)) output.say(onOneLine(line));
      for (const change of plan.changes)
        for (const line of textOf(change).trimEnd().split('\n')) output.say(`      ${paint('dim', line)}`);
    }
  }
  output.say('');
}

/** What a change does, word for word. */
function textOf(change: Change): string {
  switch (change.kind) {
    case 'sql':
      return change.up;
    case 'batches':
      return batchSql(change);
    case 'file':
      return diffOf(change).patch;
  }
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
