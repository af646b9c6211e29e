import { withoutComments } from '../../../src/database/catalog/calls.ts';
import type { DbFunction, View } from '../../../src/database/catalog/types.ts';
import { parseSql } from '../../../src/database/rename/parser.ts';
import { searchPath } from '../../../src/database/rename/routine.ts';
import { child, list, names, open, string, type Tree } from '../../../src/database/rename/tree.ts';

/** Whose names an expression uses: the row that a policy guards, tables of a query, arguments of a function. */

export type Range = {
  /** How columns name it. */
  readonly alias: string;
  /** `schema.name`; null for what is no table. */
  readonly table: string | null;
  readonly columns: ReadonlySet<string>;
  /** It is the row that the policy guards. */
  readonly row: boolean;
};

/** An argument as the caller wrote it, with the names that are meant there. */
export type Bound = { readonly tree: Tree; readonly scope: Scope };

export type Scope = {
  readonly ranges: readonly Range[];
  readonly params: ReadonlyMap<string, Bound>;
  readonly positional: readonly Bound[];
  readonly outer: Scope | null;
  readonly path: readonly string[];
  readonly depth: number;
};

export type World = {
  readonly functions: readonly DbFunction[];
  /** Columns by `schema.name`. */
  readonly columns: ReadonlyMap<string, ReadonlySet<string>>;
  /** By `schema.name`. */
  readonly views: ReadonlyMap<string, View>;
};

export type Resolved =
  | { readonly kind: 'column'; readonly range: Range; readonly column: string }
  | { readonly kind: 'argument'; readonly bound: Bound }
  | null;

/** The one organization that is open now, or every one of the caller's memberships. */
export type Breadth = 'current' | 'all';

export type Directory = {
  /** `schema.name`. */
  readonly table: string;
  readonly user: string;
  /** The column that names the user's role in that organization. */
  readonly role: string | null;
  /** Columns that name the organization, as they are called now or were before. */
  readonly keys: ReadonlySet<string>;
  readonly breadth: Breadth;
  /** A further condition that only says "this row counts": the membership is active. */
  readonly counts: (condition: Tree) => boolean;
  /** Among the further conditions are all that make a row count. */
  readonly meets: (conditions: readonly Tree[]) => boolean;
};

export type Judging = World & {
  /** The table of organizations, as `schema.name`. */
  readonly organizations: string | null;
  readonly directories: readonly Directory[];
  /** Keys of a claim that name the organization. */
  readonly claims: ReadonlySet<string>;
  /** One membership per user: a single organization is every organization. */
  readonly one: boolean;
  /** Row security of this table decides what callers read of it. */
  readonly guards: (table: string) => boolean;
  /** Functions whose text asks who is calling. */
  readonly asking: (one: DbFunction) => boolean;
};

/** What a column reference or a parameter means here. */
export function resolve(node: Tree, scope: Scope): Resolved {
  const parameter = child(node, 'ParamRef');
  if (parameter !== null) {
    for (let at: Scope | null = scope; at !== null; at = at.outer) {
      if (at.positional.length === 0) continue;
      const bound = at.positional[Number(parameter.number ?? 0) - 1];
      return bound === undefined ? null : { kind: 'argument', bound };
    }
    return null;
  }
  const reference = child(node, 'ColumnRef');
  const path = reference === null ? [] : names(reference, 'fields');
  const column = path.at(-1) ?? null;
  if (column === null) return null;
  const qualifier = path.length > 1 ? path.at(-2) : null;
  for (let at: Scope | null = scope; at !== null; at = at.outer) {
    const range = at.ranges.find((one) =>
      qualifier === null
        ? one.columns.has(column)
        : one.alias === qualifier && (one.columns.has(column) || one.table === null),
    );
    if (range !== undefined) return { kind: 'column', range, column };
    const bound = path.length === 1 || qualifier !== null ? at.params.get(column) : undefined;
    if (bound !== undefined) return { kind: 'argument', bound };
  }
  return null;
}

/** `schema.name` of a table of a query; null for one that no schema of the path has. */
export function tableOf(range: Tree, scope: Scope, world: World): string | null {
  const schema = string(range, 'schemaname');
  const name = string(range, 'relname') ?? '';
  if (schema !== null) return `${schema}.${name}`;
  return scope.path.map((one) => `${one}.${name}`).find((one) => world.columns.has(one)) ?? null;
}

/** The view that a query reads under this name, and its own query; null for what is none, or cannot be parsed. */
export function viewOf(range: Tree, scope: Scope, world: World): { readonly view: View; readonly query: Tree } | null {
  const schema = string(range, 'schemaname');
  const name = string(range, 'relname') ?? '';
  const view = (schema === null ? scope.path : [schema]).map((one) => world.views.get(`${one}.${name}`)).find(Boolean);
  if (view === undefined) return null;
  try {
    const statement = child(parseSql(view.definition)[0] ?? {}, 'stmt');
    const query = statement === null ? null : child(statement, 'SelectStmt');
    return query === null ? null : { view, query };
  } catch {
    // A syntax that this parser does not know: nobody has judged the view then.
    return null;
  }
}

/** The function that a call means, where only one can be. */
export function functionOf(call: Tree, scope: Scope, world: World): DbFunction | null {
  const path = names(call, 'funcname');
  const name = path.at(-1) ?? '';
  const schemas = path.length > 1 ? [path.at(-2) ?? ''] : scope.path;
  const given = list(call, 'args').length;
  const found = world.functions.filter((one) => {
    const inputs = one.arguments.filter(({ mode }) => mode !== 't' && mode !== 'o');
    return one.name === name && schemas.includes(one.schema) && one.kind === 'function' && inputs.length === given;
  });
  return found.length === 1 ? (found[0] ?? null) : null;
}

/** The names that stand inside a function that is called with these arguments. */
export function inside(one: DbFunction, call: Tree, scope: Scope): Scope {
  const inputs = one.arguments.filter(({ mode }) => mode !== 't' && mode !== 'o');
  const bounds = list(call, 'args').map((tree) => ({ tree, scope }));
  const named = inputs.flatMap(({ name }, index) => {
    const bound = bounds[index];
    return name === null || bound === undefined ? [] : [[name, bound] as const];
  });
  return {
    ranges: [],
    params: new Map(named),
    positional: bounds,
    outer: null,
    path: searchPath(one).map((schema) => (schema === '*' ? 'public' : schema)),
    depth: scope.depth + 1,
  };
}

/** What a function answers, as one query, where its body is simple enough to be sure; null for every other. */
export function queryOf(one: DbFunction): Tree | null {
  const text =
    one.language === 'sql'
      ? one.atomic
        ? atomicOf(one)
        : one.body
      : one.language === 'plpgsql'
        ? plpgsqlOf(one.body)
        : null;
  if (text === null) return null;
  try {
    const [only, ...more] = parseSql(text);
    const statement = only === undefined || more.length > 0 ? null : child(only, 'stmt');
    return statement !== null && open(statement)[0] === 'SelectStmt' ? child(statement, 'SelectStmt') : null;
  } catch {
    // A syntax that this parser does not know: the function is then one that nobody has judged.
    return null;
  }
}

function atomicOf(one: DbFunction): string | null {
  const text = one.definition ?? '';
  const block = /\bBEGIN ATOMIC\s+([^;]+);\s*END\s*$/i.exec(text)?.[1];
  if (block !== undefined) return block;
  const value = /^\s*RETURN\s+([\s\S]+)$/im.exec(text)?.[1];
  return value === undefined ? null : `select ${value}`;
}

/** `return …`, `return query …`, `select … into v …; return v`, `if exists (…) then return true; end if; return false`. */
function plpgsqlOf(body: string): string | null {
  const text = withoutComments(body).trim();
  // A quoted semicolon or a default of a variable would need a real reader.
  const block = /^(?:declare\s+((?:\w+\s+[^;:=]+;\s*)+))?begin\s+([\s\S]+?)\s*end\s*;?$/i.exec(text);
  const inner = block?.[2]?.trim();
  if (inner === undefined) return null;
  const statements = inner
    .split(';')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  const [first, second, third, ...more] = statements;
  if (first === undefined) return null;
  const query = /^return\s+query\s+([\s\S]+)$/i.exec(first)?.[1];
  if (query !== undefined && (second === undefined || (/^return$/i.test(second) && third === undefined))) return query;
  const value = /^return\s+([\s\S]+)$/i.exec(first)?.[1];
  if (value !== undefined && second === undefined) return `select ${value}`;
  const into = /^select\s+([\s\S]+?)\s+into\s+(?:strict\s+)?(\w+)\s+(from\s[\s\S]+)$/i.exec(first);
  if (into !== null && third === undefined && second !== undefined) {
    const back = /^return\s+(?:coalesce\s*\(\s*)?(\w+)\s*(?:,\s*(?:false|null)\s*\))?$/i.exec(second)?.[1];
    return back !== undefined && back === into[2] ? `select ${into[1]} ${into[3]}` : null;
  }
  const branch = /^if\s+([\s\S]+?)\s+then\s+return\s+true$/i.exec(first)?.[1];
  if (
    branch !== undefined &&
    /^end\s+if$/i.test(second ?? '') &&
    /^return\s+false$/i.test(third ?? '') &&
    more.length === 0
  ) {
    return `select ${branch}`;
  }
  return null;
}
