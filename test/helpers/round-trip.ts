import { expect } from 'vitest';
import type { CheckResult } from '../../src/rollout/check.ts';
import { differences } from '../../src/rollout/fingerprint.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import type { StepId } from '../../src/rollout/step.ts';
import { rowChecksumsOf } from './row-checksums.ts';
import type { TestTarget } from './target.ts';

/** One hash per table of the app's schemas and of auth.users, over every row. */
export const rowChecksums = async (at: TestTarget): Promise<Readonly<Record<string, string>>> =>
  rowChecksumsOf(await at.session.work());

export type RoundTrip = { readonly changes: number; readonly checks: readonly CheckResult[] };

/**
 * The test that every step passes: preview leaves no trace, apply, checks pass, apply again is a no-op, rollback, the
 * target equals the start, apply again.
 */
export async function roundTrip(
  at: TestTarget,
  rollout: Rollout,
  step: StepId,
  options: {
    /** Ids of changes that a preview cannot run, each for a reason that the test gives. */
    readonly unseen?: readonly string[];
  } = {},
): Promise<RoundTrip> {
  const { signal } = new AbortController();
  const checks: CheckResult[] = [];
  const stop = rollout.listen((event) => {
    if (event.type === 'check') checks.push(event.result);
  });
  const start = await at.executor.fingerprint();
  const rows = await rowChecksums(at);

  const { results } = await rollout.preview(step, signal);
  const unseen = new Set(options.unseen ?? []);
  const failures = results.filter((one) => one.outcome === 'failed' && !unseen.has(one.change.id));
  expect(failures.map((one) => `${one.change.id}: ${one.reason}`)).toEqual([]);
  expect(differences(start, await at.executor.fingerprint())).toEqual([]);
  expect(await rowChecksums(at)).toEqual(rows);

  const changes = await rollout.apply(step, signal);
  const verified = await rollout.verify(step, signal);
  const failed = checks.filter((one) => one.verdict === 'failed');
  expect(failed.map((one) => `${one.id}: ${one.observed}`)).toEqual([]);
  expect(verified.failed).toBe(0);
  const applied = await at.executor.fingerprint();
  const appliedRows = await rowChecksums(at);

  expect((await rollout.plan(step)).plan.changes.map((one) => one.id)).toEqual([]);
  expect(await rollout.apply(step, signal)).toBe(0);

  const back = await rollout.rollback(step, signal);
  expect(back.differences).toEqual([]);
  expect(back.stayed).toEqual([]);
  if (changes > 0) expect(back.proven).toBe(true);
  expect(differences(start, await at.executor.fingerprint())).toEqual([]);
  expect(await rowChecksums(at)).toEqual(rows);

  await rollout.apply(step, signal);
  expect(differences(applied, await at.executor.fingerprint())).toEqual([]);
  // Rows that the step makes carry the time of their making: their number must be the same.
  expect(counts(await rowChecksums(at))).toEqual(counts(appliedRows));
  stop();
  return { changes, checks };
}

const counts = (sums: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum.split(' ')[0] ?? '']));
