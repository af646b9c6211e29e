import { execaCommand } from 'execa';
import { childEnvironment } from '../../src/child-environment.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import { plural } from '../../src/rollout/text.ts';
import type { Project } from '../../src/workspace/project.ts';
import { type Finding, findingKinds, type ScanResult } from '../../src/workspace/scan/types.ts';
import { typeDelta } from '../../src/workspace/type-check.ts';
import { notAllowed } from '../../src/workspace-program.ts';
import type { Code } from './code.ts';
import { scanCode } from './scan.ts';

/** No new type error in the backend (steps 2.x) or the frontend (steps 3.x and 4.x). */
export async function* checkTypes(code: Code, step: string, signal: AbortSignal): AsyncIterable<CheckResult> {
  const { backend, frontend } = code.workspace;
  const project: Project | null = step.startsWith('2.') ? backend : frontend;
  if (project === null) return;
  const began = performance.now();
  const delta = await typeDelta(code.workspace, project, signal, code.target.mayRun);
  const base = {
    id: `${step}/types/${project.directory || 'root'}`,
    title: `${project.name} has no new type error`,
    kind: 'command' as const,
    expected: 'no type error that was not there before the first change',
  };
  if (delta.kind === 'skipped') {
    yield {
      ...base,
      verdict: 'skipped',
      observed: `not checked: ${delta.reason}`,
      advice: /--run-programs/.test(delta.reason)
        ? 'Verify again with --run-programs.'
        : 'Install the packages of the app and verify again.',
      milliseconds: performance.now() - began,
    };
    return;
  }
  const shown = delta.fresh.slice(0, 10).map((one) => `${one.file}:${one.line} ${one.code} ${one.message}`);
  yield {
    ...base,
    verdict: delta.fresh.length === 0 ? 'passed' : 'failed',
    observed: `${delta.before} errors before, ${delta.now} now, ${delta.fresh.length} new`,
    evidence: [delta.command, ...shown].join('\n'),
    milliseconds: performance.now() - began,
    ...(delta.fresh.length === 0 ? {} : { advice: 'Fix the new errors, or roll the step back.' }),
  };
}

/** A step that has nothing to look at says so; it is not called verified. */
export const notApplicable = (step: string, reason: string): CheckResult => ({
  id: `${step}/applies`,
  title: 'This step applies to the app',
  kind: 'scan',
  verdict: 'skipped',
  expected: 'something to look at',
  ...(/^No cure is known/.test(reason)
    ? {
        observed: `not checked: ${reason}`,
        // There is something, and nobody looked whether it asks the session alone.
        matters: true,
        advice:
          'Make it by hand in the terms of that framework, then list the id of this check under decisions.acceptNotChecked in the configuration file.',
      }
    : { observed: `not applicable: ${reason}` }),
  milliseconds: 0,
});

/** What decides which step answers for a place. */
export type Place = Pick<Finding, 'file' | 'kind'>;

/** The scan of the files that a step answers for: nothing left but what was waived. */
export async function* checkScan(
  code: Code,
  step: string,
  mine: (place: Place) => boolean,
  signal: AbortSignal,
): AsyncIterable<CheckResult> {
  const began = performance.now();
  const result = await scanCode(code, { signal });
  const own = result.findings.filter((one) => counts(one) && mine(one));
  const waived = result.waived.filter(mine).length;
  const broken = result.notices.filter((one) => one.kind !== 'skipped' && mine({ file: one.file, kind: 'first-org' }));
  for (const finding of own) {
    yield {
      id: `${step}/scan/${finding.id}`,
      title: `${finding.file}:${finding.line}: ${finding.reason}`,
      kind: 'scan',
      verdict: 'failed',
      expected: 'no place that breaks the isolation of tenants',
      observed: finding.code,
      evidence: finding.code,
      advice: `${finding.instruction ?? 'Apply the step again: it has an edit for this place.'} Or: voxanne-rollout waive ${finding.id} --reason "…"`,
      milliseconds: 0,
    };
  }
  for (const notice of broken) {
    yield {
      id: `${step}/scan/${notice.file}`,
      title: `${notice.file} was read`,
      kind: 'scan',
      verdict: 'skipped',
      expected: 'a file that can be read',
      observed: notice.text,
      // What was not read may hold what this step is about: the gate stays shut until somebody looked.
      matters: true,
      advice:
        notice.kind === 'unread'
          ? 'Look through it by hand for old column names and for organizations that come from elsewhere than the session; then list the id of this check under decisions.acceptNotChecked in the configuration file.'
          : 'Fix the file, then verify again.',
      milliseconds: 0,
    };
  }
  // Each place that is left has failed by itself: their sum would be one more failure than there are findings.
  if (own.length > 0) return;
  const read = await filesRead(code, mine);
  yield {
    id: `${step}/scan`,
    title: 'The code has no open finding',
    kind: 'scan',
    verdict: read === 0 ? 'skipped' : 'passed',
    expected: 'no open findings',
    observed:
      read === 0
        ? 'not applicable: the app has no file that this step looks at'
        : `${waived} waived, ${plural(read, 'file')} checked${unreadWords(result)}`,
    milliseconds: performance.now() - began,
  };
}

/** How many files of the app a step answers for. */
async function filesRead(code: Code, mine: (place: Place) => boolean): Promise<number> {
  const { files } = code.workspace.list;
  return files.filter(
    ({ path, fileClass }) => fileClass === 'source' && findingKinds.some((kind) => mine({ file: path, kind })),
  ).length;
}

/** What was not read, by its kinds. */
function unreadWords({ files, unread }: ScanResult): string {
  const parts = [
    ...(['generated', 'vendored', 'built', 'minified'] as const).flatMap((kind) =>
      files[kind] > 0 ? [`${files[kind]} ${kind}`] : [],
    ),
    ...Object.entries(unread).map(([ending, count]) => `${count} ${ending}`),
  ];
  return parts.length === 0 ? '' : `; besides: ${parts.join(', ')}`;
}

/**
 * Findings that a check counts: in the app's own code, and more than advice. No step fixes a query without an
 * organization; the scan and the guard report it.
 */
export const counts = (finding: Finding): boolean =>
  !finding.advice &&
  finding.kind !== 'unscoped-query' &&
  (finding.fileClass === 'source' || finding.fileClass === 'generated');

/** A command of the app that the configuration names (tests, build). Its last lines are the evidence. */
export async function* checkCommand(
  code: { readonly workspace: Pick<Code['workspace'], 'root'>; readonly target: Pick<Code['target'], 'mayRun'> },
  id: string,
  title: string,
  command: string | null,
  signal: AbortSignal,
): AsyncIterable<CheckResult> {
  if (command === null) return;
  const began = performance.now();
  const base = { id, title, kind: 'command' as const, expected: 'exit code 0' };
  const program = { command, why: `the check "${title}"` };
  if ((await code.target.mayRun?.(program)) === false) {
    yield {
      ...base,
      verdict: 'skipped',
      observed: `not checked: ${notAllowed(program)}`,
      advice: 'Verify again with --run-programs.',
      milliseconds: performance.now() - began,
    };
    return;
  }
  const result = await execaCommand(command, {
    extendEnv: false,
    env: childEnvironment(),
    cwd: code.workspace.root,
    shell: true,
    reject: false,
    stdin: 'ignore',
    all: true,
    cancelSignal: signal,
  });
  signal.throwIfAborted();
  const passed = result.exitCode === 0;
  yield {
    ...base,
    verdict: passed ? 'passed' : 'failed',
    observed: `exit code ${result.exitCode ?? 'none'}`,
    evidence: [command, ...(result.all ?? '').trim().split('\n').slice(-10)].join('\n'),
    milliseconds: performance.now() - began,
    ...(passed ? {} : { advice: 'Look at the last lines; roll the step back if they come from it.' }),
  };
}
