import { checkCommand } from '../../../phases/code/checks.ts';
import { findingLines } from '../../report/findings/lines.ts';
import { count } from '../../report/format.ts';
import { harmless } from '../../report/terminal.ts';
import { verdictWord } from '../../rollout/check.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import { discoverWorkspace } from '../../workspace/discover.ts';
import { listFiles } from '../../workspace/files.ts';
import type { Project, Workspace } from '../../workspace/project.ts';
import { type ProofGround, proofGroundOf, softened } from '../../workspace/proof-ground.ts';
import type { Finding } from '../../workspace/scan/types.ts';
import { type HandedOut, keepTasks, readTasks } from '../../workspace/tasks.ts';
import { checkedProjects, takeBaselines, typeDelta } from '../../workspace/type-check.ts';
import type { MayRun } from '../../workspace-program.ts';
import { loadSettings } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { runWithFlag, runWithQuestion } from '../programs.ts';
import { type CommandContext, run } from '../run.ts';
import { type Scanned, scanWithoutDatabase, toGuardFinding } from '../scan-code.ts';

export type FindingsOptions = CommonOptions & {
  readonly format?: 'text' | 'json' | 'tasks';
  readonly prove?: readonly string[];
};

/**
 * `voxanne-rollout findings`: what is open in the code. As tasks: those that no edit of the tool fixes, each with the
 * check that will prove it. With --prove: whether the work on a task counts.
 */
export const findingsCommand = (options: FindingsOptions): Promise<ExitCode> =>
  run(options, async (context) => {
    const { output, signal } = context;
    const config = await loadSettings(options);
    const scanned = await scanWithoutDatabase(config, signal);
    // What is started is no part of a text for a program.
    const aside = { note: (text: string) => void process.stderr.write(`${harmless(text)}\n`) };
    const mayRun = (options.format === 'tasks' ? runWithFlag(aside) : runWithQuestion(output))(config);
    if (options.prove !== undefined) return prove(scanned, options.prove, config.code.tests, mayRun, context);
    const open = scanned.findings.filter((one) => !one.advice);
    if (options.format === 'tasks') {
      const tasks = open.filter((one) => one.fix === null);
      await keepTasks(scanned.root, open, tasks, await groundOf(scanned, config.code.tests));
      // Type errors that are there already are no fault of whoever works on a task.
      await takeBaselines(await discoverWorkspace(scanned.root), signal, mayRun);
      output.script(JSON.stringify({ tasks: tasks.map(taskOf) }, null, 2));
    } else if (options.format === 'json')
      output.script(
        JSON.stringify(
          { findings: open.map((one) => ({ ...toGuardFinding(one), fixable: one.fix !== null })) },
          null,
          2,
        ),
      );
    else {
      for (const line of findingLines(open.map(toGuardFinding), [], output.paint)) output.say(line);
      const fixable = open.filter((one) => one.fix !== null).length;
      output.say(`${count(open.length, 'open finding')}, ${fixable} with an edit that voxanne-rollout plan shows.`);
    }
    return exitCodes.done;
  });

/** The projects whose types are checked. */
const typed = (workspace: Workspace): readonly Project[] =>
  checkedProjects(workspace).filter((one) => one.typescript && one.tsconfig !== null);

const groundOf = async ({ root }: Scanned, tests: string | null): Promise<ProofGround> =>
  proofGroundOf(
    root,
    typed(await discoverWorkspace(root)).flatMap(({ tsconfig }) => tsconfig ?? []),
    tests,
  );

/** One piece of work that somebody, or something, can do without knowing anything else. */
const taskOf = (one: Finding) => ({
  id: one.id,
  kind: one.kind,
  place: { file: one.file, line: one.line, column: one.column, endLine: one.endLine },
  code: one.code,
  reason: one.reason,
  instruction: one.instruction ?? 'Take the organization from the verified session.',
  check: {
    command: `voxanne-rollout findings --prove ${one.id} --run-programs`,
    proves: [
      'the rule finds nothing at this place any more, and the file is still there',
      'no finding came that was not open before',
      'the type check shows no new error, and neither it nor the command of the tests was changed or silenced',
      'the tests of the app pass, where code.tests names them',
    ],
  },
});

type Verdict = {
  readonly what: string;
  readonly verdict: 'passed' | 'failed' | 'not checked';
  readonly observed: string;
};

async function prove(
  scanned: Scanned,
  wanted: readonly string[],
  tests: string | null,
  mayRun: MayRun,
  { output, signal }: CommandContext,
): Promise<ExitCode> {
  const known = await readTasks(scanned.root);
  if (known === null)
    throw new RolloutError(
      'No task was handed out here.',
      'Hand them out with: voxanne-rollout findings --format tasks',
      { exitCode: exitCodes.usage },
    );
  const { files } = await listFiles(scanned.root);
  const own = files.filter((one) => one.fileClass === 'source' || one.fileClass === 'generated');
  const there = new Set(own.map((one) => one.path));
  const ground = await groundOf(scanned, tests);
  const verdicts: Verdict[] = [
    ...rules(scanned, known, wanted, there),
    judges(known, wanted, ground),
    ...(await types(scanned.root, mayRun, signal)),
  ];
  // Code that is wrong already is not run.
  if (verdicts.every((one) => one.verdict === 'passed'))
    verdicts.push(...(await testsOf(scanned, tests, mayRun, signal)));
  for (const one of verdicts) {
    const sign = { passed: '✓', failed: '✗', 'not checked': '-' }[one.verdict];
    output.say(`${output.paint(one.verdict === 'passed' ? 'ok' : 'bad', `${sign} ${one.what}`)}  ${one.observed}`);
  }
  const failed = verdicts.some((one) => one.verdict === 'failed');
  const unchecked = verdicts.some((one) => one.verdict === 'not checked');
  output.say(
    failed ? 'This does not count.' : unchecked ? 'This does not count yet: not everything was checked.' : 'Proven.',
  );
  return failed ? exitCodes.failed : unchecked ? exitCodes.usage : exitCodes.done;
}

function* rules(
  scanned: Scanned,
  known: HandedOut,
  wanted: readonly string[],
  /** Files of the app's own code. */
  there: ReadonlySet<string>,
): Iterable<Verdict> {
  const { findings, result } = scanned;
  for (const id of wanted) {
    const task = known.tasks.find((one) => one.finding === id);
    if (task === undefined)
      throw new RolloutError(`No task ${id} was handed out.`, 'Give the id as findings --format tasks names it.', {
        exitCode: exitCodes.usage,
      });
    const what = `${task.kind} in ${task.file}`;
    const unread = result.notices.find((one) => one.file === task.file);
    if (findings.some((one) => one.id === id)) yield { what, verdict: 'failed', observed: 'is still there' };
    else if (result.waived.some((one) => one.id === id))
      yield { what, verdict: 'failed', observed: 'was waived, which is not a fix' };
    else if (unread !== undefined) yield { what, verdict: 'failed', observed: unread.text };
    else if (!there.has(task.file))
      yield {
        what,
        verdict: 'failed',
        observed: 'the file was deleted or is no longer scanned, so nothing shows a fix',
      };
    else yield { what, verdict: 'passed', observed: 'is gone' };
  }
  const before = new Set(known.findings);
  const fresh = findings.filter((one) => !one.advice && !before.has(one.id));
  yield {
    what: 'no new finding',
    verdict: fresh.length === 0 ? 'passed' : 'failed',
    observed:
      fresh.length === 0
        ? ''
        : fresh
            .map((one) => `${one.file}:${one.line} ${one.kind}`)
            .slice(0, 10)
            .join(', '),
  };
}

/** Whether what the work is judged by is as it was: a type check that is told to look away finds nothing. */
function judges(known: HandedOut, wanted: readonly string[], now: ProofGround): Verdict {
  const lines = known.tasks
    .filter((one) => wanted.includes(one.finding))
    .flatMap(({ ground }) => softened(ground, now));
  return {
    what: 'judged as when it was handed out',
    verdict: lines.length === 0 ? 'passed' : 'failed',
    observed: [...new Set(lines)].join('; '),
  };
}

async function types(root: string, mayRun: MayRun, signal: AbortSignal): Promise<readonly Verdict[]> {
  const workspace = await discoverWorkspace(root);
  const verdicts: Verdict[] = [];
  for (const project of typed(workspace)) {
    const what = `type check of ${project.name}`;
    const delta = await typeDelta(workspace, project, signal, mayRun);
    if (delta.kind === 'skipped') verdicts.push({ what, verdict: 'not checked', observed: delta.reason });
    else
      verdicts.push({
        what,
        verdict: delta.fresh.length === 0 ? 'passed' : 'failed',
        observed: delta.fresh
          .slice(0, 5)
          .map((one) => `${one.file}:${one.line} ${one.code} ${one.message}`)
          .join('; '),
      });
  }
  return verdicts;
}

async function testsOf(
  { root }: Scanned,
  command: string | null,
  mayRun: MayRun,
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  const code = { workspace: await discoverWorkspace(root), target: { mayRun } };
  for await (const one of checkCommand(code, 'tests', 'tests of the app', command, signal))
    verdicts.push({
      what: one.title,
      verdict: verdictWord(one.verdict),
      observed: one.observed,
    });
  return verdicts;
}
