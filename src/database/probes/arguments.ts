import { withoutComments } from '../catalog/calls.ts';
import type { DbFunction } from '../catalog/types.ts';
import { literal } from '../quote.ts';
import { escapeRegExp, mentions } from '../words.ts';
import type { TableFacts } from './facts.ts';
import { type Family, findRow, roleOf } from './rows.ts';
import type { World } from './world.ts';

type Argument = { readonly name: string | null; readonly sql: string; readonly variadic: boolean };

/**
 * An argument for every parameter without a default: B's organization where the name says so, B's user, B's row of the
 * table that the name points to, else a plain value of the type. A sentence when an id's meaning is unknown.
 */
export async function argumentsOf(
  world: World,
  family: Family,
  tables: readonly TableFacts[],
  fn: DbFunction,
): Promise<readonly Argument[] | string> {
  const { rows } = await world.client.query<{ defaults: number }>(
    'select pronargdefaults as defaults from pg_catalog.pg_proc where oid = $1::oid',
    [fn.oid],
  );
  const inputs = fn.arguments.filter(({ mode }) => mode === 'i' || mode === 'b' || mode === 'v');
  const required = inputs.length - (rows[0]?.defaults ?? 0);
  const given: Argument[] = [];
  /** `org_ids uuid[]`: a list of the one. */
  const listOf = (bare: string, type: string): string | null => {
    const one = idFor(world, family, tables, bare.replace(/s$/, ''), type.slice(0, -2));
    return one === null ? null : `{${one}}`;
  };
  for (const [index, { name, type, mode }] of inputs.entries()) {
    const bare = (name ?? '').replace(/^_+|^(p|in|arg|v)_/g, '').replace(/_+$/, '');
    // "Where am I one of these?": it asks about the caller, in roles that everybody may have.
    const roles = bare === 'roles' && type === 'text[]' ? `{${rolesOf(world).join(',')}}` : null;
    const alone = inputs.filter((one) => one.type === type).length === 1;
    const id =
      roles ??
      (type.endsWith('[]') ? listOf(bare, type) : idFor(world, family, tables, bare, type)) ??
      (name === null ? null : comparedWith(family, tables, fn, name, type)) ??
      (alone ? organizationFor(world, family, tables, type) : null);
    if (id === null && (index >= required || mode === 'v')) {
      // Without names, what follows an omitted argument would take its place.
      if (name === null) break;
      continue;
    }
    if (id === null && /^(uuid|bigint|integer)$/.test(type) && /id$/.test(bare)) {
      return `What its argument ${name ?? index + 1} identifies is not known: it was not called.`;
    }
    const value = id ?? first(bare, type) ?? fitting(world, family, tables, fn, name, type) ?? null;
    if (value === null)
      return `No value is known for its argument ${name ?? index + 1} of type ${type}: it was not called.`;
    given.push({ name, sql: `${literal(value)}::${type}`, variadic: mode === 'v' });
  }
  return given;
}

const rolesOf = (world: World): readonly string[] =>
  [
    ...new Set(
      [roleOf(world, 'owner'), roleOf(world, 'member'), 'owner', 'admin', 'member'].filter((one) => one !== null),
    ),
  ].map((one) => one.toLowerCase());

/** The id of B's organization, of its user or of one of its rows that a name means, as text; null where it means none. */
export function idFor(
  world: World,
  family: Family,
  tables: readonly TableFacts[],
  name: string,
  type: string,
): string | null {
  const { org, user } = family.ids;
  const organizationNames = new Set([
    ...world.tenantColumns.values(),
    'org',
    'org_id',
    'organization',
    'organization_id',
    'tenant',
    'tenant_id',
  ]);
  const orgType = world.organizations.columns.find((column) => column.name === world.organizationKey)?.base;
  if ((type === orgType || type === 'text') && organizationNames.has(name)) return org.b;
  if ((type === 'uuid' || type === 'text') && /^(user|profile|owner|member|uid)(_id)?$/.test(name)) return user.b;
  // Who does it: `p_created_by`, `p_closed_by`.
  if (type === 'uuid' && /_by(_id)?$/.test(name)) return user.b;
  const stem = name.replace(/_?id$/, '');
  const stems = stem === '' ? [] : [stem, `${stem}s`, `${stem}es`, stem.replace(/y$/, 'ies')];
  if ((type === orgType || type === 'text') && stems.includes(world.organizations.name)) return org.b;
  const named = tables.filter((table) => stems.includes(table.name));
  // A uuid of no known name is tried as a row of the only table: what it gives to B itself shows whether it was meant.
  const only = tables.length === 1 && (type === 'uuid' || /id$/.test(name)) ? tables : [];
  const candidates = named.length > 0 ? named : only;
  return keyOfB(family, candidates, type);
}

/** The key of B's row in the first of these tables whose key has that type, as text. */
function keyOfB(family: Family, tables: readonly TableFacts[], type: string): string | null {
  for (const table of tables) {
    const [key = ''] = table.primary;
    const column = table.columns.find((one) => one.name === key);
    const value = /^'((?:[^']|'')*)'::/.exec(findRow(family, table, 'b')?.values.get(key) ?? '')?.[1];
    if (value !== undefined && table.primary.length === 1 && (column?.base === type || type === 'text')) return value;
  }
  return null;
}

/** Of an argument whose name says nothing: the row of the one table whose key a statement compares with it. */
function comparedWith(
  family: Family,
  tables: readonly TableFacts[],
  fn: DbFunction,
  name: string,
  type: string,
): string | null {
  const found = new Set<TableFacts>();
  for (const statement of withoutComments(fn.body).split(';')) {
    const there = tables.filter((table) => {
      const key = escapeRegExp(table.primary[0] ?? '');
      const compared = new RegExp(`(?:\\b(\\w+)\\.)?\\b${key}\\s*=\\s*${escapeRegExp(name)}\\b`, 'gi');
      const called = (alias: string): boolean =>
        alias === table.name ||
        new RegExp(`\\b${escapeRegExp(table.name)}\\s+(?:as\\s+)?${alias}\\b`, 'i').test(statement);
      return (
        mentions(statement, table.name) &&
        [...statement.matchAll(compared)].some(([, alias]) => alias === undefined || called(alias))
      );
    });
    if (there.length === 1 && there[0] !== undefined) found.add(there[0]);
  }
  return found.size === 1 ? keyOfB(family, [...found], type) : null;
}

/**
 * Of a function that asks the memberships, the one argument that has the type of an organization's id: what it answers B
 * shows whether it was meant.
 */
const organizationFor = (world: World, family: Family, tables: readonly TableFacts[], type: string): string | null =>
  world.memberships !== null &&
  tables.includes(world.memberships) &&
  type === world.organizations.columns.find((column) => column.name === world.organizationKey)?.base
    ? family.ids.org.b
    : null;

/** Of a list that is given page by page, the first page: on any other the probe's few rows do not stand. */
const first = (name: string, type: string): string | null =>
  !/^(integer|bigint|smallint)$/.test(type)
    ? null
    : /^(?:\w+_)?(?:offset|skip)$/.test(name)
      ? '0'
      : /^page(?:_?(?:number|no|num|index))?$/.test(name)
        ? '1'
        : null;

/** A plain value, as the body asks for it: a list where it takes elements, a text of the length that it wants. */
function fitting(
  world: World,
  family: Family,
  tables: readonly TableFacts[],
  fn: DbFunction,
  name: string | null,
  type: string,
): string | null {
  const labels = world.catalog.enums.find((one) => one.name === type)?.labels;
  if (labels !== undefined) {
    // "From here to there": two places that are one are no move.
    const before = fn.arguments.filter((one) => one.type === type).findIndex((one) => one.name === name);
    return labels[Math.max(before, 0) % labels.length] ?? null;
  }
  const value = plain(type);
  if (name === null || value === null) return value;
  const body = withoutComments(fn.body);
  const called = `${escapeRegExp(name)}\\b`;
  if (type === 'text' || type === 'character varying') {
    const wanted = new RegExp(`length\\s*\\((?:\\s*\\w+\\s*\\()*\\s*${called}[^<>=;]*<=?\\s*(\\d{1,3})\\b`, 'gi');
    const least = Math.max(0, ...[...body.matchAll(wanted)].map(([, number]) => Number(number)));
    return value.padEnd(least + 1, '.').slice(0, Math.max(value.length, least + 1));
  }
  if (!/^jsonb?$/.test(type)) return value;
  const given = elementOf(world, family, tables, body);
  const takesMany = new RegExp(
    `jsonb?_(array_\\w+|to_recordset|populate_recordset)\\s*\\((?:[^();]*,)?\\s*(?:coalesce\\s*\\(\\s*)?${called}`,
    'i',
  );
  return takesMany.test(body) ? `[${given}]` : given;
}

/** An object with every key that the body reads out of one, with ids of B's where the key names such. */
function elementOf(world: World, family: Family, tables: readonly TableFacts[], body: string): string {
  const values = new Map<string, string>();
  for (const [, key = '', cast] of body.matchAll(/->>\s*'(\w+)'\s*\)*\s*(?:::\s*(\w+(?: precision)?))?/g)) {
    const type = cast === 'int' ? 'integer' : (cast ?? 'text').toLowerCase();
    const label = world.catalog.enums.find((one) => one.name.replace(/^.*\./, '') === type)?.labels[0];
    const value = idFor(world, family, tables, key, type) ?? label ?? plain(type);
    if (value !== null && !(values.has(key) && cast === undefined)) values.set(key, value);
  }
  return JSON.stringify(Object.fromEntries(values));
}

function plain(type: string): string | null {
  switch (type) {
    case 'text':
    case 'character varying':
      return 'probe';
    case 'integer':
    case 'bigint':
    case 'smallint':
    case 'numeric':
    case 'double precision':
    case 'real':
      return '10';
    case 'boolean':
      return 'true';
    case 'json':
    case 'jsonb':
      return '{}';
    case 'date':
      return '2001-01-01';
    case 'timestamp with time zone':
    case 'timestamp without time zone':
      return '2001-01-01 00:00:00';
    case 'interval':
      return '1 day';
    default:
      return type.endsWith('[]') ? '{}' : null;
  }
}
