import type { CheckResult } from '../../rollout/check.ts';
import type { DbFunction, Trigger } from '../catalog/types.ts';
import { identifier, literal, qualified } from '../quote.ts';
import { insert, remove, update, type Who } from './acts.ts';
import { createCast } from './cast.ts';
import type { TableFacts } from './facts.ts';
import { mentioned, stateSql } from './functions.ts';
import { type Probe, performProbes, type Run } from './probe.ts';
import { addRow, type Family, findRow } from './rows.ts';
import type { Act } from './script.ts';
import { reached, refusal, skipped, worst } from './verdict.ts';
import { claims, nameOf, type World } from './world.ts';

/** What the rollout itself installs is judged by checks of its own. */
const ours = new Set(
  ['keep_org_id', 'follow_org_id', 'follow_membership', 'guard_profile_keys', 'keep_last_owner'].map(
    (name) => `public.${name}()`,
  ),
);

export type Firing = { readonly trigger: Trigger; readonly fn: DbFunction };

/** Triggers of the app that run with their owner's rights, by table: no policy limits what they write. */
export function definerTriggers(world: World): ReadonlyMap<string, readonly Firing[]> {
  const found = new Map<string, Firing[]>();
  for (const trigger of world.catalog.triggers) {
    const fn = world.catalog.functions.find((one) => one.signature === trigger.function);
    const fires = trigger.fires === 'O' || trigger.fires === 'A';
    if (!fires || trigger.schema === 'auth' || ours.has(trigger.function) || fn?.securityDefiner !== true) continue;
    const table = `${trigger.schema}.${trigger.table}`;
    if (mentioned(world, fn).length > 0) found.set(table, [...(found.get(table) ?? []), { trigger, fn }]);
  }
  return found;
}

const asksCaller = /\bauth\s*\.\s*(uid|jwt)\s*\(|request\.jwt|current_org_id|my_org_ids/i;

/**
 * A user of A writes a row of their own where such triggers fire, and what belongs to B is looked at before and after.
 * Those that stand in for writes to a view are read: who calls may be asked in them, or somebody has to look.
 */
export async function probeTriggers(
  run: Run,
  name: string,
  firing: readonly Firing[],
): Promise<readonly CheckResult[]> {
  const { world } = run;
  const named = firing.map(({ fn }) => fn.signature).join(', ');
  const question = {
    id: `${run.prefix}/${name}/triggers`,
    title: `${name}: what a user of A writes changes nothing of B through triggers`,
    expected: 'nothing of another organization changes',
    advice: `Compare the rows that ${named} ${firing.length === 1 ? 'writes' : 'write'} with the organization of the row that was written: triggers there run with their owner's rights.`,
  };
  const tables = [...new Set(firing.flatMap(({ fn }) => mentioned(world, fn)))];
  const table = world.facts.get(name);
  if (table === undefined || !['r', 'p'].includes(table.kind)) {
    const silent = firing.filter(({ fn }) => !asksCaller.test(fn.body)).map(({ fn }) => fn.signature);
    const look =
      silent.length === 0
        ? 'They ask who is calling.'
        : `Look at what ${silent.join(', ')} does: it does not ask who is calling.`;
    const reason = `Triggers stand in for writes to this view and were not called (${named}). ${look}`;
    return [{ ...skipped(question, reason), ...(silent.length === 0 ? {} : { matters: true }) }];
  }
  const family = await createCast(world);
  for (const one of new Set([table, ...tables]))
    for (const person of ['a', 'b'] as const) await addRow(world, family, one, person);
  const a = findRow(family, table, 'a');
  if (a === undefined) return [skipped(question, 'No row could be made that fires it.')];
  const who: Who = { role: 'authenticated', claims: claims(family.ids, 'a', { org: family.ids.org.a }) };
  const on = (event: string): boolean =>
    firing.some(({ trigger }) => new RegExp(`\\b${event}\\b[\\s\\S]*? ON `, 'i').test(trigger.definition));
  const state = stateOf(world, family, tables);
  const watched = (act: Act): Act => ({
    ...act,
    before: [...(act.before ?? []), `select set_config('voxanne_probe.state', (${state}), true)`],
    observe: `select case when (${state}) is distinct from current_setting('voxanne_probe.state') then 1 else 0 end`,
  });
  const acts = [
    ...(on('INSERT') ? [insert('insert', who, world, a, run.quiet)] : []),
    ...(on('UPDATE') ? [update('update', who, world, a, 'by key')] : []),
    ...(on('DELETE') ? [remove('delete', who, world, a, 'by key')] : []),
  ].map(watched);
  if (acts.length === 0) return [];
  const probe: Probe = {
    question,
    acts,
    judge: (tries) =>
      worst(
        tries.map((one) => {
          if (one.outcome.stage !== 'done')
            return { verdict: 'skipped', observed: 'not checked', advice: `It did not fire: ${refusal(one.outcome)}.` };
          const changed = reached(one) > 0;
          return {
            verdict: changed ? 'failed' : 'passed',
            observed: changed ? 'rows of another organization changed' : 'nothing of another organization changed',
          };
        }),
      ),
  };
  return performProbes({ world, settings: run.settings, family, quiet: run.quiet }, [probe]);
}

/** B's rows, and how many rows its organization has there: a trigger may add some. */
function stateOf(world: World, family: Family, tables: readonly TableFacts[]): string {
  const counts = tables.flatMap((table) => {
    const column = world.tenantColumns.get(nameOf(table));
    return column === undefined
      ? []
      : [
          `(select count(*)::text from ${qualified(table.schema, table.name)} where ${identifier(column)}::text = ${literal(family.ids.org.b)})`,
        ];
  });
  return `select concat_ws('#', (${stateSql(world, family, tables)})${counts.map((one) => `, ${one}`).join('')})`;
}
