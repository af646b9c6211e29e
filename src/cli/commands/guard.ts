import { junitReport, type Part } from '../../report/findings/junit.ts';
import { findingLines } from '../../report/findings/lines.ts';
import { sarifReport } from '../../report/findings/sarif.ts';
import { count } from '../../report/format.ts';
import { type ExitCode, exitCodes } from '../../rollout/errors.ts';
import type { GuardFinding, NotLookedAt } from '../../rollout/guard-finding.ts';
import { baselineOf } from '../baseline.ts';
import { changedFiles } from '../changed-files.ts';
import { loadSettings } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import type { Output } from '../output.ts';
import { type CommandContext, run } from '../run.ts';
import { codeFindings, scanWithoutDatabase } from '../scan-code.ts';
import { version } from '../version.ts';

export type GuardOptions = CommonOptions & {
  readonly format?: 'text' | 'json' | 'sarif' | 'junit';
  readonly baseline?: string;
  readonly changedSince?: string;
  readonly only?: Part;
  /** False: what was waived in the checkout counts as well. */
  readonly waivers?: boolean;
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
    const looks = { code: lookAtCode, database: lookAtRollout };
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
  return orNot('code', 'the code', options, signal, async () => {
    const scanned = await scanWithoutDatabase(await loadSettings(options), signal, options.waivers);
    const { changedSince } = options;
    return codeFindings(scanned, changedSince === undefined ? null : await changedFiles(scanned.root, changedSince));
  });
}

async function lookAtRollout(options: GuardOptions, { output, signal }: CommandContext): Promise<Looked> {
  const [{ lookAtDatabase }, { openTarget }] = await Promise.all([import('../guard-look.ts'), import('../open.ts')]);
  return orNot('database', 'the database', options, signal, async () => {
    const opened = await openTarget(options, { reading: true, unrecorded: true });
    try {
      output.about(opened, options.format === undefined || options.format === 'text');
      return await lookAtDatabase(opened, signal);
    } finally {
      await opened.close();
    }
  });
}

/** What keeps a part from being looked at is said, and takes nothing from the other part: nobody could tell what is there. */
async function orNot(
  part: Part,
  what: string,
  { debug = false }: GuardOptions,
  signal: AbortSignal,
  look: () => Promise<{ readonly findings: readonly GuardFinding[]; readonly notLookedAt: readonly NotLookedAt[] }>,
): Promise<Looked> {
  try {
    const { findings, notLookedAt } = await look();
    return { findings, notLookedAt: notLookedAt.map((one) => ({ ...one, part })) };
  } catch (error) {
    if (signal.aborted) throw error;
    const { toRolloutError } = await import('../../database/errors.ts');
    const shown = toRolloutError(error);
    // Whoever reports a defect sees its stack.
    if (shown.kind === 'defect' && debug) throw error;
    return { findings: [], notLookedAt: [{ part, what, reason: `${shown.problem} ${shown.remedy}` }] };
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
      looked.length === 0
        ? 'Nothing was checked, so nothing can be said.'
        : `${count(counted, 'new finding')} in ${looked.map((one) => `the ${one}`).join(' and ')}${accepted === 0 ? '' : `, ${accepted} accepted by the baseline`}${notLookedAt.length === 0 ? '' : `; ${notLookedAt.length} not checked`}.`,
    );
  }
}
