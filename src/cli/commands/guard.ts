import { junitReport, type Part } from '../../report/findings/junit.ts';
import { findingLines } from '../../report/findings/lines.ts';
import { sarifReport } from '../../report/findings/sarif.ts';
import { count } from '../../report/format.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import type { GuardFinding, NotLookedAt } from '../../rollout/guard-finding.ts';
import { sha256 } from '../../workspace/hash.ts';
import type { Notice } from '../../workspace/scan/types.ts';
import { baselineOf } from '../baseline.ts';
import { changedFiles } from '../changed-files.ts';
import { loadSettings } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import type { Output } from '../output.ts';
import { type CommandContext, run, withTarget } from '../run.ts';
import { scanWithoutDatabase, toGuardFinding } from '../scan-code.ts';
import { version } from '../version.ts';

export type GuardOptions = CommonOptions & {
  readonly format?: 'text' | 'json' | 'sarif' | 'junit';
  readonly baseline?: string;
  readonly changedSince?: string;
  readonly only?: Part;
};

type Looked = {
  readonly findings: readonly GuardFinding[];
  readonly notLookedAt: readonly (NotLookedAt & { readonly part: Part })[];
};

/**
 * `voxanne-rollout guard`: whether what held after the rollout still holds, in the code and in the database. Exit 0:
 * nothing new; 1: findings; 2: no finding, but something could not be looked at. Changes nothing.
 */
export const guardCommand = (options: GuardOptions): Promise<ExitCode> =>
  run(options, async (context) => {
    const known = await baselineOf(options.baseline, 'guard');
    const parts: readonly Part[] = options.only === undefined ? ['code', 'database'] : [options.only];
    const looks = { code: lookAtCode, database: lookAtDatabase };
    const found: Looked[] = [];
    for (const part of parts) found.push(await looks[part](options, context));
    const all = found.flatMap((one) => one.findings);
    const fresh = all.filter((one) => !known.has(one.id));
    const notLookedAt = found.flatMap((one) => one.notLookedAt);
    write(context.output, options.format ?? 'text', { parts, fresh, notLookedAt, accepted: all.length - fresh.length });
    if (fresh.some((one) => one.level !== 'note')) return exitCodes.failed;
    return notLookedAt.length > 0 ? exitCodes.usage : exitCodes.done;
  });

async function lookAtCode(options: GuardOptions, { signal }: CommandContext): Promise<Looked> {
  return orNot('code', 'the code', signal, async () => {
    const { root, findings, result } = await scanWithoutDatabase(await loadSettings(options), signal);
    const changed = options.changedSince === undefined ? null : await changedFiles(root, options.changedSince);
    const own = changed === null ? findings : findings.filter((one) => changed.has(one.file));
    const files = Object.values(result.files).reduce((sum, one) => sum + one, 0);
    return {
      findings: [...own.map(toGuardFinding), ...result.notices.filter((one) => one.kind === 'unread').map(unread)],
      notLookedAt: [
        ...(files === 0
          ? [{ what: 'the code', reason: `There is no code in ${root}: name the app's folder with --workspace.` }]
          : []),
        ...result.notices
          .filter((one) => one.kind === 'syntax-error' || one.kind === 'unreadable')
          .map((one) => ({ what: one.file, reason: one.text })),
      ],
    };
  });
}

/** A language that no rule reads, in a file that speaks of an organization: a person has to look, once. */
const unread = ({ file, text, line }: Notice): GuardFinding => ({
  id: sha256(`unread\n${file}`).slice(0, 12),
  kind: 'unread',
  part: 'code',
  place: { kind: 'file', file, line: line ?? 1, column: 1, endLine: line ?? 1 },
  reason: text,
  instruction: 'Look at it once, then accept this in the baseline.',
  level: 'note',
});

async function lookAtDatabase(options: GuardOptions, { output, signal }: CommandContext): Promise<Looked> {
  const quiet: Output = { ...output, listener: () => undefined };
  return orNot('database', 'the database', signal, async () => {
    let looked: { findings: readonly GuardFinding[]; notLookedAt: readonly NotLookedAt[] } | null = null;
    await withTarget(
      options,
      { output: quiet, signal },
      async ({ target, rollout, session, config }) => {
        const [{ createDatabaseExecutor }, { keptOf }, { lookForDrift }] = await Promise.all([
          import('../../database/executor.ts'),
          import('../../../phases/guard/kept.ts'),
          import('../../../phases/guard/drift.ts'),
        ]);
        const accepted = (check: string): boolean => config.decisions.acceptNotChecked.includes(check);
        const suspicion = await rollout.suspicion();
        if (suspicion !== null) throw suspicion;
        const kept = await keptOf(createDatabaseExecutor(session), rollout, accepted);
        if (kept.steps.length === 0)
          throw new RolloutError(
            'Nothing is rolled out on it, so there is nothing that could have changed since.',
            'Run voxanne-rollout --yes first; or look at the code alone with --only code.',
          );
        looked = await lookForDrift(target, kept, signal);
        return exitCodes.done;
      },
      { header: options.format === undefined || options.format === 'text', reading: true },
    );
    return looked ?? { findings: [], notLookedAt: [] };
  });
}

/** What the operator could put right (no database named, it does not answer) leaves the part unlooked at, and says so. */
async function orNot(
  part: Part,
  what: string,
  signal: AbortSignal,
  look: () => Promise<{ readonly findings: readonly GuardFinding[]; readonly notLookedAt: readonly NotLookedAt[] }>,
): Promise<Looked> {
  try {
    const { findings, notLookedAt } = await look();
    return { findings, notLookedAt: notLookedAt.map((one) => ({ ...one, part })) };
  } catch (error) {
    if (signal.aborted || !(error instanceof RolloutError) || error.kind === 'defect') throw error;
    return { findings: [], notLookedAt: [{ part, what, reason: `${error.problem} ${error.remedy}` }] };
  }
}

function write(
  output: Output,
  format: NonNullable<GuardOptions['format']>,
  given: {
    readonly parts: readonly Part[];
    readonly fresh: readonly GuardFinding[];
    readonly notLookedAt: Looked['notLookedAt'];
    readonly accepted: number;
  },
): void {
  const { parts, fresh, notLookedAt, accepted } = given;
  if (format === 'sarif') output.script(sarifReport(fresh, notLookedAt, version));
  else if (format === 'junit') output.script(junitReport(parts, fresh, notLookedAt));
  else if (format === 'json')
    output.script(JSON.stringify({ findings: fresh, notLookedAt, accepted, looked: parts }, null, 2));
  else {
    for (const line of findingLines(fresh, notLookedAt, output.paint)) output.say(line);
    const counted = fresh.filter((one) => one.level !== 'note').length;
    const looked = parts.filter((part) => !notLookedAt.some((one) => one.part === part && one.what === `the ${part}`));
    output.say(
      `${count(counted, 'new finding')} in ${looked.length === 0 ? 'nothing that was looked at' : looked.map((one) => `the ${one}`).join(' and ')}${accepted === 0 ? '' : `, ${accepted} accepted by the baseline`}${notLookedAt.length === 0 ? '' : `; ${notLookedAt.length} not checked`}.`,
    );
  }
}
