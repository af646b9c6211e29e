import type { DbFunction } from '../../../src/database/catalog/types.ts';
import { parseSql, scanSql } from '../../../src/database/rename/parser.ts';
import { searchPath } from '../../../src/database/rename/routine.ts';
import { child, list, open, string, type Tree } from '../../../src/database/rename/tree.ts';
import { nodes } from './expression.ts';

/** What a function that runs with its owner's rights does with tables that row security guards. */
export type Reach = {
  /** `schema.name` of the guarded tables that its body names. */
  readonly tables: readonly string[];
  /** It hands out or changes every row of such a table: nothing in it could narrow them. */
  readonly everyRow: boolean;
};

/**
 * Reads the body of a function that takes no organization. It need not be read completely: a body that is more than one
 * plain statement is told by the tables that it names, and only what is certain counts as `everyRow`. Call it after
 * `loadParser`.
 *
 * @param guarded `schema.name` of the tables.
 * @returns null where it names none of them, or nothing but to insert.
 */
export function reachOf(one: DbFunction, guarded: ReadonlySet<string>): Reach | null {
  const path = searchPath(one).map((schema) => (schema === '*' ? 'public' : schema));
  const known = (schema: string | null, name: string): string | null =>
    (schema === null ? path : [schema]).map((each) => `${each}.${name}`).find((each) => guarded.has(each)) ?? null;
  const statement = onlyStatement(one);
  if (statement === null) {
    const tables = namedIn(textOf(one), known);
    return tables.length === 0 ? null : { tables, everyRow: false };
  }
  const table = (range: Tree): string | null => known(string(range, 'schemaname'), string(range, 'relname') ?? '');
  const read = nodes(statement, 'RangeVar').map(table);
  const [kind, node] = open(statement);
  const target = kind === 'SelectStmt' ? null : child(node, 'relation');
  const changed = kind === 'UpdateStmt' || kind === 'DeleteStmt' ? table(target ?? {}) : null;
  const tables = [...new Set([...read, changed])].filter((each) => each !== null);
  if (tables.length === 0) return null;
  const everyRow =
    kind === 'SelectStmt' ? one.returnsSet && handsOutAll(node, table) : changed !== null && changesAll(node);
  return { tables, everyRow };
}

/** What is written in it; a parsed body (`BEGIN ATOMIC`) stands in the definition alone. */
export const textOf = (one: DbFunction): string => (one.atomic ? (one.definition ?? '') : one.body);

/** The body where it is one statement of SQL, or one RETURN QUERY of plpgsql. */
function onlyStatement(one: DbFunction): Tree | null {
  const query =
    one.language === 'sql' && !one.atomic
      ? one.body
      : /^\s*begin\s+return\s+query\s+([^;]+);\s*(?:return\s*;\s*)?end\s*;?\s*$/i.exec(one.body)?.[1];
  if (query === undefined) return null;
  try {
    const [only, ...more] = parseSql(query);
    return only === undefined || more.length > 0 ? null : child(only, 'stmt');
  } catch {
    // A syntax that this parser does not know; the body is then told by the names in it.
    return null;
  }
}

/** `SELECT` of columns, from guarded tables alone, with nothing that narrows or asks. */
function handsOutAll(select: Tree, table: (range: Tree) => string | null): boolean {
  const narrows = ['whereClause', 'havingClause', 'withClause', 'limitCount', 'limitOffset', 'larg'].some(
    (key) => child(select, key) !== null,
  );
  const groups = list(select, 'groupClause').length > 0;
  const from = list(select, 'fromClause');
  if (narrows || groups || from.length !== 1 || from.some((one) => open(one)[0] !== 'RangeVar')) return false;
  if (!nodes(from[0] ?? {}, 'RangeVar').every((one) => table(one) !== null)) return false;
  // A call may count, hide or ask, and a subquery may be empty: only plain columns are certain.
  const wrapped = { list: select.targetList };
  if (nodes(wrapped, 'FuncCall').length > 0 || nodes(wrapped, 'SubLink').length > 0) return false;
  return list(select, 'targetList').some(
    (one) => open(child(child(one, 'ResTarget') ?? {}, 'val') ?? {})[0] === 'ColumnRef',
  );
}

const changesAll = (node: Tree): boolean =>
  ['whereClause', 'withClause'].every((key) => child(node, key) === null) &&
  ['fromClause', 'usingClause'].every((key) => list(node, key).length === 0);

/** Guarded tables that stand, as a name, after FROM, JOIN, USING or UPDATE; INSERT INTO shows nobody anything. */
function namedIn(body: string, known: (schema: string | null, name: string) => string | null): readonly string[] {
  const bytes = Buffer.from(body);
  let tokens: ReturnType<typeof scanSql>;
  try {
    tokens = scanSql(body);
  } catch {
    // Not SQL at all, as in other languages.
    return [];
  }
  const words = tokens
    .filter((token) => !/COMMENT/.test(token.tokenName))
    .map((token) => {
      const raw = bytes.subarray(token.start, token.end).toString();
      return raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw.toLowerCase();
    });
  const found = words.flatMap((word, at) => {
    if (!['from', 'join', 'using', 'update'].includes(word)) return [];
    const rest = words.slice(at + 1, at + 5).filter((each, index) => index > 0 || each !== 'only');
    const [first, dot, second] = rest;
    if (first === undefined) return [];
    const table = dot === '.' && second !== undefined ? known(first, second) : known(null, first);
    return table === null ? [] : [table];
  });
  return [...new Set(found)];
}

/** Names of the functions that a body calls, without their schema. */
export const calledIn = (body: string): readonly string[] =>
  [...body.matchAll(/([\p{L}_][\p{L}\p{N}_$]*)"?\s*\(/gu)].map(([, name]) => (name ?? '').toLowerCase());
