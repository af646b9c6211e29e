import type { CheckResult } from '../../rollout/check.ts';
import type { DbFunction } from '../catalog/types.ts';
import { identifier, literal, qualified } from '../quote.ts';
import { insert, reach, remove, update, type Who } from './acts.ts';
import { type Aim, aims, canWrite } from './aims.ts';
import { mentioned, named } from './bodies.ts';
import { createCast, removeSql } from './cast.ts';
import type { TableFacts } from './facts.ts';
import { type Firing, firesOn, stateOf } from './firing.ts';
import { type Probe, performProbes, type Run } from './probe.ts';
import { addRow, type Family, findFilter, findRow, type Row } from './rows.ts';
import type { Act } from './script.ts';
import { formerMember, isStale, ofStale, withStale } from './stale.ts';
import { refusal, skipped } from './verdict.ts';
import { probeViewTriggers } from './view-triggers.ts';
import { marks } from './views.ts';
import { claims, nameOf, type World } from './world.ts';

/** What the rollout itself installs is judged by checks of its own. */
const ours = new Set(
  ['keep_org_id', 'follow_org_id', 'follow_membership', 'guard_profile_keys', 'keep_last_owner'].map(
    (name) => `public.${name}()`,
  ),
);

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

/** What an act left behind: B's rows changed, A's rows hold what is B's, a trigger wrote something, or nothing. */
const left = { own: 0, changed: 1, copied: 2, nothing: 3 } as const;
const look = 'Look at it, then accept this check by its id.';
const idle = `It fired and wrote nothing: what it writes in the cases that it waits for was not seen. ${look}`;

/**
 * A user of A writes a row of their own where such triggers fire, and what belongs to B is looked at before and after.
 */
export async function probeTriggers(
  run: Run,
  name: string,
  firing: readonly Firing[],
  full: boolean,
): Promise<readonly CheckResult[]> {
  const { world } = run;
  const names = firing.map(({ fn }) => fn.signature).join(', ');
  const question = {
    id: `${run.prefix}/${name}/triggers`,
    title: `${name}: what a user of A writes changes no row of B through triggers`,
    expected: 'nothing of another organization changes',
    advice: `Compare the rows that ${names} ${firing.length === 1 ? 'writes' : 'write'} with the organization of the row that was written: triggers there run with their owner's rights.`,
  };
  const tables = [...new Set(firing.flatMap(({ fn }) => mentioned(world, fn)))];
  const table = world.facts.get(name);
  const view = table === undefined ? world.catalog.views.find((one) => nameOf(one) === name) : undefined;
  if (view !== undefined) return probeViewTriggers(run, view, firing, question);
  if (table === undefined || !['r', 'p'].includes(table.kind))
    return [{ ...skipped(question, `What fires on ${name} (${names}) was not tried.`), matters: true }];
  const family = await createCast(world, { full, wanted: new Set(tables.map(nameOf)) });
  for (const one of new Set([table, ...tables]))
    for (const person of ['a', 'b'] as const) await addRow(world, family, one, person);
  const a = findRow(family, table, 'a');
  if (a === undefined) return [skipped(question, 'No row could be made that fires it.')];
  const who: Who = { role: 'authenticated', claims: claims(family.ids, 'a', { org: family.ids.org.a }) };
  const watched = watch(world, family, table, tables);
  const writes = firing.some(({ fn }) => writing(world, fn));
  // What a trigger adds to a new row is not there before it, so the row is also made without what refers to it.
  const pointing = family.rows
    .filter((one) => one.person === 'a' && one.table !== world.profiles && refersTo(one.table, table))
    .flatMap((one) => removeSql(one, findFilter(world, one) ?? 'false', run.quiet));
  const inserted = (act: string, row: Row): readonly Act[] => {
    const plain = insert(act, who, world, row, run.quiet);
    const alone = { ...plain, name: `${act} alone`, before: [...pointing, ...(plain.before ?? [])] };
    return pointing.length === 0 ? [plain] : [plain, alone];
  };
  /** The ways of each event that fires something. */
  const events = [
    ...(firesOn(firing, 'INSERT') ? [inserted('insert', a)] : []),
    ...(firesOn(firing, 'UPDATE') ? [[update('update', who, world, a, 'by key')]] : []),
    ...(firesOn(firing, 'DELETE') ? [[remove('delete', who, world, a, 'by key')]] : []),
  ].map((ways) => ways.map((act) => watched(act)));
  if (events.length === 0) return [];
  const former = formerMember(world, family, run.quiet);
  const stale = events.flat().flatMap((act) => withStale(act, former).slice(1));
  // What the app's own rules refuse of these says nothing: they are tries beside the plain ones.
  const { tried, left: untried } = aims(
    world,
    family,
    table,
    tables,
    firing.map(({ fn }) => fn.body),
  );
  const aimed = tried.flatMap((aim, index) => [
    ...(firesOn(firing, 'INSERT')
      ? inserted(`aimed insert ${index + 1}`, { ...a, values: new Map([...a.values, ...aim]) })
      : []
    ).map((act) => watched(act, aim)),
    ...(firesOn(firing, 'UPDATE')
      ? [
          reach(
            `aimed update ${index + 1}`,
            who,
            world,
            a,
            'by key',
            `update ${qualified(table.schema, table.name)} set ${assigned(aim)}`,
          ),
        ]
      : []
    ).map((act) => watched(act, aim)),
  ]);
  const probe: Probe = {
    question,
    acts: [...events.flat(), ...aimed, ...stale],
    judge: (tries) => {
      const done = tries.filter(({ outcome }) => outcome.stage === 'done');
      const seen = new Set(done.filter(({ act }) => !isStale(act)).map(({ outcome }) => outcome.seen));
      const changed = done.find(({ outcome }) => outcome.seen === left.changed);
      if (changed !== undefined)
        return ofStale(
          changed,
          { verdict: 'failed', observed: 'rows of another organization changed' },
          'in the trigger',
        );
      // What a token names, a trigger may write down without having read anything of B.
      if (seen.has(left.copied))
        return { verdict: 'failed', observed: 'what belongs to another organization was copied into its own rows' };
      const refused = events
        .map((ways) => tries.filter(({ act }) => ways.includes(act)))
        .find((ways) => ways.length > 0 && ways.every(({ outcome }) => outcome.stage !== 'done'));
      const [first] = refused ?? [];
      if (refused !== undefined && first !== undefined) {
        // Who may not write there fires nothing; what else is in the way of the probe is not in the way of everybody.
        const closed = refused.every(({ outcome }) => outcome.code === '42501') || !writes;
        const advice = `What it does was not seen: ${refusal(first.outcome)}.${closed ? '' : ` ${look}`}`;
        return { verdict: 'skipped', observed: 'not checked', advice };
      }
      if (untried > 0 && writes)
        return {
          verdict: 'skipped',
          observed: 'not checked',
          advice: `It waits for more cases than were tried: ${untried} were not. ${look}`,
        };
      if (!seen.has(left.own) && writes) return { verdict: 'skipped', observed: 'not checked', advice: idle };
      return { verdict: 'passed', observed: 'nothing of another organization changed' };
    },
  };
  const results = await performProbes({ world, settings: run.settings, family, quiet: run.quiet }, [probe]);
  // What it writes in the cases that it waits for, nobody saw.
  return results.map((one) => (one.advice?.endsWith(look) === true ? { ...one, matters: true } : one));
}

const refersTo = (from: TableFacts, to: TableFacts): boolean =>
  from.foreignKeys.some((key) => key.schema === to.schema && key.table === to.name);

const assigned = (aim: Aim): string => [...aim].map(([name, value]) => `${identifier(name)} = ${value}`).join(', ');

/** Whether a function, or one that it names, has anything in it that writes. */
const writing = (world: World, fn: DbFunction): boolean => [...named(world, fn)].some(({ body }) => canWrite(body));

/** Rows written so far in this transaction, in all tables: a trigger may write where nothing belongs to anybody. */
const written = `(select pg_catalog.sum(n_tup_ins + n_tup_upd + n_tup_del)::int8 from pg_catalog.pg_stat_xact_user_tables)`;

/** Looks at what is B's, at what A's rows hold of it, and at how much was written, before an act and after it. */
function watch(
  world: World,
  family: Family,
  table: TableFacts,
  tables: readonly TableFacts[],
): (act: Act, aim?: Aim) => Act {
  const state = stateOf(world, family, tables);
  const all = [...new Set([table, ...tables])];
  return (act, aim) => {
    // What the row was given to point with is no secret of B's.
    const given = [...(aim?.values() ?? [])].join();
    const telling = marks(world, family).filter((mark) => !given.includes(mark.slice(2, -2)));
    const copies = all.flatMap((one) => {
      const column = world.tenantColumns.get(nameOf(one));
      return column === undefined
        ? []
        : [
            `(select count(*) from ${qualified(one.schema, one.name)} t where ${identifier(column)}::text = ${literal(family.ids.org.a)} and t::text like any (array[${telling.join(', ')}]))`,
          ];
    });
    const copied = copies.length === 0 ? '0' : copies.join(' + ');
    const keep = { state: `(${state})`, copies: `(${copied})::text`, writes: `(${written})::text` };
    const kept = Object.entries(keep).map(([name, sql]) => `set_config('voxanne_probe.${name}', ${sql}, true)`);
    return {
      ...act,
      before: [...(act.before ?? []), `select ${kept.join(', ')}`],
      // The act itself writes one row: what is beyond it, a trigger wrote.
      observe: `select case when (${state}) is distinct from current_setting('voxanne_probe.state') then ${left.changed}
      when (${copied}) > current_setting('voxanne_probe.copies')::int8 then ${left.copied}
      when (${written}) - current_setting('voxanne_probe.writes')::int8 > 1 then ${left.own} else ${left.nothing} end`,
    };
  };
}
