import type { Change } from './change.ts';
import type { CheckResult } from './check.ts';
import { type HazardKind, hazardCounts, meaning, type Risk, riskOf } from './hazards.ts';
import type { PreviewResult, ProofResult } from './preview.ts';
import { count, plural } from './text.ts';

/** What running code has to do around a step, in words; empty where nothing. */
export type Running = { readonly before: string; readonly after: string };

/** Rows and bytes of a table as the server estimates them. */
export type TableSize = { readonly relation: string; readonly rows: number; readonly bytes: number };

/** What happens to the app if the step is applied: what the card above a preview says. */
export type Impact = {
  readonly risk: Risk;
  readonly reason: string;
  readonly hazards: readonly { readonly kind: HazardKind; readonly changes: number; readonly text: string }[];
  readonly tables: number;
  readonly rows: number;
  readonly bytes: number;
  readonly files: number;
  /** Milliseconds that the changes held locks when they were run and rolled back: the longest one, and all together. */
  readonly locks: { readonly longest: number; readonly change: string | null; readonly total: number } | null;
  /** What the checks said when the changes were run and rolled back. */
  readonly proof: {
    readonly passed: number;
    readonly failed: number;
    readonly skipped: number;
    /** Parts that could not be run beforehand, with the reason. */
    readonly unproven: readonly string[];
  };
  /** What the comparison of real users says, a line each; empty where nobody was compared. */
  readonly users: readonly string[];
  readonly running: Running | null;
};

export function impactOf(given: {
  readonly changes: readonly Change[];
  readonly results: readonly PreviewResult[];
  readonly proofs: readonly ProofResult[];
  readonly sizes: readonly TableSize[];
  readonly running: Running | null;
}): Impact {
  const { changes, results, proofs, sizes, running } = given;
  const { risk, kind } = riskOf(changes);
  const ran = results.filter((one) => one.outcome === 'ran' && one.locks.length > 0);
  const longest = ran.reduce<PreviewResult | null>(
    (best, one) => (best === null || one.held > best.held ? one : best),
    null,
  );
  const checks = proofs.flatMap((one) => one.results);
  const verdict = (wanted: CheckResult['verdict']): number => checks.filter((one) => one.verdict === wanted).length;
  return {
    risk,
    reason: kind === null ? 'nothing changes' : meaning[kind].text,
    hazards: hazardCounts(changes).map((one) => ({ ...one, text: meaning[one.kind].text })),
    tables: sizes.length,
    rows: sizes.reduce((sum, one) => sum + one.rows, 0),
    bytes: sizes.reduce((sum, one) => sum + one.bytes, 0),
    files: changes.filter((one) => one.kind === 'file').length,
    locks:
      longest === null
        ? null
        : { longest: longest.held, change: longest.change.title, total: ran.reduce((sum, one) => sum + one.held, 0) },
    proof: {
      passed: verdict('passed'),
      failed: verdict('failed'),
      skipped: verdict('skipped'),
      unproven: proofs.flatMap((one) => (one.reason === null ? [] : [`${one.title}: ${one.reason}`])),
    },
    users: usersText(checks.filter((one) => one.id.includes('/access/'))),
    running,
  };
}

/** Lines for what a person has to read, before the comparisons that found nothing are only counted. */
const mostUsers = 10;

function usersText(access: readonly CheckResult[]): readonly string[] {
  const who = access.filter((one) => one.id.endsWith('/access/users'));
  const rest = access.filter((one) => !who.includes(one));
  const told = rest.filter((one) => one.verdict !== 'passed' || one.observed.includes('accepted by name'));
  const quiet = rest.length - told.length;
  return [
    ...[...who, ...told.slice(0, mostUsers)].map((one) => `${one.title}: ${one.observed}`),
    ...(told.length > mostUsers ? [`and ${count(told.length - mostUsers)} more like these`] : []),
    ...(quiet > 0
      ? [
          `${plural(quiet, 'comparison')} of tables, views and functions passed: no user loses rows of their own or reaches those of another organization`,
        ]
      : []),
  ];
}
