import * as z from 'zod';
import type { DoorScope } from '../../../src/database/access/doors.ts';
import { type AccessScope, lookAt } from '../../../src/database/access/look.ts';
import type { PeopleScope } from '../../../src/database/access/people.ts';
import type { DbFunction, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import { compare } from '../../../src/isolation/compare.ts';
import { type Access, type DoorKind, fromKept, toKept } from '../../../src/isolation/rights.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import type { Target } from '../../target.ts';
import { ownFailures } from '../checks.ts';
import { orgColumnOf, primaryColumn, profileUser, type Survey, survey, tenantOf } from '../survey.ts';
import { bucketsOf } from './buckets.ts';
import { belongingSql, bracketed, isCallersMembership } from './caller.ts';
import { decidedName } from './judged.ts';
import { ownersOf } from './owners.ts';
import { roleSource, rolesOf } from './rules.ts';
import { ownPolicies } from './tables.ts';

/** Who reaches what now, in the form that the journal keeps. `only`: of these tables, as `schema.name`. */
export async function lookAtAccess(target: Target, signal: AbortSignal, only?: ReadonlySet<string>): Promise<unknown> {
  const found = await survey(target);
  if (found.organizations === null) return null;
  const failed = await ownFailures(target, found, signal, only);
  const client = await target.session.work();
  const buckets = only === undefined ? await bucketsOf(client) : null;
  return {
    ...toKept(await lookAt(client, scopeOf(found, only), signal)),
    failed,
    ...(buckets === null ? {} : { buckets }),
  };
}

/** Of what `lookAtAccess` kept: checks of members' own rows that failed before the step as well. */
export function failedBefore(kept: unknown): readonly string[] {
  const parsed = z.object({ failed: z.array(z.string()) }).safeParse(kept);
  return parsed.success ? parsed.data.failed : [];
}

/** Compares who reaches what now with what `lookAtAccess` kept. */
export async function* checkAccess(
  target: Target,
  found: Survey,
  signal: AbortSignal,
  kept: unknown,
  only?: ReadonlySet<string>,
): AsyncIterable<CheckResult> {
  if (found.organizations === null) return;
  const began = performance.now();
  const before = fromKept(kept);
  const after: Access = await lookAt(await target.session.work(), scopeOf(found, only), signal, before);
  const { acceptAccess, keepPolicy, dropPolicy } = target.config.decisions;
  // What is the caller's own, or shared with their organization by another column, stays by rule.
  const own = await ownPolicies(found, target.config);
  const results = [
    ...compare(before, after, {
      prefix: '1.7/access',
      switches: found.model === 'active' || target.config.decisions.isolation !== null,
      kept: (door, policy) => own.has(`${door}: ${policy}`) || keepPolicy.includes(decidedName(`${door}: ${policy}`)),
      dropped: (door, policy) => dropPolicy.includes(`${door}: ${policy}`),
      accepted: (check) => acceptAccess.includes(check),
    }),
  ];
  const milliseconds = (performance.now() - began) / Math.max(1, results.length);
  for (const result of results) yield { ...result, milliseconds };
}

function scopeOf(found: Survey, only?: ReadonlySet<string>): AccessScope {
  const doors = [...tableDoors(found), ...viewDoors(found), ...functionDoors(found), ...storageDoors(found)];
  return {
    people: peopleOf(found),
    doors: only === undefined ? doors : doors.filter((one) => only.has(`${one.schema}.${one.name}`)),
    searchPath: [...new Set(['public', ...found.catalog.tables.map((table) => table.schema)])],
  };
}

const kindOf = (found: Survey, table: Table): DoorKind => {
  if (table === found.organizations) return 'organizations';
  if (table === found.profiles) return 'profiles';
  return table === found.memberships?.table ? 'memberships' : 'table';
};

function tableDoors(found: Survey): readonly DoorScope[] {
  const excluded = new Set(found.excluded.map((table) => table.oid));
  return found.catalog.tables
    .filter((table) => table.kind !== 'foreign' && !excluded.has(table.oid))
    .map((table) => {
      const key = table === found.organizations ? primaryColumn(table) : (tenantOf(found, table)?.key ?? null);
      return {
        schema: table.schema,
        name: table.name,
        kind: kindOf(found, table),
        ...ownersOf(found, table),
        key: key?.name ?? null,
        keyType: key?.type ?? null,
      };
    });
}

const nobodys = { users: `'{}'::text[]`, key: null, keyType: null } as const;

/** Of a view or function that names the organization in a column: that; else nobody can tell. */
const byColumn = (name: string | undefined): string =>
  name === undefined ? `'{}'::text[]` : `array_remove(array[t.${identifier(name)}::text], null)`;

function viewDoors(found: Survey): readonly DoorScope[] {
  const names = [found.to, ...found.from];
  return found.catalog.views.map((view) => ({
    schema: view.schema,
    name: view.name,
    kind: 'view',
    organizations: byColumn(view.columns.find((column) => names.includes(column.name))?.name),
    ...nobodys,
  }));
}

const callers = ['PUBLIC', 'anon', 'authenticated'];

/** Functions without arguments that give rows: what PostgREST reads like a table. */
function functionDoors(found: Survey): readonly DoorScope[] {
  const reads = (one: DbFunction): boolean =>
    one.kind === 'function' &&
    one.returnsSet &&
    !one.arguments.some(({ mode }) => mode === 'i' || mode === 'b' || mode === 'v') &&
    !(one.schema === 'public' && one.name === 'my_org_ids') &&
    one.executors.some((role) => callers.includes(role));
  return found.catalog.functions.filter(reads).map((one) => ({
    schema: one.schema,
    name: one.name,
    kind: 'function',
    organizations: byColumn(
      one.arguments.find(({ mode, name }) => mode === 't' && name === found.to)?.name ?? undefined,
    ),
    ...nobodys,
  }));
}

/** Files belong to the organization, or the user, that their path or bucket names; those of a public bucket to all. */
function storageDoors(found: Survey): readonly DoorScope[] {
  const { organizations } = found;
  const key = primaryColumn(organizations)?.name;
  if (organizations === null || key === undefined) return [];
  const known = (values: string): string =>
    `array(select o.${identifier(key)}::text from ${qualified(organizations.schema, organizations.name)} o where o.${identifier(key)}::text = any (${values}))`;
  const unless = (part: string): string =>
    `case when exists (select from storage.buckets b where b.id = t.bucket_id and (to_jsonb(b) ->> 'public')::boolean) then '{}'::text[] else ${part} end`;
  return [
    {
      schema: 'storage',
      name: 'objects',
      kind: 'table',
      organizations: unless(known(`string_to_array(t.name, '/') || t.bucket_id::text`)),
      users: unless(`array_remove(array[to_jsonb(t) ->> 'owner_id', to_jsonb(t) ->> 'owner'], null)`),
      key: null,
      keyType: null,
    },
    { schema: 'storage', name: 'buckets', kind: 'table', organizations: known('array[t.id::text]'), ...nobodys },
  ];
}

function peopleOf(found: Survey): PeopleScope {
  const own = belongingSql(found, 'u.id', false);
  const organizations =
    own === null ? `'{}'::text[]` : `array(select distinct ${own.org}::text from ${own.from} where ${own.where})`;
  const { memberships, profiles } = found;
  const mine = isCallersMembership(found, 'm', 'u.id');
  const key = memberships === null ? '' : identifier(orgColumnOf(found, memberships.table));
  const former =
    memberships === null
      ? `'{}'::text[]`
      : `array(select m.${key}::text from ${memberships.sql} m where ${mine} and m.${key} is not null except select unnest(${organizations}))`;
  return {
    organizations,
    former,
    ...rolesSql(found, mine),
    profile:
      profiles === null
        ? null
        : `exists (select from ${qualified(profiles.schema, profiles.name)} p where p.${identifier(profileUser(found))} = u.id)`,
    claims: [found.to, ...found.from],
    elsewhere: elsewhere(found),
    current:
      found.model !== 'all' &&
      found.catalog.functions.some((one) => one.schema === 'public' && one.name === 'current_org_id')
        ? 'public.current_org_id()'
        : null,
    hooks: found.catalog.functions.filter(isHook).map((one) => one.signature),
    secondFactor: found.catalog.policies.some((one) => /\baal\b|aal2/.test(`${one.using ?? ''} ${one.check ?? ''}`)),
  };
}

function rolesSql(found: Survey, mine: string): Pick<PeopleScope, 'roles' | 'leads'> {
  const source = roleSource(found);
  const roles = rolesOf(found);
  if (source === null || roles === null) return { roles: `'{}'::text[]`, leads: `'{}'::text[]` };
  const isMembership = source.table === found.memberships?.table;
  const from = `${qualified(source.table.schema, source.table.name)} m`;
  const where = isMembership
    ? `${mine} and ${bracketed(found.memberships?.active('m') ?? 'true')}`
    : `m.${identifier(source.user)} = u.id`;
  const role = `lower(m.${identifier(source.column)}::text)`;
  const org = `m.${identifier(orgColumnOf(found, source.table))}::text`;
  const writers = roles.writers.map((one) => literal(one)).join(', ');
  return {
    roles: `array(select distinct ${role} from ${from} where ${where} and m.${identifier(source.column)} is not null)`,
    leads: `array(select distinct ${org} from ${from} where ${where} and ${role} in (${writers}) and ${org} is not null)`,
  };
}

/** Tables of so many rows are not searched for users. */
const searchable = 200_000;

/** Columns that refer to users, outside profiles and memberships: customers who sign in, contractors, guests. */
const elsewhere = (found: Survey): PeopleScope['elsewhere'] =>
  found.catalog.tables
    .filter(
      (table) => table !== found.profiles && table !== found.memberships?.table && table.estimatedRows < searchable,
    )
    .flatMap((table) =>
      table.constraints
        .filter((one) => one.type === 'f' && one.references?.schema === 'auth' && one.references.table === 'users')
        .flatMap(({ columns: [column] }) =>
          column === undefined
            ? []
            : [{ table: `${table.schema}.${table.name}`, sql: qualified(table.schema, table.name), column }],
        ),
    )
    .slice(0, 10);

const isHook = (one: DbFunction): boolean =>
  one.kind === 'function' &&
  one.returns === 'jsonb' &&
  one.arguments.map(({ type }) => type).join() === 'jsonb' &&
  one.executors.includes('supabase_auth_admin');
