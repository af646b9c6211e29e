import type { Catalog, DbFunction, Trigger } from '../../../src/database/catalog/types.ts';
import { searchPath } from '../../../src/database/rename/routine.ts';
import { nameAt, trustedKeys, type Word, wordsOf } from './words.ts';

/** What a function of the app does to tables, read from its tokens, with what it calls. */
export type Writes = {
  /** `schema.name` of each table that it writes. */
  readonly tables: ReadonlySet<string>;
  /** Keys of app metadata that it stamps, beyond those that name an organization. */
  readonly stamps: readonly string[];
  /** What else it does that nobody but it does: refuses, calls out, builds SQL, changes the new row. */
  readonly more: readonly string[];
  /** Keys of user-editable metadata from which it takes an organization or a role. */
  readonly trusts: readonly string[];
};

/** A trigger of the app that takes part in sign-up, and what becomes of it. */
export type AppTrigger = {
  readonly trigger: Trigger;
  /** `schema.name` of each table that it writes. */
  readonly tables: ReadonlySet<string>;
  /** It does nothing that sign-up does not do: it is replaced. Else what it does beyond that. */
  readonly beyond: readonly string[];
  readonly trusts: readonly string[];
};

const key = (table: { readonly schema: string; readonly name: string }): string => `${table.schema}.${table.name}`;

/** The app's triggers on `auth.users` that make organizations, profiles, memberships or stamps for a new user. */
export function appTriggers(
  catalog: Catalog,
  tables: readonly ({ readonly schema: string; readonly name: string } | null)[],
  names: readonly string[],
  own: readonly string[],
): readonly AppTrigger[] {
  const ours = new Set(tables.flatMap((table) => (table === null ? [] : [key(table)])));
  return catalog.triggers.flatMap((trigger): AppTrigger[] => {
    if (trigger.schema !== 'auth' || trigger.table !== 'users' || trigger.fires === 'D') return [];
    if (!/ (AFTER|BEFORE) INSERT/.test(trigger.definition)) return [];
    const body = catalog.functions.find((one) => one.signature === trigger.function);
    if (body === undefined || own.includes(body.signature)) return [];
    const writes = writesOf(body, catalog, names);
    const stamps = writes.tables.has('auth.users');
    if (![...writes.tables].some((table) => ours.has(table)) && !stamps && writes.trusts.length === 0) return [];
    const others = [...writes.tables].filter((table) => !ours.has(table) && table !== 'auth.users');
    return [
      {
        trigger,
        tables: writes.tables,
        beyond: [
          ...others.map((table) => `writes ${table}`),
          ...(stamps ? writes.stamps.map((one) => `stamps ${one}`) : []),
          ...writes.more,
          ...(/ (AFTER|BEFORE) INSERT OR /.test(trigger.definition) ? ['fires on other commands too'] : []),
        ],
        trusts: writes.trusts,
      },
    ];
  });
}

/** Reads a body and the bodies that it calls. Tokens, not statements: a write is a write, wherever in the text it stands. */
export function writesOf(
  one: DbFunction,
  catalog: Catalog,
  names: readonly string[],
  seen = new Set<string>(),
): Writes {
  const tables = new Set<string>();
  const stamps: string[] = [];
  const more: string[] = [];
  const trusts: string[] = [];
  if (seen.has(one.signature)) return { tables, stamps, more, trusts };
  seen.add(one.signature);
  if (one.language !== 'plpgsql' && one.language !== 'sql') {
    return { tables, stamps, more: [`is written in ${one.language}`], trusts };
  }
  const words = wordsOf(one.atomic ? (one.definition ?? '') : one.body);
  trusts.push(...trustedKeys(words, names));
  const path = searchPath(one).map((schema) => (schema === '*' ? 'auth' : schema));
  const resolve = (schema: string | null, name: string): string =>
    (schema === null ? path : [schema])
      .map((each) => `${each}.${name}`)
      .find((each) => each === 'auth.users' || catalog.tables.some((table) => key(table) === each)) ??
    `${schema ?? path[0] ?? 'public'}.${name}`;
  for (const [at, word] of words.entries()) {
    const start = writtenAt(words, at);
    if (start !== null) {
      const [schema, name] = nameAt(words, start);
      const table = resolve(schema, name);
      tables.add(table);
      if (table === 'auth.users') stamps.push(...stampsAt(words, start, names));
    }
    if (word.kind !== 'name') continue;
    const next = words[at + 1]?.text;
    if (word.text === 'execute' && !['function', 'procedure', 'on'].includes(next ?? '')) more.push('builds SQL');
    if (word.text === 'raise' && (next === 'exception' || next === ';' || words[at + 1]?.kind === 'string')) {
      // RAISE alone in a handler passes on what happened; elsewhere it refuses a sign-up.
      if (next !== ';') more.push('refuses some sign-ups');
    }
    if (word.text === 'notify') more.push('sends a notification');
    if (word.text === 'new' && next === '.' && [':=', '='].includes(words[at + 3]?.text ?? '')) {
      const column = words[at + 2]?.text ?? '';
      if (startsStatement(words[at - 1]?.text)) {
        tables.add('auth.users');
        if (column !== 'raw_app_meta_data') more.push(`sets ${column} of the new user`);
        else stamps.push(...stampsAt(words, at, names));
      }
    }
    if (next === '(') {
      const called = calledAt(words, at);
      const known = catalog.functions.filter(
        (each) =>
          each.name === called.name &&
          (called.schema === null ? path.includes(each.schema) : each.schema === called.schema),
      );
      for (const each of known) {
        const inner = writesOf(each, catalog, names, seen);
        for (const table of inner.tables) tables.add(table);
        stamps.push(...inner.stamps);
        more.push(...inner.more);
        trusts.push(...inner.trusts);
      }
      if (known.length === 0 && called.schema !== null && outside.test(called.schema))
        more.push(`calls ${called.schema}.${called.name}`);
      if (called.name === 'pg_notify') more.push('sends a notification');
    }
  }
  const unique = (list: readonly string[]): readonly string[] => [...new Set(list)];
  return { tables, stamps: unique(stamps), more: unique(more), trusts: unique(trusts) };
}

/** Schemas whose functions reach something outside these tables. */
const outside = /^(net|http|cron|pgmq|vault|supabase_functions|realtime|storage|graphql)$/;

/** Index of the name of a table that is written here: after INSERT INTO, UPDATE … SET, DELETE FROM, MERGE INTO, COPY. */
function writtenAt(words: readonly Word[], at: number): number | null {
  const word = words[at];
  if (word?.kind !== 'name') return null;
  const next = words[at + 1]?.text;
  if ((word.text === 'insert' || word.text === 'merge') && next === 'into') return at + 2;
  if (word.text === 'delete' && next === 'from') return words[at + 2]?.text === 'only' ? at + 3 : at + 2;
  if (word.text === 'truncate') return next === 'table' ? at + 2 : at + 1;
  if (word.text !== 'update') return null;
  const start = next === 'only' ? at + 2 : at + 1;
  // FOR UPDATE locks, ON CONFLICT DO UPDATE SET writes what the INSERT named.
  const before = words[at - 1]?.text ?? '';
  if (['for', 'do', 'or', 'key', 'before', 'after'].includes(before) || words[start]?.kind !== 'name') return null;
  return next === 'set' ? null : start;
}

const startsStatement = (before: string | undefined): boolean =>
  before === undefined || [';', 'begin', 'then', 'else', 'loop'].includes(before);

function calledAt(words: readonly Word[], at: number): { readonly schema: string | null; readonly name: string } {
  const schema = words[at - 1]?.text === '.' ? (words[at - 2]?.text ?? null) : null;
  return { schema, name: words[at]?.text ?? '' };
}

/** String constants of a statement that writes metadata, but those that name an organization. */
function stampsAt(words: readonly Word[], at: number, names: readonly string[]): readonly string[] {
  const end = words.findIndex((word, index) => index > at && word.text === ';' && word.kind === 'other');
  return words
    .slice(at, end < 0 ? undefined : end)
    .filter((word) => word.kind === 'string' && !names.includes(word.text) && !/^\{\s*\}$/.test(word.text))
    .map((word) => word.text.replace(/[^\w .-]/g, '').trim())
    .filter((text) => text !== '' && !names.includes(text));
}

/** Functions that signed-in users may call and that make rows of this table: how the app makes organizations. */
export function makersOf(
  catalog: Catalog,
  table: { readonly schema: string; readonly name: string },
): readonly DbFunction[] {
  return catalog.functions.filter((one) => {
    if (one.kind !== 'function' || one.returns === 'trigger' || !one.body.includes(table.name)) return false;
    if (!one.executors.some((role) => role === 'PUBLIC' || role === 'authenticated')) return false;
    const words = wordsOf(one.body);
    return words.some((word, at) => {
      if (word.text !== 'insert' || words[at + 1]?.text !== 'into') return false;
      const [schema, name] = nameAt(words, at + 2);
      return name === table.name && (schema === null || schema === table.schema);
    });
  });
}

/**
 * Constants that the app's own functions put into columns of a table when they insert a row there, by column: as they
 * are, or where the metadata of the new user does not say more.
 */
export function insertedConstants(
  catalog: Catalog,
  table: { readonly schema: string; readonly name: string },
): ReadonlyMap<string, Inserted> {
  const found = new Map<string, Inserted>();
  for (const one of catalog.functions.filter((each) => each.language === 'plpgsql' || each.language === 'sql')) {
    if (!one.body.includes(table.name)) continue;
    const words = wordsOf(one.body);
    for (const [at, word] of words.entries()) {
      if (word.text !== 'insert' || words[at + 1]?.text !== 'into') continue;
      const [schema, name] = nameAt(words, at + 2);
      if (name !== table.name || (schema !== null && schema !== table.schema)) continue;
      const open = at + (schema === null ? 3 : 5);
      const columns = listAt(words, open);
      const values = listAt(words, columns.end + 2);
      if (words[columns.end + 1]?.text !== 'values' || columns.parts.length !== values.parts.length) continue;
      for (const [index, part] of columns.parts.entries()) {
        const value = inserted(values.parts[index] ?? []);
        const column = part[0]?.text ?? '';
        if (value !== null && !found.has(column)) found.set(column, value);
      }
    }
  }
  return found;
}

/** What an app puts into a column: a constant, or what the metadata says under a key, and else that constant. */
export type Inserted = { readonly value: string; readonly key: string | null };

function inserted(part: readonly Word[]): Inserted | null {
  const [first, second] = part;
  if (first?.kind === 'string' && (second === undefined || second.text === '::'))
    return { value: first.text, key: null };
  const [key, value, ...more] = part.filter((one) => one.kind === 'string');
  const asks = first?.text === 'coalesce' && part.some((one) => one.text === 'raw_user_meta_data');
  return asks && key !== undefined && value !== undefined && more.length === 0
    ? { value: value.text, key: grants.test(key.text) ? null : key.text }
    : null;
}

/** What nobody may give themselves by what they write about themselves. */
const grants =
  /role|admin|owner|staff|permission|privilege|plan|tier|credit|balance|limit|quota|verified|approved|active|status|org|tenant|team|workspace|compan/i;

/** The comma-separated parts between the parenthesis at `open` and its end. */
function listAt(
  words: readonly Word[],
  open: number,
): { readonly parts: readonly (readonly Word[])[]; readonly end: number } {
  const parts: Word[][] = [[]];
  let depth = 0;
  for (let at = open; at < words.length; at += 1) {
    const word = words[at];
    if (word === undefined || (at === open && word.text !== '(')) break;
    if (word.text === '(' && word.kind === 'other') {
      depth += 1;
      if (depth === 1) continue;
    }
    if (word.text === ')' && word.kind === 'other') {
      depth -= 1;
      if (depth === 0) return { parts, end: at };
    }
    if (word.text === ',' && depth === 1 && word.kind === 'other') parts.push([]);
    else parts.at(-1)?.push(word);
  }
  return { parts: [], end: open };
}
