import type { ClientBase } from 'pg';
import { identifier, literal } from '../../src/database/quote.ts';
import type { SqlChange } from '../../src/rollout/change.ts';
import type { Blocker, Note, Plan, Step } from '../../src/rollout/step.ts';
import { plural } from '../../src/rollout/text.ts';
import type { Target } from '../target.ts';
import { type CatalogCheck, catalogChecks } from './catalog-checks.ts';
import { checkSignUps } from './checks.ts';
import { mayBelongNowhere } from './existing-users/nowhere.ts';
import { profileComesFirst } from './sign-up/taking-part.ts';
import { profileUser, type Survey, survey, type TenantTable } from './survey.ts';

export const step: Step<Target> = {
  id: '1.6',
  title: 'Require org_id',
  why: 'Once isolation is on, nobody sees a row without an organization. Where every row has one, the database refuses rows without one from here on.',
  running: {
    before: 'Code that inserts rows without an organization must set it: such an insert fails from here on.',
    after: '',
  },
  plan,
  queries: async function* (target) {
    yield* checkNotNull(target, await survey(target));
  },
  checks: async function* (target, signal) {
    const found = await survey(target);
    yield* checkNotNull(target, found);
    // Whoever signs up may not fill at once what may no longer be empty.
    yield* checkSignUps(target, found, signal, '1.6');
  },
};

async function* checkNotNull(target: Target, found: Survey): ReturnType<Step<Target>['checks']> {
  const client = await target.session.work();
  const empty = await emptyRows(client, found, scope(found));
  const wanted: CatalogCheck[] = [];
  for (const tenant of scope(found)) {
    const rest = await left(client, found, target, tenant, empty);
    if (rest.rows > 0 || (await mayStayEmpty(client, found, target, tenant)) !== null) continue;
    wanted.push({
      id: `1.6/not-null/${tenant.table.schema}.${tenant.table.name}`,
      title: `${tenant.table.schema}.${tenant.table.name}.${tenant.key.name} is NOT NULL`,
      expected: '1 row: true',
      sql: `select a.attnotnull as "notNull" from pg_catalog.pg_attribute a
where a.attrelid = ${literal(tenant.sql)}::pg_catalog.regclass and a.attname = ${literal(tenant.key.name)}`,
      passes: (rows) => rows.length === 1 && rows[0]?.notNull === true,
      observed: (rows) => (rows.length === 0 ? 'no such column' : String(rows[0]?.notNull)),
      advice: 'Apply step 1.6.',
    });
  }
  yield* catalogChecks(target, wanted);
}

/**
 * Where no NULL is left: a CHECK is added NOT VALID (a short lock), validated while the table is in use, and makes SET
 * NOT NULL a matter of the catalog alone; then it goes. A table with NULLs is reported and left as it is.
 */
async function plan(target: Target): Promise<Plan> {
  const found = await survey(target);
  const client = await target.session.work();
  const changes: SqlChange[] = [];
  const blockers: Blocker[] = [];
  const notes: Note[] = [];
  const empty = await emptyRows(
    client,
    found,
    scope(found).filter((tenant) => !tenant.key.notNull),
  );
  for (const tenant of scope(found)) {
    const { table } = tenant;
    const label = `${table.schema}.${table.name}`;
    if (tenant.key.notNull) {
      changes.push(...leftover(found, tenant));
      continue;
    }
    const reason = await mayStayEmpty(client, found, target, tenant);
    if (reason !== null) {
      notes.push({ text: `${label}.${found.to} stays nullable: ${reason}.` });
      continue;
    }
    const rest = await left(client, found, target, tenant, empty);
    if (table === found.profiles && rest.rows > 0) {
      blockers.push({
        problem: `${plural(rest.rows, 'profile')} of users who are not anonymous ${rest.rows === 1 ? 'has' : 'have'} no organization.`,
        remedy: 'Apply step 1.5 again: it gives each user theirs, or says what has to be decided.',
        detail: rest.sample.join('\n'),
      });
    } else if (rest.rows > 0) {
      notes.push({
        text: `${label} has ${plural(rest.rows, 'row')} without an organization; ${found.to} stays nullable there. With isolation on, only the service role sees ${rest.rows === 1 ? 'it' : 'them'}, and whoever a policy that you keep shows ${rest.rows === 1 ? 'it' : 'them'} to.`,
        detail: `select * from ${tenant.sql} where ${identifier(tenant.key.name)} is null;`,
      });
    } else {
      changes.push(...notNull(found, tenant));
    }
  }
  return blockers.length > 0 ? { changes: [], blockers, notes } : { changes, blockers, notes };
}

/** Partitions and inherited children get theirs from the parent. */
const scope = (found: Survey): readonly TenantTable[] =>
  found.tenants.filter((one) => one.table.kind !== 'foreign' && !one.table.isPartition && one.key.local);

/** Step 1.2 fills the key from an old column beside it. */
const keyless = (tenant: TenantTable): string =>
  `coalesce(${[tenant.key, ...tenant.also].map((one) => `t.${identifier(one.name)}::text`).join(', ')}) is null`;

/**
 * How many rows of each table but profiles have no key. A network makes each question slow, so one asks for many
 * tables; not for all, because it holds a lock on every table and index in it, and the server's table of locks is finite.
 */
async function emptyRows(
  client: ClientBase,
  found: Survey,
  tenants: readonly TenantTable[],
): Promise<ReadonlyMap<TenantTable, number>> {
  const asked = tenants.filter((tenant) => tenant.table !== found.profiles);
  const counts = new Map<TenantTable, number>();
  for (let from = 0; from < asked.length; from += tablesAtOnce) {
    const some = asked.slice(from, from + tablesAtOnce);
    const { rows } = await client.query<{ index: number; n: number }>(
      some
        .map((one, at) => `select ${at} as index, count(*)::float8 as n from ${one.sql} t where ${keyless(one)}`)
        .join('\nunion all\n'),
    );
    for (const { index, n } of rows) {
      const tenant = some[index];
      if (tenant !== undefined) counts.set(tenant, n);
    }
  }
  return counts;
}

const tablesAtOnce = 50;

/** Rows that no earlier step fills. Step 1.5 fills profiles: before it ran, theirs do not count. */
async function left(
  client: ClientBase,
  found: Survey,
  target: Target,
  tenant: TenantTable,
  empty: ReadonlyMap<TenantTable, number>,
): Promise<{ readonly rows: number; readonly sample: readonly string[] }> {
  if (tenant.table !== found.profiles) return { rows: empty.get(tenant) ?? 0, sample: [] };
  if (await beforeStep5(client, found)) return { rows: 0, sample: [] };
  const { rows } = await client.query<{ n: number; sample: string[] | null }>(
    `with empty as (select t.${identifier(profileUser(found))}::text as id from ${tenant.sql} t where ${keyless(tenant)} ${anonymousOnly(found, target, 'not')})
     select (select count(*)::float8 from empty) as n, (select array_agg(id) from (select id from empty order by 1 limit 3) s) as sample`,
  );
  return { rows: rows[0]?.n ?? 0, sample: rows[0]?.sample ?? [] };
}

/** Where the sign-up trigger is not there yet, the steps that fill profiles are still to come. */
async function beforeStep5(client: ClientBase, found: Survey): Promise<boolean> {
  if (found.tenants.some((one) => one.renamed)) return true;
  const { rows } = await client.query<{ there: boolean }>(
    `select exists (select from pg_catalog.pg_trigger t where t.tgrelid = 'auth.users'::pg_catalog.regclass and t.tgname = 'on_auth_user_created'
       and t.tgfoid = pg_catalog.to_regprocedure('public.handle_new_user_setup()')) as there`,
  );
  return rows[0]?.there !== true;
}

const anonymousOnly = (found: Survey, target: Target, not: 'not' | ''): string =>
  target.config.decisions.anonymousUsers === 'no-organization'
    ? `and ${not} exists (select from auth.users u where u.id = t.${identifier(profileUser(found))} and (u.is_anonymous or u.deleted_at is not null))`
    : '';

/** Why profiles may go without an organization: by a decision, or for the moment in which somebody signs up. */
async function mayStayEmpty(
  client: ClientBase,
  found: Survey,
  target: Target,
  tenant: TenantTable,
): Promise<string | null> {
  if (tenant.table !== found.profiles) return null;
  if (mayBelongNowhere(target)) return 'users may belong to no organization';
  if (await profileComesFirst(found, target))
    return 'the app’s own sign-up trigger makes a profile before it has one, and sign-up fills it in';
  if (target.config.decisions.anonymousUsers !== 'no-organization') return null;
  const { rows } = await client.query<{ there: boolean }>(
    `select exists (select from ${tenant.sql} t where t.${identifier(tenant.key.name)} is null ${anonymousOnly(found, target, '')}) as there`,
  );
  return rows[0]?.there === true ? 'anonymous users have a profile and no organization' : null;
}

const checkName = (found: Survey, tenant: TenantTable): string => {
  const end = `_${found.to}_not_null`;
  let start = tenant.table.name;
  while (Buffer.byteLength(start + end) > 63) start = start.slice(0, -1);
  return `${start}${end}`;
};

function notNull(found: Survey, tenant: TenantTable): readonly SqlChange[] {
  const label = `${tenant.table.schema}.${tenant.table.name}`;
  const column = identifier(found.to);
  const present = tenant.table.constraints.find((one) => one.name === checkName(found, tenant));
  const name = identifier(checkName(found, tenant));
  const add = `alter table ${tenant.sql} add constraint ${name} check (${column} is not null) not valid;`;
  const drop = `alter table ${tenant.sql} drop constraint ${name};`;
  const checked: SqlChange = {
    kind: 'sql',
    id: `check ${label}`,
    title: `Refuse new rows of ${label} without ${found.to}`,
    mode: 'transaction',
    up: add,
    down: drop,
  };
  const validated: SqlChange = {
    kind: 'sql',
    id: `validate ${label}`,
    title: `Check that every row of ${label} has ${found.to}`,
    mode: 'transaction',
    up: `alter table ${tenant.sql} validate constraint ${name};`,
    down: '',
    after: [checked.id],
  };
  const set: SqlChange = {
    kind: 'sql',
    id: `not null ${label}`,
    title: `Make ${label}.${found.to} NOT NULL; the validated CHECK saves reading the table`,
    mode: 'transaction',
    up: `alter table ${tenant.sql} alter column ${column} set not null;\n${drop}`,
    down: `${add}\nalter table ${tenant.sql} alter column ${column} drop not null;`,
    after: [validated.id],
  };
  return present === undefined ? [checked, validated, set] : [...(present.validated ? [] : [validated]), set];
}

/** A CHECK of ours that stands beside a NOT NULL: somebody set it meanwhile. */
function leftover(found: Survey, tenant: TenantTable): readonly SqlChange[] {
  const present = tenant.table.constraints.find(
    (one) => one.type === 'c' && one.name === checkName(found, tenant) && / IS NOT NULL/.test(one.definition),
  );
  if (present === undefined) return [];
  const label = `${tenant.table.schema}.${tenant.table.name}`;
  return [
    {
      kind: 'sql',
      id: `drop check ${label}`,
      title: `Drop the CHECK that NOT NULL of ${label} makes unnecessary`,
      mode: 'transaction',
      up: `alter table ${tenant.sql} drop constraint ${identifier(present.name)};`,
      down: `alter table ${tenant.sql} add constraint ${identifier(present.name)} ${present.definition};`,
    },
  ];
}
