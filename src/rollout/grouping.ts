import type { Change } from './change.ts';
import { plural } from './text.ts';

/** Changes of one kind, in the order of the plan. */
export type Group = {
  /** `Create policies` and the like: what all of them do. */
  readonly title: string;
  /** `71 tables × read, insert, update, delete`; empty where the title says it all. */
  readonly summary: string;
  /** Tables that they are about, as `schema.name`. */
  readonly tables: readonly string[];
  readonly changes: readonly Change[];
};

const name = String.raw`((?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?)`;

/** Words may stand on lines of their own. */
const begins = (text: string): RegExp => new RegExp(`^${text.replaceAll(' ', String.raw`\s+`)}`, 'i');

const table = `alter table (?:if exists )?(?:only )?${name}`;

/** Kinds of SQL by what the first statement does; the first that fits counts. */
const kinds: readonly (readonly [title: string, pattern: RegExp])[] = [
  ['Drop policies', begins(String.raw`drop policy (?:if exists )?(?:"[^"]+"|\w+) on ${name}`)],
  ['Create policies', begins(String.raw`create policy (?:"[^"]+"|\w+) on ${name}(?:[\s\S]*?for (\w+))?`)],
  ['Turn on row level security', begins(`${table} enable row level security`)],
  ['Rename columns', begins(String.raw`[\s\S]*?\b${table} rename `)],
  ['Validate constraints', begins(`${table} validate constraint`)],
  ['Add foreign keys', begins(String.raw`${table} add constraint [\s\S]*?foreign key`)],
  ['Require a value', begins(String.raw`${table} [\s\S]*?(?:set not null|is not null)`)],
  ['Create indexes', begins(String.raw`create (?:unique )?index [\s\S]*? on (?:only )?${name}`)],
  ['Triggers', begins(String.raw`create (?:or replace )?(?:constraint )?trigger [\s\S]*? on ${name}`)],
  ['Functions', begins('(?:create (?:or replace )?|drop )(?:function|procedure)')],
  ['Views', begins('(?:create (?:or replace )?|alter |drop )(?:materialized )?view')],
  ['Revoke and grant', begins(String.raw`(?:revoke|grant)\b`)],
  ['Change tables', begins(table)],
];

/** What stands in front of the first statement. */
const opening = /^(?:\s+|--[^\n]*\n|set local [^;]+;)+/i;

function kindOf(change: Change): {
  readonly title: string;
  readonly table: string | null;
  readonly verb: string | null;
} {
  if (change.kind === 'file') return { title: 'Files', table: null, verb: null };
  if (change.kind === 'batches') return { title: 'Fill rows in batches', table: plain(change.table), verb: null };
  const whole = change.up.replace(opening, '');
  // Policies that stand in the way of something else and are made again after it are not what the change is for.
  const behind = whole.replace(/^(?:drop policy (?:"[^"]+"|[^";])+;\s*)+/i, '').replace(opening, '');
  const sql = /\bcreate policy\b/i.test(behind) && !/^create policy\b/i.test(behind) ? behind : whole;
  for (const [title, pattern] of kinds) {
    const found = pattern.exec(sql);
    if (found !== null) {
      return { title, table: found[1] === undefined ? null : plain(found[1]), verb: found[2]?.toLowerCase() ?? null };
    }
  }
  return { title: 'Other statements', table: null, verb: null };
}

const plain = (quoted: string): string => quoted.replaceAll('"', '');

/** The changes of a plan by kind, each kind where its first change stands. */
export function groupsOf(changes: readonly Change[]): readonly Group[] {
  const groups = new Map<string, { changes: Change[]; tables: Set<string>; verbs: Set<string> }>();
  for (const change of changes) {
    const { title, table, verb } = kindOf(change);
    const group = groups.get(title) ?? { changes: [], tables: new Set(), verbs: new Set() };
    group.changes.push(change);
    if (table !== null) group.tables.add(table);
    if (verb !== null) group.verbs.add(verb === 'select' ? 'read' : verb);
    groups.set(title, group);
  }
  return [...groups].map(([title, group]) => {
    const tables = [...group.tables];
    const verbs = [...group.verbs].join(', ');
    const on = tables.length === 0 ? '' : `${plural(tables.length, 'table')}`;
    return { title, tables, summary: [on, verbs].filter(Boolean).join(' × '), changes: group.changes };
  });
}

/** Everything in these changes that is about one table, by its `schema.name`. */
export const changesOf = (changes: readonly Change[], table: string): readonly Change[] =>
  changes.filter((change) => kindOf(change).table === table || (change.kind === 'sql' && mentions(change.up, table)));

/** Its whole name, in quotes or not: `public.calls` is no mention of `public.call`, nor of `public.calls_archive`. */
const mentions = (sql: string, table: string): boolean => {
  const [schema = '', rest = ''] = table.split('.').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(String.raw`(?<![\w$."])"?${schema}"?\."?${rest}"?(?![\w$"])`).test(sql);
};
