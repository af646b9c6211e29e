import type { Change } from '../../../src/rollout/change.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import type { Proof, Proofs } from '../../../src/rollout/step.ts';
import type { Target } from '../../target.ts';
import { survey } from '../survey.ts';
import { rulesOf } from './rules.ts';

type Judge = {
  /** What the checks compare with. */
  readonly look: (target: Target, signal: AbortSignal, only?: ReadonlySet<string>) => Promise<unknown>;
  readonly checks: (
    target: Target,
    signal: AbortSignal,
    before: unknown,
    only?: ReadonlySet<string>,
  ) => AsyncIterable<CheckResult>;
};

/**
 * All changes of step 1.7 judged together, and, for a database whose users would wait for that, table by table: the
 * helper functions with the policies, triggers and grants of one table and the probes of that table.
 */
export async function proofsOf(target: Target, changes: readonly Change[], judge: Judge): Promise<Proofs<Target>> {
  const found = await survey(target);
  const tables = new Map<string, string[]>();
  const shared: string[] = [];
  const labels = rulesOf(found).map((rule) => `${rule.table.schema}.${rule.table.name}`);
  for (const change of changes) {
    const label = labels.find((one) => isAbout(change.id, one));
    if (label === undefined) shared.push(change.id);
    else tables.set(label, [...(tables.get(label) ?? []), change.id]);
  }
  const helpers = shared.filter((id) => id.startsWith('function '));
  const parts = [...tables].map(
    ([label, ids]): Proof<Target> => ({
      title: label,
      changes: [...helpers, ...ids],
      look: (at, signal) => judge.look(at, signal, new Set([label])),
      checks: (at, signal, before) => judge.checks(at, signal, before, new Set([label])),
    }),
  );
  return {
    whole: {
      title: 'Isolation',
      changes: changes.map((one) => one.id),
      look: (at, signal) => judge.look(at, signal),
      checks: (at, signal, before) => judge.checks(at, signal, before),
    },
    parts,
  };
}

/** Ids name the table as a word of its own: `policy public.calls select`, `drop policy public.calls Own rows`. */
const isAbout = (id: string, label: string): boolean => ` ${id} `.includes(` ${label} `);
