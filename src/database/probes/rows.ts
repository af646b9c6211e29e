import { randomUUID } from 'node:crypto';
import { identifier, literal, qualified } from '../quote.ts';
import type { ColumnFacts, TableFacts } from './facts.ts';
import { type Choice, mentions, solve } from './solve.ts';
import { candidates, isText, type Seed } from './values.ts';
import { type Ids, nameOf, type Person, sideOf, type World } from './world.ts';

/** A row that exists only inside the probe's transaction. Columns that it does not name take their default. */
export type Row = {
  readonly table: TableFacts;
  readonly person: Person;
  readonly marker: string;
  /** Column name to SQL expression. */
  readonly values: ReadonlyMap<string, string>;
  /** Columns that are copied from a row that exists, because no values could be made. Empty for a made-up row. */
  readonly copied: readonly string[];
};

/** Rows that belong together, in the order in which foreign keys allow them to be inserted. */
export type Family = {
  readonly ids: Ids;
  readonly rows: Row[];
  /** Also fills columns that may be NULL, so that views and functions have something to show. */
  readonly full: boolean;
  /** Tables whose rows a nullable foreign key should point to. */
  readonly wanted: ReadonlySet<string>;
};

/** No row can be made for a table, with the reason that the operator is shown. */
export class NoRow extends Error {
  override readonly name = 'NoRow';
}

export const createFamily = (ids: Ids, options: { full?: boolean; wanted?: ReadonlySet<string> } = {}): Family => ({
  ids,
  rows: [],
  full: options.full ?? false,
  wanted: options.wanted ?? new Set(),
});

export const findRow = (family: Family, table: TableFacts, person: Person): Row | undefined =>
  family.rows.find((row) => row.table === table && row.person === person);

const deepest = 4;

/**
 * Adds a row of `table` for a person, and before it the rows that its foreign keys need. Values are made by type and
 * chosen so that the server accepts its CHECK constraints; `auth.users`, organizations, profiles and memberships get
 * the person's ids.
 *
 * @throws NoRow
 */
export async function addRow(
  world: World,
  family: Family,
  table: TableFacts,
  person: Person,
  path: readonly TableFacts[] = [],
): Promise<Row> {
  const present = findRow(family, table, person);
  if (present !== undefined) return present;
  const ordinal = family.rows.length + 1;
  const marker = `probe-${person}-${world.nonce}-${ordinal}`;
  const seed: Seed = { nonce: world.nonce, ordinal, marker, uuid: randomUUID };
  const fixed = await fixedValues(world, family, table, person, [...path, table]);
  const choices = new Map<string, readonly Choice[]>();
  for (const column of table.columns) {
    if (column.generated) continue;
    const value = fixed.get(column.name);
    choices.set(
      column.name,
      value === undefined
        ? freeChoices(family, table, column, seed)
        : [{ sql: `${literalOrSql(value)}::${column.type}`, given: true }],
    );
  }
  const chosen = await solve(world.client, table, choices);
  const row: Row = {
    table,
    person,
    marker,
    copied: [],
    values: new Map([...chosen].filter(([, choice]) => choice.given).map(([name, choice]) => [name, choice.sql])),
  };
  family.rows.push(row);
  return row;
}

/**
 * Adds a row that takes its keys and its organization from the probe and everything else from any row of the table: for
 * tables whose rules no made-up value meets.
 *
 * @throws NoRow
 */
export async function copyRow(world: World, family: Family, table: TableFacts, person: Person): Promise<Row> {
  const ordinal = family.rows.length + 1;
  const marker = `probe-${person}-${world.nonce}-${ordinal}`;
  const seed: Seed = { nonce: world.nonce, ordinal, marker, uuid: randomUUID };
  const fixed = await fixedValues(world, family, table, person, [table]);
  const keys = new Set([...table.primary, ...table.unique.flatMap((columns) => (columns.length === 1 ? columns : []))]);
  const values = new Map<string, string>();
  for (const column of table.columns) {
    if (column.generated) continue;
    const value = fixed.get(column.name);
    const [made] = keys.has(column.name) ? candidates(column, seed, []) : [];
    if (value !== undefined) values.set(column.name, `${literalOrSql(value)}::${column.type}`);
    else if (made !== undefined) values.set(column.name, made);
  }
  const copied = table.columns.filter(({ generated, name }) => !generated && !values.has(name)).map(({ name }) => name);
  const row: Row = { table, person, marker, values, copied };
  family.rows.push(row);
  return row;
}

/** Makes the temporary table from which a copied row is inserted, by whoever acts. */
export function keepSql(row: Row): readonly string[] {
  const columns = [
    ...[...row.values].map(([name, sql]) => `${sql} as ${identifier(name)}`),
    ...row.copied.map((name) => identifier(name)),
  ];
  const from = qualified(row.table.schema, row.table.name);
  return [
    `create temporary table ${keepName(row).slice('pg_temp.'.length)} on commit drop as select ${columns.join(', ')} from ${from} limit 1`,
    `grant select on ${keepName(row)} to anon, authenticated`,
  ];
}

/** A value that is already SQL, as opposed to a text that has to be quoted. */
type Fixed = { readonly text: string } | { readonly sql: string };
const literalOrSql = (value: Fixed): string => ('text' in value ? literal(value.text) : `(${value.sql})`);

/** The columns whose value follows from whose row it is. */
async function fixedValues(
  world: World,
  family: Family,
  table: TableFacts,
  person: Person,
  path: readonly TableFacts[],
): Promise<ReadonlyMap<string, Fixed>> {
  const values = new Map<string, Fixed>();
  const org: Fixed = { text: family.ids.org[sideOf(person)] };
  const user: Fixed = { text: family.ids.user[person] };
  const set = (name: string | undefined, value: Fixed): void => {
    if (name !== undefined && !values.has(name) && table.columns.some((column) => column.name === name)) {
      values.set(name, value);
    }
  };
  const { memberships } = world.options;
  if (table === world.memberships && memberships !== null) {
    if (!namesProfile(world, table, memberships.userColumn)) set(memberships.userColumn, user);
    set(memberships.orgColumn, org);
    const role = roleOf(world, person === 'member' ? 'member' : 'owner');
    if (role !== null && memberships.roleColumn !== null) set(memberships.roleColumn, { text: role });
    for (const [name, sql] of Object.entries(memberships.counts ?? {})) set(name, { sql });
  }
  if (table === world.organizations) set(world.organizationKey, org);
  if (table === world.users) for (const [name, value] of userValues(family, person)) set(name, value);
  set(world.tenantColumns.get(nameOf(table)), org);
  if (table === world.profiles) {
    const { userColumn = 'user_id', role, counts = {} } = world.options.profiles ?? {};
    for (const [name, sql] of Object.entries(counts)) set(name, { sql });
    if (role !== undefined) set(role.column, { text: person === 'member' ? role.member : role.owner });
    for (const name of [userColumn, ...table.primary, 'id', 'user_id']) if (isUuid(table, name)) set(name, user);
  }
  for (const key of table.foreignKeys) {
    const parent = world.facts.get(`${key.schema}.${key.table}`);
    for (const [index, name] of key.columns.entries()) {
      const column = table.columns.find((candidate) => candidate.name === name);
      if (column === undefined || values.has(name)) continue;
      const reference = key.references[index];
      if (parent === world.organizations && reference === world.organizationKey) set(name, org);
      else if (parent === world.users || (parent !== undefined && parent === world.profiles)) {
        if (isUuid(table, name)) set(name, user);
        else if (parent === world.profiles && reference !== undefined && namesProfile(world, table, name)) {
          const value = (await addRow(world, family, parent, person, path)).values.get(reference);
          if (value !== undefined) set(name, { sql: value });
        }
      } else if (parent !== undefined && reference !== undefined && !path.includes(parent) && path.length < deepest) {
        if (!column.notNull && !family.wanted.has(nameOf(parent))) continue;
        const value = (await addRow(world, family, parent, person, path)).values.get(reference);
        if (value !== undefined) set(name, { sql: value });
      }
    }
  }
  // An invitation, a directory of people: what is compared with the address in a token is each person's own.
  const email = family.ids.email[person];
  for (const { name, base, length } of table.columns)
    if (/^(?:[a-z]+_)?e?mail$/.test(name) && isText(base) && (length ?? email.length) >= email.length)
      set(name, { text: email });
  // Names that policies commonly compare with auth.uid(), with or without a foreign key.
  for (const name of ['user_id', 'owner_id', 'created_by', 'profile_id']) if (isUuid(table, name)) set(name, user);
  return values;
}

/** A column that refers to profiles by an id of their own, which is no user's: a number, a text. */
const namesProfile = (world: World, table: TableFacts, name: string): boolean =>
  world.profiles !== null &&
  table !== world.profiles &&
  !isUuid(table, name) &&
  table.foreignKeys.some(
    (key) =>
      world.facts.get(`${key.schema}.${key.table}`) === world.profiles &&
      key.columns.join() === name &&
      key.references.join() !== (world.options.profiles?.userColumn ?? 'user_id'),
  );

const isUuid = (table: TableFacts, name: string): boolean =>
  table.columns.some((column) => column.name === name && column.base === 'uuid');

/** The name of the owner's and of an ordinary member's role, if the column takes it; null when there is no such column. */
export function roleOf(world: World, role: 'owner' | 'member'): string | null {
  const { memberships } = world.options;
  const column = world.memberships?.columns.find(({ name }) => name === memberships?.roleColumn);
  if (memberships === null || world.memberships === null || column === undefined) return null;
  const known =
    column.labels.length > 0
      ? column.labels
      : world.memberships.checks
          .filter((check) => check.columns.includes(column.name))
          .flatMap((check) => [...check.expression.matchAll(/'([^']*)'/g)].map(([, text = '']) => text));
  const owner = memberships.ownerRole ?? 'owner';
  const wished = role === 'owner' ? [owner, 'admin'] : [memberships.memberRole ?? 'member', 'user', 'viewer', 'agent'];
  if (known.length === 0) return wished[0] ?? null;
  const others = role === 'owner' ? known : known.filter((name) => name !== roleOf(world, 'owner'));
  return wished.find((name) => known.includes(name)) ?? others.at(-1) ?? null;
}

/** The columns of `auth.users` as the auth server fills them for an email user with a confirmed address. */
const userValues = (family: Family, person: Person): [string, Fixed][] => [
  ['instance_id', { text: '00000000-0000-0000-0000-000000000000' }],
  ['id', { text: family.ids.user[person] }],
  ['aud', { text: 'authenticated' }],
  ['role', { text: 'authenticated' }],
  ['email', { text: family.ids.email[person] }],
  ['raw_app_meta_data', { text: JSON.stringify({ provider: 'email', org_id: family.ids.org[sideOf(person)] }) }],
  ['raw_user_meta_data', { text: '{}' }],
  ['email_confirmed_at', { sql: 'now()' }],
  ['created_at', { sql: 'now()' }],
  ['updated_at', { sql: 'now()' }],
];

function freeChoices(family: Family, table: TableFacts, column: ColumnFacts, seed: Seed): readonly Choice[] {
  const checks = [
    ...table.checks.filter((check) => check.columns.includes(column.name)).map((check) => check.expression),
    ...column.domainChecks,
    ...table.bounds.filter((bound) => mentions(bound, column.name)),
  ];
  const made = candidates(column, seed, checks).map((sql): Choice => ({ sql, given: true }));
  const isKey = table.primary.includes(column.name);
  const isUnique = isKey || table.unique.some((columns) => columns.length === 1 && columns[0] === column.name);
  const nothing: Choice = { sql: `null::${column.base}`, given: column.default !== null };
  // A default that asks a sequence would leave a trace; one that calls the app's functions may depend on who asks.
  const harmless = column.default !== null && !/nextval\(|auth\.|current_setting|\bcurrent_\w*\(/.test(column.default);
  const standard: Choice[] = harmless && !isKey ? [{ sql: `(${column.default})`, given: false }] : [];
  if (standard.length > 0) return checks.length > 0 ? [...standard, ...made] : standard;
  if (!column.notNull && !isUnique) {
    if (family.full && isText(column.base) && checks.length === 0) return made;
    return checks.length > 0 ? [nothing, ...made] : [nothing];
  }
  if (made.length > 0) return made;
  if (!column.notNull) return [nothing];
  throw new NoRow(`no value is known for ${nameOf(table)}.${column.name} of type ${column.type}`);
}

export function insertSql(row: Row, allowed: (column: ColumnFacts) => boolean = () => true): string {
  const names = [...row.values.keys(), ...row.copied].filter((name) => {
    const column = row.table.columns.find((candidate) => candidate.name === name);
    return column !== undefined && allowed(column);
  });
  const target = qualified(row.table.schema, row.table.name);
  if (names.length === 0) return `insert into ${target} default values`;
  const list = names.map(identifier).join(', ');
  if (row.copied.length > 0)
    return `insert into ${target} (${list}) overriding system value select ${list} from ${keepName(row)}`;
  return `insert into ${target} (${list}) overriding system value values (${names.map((name) => row.values.get(name)).join(', ')})`;
}

/** The temporary table that holds a row copied from one that exists. */
export const keepName = (row: Row): string => `pg_temp.${identifier(`voxanne_probe_${row.person}`)}`;

/**
 * A condition that is true for this row alone: its key, else the organization, which has no other row.
 *
 * @throws NoRow
 */
export function rowFilter(world: World, row: Row): string {
  const filter = findFilter(world, row);
  if (filter !== null) return filter;
  throw new NoRow(`${nameOf(row.table)} has neither a key nor an organization by which a row could be found again`);
}

export function findFilter(world: World, row: Row): string | null {
  const keys = [row.table.primary, ...row.table.unique, [world.tenantColumns.get(nameOf(row.table)) ?? '']];
  for (const key of keys) {
    const conditions = key.map((name) => [name, row.values.get(name)] as const);
    if (key.length > 0 && conditions.every(([, value]) => value !== undefined && !value.startsWith('null::'))) {
      return conditions.map(([name, value]) => `${identifier(name)} = ${value}`).join(' and ');
    }
  }
  return null;
}
