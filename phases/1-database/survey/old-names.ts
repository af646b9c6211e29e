import type { Table } from '../../../src/database/catalog/types.ts';
import type { Ask } from './ask.ts';
import type { Keys } from './keys.ts';
import type { Memory } from './memory.ts';
import { singular } from './shape.ts';

/**
 * Names beside the one that stays that mean the organization: what columns are called today, what step 1.2 renamed, and
 * what such columns are usually called where the database says nothing else by that name.
 */
export function oldNames(
  { tenants, unclear }: Keys,
  directory: Table | null,
  to: string,
  memory: Memory,
  journalled: readonly string[],
): { readonly from: readonly string[]; readonly renamed: readonly string[] } {
  const today = tenants.flatMap((one) => [one.key, ...one.also].map((column) => column.name));
  for (const name of today) if (name !== to) memory.names.add(name);
  const before = [...renamedNames(to, memory, journalled)];
  const usual = ['organization_id', 'tenant_id', ...(directory === null ? [] : [`${singular(directory.name)}_id`])];
  const otherwise = new Set(unclear.map((one) => one.column.name));
  const known = [...today, ...before, ...usual.filter((name) => !otherwise.has(name))];
  return { from: [...new Set(known)].filter((name) => name !== to), renamed: [...new Set(before)] };
}

/** Names that step 1.2 renamed to the one that stays, as the journal and this run know them. */
export const renamedNames = (to: string, memory: Memory, journalled: readonly string[]): ReadonlySet<string> =>
  new Set([...journalled, ...memory.names].filter((name) => name !== to && !name.endsWith('_before_rollout')));

/** Names that the journal says were renamed. */
export async function journalledNames(ask: Ask): Promise<readonly string[]> {
  // A preview has a stand-in for the journal, without what was done.
  const there = await ask<{ there: boolean }>(
    `select exists (select from pg_catalog.pg_attribute a where a.attrelid = pg_catalog.to_regclass('voxanne_rollout.entries') and a.attname = 'change') as there`,
  );
  if (there?.[0]?.there !== true) return [];
  const renamed = await ask<{ name: string }>(
    `select distinct m[2] as name from voxanne_rollout.entries e,
      regexp_matches(e.change, 'rename column (\\\\?")?([^\\\\" ]+)(\\\\?")? to ', 'g') m where e.step = '1.2'`,
  );
  return (renamed ?? []).map((row) => row.name);
}
