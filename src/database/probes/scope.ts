import { randomUUID } from 'node:crypto';
import { identifier, literal } from '../quote.ts';
import type { TableFacts } from './facts.ts';
import { NoRow } from './rows.ts';
import { isText } from './values.ts';
import { createIds, type Ids, nameOf, type World } from './world.ts';

/** How a table is told apart by organization. */
export type Scope =
  | { readonly kind: 'organization' }
  | { readonly kind: 'column'; readonly column: string }
  /** It has no such column, but a NOT NULL foreign key leads to a row that has. */
  | { readonly kind: 'parent'; readonly columns: readonly string[]; readonly table: string }
  | { readonly kind: 'none' };

/**
 * How a table is told apart by organization: by its tenant column, or, without one, by a NOT NULL foreign key to a row
 * that is (a call's transcripts, a user's devices). A nullable key proves nothing: the row may belong to nobody.
 */
export function scopeOf(world: World, table: TableFacts, path: readonly TableFacts[] = []): Scope {
  if (path.length > 0) return findScope(world, table, path);
  const known = scopes.get(world) ?? new Map<TableFacts, Scope>();
  scopes.set(world, known);
  const scope = known.get(table) ?? findScope(world, table, path);
  known.set(table, scope);
  return scope;
}

/** Every function and trigger asks for the scopes of all tables. */
const scopes = new WeakMap<World, Map<TableFacts, Scope>>();

function findScope(world: World, table: TableFacts, path: readonly TableFacts[]): Scope {
  if (table === world.organizations) return { kind: 'organization' };
  const column = world.tenantColumns.get(nameOf(table));
  if (column !== undefined) return { kind: 'column', column };
  const ways = table.foreignKeys.flatMap((key) => {
    const parent = world.facts.get(`${key.schema}.${key.table}`);
    if (parent === undefined || parent === table || path.includes(parent) || path.length > 2) return [];
    const certain = key.columns.every((name) => table.columns.find((one) => one.name === name)?.notNull === true);
    if (!certain) return [];
    const person = parent === world.users || parent === world.profiles;
    const above = scopeOf(world, parent, [...path, table]);
    return person || above.kind !== 'none'
      ? [{ key, parent, person, personal: person ? above.kind !== 'column' : isPersonal(world, parent, path) }]
      : [];
  });
  // Rows that lead to users alone are somebody's own, however many others they refer to.
  // What else they refer to says whose they are before whoever made them does.
  const [way] = ways.every(({ personal }) => personal)
    ? [...ways.filter(({ person }) => person), ...ways]
    : ways.filter(({ personal }) => !personal);
  return way === undefined ? { kind: 'none' } : { kind: 'parent', columns: way.key.columns, table: nameOf(way.parent) };
}

/** Its rows belong to users, and to organizations only through them. */
function isPersonal(world: World, table: TableFacts, path: readonly TableFacts[]): boolean {
  const scope = scopeOf(world, table, path);
  if (scope.kind !== 'parent') return false;
  const parent = world.facts.get(scope.table);
  if (parent === undefined || parent === world.organizations) return false;
  if (parent === world.users || parent === world.profiles) return world.tenantColumns.get(scope.table) === undefined;
  return isPersonal(world, parent, [...path, table]);
}

/** How many ids are tried for a partition that takes only some of them. */
const tries = 256;

/**
 * Ids for two organizations whose rows this table takes. Only a partition by organization is choosy: by hash, any will
 * do after some tries; by list, it takes the organizations that it names and no other. Null: none was found.
 */
export async function chooseIds(world: World, table: TableFacts): Promise<Ids | null> {
  const ids = createIds(world);
  // A column of that name may mean something else: a number of another system where organizations have a uuid.
  const key = world.organizations.columns.find((one) => one.name === world.organizationKey);
  const other = table.columns.find((one) => one.name === world.tenantColumns.get(nameOf(table)));
  if (key !== undefined && other !== undefined && other.base !== key.base && !isText(other.base) && !isText(key.base)) {
    throw new NoRow(
      `${nameOf(table)}.${other.name} is ${other.type} while ${nameOf(world.organizations)}.${key.name} is ${key.type}, so it names no organization`,
    );
  }
  const name = world.tenantColumns.get(nameOf(table));
  const column = table.columns.find((one) => one.name === name);
  const bounds = table.bounds.filter((bound) => column !== undefined && bound.includes(identifier(column.name)));
  if (column === undefined || bounds.length === 0 || bounds.length < table.bounds.length) return ids;
  const numeric = /^(bigint|integer|smallint|numeric)$/.test(column.base);
  const made = Array.from({ length: tries }, (_, at) => (numeric ? String(2_000_000_000 + at) : randomUUID()));
  const values = made.map((id) => `(${literal(id)}::${column.type})`).join(', ');
  const others = table.columns
    .filter((one) => one !== column)
    .map((one) => `null::${one.type} as ${identifier(one.name)}`);
  // Bounds over further columns are left to the row's values: only what the organization decides is asked here.
  const { rows } = await world.client.query<{ id: string }>(
    `select ${identifier(column.name)}::text as id from (select v.${identifier(column.name)}${others.map((one) => `, ${one}`).join('')}
      from (values ${values}) as v(${identifier(column.name)})) as probe
      where ${bounds.map((bound) => `(${bound}) is not false`).join(' or ')} limit 2`,
  );
  const [a, b] = rows;
  return a === undefined || b === undefined ? null : { ...ids, org: { a: a.id, b: b.id } };
}
