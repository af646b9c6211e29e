import type { Table } from '../../../src/database/catalog/types.ts';
import type { Ask } from './ask.ts';
import type { Keys } from './keys.ts';
import { singular } from './shape.ts';

/**
 * Names beside the one that stays that mean the organization: what columns are called today, what step 1.2 renamed, and
 * what such columns are usually called where the database says nothing else by that name.
 */
export async function oldNames(
  { tenants, unclear }: Keys,
  directory: Table | null,
  to: string,
  ask: Ask,
): Promise<readonly string[]> {
  const today = tenants.flatMap((one) => [one.key, ...one.also].map((column) => column.name));
  // A preview has a stand-in for the journal, without what was done.
  const there = await ask<{ there: boolean }>(
    `select exists (select from pg_catalog.pg_attribute a where a.attrelid = pg_catalog.to_regclass('voxanne_rollout.entries') and a.attname = 'change') as there`,
  );
  const renamed =
    there?.[0]?.there === true
      ? await ask<{ name: string }>(
          `select distinct m[2] as name from voxanne_rollout.entries e,
            regexp_matches(e.change, 'rename column (\\\\?")?([^\\\\" ]+)(\\\\?")? to ', 'g') m where e.step = '1.2'`,
        )
      : [];
  const usual = ['organization_id', 'tenant_id', ...(directory === null ? [] : [`${singular(directory.name)}_id`])];
  const otherwise = new Set(unclear.map((one) => one.column.name));
  const known = new Set([
    ...today,
    ...(renamed ?? []).map((row) => row.name).filter((name) => !name.endsWith('_before_rollout')),
  ]);
  return [...new Set([...known, ...usual.filter((name) => !otherwise.has(name))])].filter((name) => name !== to);
}
