import type { Column, Policy, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import { plural } from '../../../src/rollout/text.ts';
import type { Ask } from './ask.ts';
import {
  foreignKeyOf,
  holdsIdsOf,
  isPeople,
  isText,
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
  /** Values of columns with a general name are its ids. */
  readonly valued: boolean;
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
  const values = await byValues(possible, roots, to, ask);
  return choose(
    possible
      .map((table) => describe(table, roots, people, named, values))
      .filter((one) => one.users || one.usual || one.valued),
  );
}

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
  // Teams within organizations are asked for by fewer tables; clinics of an agency by more than the agency.
  if (clear && (!(related && second.users) || (above(second, first) && !above(first, second)))) return found(first);
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
    count === 0 ? '' : `${plural(count, 'table refers', 'tables refer')} to it`,
    one.users ? 'users are joined to it' : '',
    one.isolates === 0 ? '' : `policies of ${plural(one.isolates, 'table ask', 'tables ask')} for it`,
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

/** One word, as tables and columns write it. */
const organization = new Set(['organization', 'organisation', 'org']);

/** Columns of a table that refer to the candidate: by foreign key, else by name and type. */
export function referencesTo(table: Table, directory: Table): readonly Column[] {
  const type = primaryColumn(directory)?.base ?? 'uuid';
  const own = singular(directory.name.toLowerCase());
  const names = new Set(
    (organization.has(own) ? [...organization] : [own]).flatMap((one) => [`${one}_id`, `${one}_uuid`, `${one}id`]),
  );
  return table.columns.filter((column) => {
    const foreign = foreignKeyOf(table, column.name);
    if (foreign !== null) return pointsAt(foreign, directory);
    return names.has(column.name.toLowerCase()) && holdsIdsOf(column, type);
  });
}

function describe(
  table: Table,
  roots: readonly Table[],
  people: ReadonlySet<string>,
  named: ReadonlyMap<string, string>,
  values: ByValues,
): Candidate {
  const held = values.get(table) ?? [];
  const tables = new Set<Table>();
  let users = false;
  let isolates = 0;
  const ofPeople = new Set<string>();
  const asked: string[] = [];
  const guarded = new Set<string>();
  for (const other of roots) {
    if (other === table) continue;
    const columns = [
      ...referencesTo(other, table),
      ...held.filter((one) => one.table === other).map((one) => one.column),
    ];
    if (columns.length === 0) continue;
    tables.add(other);
    const person = people.has(nameOf(other));
    const members = userColumns(other, people);
    // A plan or a country of a person says nothing; only a usual name or rows beyond it make that column a key.
    if (person) for (const one of columns) ofPeople.add(one.name);
    if (person ? isUsual(table) || held.length > 0 : joins(other, columns, members)) users = true;
    const words = named.get(nameOf(other)) ?? '';
    const inPolicies = person ? [] : columns.filter((one) => mentions(words, one.name)).map((one) => one.name);
    asked.push(...new Set(inPolicies));
    if (inPolicies.length > 0 && members.length === 0) {
      isolates += 1;
      for (const one of inPolicies) guarded.add(one);
    }
  }
  // Whatever it is called: a person's column of a name that says "the organization", or that policies of other tables
  // ask for; where rows name users too, of more than one.
  const isKey = (name: string): boolean =>
    generalNames.includes(name) || guarded.has(name) || asked.filter((one) => one === name).length > 1;
  if ([...ofPeople].some(isKey)) users = true;
  return { table, usual: isUsual(table), tables, users, valued: held.length > 0, isolates };
}

/** At most one row for a user and an organization, or for a user. */
const joins = (table: Table, keys: readonly Column[], users: readonly Column[]): boolean =>
  users.some((user) => keys.some((key) => isUnique(table, [user.name, key.name]))) &&
  // What people like, watch or last opened is joined the same way.
  !/(favou?rit|star|bookmark|follow|like|watch|recent|view|read|seen|invit|request)/i.test(table.name);

/** Columns whose values are ids of a table, by that table: of those with a general name and no foreign key. */
type ByValues = ReadonlyMap<Table, readonly { readonly table: Table; readonly column: Column }[]>;

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Looks a few values of each such column up in every table that could be meant; by their primary keys, so by index. */
async function byValues(possible: readonly Table[], roots: readonly Table[], to: string, ask: Ask): Promise<ByValues> {
  const names = new Set([to, ...generalNames]);
  const columns = roots
    .flatMap((table) => table.columns.map((column) => ({ table, column })))
    .filter(
      ({ table, column }) =>
        names.has(column.name) &&
        foreignKeyOf(table, column.name) === null &&
        (column.base === 'uuid' || isText(column.base)),
    )
    .slice(0, 40);
  const found = new Map<Table, { table: Table; column: Column }[]>();
  if (columns.length === 0) return found;
  const samples = await ask<{ at: number; v: string }>(
    columns
      .map(({ table, column }, at) => {
        const value = identifier(column.name);
        return `select ${at} as at, s.v from (select distinct t.v from (select t.${value}::text as v from ${qualified(table.schema, table.name)} t where t.${value} is not null limit 50) t limit 10) s`;
      })
      .join('\nunion all\n'),
  );
  if (samples === null || samples.length === 0) return found;
  const all = [...new Set(samples.map((row) => row.v))];
  const questions = possible.flatMap((table, at) => {
    const key = primaryColumn(table);
    const typed = key?.base === 'uuid' ? all.filter((value) => uuid.test(value)) : all;
    if (key === null || typed.length === 0 || !(key.base === 'uuid' || isText(key.base))) return [];
    const type = key.base === 'uuid' ? 'uuid' : 'text';
    return [
      `select ${at} as at, o.${identifier(key.name)}::text as v from ${qualified(table.schema, table.name)} o where o.${identifier(key.name)} = any (array[${typed.map(literal).join(', ')}]::${type}[])`,
    ];
  });
  if (questions.length === 0) return found;
  const known = await ask<{ at: number; v: string }>(questions.join('\nunion all\n'));
  for (const row of known ?? []) {
    const directory = possible[row.at];
    if (directory === undefined) continue;
    const list = found.get(directory) ?? [];
    for (const sample of samples.filter((one) => one.v === row.v)) {
      const one = columns[sample.at];
      if (one !== undefined && one.table !== directory && !list.includes(one)) list.push(one);
    }
    found.set(directory, list);
  }
  return found;
}
