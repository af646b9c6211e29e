import type { Column, Policy, Table } from '../../../src/database/catalog/types.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import type { Ask } from './ask.ts';
import {
  foreignKeyOf,
  holdsIdsOf,
  isPeople,
  isUnique,
  nameOf,
  pointsAt,
  primaryColumn,
  singular,
  userColumns,
} from './shape.ts';

/** Names that directories of organizations usually have, in the singular. They break ties, and prove nothing. */
const usual = new Set(
  `organization organisation org tenant team company account workspace clinic practice agency business customer_account
  firm studio school shop store restaurant hotel salon gym club merchant vendor_account site_account household
  church hospital office branch_office brand community association ngo institution entity_account group_account client_account`.split(
    /\s+/,
  ),
);

export const isUsual = (table: Table): boolean =>
  usual.has(singular(table.name.toLowerCase().replace(/^(app|tbl|t|core|crm|saas|my)_/, '')));

/** Key names that say "the organization" without saying how its table is called. */
export const generalNames = [
  'organization_id',
  'tenant_id',
  'organisation_id',
  'org_id',
  'org',
  'organization',
  'tenant',
];

export type Directory = {
  readonly table: Table | null;
  readonly because: string;
  readonly question: Blocker | null;
};

type Candidate = {
  readonly table: Table;
  readonly usual: boolean;
  /** Tables with a column that refers to it, by a foreign key, a name or values. */
  readonly tables: ReadonlySet<Table>;
  /** Users are tied to it: a membership, or a person with its key. */
  readonly users: boolean;
  /** Tables whose policies name the column that refers to it. */
  readonly isolates: number;
};

/** Finds the table that rows, users and policies call their organization. */
export async function findDirectory(
  tables: readonly Table[],
  policies: readonly Policy[],
  to: string,
  ask: Ask,
): Promise<Directory> {
  const people = new Set(tables.filter(isPeople).map(nameOf));
  const roots = tables.filter((table) => !table.isPartition && table.kind !== 'foreign');
  const possible = roots.filter((table) => primaryColumn(table) !== null && !people.has(nameOf(table)));
  const named = policyWords(policies);
  let candidates: readonly Candidate[] = possible
    .map((table) => describe(table, roots, people, named))
    .filter((one) => one.users || one.usual);
  if (candidates.every((one) => one.tables.size === 0)) {
    candidates = await byValues(candidates.length > 0 ? candidates : possible.map(blank), roots, to, ask);
  }
  return choose(candidates);
}

const blank = (table: Table): Candidate => ({
  table,
  usual: isUsual(table),
  tables: new Set(),
  users: false,
  isolates: 0,
});

function choose(all: readonly Candidate[]): Directory {
  const none = { table: null, because: 'no table is referred to as the organization of rows or users', question: null };
  const above = (low: Candidate, high: Candidate): boolean => high.tables.has(low.table);
  const left = all.filter((one) => {
    const others = all.filter((other) => other !== one);
    // Projects of an organization have members too, and a company that an organization sells to has a usual name.
    if (
      !(one.usual && one.users) &&
      others.some((other) => other.users && (other.usual || !one.usual) && above(one, other) && !above(other, one))
    )
      return false;
    return one.tables.size > 0 || others.every((other) => other.tables.size === 0);
  });
  const ranked = [...left].sort(
    (one, other) =>
      Number(other.users) - Number(one.users) ||
      other.tables.size - one.tables.size ||
      Number(other.usual) - Number(one.usual),
  );
  const [first, second] = ranked;
  if (first === undefined) return none;
  const found = (one: Candidate): Directory => ({ table: one.table, because: reason(one), question: null });
  if (second === undefined) return first.usual || first.tables.size > 0 ? found(first) : none;
  const related = above(first, second) || above(second, first);
  if (!first.users && !second.users && first.usual !== second.usual && first.tables.size === second.tables.size)
    return found(first.usual ? first : second);
  const clear = first.users && !second.users ? true : first.tables.size >= 2 * Math.max(1, second.tables.size);
  const rivals = ranked.filter(
    (one) => one.users === first.users && (related || 2 * one.tables.size > first.tables.size),
  );
  if (clear && !(related && second.users)) return found(first);
  const isolating = rivals.filter((one) => one.isolates > 0);
  if (isolating.length === 1 && isolating[0] !== undefined) return found(isolating[0]);
  const oneUsual = rivals.filter((one) => one.usual);
  if (!related && oneUsual.length === 1 && oneUsual[0] !== undefined) return found(oneUsual[0]);
  return {
    table: null,
    because: 'several tables could be it',
    question: {
      problem: `${rivals.length} tables could be the directory of organizations: ${rivals.map((one) => nameOf(one.table)).join(', ')}.`,
      remedy: `Name the one whose users may see nothing of the others: --organizations ${nameOf(first.table)}, or names.organizations in the configuration file.`,
      detail: rivals.map((one) => `${nameOf(one.table)}: ${reason(one)}`).join('\n'),
    },
  };
}

function reason(one: Candidate): string {
  const count = one.tables.size;
  return [
    count === 0 ? '' : `${count} ${count === 1 ? 'table refers' : 'tables refer'} to it`,
    one.users ? 'users are joined to it' : '',
    one.isolates === 0 ? '' : `policies of ${one.isolates} ${one.isolates === 1 ? 'table ask' : 'tables ask'} for it`,
    one.usual ? 'it has a usual name' : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** For every table, the conditions of its policies as one text. */
export function policyWords(policies: readonly Policy[]): ReadonlyMap<string, string> {
  const words = new Map<string, string>();
  for (const one of policies) {
    const name = `${one.schema}.${one.table}`;
    words.set(name, `${words.get(name) ?? ''} ${one.using ?? ''} ${one.check ?? ''}`);
  }
  return words;
}

export const mentions = (text: string, name: string): boolean =>
  new RegExp(`(?<![\\w$])${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w$])`, 'i').test(text);

/** Columns of a table that refer to the candidate: by foreign key, else by name and type. */
export function referencesTo(table: Table, directory: Table): readonly Column[] {
  const type = primaryColumn(directory)?.base ?? 'uuid';
  const own = singular(directory.name.toLowerCase());
  return table.columns.filter((column) => {
    const foreign = foreignKeyOf(table, column.name);
    if (foreign !== null) return pointsAt(foreign, directory);
    const name = column.name.toLowerCase();
    return [`${own}_id`, `${own}_uuid`, `${own}id`].includes(name) && holdsIdsOf(column, type);
  });
}

function describe(
  table: Table,
  roots: readonly Table[],
  people: ReadonlySet<string>,
  named: ReadonlyMap<string, string>,
): Candidate {
  const tables = new Set<Table>();
  let users = false;
  let isolates = 0;
  for (const other of roots) {
    if (other === table) continue;
    const columns = referencesTo(other, table);
    if (columns.length === 0) continue;
    tables.add(other);
    const person = people.has(nameOf(other));
    const members = userColumns(other, people);
    // A plan or a country of a person says nothing; only a usual name or rows beyond it make that column a key.
    if (person ? isUsual(table) : joins(other, columns, members)) users = true;
    const words = named.get(nameOf(other)) ?? '';
    if (!person && members.length === 0 && columns.some((one) => mentions(words, one.name))) isolates += 1;
  }
  return { table, usual: isUsual(table), tables, users, isolates };
}

/** At most one row for a user and an organization, or for a user. */
const joins = (table: Table, keys: readonly Column[], users: readonly Column[]): boolean =>
  users.some((user) => keys.some((key) => isUnique(table, [user.name, key.name]))) &&
  // What people like, watch or last opened is joined the same way.
  !/(favou?rit|star|bookmark|follow|like|watch|recent|view|read|seen|invit|request)/i.test(table.name);

/** Where nothing refers to a candidate by key or name: what the values of columns with a general name are ids of. */
async function byValues(
  candidates: readonly Candidate[],
  roots: readonly Table[],
  to: string,
  ask: Ask,
): Promise<readonly Candidate[]> {
  const names = new Set([to, ...generalNames]);
  const columns = roots
    .flatMap((table) => table.columns.map((column) => ({ table, column })))
    .filter(({ table, column }) => names.has(column.name) && foreignKeyOf(table, column.name) === null)
    .slice(0, 12);
  if (columns.length === 0) return candidates;
  const questions = candidates.slice(0, 40).flatMap((one, at) =>
    columns
      .filter(({ table, column }) => table !== one.table && holdsIdsOf(column, primaryColumn(one.table)?.base ?? ''))
      .map(({ table, column }) => {
        const key = identifier(primaryColumn(one.table)?.name ?? 'id');
        const value = identifier(column.name);
        return `select ${at} as candidate, ${table.oid} as "table", exists (select from (select t.${value}::text as v from ${qualified(table.schema, table.name)} t where t.${value} is not null limit 50) s
          join ${qualified(one.table.schema, one.table.name)} o on o.${key}::text = s.v) as known`;
      }),
  );
  if (questions.length === 0) return candidates;
  const rows = await ask<{ candidate: number; table: number; known: boolean }>(questions.join('\nunion all\n'));
  const known = (rows ?? []).filter((row) => row.known);
  return candidates.flatMap((one, at) => {
    const oids = new Set(known.filter((row) => row.candidate === at).map((row) => row.table));
    const tables = new Set(roots.filter((table) => oids.has(table.oid)));
    return tables.size > 0 || one.usual ? [{ ...one, tables }] : [];
  });
}
