import type { QueryResult } from 'pg';
import type { CheckResult, Verdict } from '../../src/rollout/check.ts';
import type { Target } from '../target.ts';

/** A query, which passes when the rows of `sql` are what `passes` wants. */
export type CatalogCheck = {
  readonly id: string;
  readonly title: string;
  readonly expected: string;
  readonly sql: string;
  readonly passes: (rows: readonly Record<string, unknown>[]) => boolean;
  readonly observed: (rows: readonly Record<string, unknown>[]) => string;
  readonly advice: string;
};

/** Queries that go over the network as one message. */
const together = 100;

export async function catalogCheck(target: Target, check: CatalogCheck): Promise<CheckResult> {
  const began = performance.now();
  const { rows } = await (await target.session.work()).query<Record<string, unknown>>(check.sql);
  return judge(check, rows, performance.now() - began);
}

/** Each runs its own query, so that its evidence is what was asked; a message holds many of them. */
export async function* catalogChecks(target: Target, checks: readonly CatalogCheck[]): AsyncIterable<CheckResult> {
  for (let from = 0; from < checks.length; from += together) {
    const some = checks.slice(from, from + together);
    const began = performance.now();
    const client = await target.session.work();
    // `pg` answers a message of several statements with a result for each, which its types do not know.
    const answers: unknown = await client.query(some.map((check) => check.sql).join(';\n'));
    const milliseconds = (performance.now() - began) / some.length;
    const results = [answers].flat() as readonly QueryResult<Record<string, unknown>>[];
    for (const [at, check] of some.entries()) yield judge(check, results[at]?.rows ?? [], milliseconds);
  }
}

function judge(check: CatalogCheck, rows: readonly Record<string, unknown>[], milliseconds: number): CheckResult {
  const verdict: Verdict = check.passes(rows) ? 'passed' : 'failed';
  return {
    id: check.id,
    title: check.title,
    kind: 'catalog',
    verdict,
    expected: check.expected,
    observed: check.observed(rows),
    evidence: `${check.sql};`,
    ...(verdict === 'failed' ? { advice: check.advice } : {}),
    milliseconds,
  };
}
