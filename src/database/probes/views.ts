import type { CheckResult } from '../../rollout/check.ts';
import type { View } from '../catalog/types.ts';
import { identifier, literal, qualified } from '../quote.ts';
import type { Who } from './acts.ts';
import { counting, createCast, removeSql } from './cast.ts';
import { membershipsIn } from './ended.ts';
import type { ApiRole, TableFacts } from './facts.ts';
import { type Probe, performProbes, type Run } from './probe.ts';
import { addRow, type Family, findFilter, findRow, NoRow } from './rows.ts';
import { scopeOf } from './scope.ts';
import { type Act, perform } from './script.ts';
import { formerMember, isStale, noFormer, ofStale, present, withStale } from './stale.ts';
import { foreign, type Judgement, judgeForeign, reached, rows, skipped, type Try, worst } from './verdict.ts';
import { anonClaims, claims, nameOf, type Side, type World } from './world.ts';

/** Who may read the view, or write through it unread. */
const visitors = ({ surroundings }: World, view: View): ApiRole[] =>
  (['authenticated', 'anon'] as const).filter(
    (role) =>
      view.readers.includes(role) ||
      view.readers.includes('PUBLIC') ||
      surroundings.writable.get(view.oid)?.plain.includes(`${role}.insert`) === true,
  );

/**
 * Reads a view as A and without a login, and looks for rows of B; a view that can be updated is also written through.
 * What it shows is first asked as B: a view that does not even show the probe's rows to their owner is skipped, because
 * nothing follows from A not seeing them. `full` fills optional columns and keys too, so that joins find something.
 *
 * A materialized view holds what its last refresh saw, and no row security: whoever may read it reads everything in it.
 */
export async function probeView(run: Run, view: View, full: boolean): Promise<readonly CheckResult[]> {
  const { world } = run;
  const roles = visitors(world, view);
  if (roles.length === 0) return [];
  const bases = await baseTables(world, view);
  const owned = bases.some((table) => scopeOf(world, table).kind !== 'none');
  const id = `${run.prefix}/${nameOf(view)}`;
  if (!owned) {
    const question = {
      id: `${id}/read`,
      title: `${nameOf(view)}: nothing of an organization can be read through the view`,
      expected: 'nothing to isolate',
    };
    return [
      {
        ...question,
        kind: 'probe',
        verdict: 'passed',
        observed: bases.length === 0 ? 'reads no table of the app' : 'reads no table that belongs to organizations',
        milliseconds: 0,
      },
    ];
  }
  const tenant = view.columns.find(({ name }) => [...world.tenantColumns.values()].includes(name));
  if (view.materialized) return probeSnapshot(run, view, roles, tenant);
  const family = await createCast(world, full ? { full, wanted: new Set(bases.map(nameOf)) } : {});
  for (const table of bases) {
    for (const person of ['a', 'b'] as const) await addRow(world, family, table, person);
  }
  const name = qualified(view.schema, view.name);
  const where =
    tenant === undefined
      ? `v::text like any (array[${marks(world, family).join(', ')}])`
      : `v.${identifier(tenant.name)}::text = ${literal(family.ids.org.b)}`;
  const read = (act: string, who: { role: Act['role']; claims: string }): Act => ({
    name: act,
    ...who,
    sql: [`select count(*) from ${name} v where ${where}`],
    measure: 'value',
  });
  // Of memberships alone, a former member is shown the one that they had.
  const mine = bases.every((table) => table === world.memberships) ? membershipsIn(world, family) : null;
  const lessMine = (one: Act): Act =>
    mine === null
      ? one
      : {
          ...one,
          before: [...(one.before ?? []), `select set_config('voxanne_probe.mine', (${mine})::text, true)`],
          sql: [
            `select greatest(count(*) - current_setting('voxanne_probe.mine')::int8, 0) from ${name} v where ${where}`,
          ],
        };
  const asB = claims(family.ids, 'b', { org: family.ids.org.b });
  const controls = [
    ...withStale(read('control-b', { role: 'authenticated', claims: asB }), present(world, family)),
    read('control', { role: 'self', claims: asB }),
  ];
  const control = { world, settings: run.settings, family, quiet: run.quiet };
  const shown: Probe = {
    question: { id, title: nameOf(view), expected: '', advice: '' },
    acts: controls,
    judge: (tries) => ({
      verdict: tries.some((one) => one.outcome.stage === 'done' && reached(one) > 0) ? 'passed' : 'failed',
      observed: '',
    }),
  };
  const who: Record<ApiRole, Who> = {
    authenticated: { role: 'authenticated', claims: claims(family.ids, 'a', { org: family.ids.org.a }) },
    anon: { role: 'anon', claims: anonClaims },
  };
  const stale = { anon: noFormer, authenticated: formerMember(world, family, run.quiet) };
  const probes = roles.map((role): Probe => {
    const writes = tenant === undefined ? [] : writeActs(run, family, view, tenant, bases, who[role]);
    return {
      question: {
        id: `${id}/${role === 'anon' ? 'anon-view' : 'view'}`,
        title: `${nameOf(view)}: ${role === 'anon' ? 'a request without a login' : 'a user of A'} cannot reach B through the view`,
        expected: `0 rows ${foreign}`,
        advice:
          'Set security_invoker = true on the view, so that the policies of its tables apply to whoever uses it; or let nobody write through it whom its condition does not hold back (with check option).',
      },
      acts: [
        ...withStale(read(`${role}-read`, who[role]), stale[role]).map((one) => (isStale(one) ? lessMine(one) : one)),
        ...writes,
      ],
      judge: (tries) => worst(tries.map((one) => ofStale(one, judgeWrite(one), 'in its condition'))),
    };
  });
  const [first, ...results] = await performProbes(control, [shown, ...probes]);
  if (first?.verdict === 'passed') return results;
  return results.map((result) =>
    result.verdict === 'failed'
      ? result
      : skipped(
          result,
          'The view does not show the probe’s rows even to the organization that they belong to: its conditions want other values.',
        ),
  );
}

/**
 * "cannot update view" (55000, 0A000) is PostgreSQL's own answer for views that nothing can be written through; and
 * through one that leaves out a column that must be filled (23502) nobody inserts anything.
 */
const judgeWrite = (one: Try): Judgement =>
  one.outcome.stage === 'act' && ['55000', '0A000', '23502'].includes(one.outcome.code ?? '')
    ? { verdict: 'passed', observed: rows(0, foreign) }
    : judgeForeign(one, foreign);

/**
 * Writes through the view. What a former member can write through one they can also read there, so that with their
 * tokens nothing is written.
 */
function writeActs(
  { world, quiet }: Run,
  family: Family,
  view: View,
  tenant: View['columns'][number],
  bases: readonly TableFacts[],
  who: Who,
): readonly Act[] {
  const name = qualified(view.schema, view.name);
  const column = identifier(tenant.name);
  const org = (side: Side): string => `${literal(family.ids.org[side])}::${tenant.type}`;
  const can = world.surroundings.writable.get(view.oid) ?? { all: [], plain: [] };
  const act = (verb: string, sql: string): Act => ({
    name: `${who.role}-${verb}`,
    ...who,
    sql: [sql],
    measure: 'rows',
  });
  const acts = [
    act('update', `update ${name} set ${column} = ${org('b')} where ${column} = ${org('b')}`),
    act('delete', `delete from ${name} where ${column} = ${org('b')}`),
  ].filter((one) => can.all.includes(one.name.replace('-', '.')));
  // Past the policies of its one table only the view itself says which rows may come in, and by its condition alone it
  // does not.
  const [base, ...more] = bases;
  const row = base === undefined || more.length > 0 ? undefined : findRow(family, base, 'b');
  const filter = row === undefined ? null : findFilter(world, row);
  if (view.securityInvoker || row === undefined || filter === null || row.table === world.organizations) return acts;
  const shown = view.columns.flatMap((one) => (row.values.has(one.name) ? [one.name] : []));
  const count = counting(qualified(row.table.schema, row.table.name), `${column} = ${org('b')}`);
  const around = { before: [...removeSql(row, filter, quiet), count.before], observe: count.observe };
  const insert = `insert into ${name} (${shown.map(identifier).join(', ')}) overriding system value values (${shown.map((one) => row.values.get(one)).join(', ')})`;
  const coming = [
    ...(can.plain.includes(`${who.role}.insert`) ? [act('insert', insert)] : []),
    ...(can.plain.includes(`${who.role}.update`) && who.role !== 'anon'
      ? [act('move', `update ${name} set ${column} = ${org('b')} where ${column} = ${org('a')}`)]
      : []),
  ];
  return [...acts, ...coming.map((one) => ({ ...one, ...around }))];
}

async function probeSnapshot(
  run: Run,
  view: View,
  roles: readonly ApiRole[],
  tenant: View['columns'][number] | undefined,
): Promise<readonly CheckResult[]> {
  const { world } = run;
  const family = await createCast(world);
  const name = qualified(view.schema, view.name);
  const acts = roles.map(
    (role): Act => ({
      name: role,
      role,
      claims: role === 'anon' ? anonClaims : claims(family.ids, 'a', { org: family.ids.org.a }),
      // A thousand rows prove as much as all of them.
      sql: [
        `select count(*) from (select from ${name}${tenant === undefined ? '' : ` where ${identifier(tenant.name)} is not null`} limit 1000) v`,
      ],
      measure: 'value',
    }),
  );
  const outcomes = await perform(world.client, run.settings, [], acts);
  return acts.map((act): CheckResult => {
    const question = {
      id: `${run.prefix}/${nameOf(view)}/${act.role === 'anon' ? 'anon-view' : 'view'}`,
      title: `${nameOf(view)}: ${act.role === 'anon' ? 'a request without a login' : 'a user of A'} cannot read B's rows in the materialized view`,
      expected: 'refused',
    };
    const outcome = outcomes.get(act.name);
    if (outcome === undefined) return skipped(question, 'The server reported nothing.');
    const one: Try = { act, outcome };
    const evidence = `begin;\nset local role ${act.role};\n${act.sql.join(';\n')};\nrollback;\n`;
    const base = { ...question, kind: 'probe', evidence, milliseconds: outcome.milliseconds } as const;
    if (outcome.stage !== 'done') return { ...base, ...judgeForeign(one, foreign) };
    if (tenant === undefined) {
      return {
        ...base,
        verdict: 'skipped',
        observed: rows(reached(one), 'readable'),
        advice: 'No column says whose its rows are. Look whether what it sums up may be seen by everybody.',
      };
    }
    return {
      ...base,
      verdict: 'failed',
      observed: reached(one) === 0 ? 'readable, empty since its last refresh' : rows(reached(one), foreign),
      advice:
        'Row security does not apply to materialized views: revoke SELECT and give a view or function that filters by organization.',
    };
  });
}

/** Patterns that only rows of B match: its ids and the marks in its texts. */
export const marks = (world: World, family: Family): readonly string[] => [
  literal(`%probe-b-${world.nonce}%`),
  literal(`%${family.ids.org.b}%`),
  literal(`%${family.ids.user.b}%`),
  ...family.rows
    .filter((row) => row.person === 'b')
    .flatMap((row) => row.table.primary.flatMap((name) => [...(row.values.get(name)?.matchAll(/'([^']{8,})'/g) ?? [])]))
    .map(([, id = '']) => literal(`%${id}%`)),
];

/** The same without the organization itself, which a token that names it brings along. */
export const besideToken = (world: World, { ids }: Family, all: readonly string[]): readonly string[] => [
  ...all.filter((mark) => mark !== literal(`%${ids.org.b}%`)),
  // Where organizations are known by words, their id is the beginning of what stands in B's texts.
  literal(`%probe-b-${world.nonce}-%`),
  literal(`%probe-b-${world.nonce}@%`),
];

/** Tables that a view reads, itself or through other views. */
export async function baseTables(world: World, view: View): Promise<readonly (typeof world.users)[]> {
  const { rows: found } = await world.client.query<{ oid: number }>(
    `with recursive base as (
       select $1::oid as oid
       union
       select d.refobjid from base join pg_catalog.pg_rewrite r on r.ev_class = base.oid
       join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
         and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> r.ev_class)
     select oid::int8::float8 as oid from base`,
    [view.oid],
  );
  const tables = [...world.facts.values()].filter(({ oid }) => found.some((one) => one.oid === oid));
  if (tables.length > 12)
    throw new NoRow(`${nameOf(view)} reads ${tables.length} tables, more than the probe prepares`);
  return tables;
}
