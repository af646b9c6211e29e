import { child, constant, list, names, open, string, type Tree } from '../../../src/database/rename/tree.ts';
import { textOf } from './definer-bodies.ts';
import { functionOf, inside, type Judging, queryOf, resolve, type Scope, tableOf, viewOf } from './scope.ts';

/** What an expression of any shape touches, where its shape alone says nothing. */
export type Features = {
  /** A column of the guarded row. */
  readonly row: boolean;
  /** It asks who is calling. */
  readonly asks: boolean;
  readonly metadata: boolean;
  /** It asks a setting or a header. */
  readonly setting: boolean;
  /** It calls a function that cannot be read and may ask anything. */
  readonly opaque: boolean;
  /** Tables that it reads as the caller and that row security guards: `schema.name`. */
  readonly guarded: readonly string[];
  /** Every table that it reads as the caller. */
  readonly reads: readonly string[];
};

const harmless = /^(pg_catalog|extensions)$/;

export function features(node: Tree, scope: Scope, world: Judging, asOwner = false): Features {
  const found = { row: false, asks: false, metadata: false, setting: false, opaque: false };
  const reads = new Set<string>();
  const guarded = new Set<string>();
  const text = (value: string): void => {
    if (/\bauth\s*\.\s*(uid|jwt|email|role)\s*\(|request\.jwt|current_org_id|current_org_role|my_org_ids/i.test(value))
      found.asks = true;
    if (/user_meta_?data/i.test(value)) found.metadata = true;
    if (/current_setting\s*\(\s*'(?!request\.jwt)/i.test(value)) found.setting = true;
  };
  const visit = (value: unknown, at: Scope, owner: boolean): void => {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) visit(item, at, owner);
      return;
    }
    const tree = value as Tree;
    const select = child(tree, 'SelectStmt');
    let here = at;
    if (select !== null) {
      const ranges = tablesIn(select).map((range) => {
        const table = tableOf(range, at, world);
        if (table !== null && !owner) {
          reads.add(table);
          if (world.guards(table)) guarded.add(table);
        }
        const read = at.depth > 5 ? null : viewOf(range, at, world);
        if (read !== null) {
          const own = { ...at, ranges: [], params: new Map(), positional: [], outer: null, depth: at.depth + 1 };
          visit({ SelectStmt: read.query }, own, owner || !read.view.securityInvoker);
        }
        const alias = string(child(range, 'alias') ?? {}, 'aliasname') ?? string(range, 'relname') ?? '';
        return {
          alias,
          table,
          columns: (table === null ? undefined : world.columns.get(table)) ?? new Set<string>(),
          row: false,
        };
      });
      here = { ...at, ranges, params: new Map(), positional: [], outer: at };
    }
    if (child(tree, 'ColumnRef') !== null || child(tree, 'ParamRef') !== null) {
      const meant = resolve(tree, here);
      if (meant?.kind === 'argument') visit(meant.bound.tree, meant.bound.scope, owner);
      else if (meant?.kind === 'column' && meant.range.row) found.row = true;
      const name = names(child(tree, 'ColumnRef') ?? {}, 'fields').at(-1);
      if (/user_meta_?data/.test(name ?? '')) found.metadata = true;
      return;
    }
    const value_ = constant(tree)?.value;
    if (value_ !== undefined && /^\{?user_metadata/.test(value_)) found.metadata = true;
    if (
      child(tree, 'SQLValueFunction') !== null &&
      /USER|ROLE/.test(string(child(tree, 'SQLValueFunction') ?? {}, 'op') ?? '')
    )
      found.asks = true;
    const call = child(tree, 'FuncCall');
    if (call !== null) {
      const path = names(call, 'funcname');
      const name = path.join('.');
      const setting = path.at(-1) === 'current_setting';
      if (setting) {
        const which = constant(list(call, 'args')[0] ?? null)?.value ?? '';
        if (which.startsWith('request.jwt')) found.asks = true;
        else found.setting = true;
      } else if (/^auth\.(uid|jwt|email|role)$/.test(name)) {
        found.asks = true;
      } else {
        const one = functionOf(call, here, world);
        const query = one === null || at.depth > 5 ? null : queryOf(one);
        if (one !== null && query !== null) {
          visit({ SelectStmt: query }, inside(one, call, here), owner || one.securityDefiner);
        } else if (one !== null) {
          text(textOf(one));
          if (world.asking(one)) found.asks = true;
          found.opaque = true;
        } else if (path.length > 1 && !harmless.test(path[0] ?? '') && !/^storage\./.test(name)) {
          found.opaque = true;
        } else if (world.functions.some((each) => each.name === path.at(-1) && here.path.includes(each.schema))) {
          found.opaque = true;
        }
      }
    }
    for (const item of Object.values(tree)) visit(item, here, owner);
  };
  visit(node, scope, asOwner);
  return { ...found, reads: [...reads], guarded: [...guarded] };
}

/** Tables that stand in the FROM of this query itself. */
function tablesIn(select: Tree): readonly Tree[] {
  const of = (wrapped: Tree): readonly Tree[] => {
    const [kind, node] = open(wrapped);
    if (kind === 'RangeVar') return [node];
    if (kind !== 'JoinExpr') return [];
    return [...of(child(node, 'larg') ?? {}), ...of(child(node, 'rarg') ?? {})];
  };
  return list(select, 'fromClause').flatMap(of);
}
