import { child, constant, list, names, open, string, type Tree } from '../../../src/database/rename/tree.ts';
import { features } from './features.ts';
import {
  type Breadth,
  type Directory,
  functionOf,
  inside,
  type Judging,
  queryOf,
  type Range,
  resolve,
  type Scope,
  tableOf,
} from './scope.ts';

/** What a value is: the caller, an organization of theirs, what they write about themselves, a column of the row. */
export type Source =
  | { readonly is: 'organization'; readonly exact: boolean; readonly breadth: Breadth }
  | { readonly is: 'uid' | 'caller' | 'metadata' | 'setting' | 'constant' | 'unknown' }
  | { readonly is: 'row'; readonly column: string };

/** Functions that call functions are followed so far. */
export const most = 6;

/** The tables of a query and everything that it asks of them; null for a query of another shape. */
export function overTables(
  query: Tree,
  scope: Scope,
  world: Judging,
): { readonly scope: Scope; readonly conditions: readonly Tree[] } | null {
  const odd = ['groupClause', 'valuesLists', 'windowClause'].some((key) => list(query, key).length > 0);
  if (odd || ['havingClause', 'withClause', 'larg', 'limitOffset'].some((key) => child(query, key) !== null))
    return null;
  const ranges: Range[] = [];
  const conditions: Tree[] = [];
  const add = (from: Tree): boolean => {
    const [kind, node] = open(from);
    if (kind === 'JoinExpr') {
      if (string(node, 'jointype') !== 'JOIN_INNER' || list(node, 'usingClause').length > 0 || node.isNatural === true)
        return false;
      const quals = child(node, 'quals');
      if (quals !== null) conditions.push(...conjuncts(quals));
      return add(child(node, 'larg') ?? {}) && add(child(node, 'rarg') ?? {});
    }
    if (kind !== 'RangeVar') return false;
    const table = tableOf(node, scope, world);
    const alias = string(child(node, 'alias') ?? {}, 'aliasname') ?? string(node, 'relname') ?? '';
    const columns = table === null ? undefined : world.columns.get(table);
    ranges.push({ alias, table, columns: columns ?? new Set(), row: false });
    return columns !== undefined;
  };
  if (!list(query, 'fromClause').every(add)) return null;
  const where = child(query, 'whereClause');
  if (where !== null) conditions.push(...conjuncts(where));
  return { scope: { ...scope, ranges, params: new Map(), positional: [], outer: scope }, conditions };
}

function conjuncts(node: Tree): readonly Tree[] {
  const [kind, body] = open(node);
  return kind === 'BoolExpr' && string(body, 'boolop') === 'AND_EXPR' ? list(body, 'args').flatMap(conjuncts) : [node];
}

export type Place = { readonly range: Range | 'row'; readonly column: string };

/** What one condition inside a query says: how two columns meet, whose a row is, or anything else. */
export type Link =
  | { readonly is: 'equal'; readonly sides: readonly [Place, Place] }
  | { readonly is: 'user'; readonly place: Place }
  | { readonly is: 'organization'; readonly place: Place; readonly exact: boolean; readonly breadth: Breadth }
  | { readonly is: 'metadata' }
  | { readonly is: 'true' }
  | { readonly is: 'more'; readonly node: Tree };

export function linkOf(node: Tree, scope: Scope, world: Judging): Link {
  const constantTrue = judgeConstant(node);
  if (constantTrue) return { is: 'true' };
  const comparison = child(node, 'A_Expr');
  if (comparison !== null && names(comparison, 'name').at(-1) === '=') {
    const [left, right] = [child(comparison, 'lexpr') ?? {}, child(comparison, 'rexpr') ?? {}];
    const [here, there] = [placeOf(left, scope), placeOf(right, scope)];
    if (here !== null && there !== null) return { is: 'equal', sides: [here, there] };
    const place = here ?? there;
    const other = source(here === null ? left : right, scope, world);
    if (place !== null && other.is === 'uid') return { is: 'user', place };
    if (place !== null && other.is === 'organization')
      return { is: 'organization', place, exact: other.exact, breadth: other.breadth };
    if (other.is === 'metadata') return { is: 'metadata' };
    const [mine, yours] = [bare(left), bare(right)];
    for (const [one, value] of [[mine, yours] as const, [yours, mine] as const]) {
      const at = placeOf(one, scope);
      if (at !== null && source(value, scope, world).is === 'uid') return { is: 'user', place: at };
    }
  }
  const sub = child(node, 'SubLink');
  if (sub !== null && string(sub, 'subLinkType') === 'ANY_SUBLINK') {
    const place = placeOf(child(sub, 'testexpr') ?? {}, scope);
    const other = source({ SubLink: { ...sub, subLinkType: 'EXPR_SUBLINK', many: true } }, scope, world);
    if (place !== null && other.is === 'uid') return { is: 'user', place };
    if (place !== null && other.is === 'organization')
      return { is: 'organization', place, exact: other.exact, breadth: other.breadth };
  }
  return { is: 'more', node };
}

const judgeConstant = (node: Tree): boolean => {
  const value = child(child(node, 'A_Const') ?? {}, 'boolval');
  return (value !== null && value.boolval === true) || child(child(node, 'A_Const') ?? {}, 'ival') !== null;
};

/** The column that an expression is, with arguments replaced by what was given for them, casts looked through. */
export function placeOf(node: Tree, scope: Scope): Place | null {
  const cast = child(node, 'TypeCast');
  if (cast !== null) return placeOf(child(cast, 'arg') ?? {}, scope);
  const found = resolve(node, scope);
  if (found === null) return null;
  if (found.kind === 'argument') return placeOf(found.bound.tree, found.bound.scope);
  return { range: found.range.row ? 'row' : found.range, column: found.column };
}

/** A value: the caller, an organization of theirs, what they write about themselves, a column of the row. */
export function source(node: Tree, scope: Scope, world: Judging): Source {
  if (scope.depth > most) return { is: 'unknown' };
  const [kind, body] = open(node);
  if (kind === 'TypeCast' || kind === 'RelabelType') return source(child(body, 'arg') ?? {}, scope, world);
  if (kind === 'A_Const') return { is: 'constant' };
  if (kind === 'CoalesceExpr') return first(list(body, 'args').map((one) => source(one, scope, world)));
  const path = claimPath(node, scope);
  if (path !== null) return ofClaim(path, world);
  if (kind === 'ColumnRef' || kind === 'ParamRef') {
    const found = resolve(node, scope);
    if (found?.kind === 'argument') return source(found.bound.tree, found.bound.scope, world);
    if (found?.kind === 'column' && found.range.row) return { is: 'row', column: found.column };
    return { is: 'unknown' };
  }
  if (kind === 'FuncCall') {
    const name = names(body, 'funcname').join('.');
    // Nobody else's address either: the auth server has proven it.
    if (name === 'auth.uid' || name === 'auth.email') return { is: 'uid' };
    if (names(body, 'funcname').at(-1) === 'nullif') return source(list(body, 'args')[0] ?? {}, scope, world);
    if (/^(public\.)?current_org_id$/.test(name) && isOurs(body, scope, world))
      return { is: 'organization', exact: true, breadth: 'current' };
    if (/^(public\.)?my_org_ids$/.test(name) && isOurs(body, scope, world)) {
      return { is: 'organization', exact: list(body, 'args').length === 0, breadth: 'all' };
    }
    const one = functionOf(body, scope, world);
    const query = one === null ? null : queryOf(one);
    if (one !== null && query !== null) return ofQuery(query, inside(one, body, scope), world, one.returnsSet);
    return byFeaturesSource(node, scope, world);
  }
  if (kind === 'A_Expr' && ['AEXPR_NULLIF'].includes(string(body, 'kind') ?? ''))
    return source(child(body, 'lexpr') ?? {}, scope, world);
  if (kind === 'SubLink') {
    const query = child(child(body, 'subselect') ?? {}, 'SelectStmt');
    const many = body.many === true || string(body, 'subLinkType') === 'ARRAY_SUBLINK';
    return query === null ? { is: 'unknown' } : ofQuery(query, scope, world, many);
  }
  return byFeaturesSource(node, scope, world);
}

/** An app may have a function of that name; ours begins with a comment that says so. */
function isOurs(body: Tree, scope: Scope, world: Judging): boolean {
  const one = functionOf(body, scope, world);
  return one === null || (one.securityDefiner && /^\s*-- voxanne-rollout\n/.test(one.body));
}

/** `coalesce(array_agg(…), '{}')`: no rows are no organizations. */
function orEmpty(target: Tree): Tree {
  const [inner, ...others] = list(child(target, 'CoalesceExpr') ?? {}, 'args');
  const empty = others.every(
    (one) => /^(\{\})?$/.test(constant(one)?.value ?? 'x') || child(one, 'A_ArrayExpr') !== null,
  );
  return inner !== undefined && others.length > 0 && empty && child(inner, 'FuncCall') !== null ? inner : target;
}

/** The value without `lower(…)` around it, as addresses are compared. */
export function bare(node: Tree): Tree {
  const [kind, body] = open(node);
  if (kind === 'TypeCast') return bare(child(body, 'arg') ?? {});
  const name = kind === 'FuncCall' ? names(body, 'funcname').at(-1) : undefined;
  const [inner, ...others] = list(body, 'args');
  return inner !== undefined && others.length === 0 && (name === 'lower' || name === 'btrim') ? bare(inner) : node;
}

function ofQuery(query: Tree, scope: Scope, world: Judging, many: boolean): Source {
  const given = child(child(list(query, 'targetList')[0] ?? {}, 'ResTarget') ?? {}, 'val');
  if (given === null || list(query, 'targetList').length !== 1) return { is: 'unknown' };
  const target = orEmpty(given);
  if (list(query, 'fromClause').length === 0) {
    return child(query, 'whereClause') === null ? source(target, scope, world) : { is: 'unknown' };
  }
  const at = overTables(query, scope, world);
  const whole = { SelectStmt: query };
  if (at === null) return byFeaturesSource(whole, scope, world);
  const links = at.conditions.map((one) => linkOf(one, at.scope, world));
  if (links.some((one) => one.is === 'metadata')) return { is: 'metadata' };
  const aggregated = child(target, 'FuncCall');
  const array = aggregated !== null && names(aggregated, 'funcname').at(-1) === 'array_agg';
  const place = placeOf(array ? (list(aggregated ?? {}, 'args')[0] ?? {}) : target, at.scope);
  if (place === null || place.range === 'row') return byFeaturesSource(whole, scope, world);
  const directory = world.directories.find((one) => place.range !== 'row' && one.table === place.range.table);
  const joined = meeting(at.scope.ranges, links, world);
  const mine = links.some((one) => {
    if (one.is !== 'user' || one.place.range === 'row') return false;
    const { table } = one.place.range;
    const said = world.directories.find((each) => each.table === table) ?? directory;
    return (one.place.range === place.range || joined) && (said === undefined || one.place.column === said.user);
  });
  if (directory !== undefined && mine) {
    if (!directory.meets(links.flatMap((one) => (one.is === 'more' ? [one.node] : [])))) return { is: 'unknown' };
    if (place.column === directory.user) return { is: 'uid' };
    if (directory.keys.has(place.column)) {
      const rest = links.filter(
        (one) =>
          one.is !== 'true' &&
          one.is !== 'user' &&
          !(one.is === 'more' && (joined ? world.directories : [directory]).some((each) => each.counts(one.node))) &&
          !(one.is === 'equal' && joined),
      );
      const breadth = joined ? 'current' : directory.breadth;
      const single = breadth === 'all' && !(many || array) && !world.one;
      const limited = child(query, 'limitCount') !== null && breadth === 'all' && !world.one;
      const exact = rest.length === 0 && (at.scope.ranges.length === 1 || joined) && !single && !limited;
      return { is: 'organization', exact, breadth: single || limited ? 'current' : breadth };
    }
  }
  // The id of a row of the caller's: of their customer record, of their profile.
  if (links.some((one) => one.is === 'user' && one.place.range === place.range))
    return directory === undefined ? { is: 'uid' } : { is: 'caller' };
  return byFeaturesSource(whole, scope, world);
}

/**
 * The caller's profile beside their membership in the organization that it names: the one that is open, as ours says it.
 * Both the user and the organization have to be the same in the two, and nothing else is equal to anything.
 */
function meeting(ranges: readonly Range[], links: readonly Link[], world: Judging): boolean {
  const [one, other, ...more] = ranges.map((range) => ({
    range,
    directory: world.directories.find(({ table }) => table === range.table),
  }));
  if (one?.directory === undefined || other?.directory === undefined || more.length > 0) return false;
  if (one.directory.breadth === other.directory.breadth) return false;
  const equal = links.flatMap((link) => (link.is === 'equal' ? [link.sides] : []));
  const meets = (is: (column: string, directory: Directory) => boolean): boolean =>
    equal.some((sides) =>
      [one, other].every(({ range, directory }) =>
        sides.some((side) => side.range === range && directory !== undefined && is(side.column, directory)),
      ),
    );
  return (
    equal.length === 2 && meets((column, { user }) => column === user) && meets((column, { keys }) => keys.has(column))
  );
}

/** Keys of the token's JSON in order, where an expression reads one: `['app_metadata', 'org_id']`. */
export function claimPath(node: Tree, scope: Scope): readonly string[] | null {
  const [kind, body] = open(node);
  if (kind === 'TypeCast') return claimPath(child(body, 'arg') ?? {}, scope);
  if (kind === 'SubLink' && string(body, 'subLinkType') === 'EXPR_SUBLINK') {
    const query = child(child(body, 'subselect') ?? {}, 'SelectStmt');
    if (query === null || list(query, 'fromClause').length > 0) return null;
    return claimPath(child(child(list(query, 'targetList')[0] ?? {}, 'ResTarget') ?? {}, 'val') ?? {}, scope);
  }
  if (kind === 'FuncCall') {
    const name = names(body, 'funcname');
    if (name.join('.') === 'auth.jwt') return [];
    if (name.at(-1) === 'nullif') return claimPath(list(body, 'args')[0] ?? {}, scope);
    const setting = name.at(-1) === 'current_setting' ? constant(list(body, 'args')[0] ?? null)?.value : undefined;
    if (setting === 'request.jwt.claims') return [];
    return setting?.startsWith('request.jwt.claim.') === true
      ? setting.slice('request.jwt.claim.'.length).split('.')
      : null;
  }
  if (kind !== 'A_Expr') return null;
  const operator = names(body, 'name').at(-1);
  if (string(body, 'kind') === 'AEXPR_NULLIF') return claimPath(child(body, 'lexpr') ?? {}, scope);
  const key = constant(child(body, 'rexpr'))?.value;
  const before = claimPath(child(body, 'lexpr') ?? {}, scope);
  if (before === null || key === undefined) return null;
  if (operator === '->' || operator === '->>') return [...before, key];
  if (operator === '#>' || operator === '#>>') return [...before, ...key.replace(/^\{|\}$/g, '').split(',')];
  return null;
}

function ofClaim(path: readonly string[], world: Judging): Source {
  if (path[0] === 'user_metadata') return { is: 'metadata' };
  const key = path.at(-1) ?? '';
  if (path.join('.') === 'sub') return { is: 'uid' };
  // Nobody else's: the auth server has proven it.
  if (path.join('.') === 'email') return { is: 'uid' };
  const trusted = path.length === 1 || (path.length === 2 && path[0] === 'app_metadata');
  return trusted && world.claims.has(key) ? { is: 'organization', exact: true, breadth: 'current' } : { is: 'caller' };
}

function first(all: readonly Source[]): Source {
  const some = all.filter((one) => one.is !== 'constant');
  const orgs = some.flatMap((one) => (one.is === 'organization' ? [one] : []));
  const [one] = orgs;
  if (one !== undefined && orgs.length === some.length) {
    return { ...one, exact: orgs.every((each) => each.exact && each.breadth === one.breadth) };
  }
  if (some.some((each) => each.is === 'metadata')) return { is: 'metadata' };
  return some.every((each) => each.is === 'uid') && some.length > 0 ? { is: 'uid' } : { is: 'caller' };
}

function byFeaturesSource(node: Tree, scope: Scope, world: Judging): Source {
  const found = features(node, scope, world);
  if (found.metadata) return { is: 'metadata' };
  if (found.opaque) return { is: 'unknown' };
  return { is: found.asks ? 'caller' : found.setting ? 'setting' : 'unknown' };
}
