import type { DoorScope } from '../../../src/database/access/doors.ts';
import { type AccessScope, lookAt } from '../../../src/database/access/look.ts';
import type { DbFunction, Table } from '../../../src/database/catalog/types.ts';
import { type Circle, isCircle } from '../../../src/database/circles.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import { isInside } from '../../../src/database/rolled-back.ts';
import { mentions } from '../../../src/database/words.ts';
import { compare } from '../../../src/isolation/compare.ts';
import { evidenceOf } from '../../../src/isolation/evidence.ts';
import { type Access, type DoorKind, fromKept, toKept } from '../../../src/isolation/rights.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import type { Target } from '../../target.ts';
import { ownFailures } from '../checks.ts';
import { foreignProfiles } from '../existing-users/foreign-profiles.ts';
import { primaryColumn, type Survey, survey, tenantOf } from '../survey.ts';
import { bucketsOf } from './buckets.ts';
import { readBy } from './classify.ts';
import { organizationsOfUser } from './colleagues.ts';
import { decidedName } from './judged.ts';
import { keptLook } from './kept-look.ts';
import { namesMakersAlone, ownersOf } from './owners.ts';
import { peopleOf } from './people.ts';
import { standingPlatformPolicies } from './platform-policies.ts';
import { rulesOf } from './rules.ts';
import { type SaidLinks, saidLinks } from './said-links.ts';
import { standingPolicies } from './tables.ts';

/** Who reaches what now, in the form that the journal keeps. `only`: of these tables, as `schema.name`. */
export async function lookAtAccess(target: Target, signal: AbortSignal, only?: ReadonlySet<string>): Promise<unknown> {
  const found = await survey(target);
  if (found.organizations === null) return null;
  const client = await target.session.work();
  const access = await lookAt(client, await scopeOf(found, only), signal);
  const failed = await ownFailures(target, found, signal, only, circularDoors(access));
  const { sharing, anywhere, binding } = await standingPolicies(found, target.config);
  const files = await standingPlatformPolicies(client, found);
  // What a later look compares with beside the access itself.
  const buckets = only === undefined ? await bucketsOf(client) : null;
  const foreign = only === undefined ? await foreignProfiles(client, target, found) : null;
  return {
    ...toKept(access),
    failed,
    sharing: [...sharing],
    anywhere: [...anywhere, ...files.anywhere],
    binding: [...binding],
    asOwner: found.catalog.views
      .filter((one) => one.ours && !one.materialized && !one.securityInvoker)
      .map((one) => `${one.schema}.${one.name}`),
    ...(buckets === null ? {} : { buckets }),
    ...(foreign === null ? {} : { foreignProfiles: foreign }),
  };
}

/** Tables that no signed-in user can read, since their policies ask in a circle. */
export function circularDoors(access: Pick<Access, 'people' | 'doors'>): ReadonlyMap<string, Circle> {
  return new Map(
    access.doors.flatMap((door) => {
      const reads = door.rights.filter((_, at) => access.people[at]?.id !== null).map(({ read }) => read);
      const [first] = reads.flatMap((one) => ('error' in one && isCircle(one.error) ? [one] : []));
      const all = reads.every((one) => 'error' in one && isCircle(one.error));
      return first === undefined || !all ? [] : [[door.name, { code: first.error, message: first.message }] as const];
    }),
  );
}

/** Doors that were looked at in a test of these changes, by what they were tested on. */
const tested = new WeakMap<Target, Set<string>>();

/** Compares who reaches what now with what `lookAtAccess` kept. */
export async function* checkAccess(
  target: Target,
  found: Survey,
  signal: AbortSignal,
  kept: unknown,
  only?: ReadonlySet<string>,
  /** Tables where the probe of two organizations could not act, and why. */
  notMade: ReadonlyMap<string, string> = new Map(),
): AsyncIterable<CheckResult> {
  if (found.organizations === null) return;
  const began = performance.now();
  const before = fromKept(kept);
  const client = await target.session.work();
  const after: Access = await lookAt(client, await scopeOf(found, only), signal, before);
  const judged = tested.get(target) ?? new Set<string>();
  if (isInside(client)) {
    tested.set(target, judged);
    for (const door of after.doors) if (door.unread === null) judged.add(door.name);
  }
  const { acceptAccess, keepPolicy, dropPolicy } = target.config.decisions;
  // What is the caller's own, or shared with their organization by another column, stays by rule.
  const { own } = await standingPolicies(found, target.config);
  const files = await standingPlatformPolicies(client, found);
  const meant = keptLook(kept);
  const asCaller = viewsOfCallers(found);
  const asks = new Map<string, readonly string[]>();
  for (const one of found.catalog.policies) {
    const name = `${one.schema}.${one.table}: ${one.name}`;
    if (keepPolicy.includes(decidedName(name))) asks.set(name, [...new Set(await readBy(one.using))]);
  }
  const results = [
    ...compare(before, after, {
      prefix: '1.7/access',
      switches: found.model === 'active' || target.config.decisions.isolation !== null,
      kept: (door, policy) =>
        own.has(`${door}: ${policy}`) ||
        files.own.has(`${door}: ${policy}`) ||
        keepPolicy.includes(decidedName(`${door}: ${policy}`)),
      named: (door, policy) => keepPolicy.includes(decidedName(`${door}: ${policy}`)),
      asks: (door, policy) => asks.get(`${door}: ${policy}`) ?? [],
      shares: (door, policy) => meant.sharing.has(`${door}: ${policy}`),
      anywhere: (door, policy) => meant.anywhere.has(`${door}: ${policy}`) && !meant.binding.has(`${door}: ${policy}`),
      binding: (door, policy) => meant.binding.has(`${door}: ${policy}`),
      asOwner: (door) => meant.asOwner.has(door) && !target.config.decisions.acceptView.includes(door),
      judgedElsewhere: (door) => asCaller.has(door),
      whole: only === undefined,
      tested: (door) => !isInside(client) && judged.has(door),
      dropped: (door, policy) => dropPolicy.includes(`${door}: ${policy}`),
      accepted: (check) => acceptAccess.includes(check),
    }),
  ];
  if (only === undefined) results.push(evidenceOf(after, tenantNames(found), notMade, '1.7/evidence'));
  const milliseconds = (performance.now() - began) / Math.max(1, results.length);
  for (const result of results) yield { ...result, milliseconds };
}

/** Tables whose rows belong to organizations: by a column, or through the row that they refer to. */
const tenantNames = (found: Survey): ReadonlySet<string> =>
  new Set(
    rulesOf(found)
      .filter(({ kind }) => kind === 'tenant' || kind === 'child')
      .map(({ table }) => `${table.schema}.${table.name}`),
  );

async function scopeOf(found: Survey, only?: ReadonlySet<string>): Promise<AccessScope> {
  const doors = [
    ...tableDoors(found, await saidLinks(found)),
    ...viewDoors(found),
    ...functionDoors(found),
    ...storageDoors(found),
  ];
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

function tableDoors(found: Survey, said: SaidLinks): readonly DoorScope[] {
  const excluded = new Set(found.excluded.map((table) => table.oid));
  const rules = new Map(rulesOf(found).map((rule) => [rule.table.oid, rule]));
  const isEverybodys = (table: Table): boolean =>
    rules.get(table.oid)?.kind === 'lookup' && found.shared.has(`${table.schema}.${table.name}`);
  return found.catalog.tables
    .filter((table) => table.kind !== 'foreign' && !excluded.has(table.oid))
    .map((table) => {
      const rule = rules.get(table.oid);
      const user = rule?.kind === 'personal' ? rule.user : null;
      const key = table === found.organizations ? primaryColumn(table) : (tenantOf(found, table)?.key ?? null);
      return {
        schema: table.schema,
        name: table.name,
        kind: kindOf(found, table),
        // Whom rows of everybody name, owns none of them.
        ...(isEverybodys(table)
          ? { organizations: `'{}'::text[]`, users: `'{}'::text[]` }
          : ownersOf(found, table, 't', said)),
        key: key?.name ?? null,
        keyType: key?.type ?? null,
        makersAlone: namesMakersAlone(found, table),
        colleagues: user === null ? null : organizationsOfUser(found, table, user, 't'),
        showsColleagues: /\bmy_colleagues\b/.test((user === null ? null : rule?.conditions.SELECT?.using) ?? ''),
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

/**
 * Views that read as their caller, and no function that runs with its owner's rights: the policies of the tables decide
 * each of their rows, and are judged there.
 */
function viewsOfCallers({ catalog, excluded }: Survey): ReadonlySet<string> {
  const elsewhere = [
    ...catalog.functions.filter((one) => one.securityDefiner && one.returnsSet),
    ...catalog.views.filter((one) => !one.securityInvoker || one.materialized),
    ...catalog.tables.filter((one) => one.kind === 'foreign' || excluded.includes(one)),
  ];
  return new Set(
    catalog.views
      .filter(
        (view) =>
          view.securityInvoker && !view.materialized && !elsewhere.some(({ name }) => mentions(view.definition, name)),
      )
      .map((view) => `${view.schema}.${view.name}`),
  );
}

const callers = ['PUBLIC', 'anon', 'authenticated'];

/** Functions without arguments that give rows: what PostgREST reads like a table. */
function functionDoors(found: Survey): readonly DoorScope[] {
  const reads = (one: DbFunction): boolean =>
    one.kind === 'function' &&
    one.returnsSet &&
    !one.arguments.some(({ mode }) => mode === 'i' || mode === 'b' || mode === 'v') &&
    !(one.schema === 'public' && ['my_org_ids', 'my_colleagues'].includes(one.name)) &&
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
