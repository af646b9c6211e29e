import type { Column, Policy, Table } from '../../../src/database/catalog/types.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import { plural } from '../../../src/rollout/text.ts';
import { foreignKeyOf, holdsIdsOf, isUnique, nameOf, plainName, primaryColumn, singular } from './shape.ts';

/** Names that directories of organizations usually have, in the singular. They break ties, and prove nothing. */
const usual = new Set(
  `organization organisation org tenant team company account workspace clinic practice agency business customer_account
  firm studio school shop store restaurant hotel salon gym club merchant vendor_account site_account household
  church hospital office branch_office brand community association ngo institution entity_account group_account client_account`.split(
    /\s+/,
  ),
);

export const isUsual = (table: Table): boolean =>
  usual.has(singular(plainName(table.name).replace(/^(app|tbl|t|core|crm|saas|my)_/, '')));

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

export type Candidate = {
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

export function reason(one: Candidate): string {
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

/** One word, as tables and columns write it. */
const organization = new Set(['organization', 'organisation', 'org']);

/** What step 1.2 renamed: the name that stays, and what it was called, which still says of which table it holds ids. */
export type Renamed = { readonly to: string; readonly from: ReadonlySet<string> };

/** Columns that refer to a table, by their tables: by foreign key, else by name and type. */
export type References = (directory: Table) => ReadonlyMap<Table, readonly Column[]>;

/** Every column is read once: hundreds of tables that each might be the directory would else read all of them each. */
export function referencesOf(roots: readonly Table[], renamed: Renamed): References {
  type Place = { readonly table: Table; readonly column: Column };
  const pointing = new Map<string, Place[]>();
  const named = new Map<string, Place[]>();
  const add = (map: Map<string, Place[]>, key: string, place: Place): void => {
    const list = map.get(key);
    if (list === undefined) map.set(key, [place]);
    else list.push(place);
  };
  for (const table of roots) {
    for (const column of table.columns) {
      const foreign = foreignKeyOf(table, column.name);
      const called = column.name === renamed.to ? [...renamed.from, column.name] : [column.name];
      if (foreign === null) for (const name of new Set(called.map(plainName))) add(named, name, { table, column });
      else if (foreign.references !== null)
        add(pointing, `${foreign.references.schema}.${foreign.references.table}`, { table, column });
    }
  }
  return (directory) => {
    const type = primaryColumn(directory)?.base ?? 'uuid';
    const own = singular(plainName(directory.name));
    const names = (organization.has(own) ? [...organization] : [own]).flatMap((one) => [
      `${one}_id`,
      `${one}_uuid`,
      `${one}id`,
    ]);
    const places = [
      ...(pointing.get(nameOf(directory)) ?? []),
      ...names.flatMap((name) => named.get(name) ?? []).filter(({ column }) => holdsIdsOf(column, type)),
    ];
    const found = new Map<Table, Column[]>();
    for (const { table, column } of places) {
      const list = found.get(table) ?? [];
      if (!list.includes(column)) list.push(column);
      found.set(table, list);
    }
    return found;
  };
}

/** At most one row for a user and an organization, or for a user. */
export const joins = (table: Table, keys: readonly Column[], users: readonly Column[]): boolean =>
  users.some((user) => keys.some((key) => isUnique(table, [user.name, key.name]))) &&
  // What people like, watch or last opened is joined the same way.
  !/(favou?rit|star|bookmark|follow|like|watch|recent|view|read|seen|invit|request)/i.test(table.name);

export type Directory = {
  readonly table: Table | null;
  readonly because: string;
  readonly question: Blocker | null;
};

/** Columns whose values are ids of a table, by that table: of those with a general name and no foreign key. */
export type ByValues = ReadonlyMap<Table, readonly { readonly table: Table; readonly column: Column }[]>;
