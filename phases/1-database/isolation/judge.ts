import { child, constant, list, names, open, string, type Tree } from '../../../src/database/rename/tree.ts';
import { type Features, features } from './features.ts';
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
} from './scope.ts';
import { bare, claimPath, type Link, linkOf, most, overTables, type Place, placeOf, source } from './source.ts';

/** What one condition of a policy asks of the row that it guards and of whoever is calling. */
export type Atom =
  | { readonly is: 'true' | 'false' | 'signed in' }
  /** A column of the row holds an organization of the caller; `exact`: any of theirs, nothing else is asked. */
  | {
      readonly is: 'organization';
      readonly exact: boolean;
      readonly breadth: Breadth;
      readonly column: string | null;
      /** One of the caller's where they have one of these roles: nothing else is asked. */
      readonly roles?: readonly string[];
    }
  /**
   * The row is the caller's own, or linked to one that is; `through`: to an organization that is; `by`: by these columns
   * of the row and nothing else.
   */
  | { readonly is: 'own'; readonly through?: 'organization'; readonly by?: readonly string[] }
  /** It asks what users write about themselves; `column` is compared with it and nothing else. */
  | { readonly is: 'metadata'; readonly column: string | null }
  /** It asks the row alone. */
  | { readonly is: 'row' }
  /** It asks a setting or a header of the request. */
  | { readonly is: 'setting'; readonly column?: string }
  /** It asks rows of a table that shows callers only what its own policies let through. */
  | { readonly is: 'inherits'; readonly tables: readonly string[] }
  /** It asks the caller; `roles`: which of these they have, and nothing else; `member`: in some organization of theirs. */
  | { readonly is: 'caller'; readonly roles?: readonly string[]; readonly member?: boolean }
  /** Nobody can tell from here. */
  | { readonly is: 'unknown' };

/** A boolean expression in a scope. */
export function judge(node: Tree, scope: Scope, world: Judging): Atom {
  if (scope.depth > most) return { is: 'unknown' };
  const [kind, body] = open(node);
  if (kind === 'A_Const') {
    const value = child(body, 'boolval');
    return value === null ? { is: 'unknown' } : { is: value.boolval === true ? 'true' : 'false' };
  }
  if (kind === 'TypeCast') {
    const text = constant(child(body, 'arg'))?.value;
    return text === undefined
      ? judge(child(body, 'arg') ?? {}, scope, world)
      : { is: /^t/i.test(text) ? 'true' : 'false' };
  }
  if (kind === 'BoolExpr') {
    const parts = list(body, 'args').map((one) => judge(one, scope, world));
    const how = string(body, 'boolop');
    return how === 'AND_EXPR' ? both(parts) : how === 'OR_EXPR' ? either(parts) : opposite(parts[0]);
  }
  if (kind === 'CoalesceExpr') {
    const [first, second] = list(body, 'args');
    // coalesce(…, false)
    if (second !== undefined && judge(second, scope, world).is === 'false') return judge(first ?? {}, scope, world);
  }
  if (kind === 'ColumnRef' || kind === 'ParamRef') {
    const found = resolve(node, scope);
    return found?.kind === 'argument'
      ? judge(found.bound.tree, found.bound.scope, world)
      : byFeatures(node, scope, world);
  }
  if (kind === 'NullTest' && string(body, 'nulltesttype') === 'IS_NOT_NULL') {
    if (source(child(body, 'arg') ?? {}, scope, world).is === 'uid') return { is: 'signed in' };
  }
  if (kind === 'FuncCall') {
    const one = functionOf(body, scope, world);
    const query = one === null ? null : queryOf(one);
    if (one === null || query === null) return byFeatures(node, scope, world);
    return scalar(query, inside(one, body, scope), world, (target, at) => judge(target, at, world));
  }
  if (kind === 'SubLink') return ofSubquery(body, scope, world);
  if (kind === 'A_Expr') return ofComparison(node, body, scope, world);
  return byFeatures(node, scope, world);
}

/** Every one of these holds. */
export function both(parts: readonly Atom[]): Atom {
  const has = (is: Atom['is']): Atom | undefined => parts.find((one) => one.is === is);
  if (has('false') !== undefined) return { is: 'false' };
  const metadata = has('metadata');
  const rest = parts.filter((one) => one.is !== 'true' && one.is !== 'signed in');
  if (metadata !== undefined) return rest.length === 1 ? metadata : { is: 'metadata', column: null };
  const orgs = rest.flatMap((one) => (one.is === 'organization' ? [one] : []));
  const [first] = orgs;
  if (first !== undefined) {
    const whole = orgs.length === rest.length && orgs.every((one) => one.exact && one.column === first.column);
    const breadth = orgs.some((one) => one.breadth === 'current') ? 'current' : 'all';
    return { is: 'organization', exact: whole, breadth, column: first.column };
  }
  const order = ['own', 'unknown', 'inherits', 'caller', 'setting', 'row', 'signed in'] as const;
  for (const is of order) {
    const found = has(is);
    // Signed in, and the row alone: whoever signs up.
    if (found !== undefined) return found;
  }
  return { is: 'true' };
}

/** One of these holds. */
function either(parts: readonly Atom[]): Atom {
  const rest = parts.filter((one) => one.is !== 'false');
  const [first] = rest;
  if (first === undefined) return { is: 'false' };
  if (rest.some((one) => one.is === 'true')) return { is: 'true' };
  const orgs = rest.flatMap((one) => (one.is === 'organization' ? [one] : []));
  if (orgs.length === rest.length) {
    const [one] = orgs;
    const same = orgs.every((each) => each.column === one?.column);
    const breadth = orgs.some((each) => each.breadth === 'all') ? 'all' : 'current';
    const exact = same && orgs.some((each) => each.exact && each.breadth === breadth);
    return { is: 'organization', exact, breadth, column: same ? (one?.column ?? null) : null };
  }
  if (rest.every((one) => one.is === 'own')) return first;
  const metadata = rest.find((one) => one.is === 'metadata');
  if (metadata !== undefined) return { is: 'metadata', column: null };
  for (const is of ['row', 'setting', 'signed in', 'unknown', 'inherits'] as const) {
    const found = rest.find((one) => one.is === is);
    if (found !== undefined) return found;
  }
  return rest.every((one) => one.is === first.is) ? first : { is: 'unknown' };
}

function opposite(part: Atom | undefined): Atom {
  if (part === undefined) return { is: 'unknown' };
  if (part.is === 'true') return { is: 'false' };
  if (part.is === 'false') return { is: 'true' };
  return part.is === 'row' || part.is === 'setting' || part.is === 'caller' || part.is === 'metadata'
    ? part
    : { is: 'unknown' };
}

/** The one answer of a query without a FROM, or of one over tables. */
function scalar(query: Tree, scope: Scope, world: Judging, without: (target: Tree, at: Scope) => Atom): Atom {
  const [target] = list(query, 'targetList');
  const value = child(child(target ?? {}, 'ResTarget') ?? {}, 'val');
  if (value === null) return { is: 'unknown' };
  if (list(query, 'fromClause').length === 0 && child(query, 'whereClause') === null) return without(value, scope);
  const at = overTables(query, scope, world);
  if (at === null) return byFeatures({ SelectStmt: query }, scope, world);
  // `select role = 'admin' from profiles where id = auth.uid()`, `select true from …`.
  return ofConditions([value, ...at.conditions], at.scope, world, { SelectStmt: query }, scope);
}

function ofComparison(node: Tree, body: Tree, scope: Scope, world: Judging): Atom {
  const kind = string(body, 'kind');
  const equal = names(body, 'name').at(-1) === '=';
  const [left, right] = [child(body, 'lexpr'), child(body, 'rexpr')];
  if (!equal || left === null || right === null || !['AEXPR_OP', 'AEXPR_OP_ANY', 'AEXPR_IN'].includes(kind ?? '')) {
    return byFeatures(node, scope, world);
  }
  const role = roleTest(left, right, scope);
  if (role !== null) return { is: role };
  const directory = ofCallersRole(left, scope, world);
  const roles = directory === null ? null : wordsIn(body);
  if (directory !== null && roles !== null) return { is: 'caller', roles, member: directory.breadth === 'all' };
  const sides = [source(left, scope, world), source(right, scope, world)] as const;
  for (const [one, other] of [sides, [sides[1], sides[0]] as const]) {
    if (one.is !== 'row') continue;
    if (other.is === 'organization') return { ...other, column: one.column };
    if (other.is === 'uid') return { is: 'own' };
    if (other.is === 'metadata') return { is: 'metadata', column: one.column };
    if (other.is === 'setting') return { is: 'setting', column: one.column };
  }
  // `lower(email) = lower(auth.email())`
  const people = [source(bare(left), scope, world), source(bare(right), scope, world)];
  if (people.some((one) => one.is === 'row') && people.some((one) => one.is === 'uid')) return { is: 'own' };
  return byFeatures(node, scope, world);
}

/** `auth.role() = 'authenticated'`: whoever signed up. */
function roleTest(left: Tree, right: Tree, scope: Scope): 'signed in' | 'false' | null {
  const value = constant(left)?.value ?? constant(right)?.value;
  const other = constant(left) === null ? left : right;
  const asks =
    /"sval":"auth"[^[]*"sval":"role"/.test(JSON.stringify(other)) || claimPath(other, scope)?.join('.') === 'role';
  if (!asks) return null;
  return value === 'authenticated' ? 'signed in' : value === 'service_role' ? 'false' : null;
}

/** EXISTS (…), x IN (SELECT …), (SELECT …). */
function ofSubquery(body: Tree, scope: Scope, world: Judging): Atom {
  const wrapped = child(body, 'subselect') ?? {};
  const query = child(wrapped, 'SelectStmt');
  const how = string(body, 'subLinkType');
  if (query === null) return { is: 'unknown' };
  const whole = { SubLink: body };
  if (how === 'EXPR_SUBLINK') return scalar(query, scope, world, (target, at) => judge(target, at, world));
  if (how !== 'EXISTS_SUBLINK' && how !== 'ANY_SUBLINK') return byFeatures(whole, scope, world);
  const tested = child(body, 'testexpr');
  const target = child(child(list(query, 'targetList')[0] ?? {}, 'ResTarget') ?? {}, 'val');
  if (tested !== null && target !== null && list(query, 'fromClause').length === 0) {
    return ofComparison(
      whole,
      { kind: 'AEXPR_OP', name: [{ String: { sval: '=' } }], lexpr: tested, rexpr: target },
      scope,
      world,
    );
  }
  const at = overTables(query, scope, world);
  if (at === null) return byFeatures(whole, scope, world);
  if (tested === null || target === null) return ofConditions(at.conditions, at.scope, world, whole, scope);
  // What is tested stands outside of the query: its names are not those of the tables within.
  const inner = { ...at.scope, params: new Map([[outside, { tree: tested, scope }]]) };
  const reference = { ColumnRef: { fields: [{ String: { sval: outside } }] } };
  return ofConditions([equals(reference, target), ...at.conditions], inner, world, whole, scope);
}

/** A name that no column has. */
const outside = '\u0000';

const equals = (left: Tree, right: Tree): Tree => ({
  A_Expr: { kind: 'AEXPR_OP', name: [{ String: { sval: '=' } }], lexpr: left, rexpr: right },
});

function ofConditions(conditions: readonly Tree[], scope: Scope, world: Judging, whole: Tree, outside: Scope): Atom {
  // `members.org_id = members.org_id`, where the inner table hides the row that was meant: true of every row.
  const links = conditions
    .map((one) => linkOf(one, scope, world))
    .map((one): Link => (one.is === 'equal' && isSame(one.sides) ? { is: 'true' } : one));
  if (links.some((one) => one.is === 'metadata')) return { is: 'metadata', column: null };
  const equal = links.flatMap((one) => (one.is === 'equal' ? [one.sides] : []));
  const mine = (range: Range): readonly string[] =>
    links.flatMap((one) => (one.is === 'user' && one.place.range === range ? [one.place.column] : []));
  /** Columns of the row that meet this column, directly. */
  const rowsAt = (range: Range, keys: ReadonlySet<string>): readonly string[] =>
    equal.flatMap(([left, right]) => {
      const pairs = [
        [left, right],
        [right, left],
      ] as const;
      return pairs.flatMap(([a, b]) =>
        a.range === range && keys.has(a.column) && b.range === 'row' ? [b.column] : [],
      );
    });
  for (const range of scope.ranges) {
    const directory = world.directories.find((one) => one.table === range.table);
    if (directory === undefined || !mine(range).includes(directory.user)) continue;
    if (!directory.meets(links.flatMap((one) => (one.is === 'more' ? [one.node] : [])))) return { is: 'unknown' };
    const [column] = rowsAt(range, directory.keys);
    const used = equal.some((sides) => sides.some((one) => one.range === range && directory.keys.has(one.column)));
    if (column !== undefined) {
      const rest = links.filter((one) => {
        if (one.is === 'true' || (one.is === 'user' && one.place.range === range)) return false;
        if (
          one.is === 'equal' &&
          one.sides.some((side) => side.range === range) &&
          one.sides.some((side) => side.range === 'row')
        )
          return false;
        return !(one.is === 'more' && directory.counts(one.node));
      });
      const roles = scope.ranges.length === 1 ? rolesAsked(rest, directory.role) : null;
      return {
        is: 'organization',
        exact: rest.length === 0 && scope.ranges.length === 1,
        breadth: directory.breadth,
        column,
        ...(roles === null ? {} : { roles }),
      };
    }
    // Through another table that both the row and the membership know.
    if (used) return { is: 'organization', exact: false, breadth: directory.breadth, column: null };
    // Of any organization of theirs.
    const others = links.filter(
      (one) => !(one.is === 'true' || one.is === 'user' || (one.is === 'more' && directory.counts(one.node))),
    );
    const roles = scope.ranges.length === 1 ? rolesAsked(others, directory.role) : null;
    if (roles !== null) return { is: 'caller', roles, member: directory.breadth === 'all' };
  }
  const bound = links.find((one) => one.is === 'organization');
  if (bound?.is === 'organization') {
    const onRow = bound.place.range === 'row';
    return {
      is: 'organization',
      exact: onRow && links.length === 1,
      breadth: bound.breadth,
      column: onRow ? bound.place.column : null,
    };
  }
  const users = links.filter((one) => one.is === 'user');
  if (users.some((one) => one.place.range === 'row')) return { is: 'own' };
  const by = equal.flatMap((sides) => sides.flatMap((one) => (one.range === 'row' ? [one.column] : [])));
  const otherwise = links.some((one) => one.is === 'more' && meetsRow(one.node, scope, world));
  const touches = by.length > 0 || otherwise;
  const owns = users.some((one) => one.place.range !== 'row' && one.place.range.table === world.organizations);
  if (users.length > 0)
    return !touches
      ? { is: 'caller' }
      : owns
        ? { is: 'own', through: 'organization' }
        : { is: 'own', ...(otherwise ? {} : { by }) };
  return byFeatures(whole, outside, world);
}

const isSame = ([left, right]: readonly [Place, Place]): boolean =>
  left.range === right.range && left.column === right.column;

/** The roles, where all that is asked beside whose membership it is is one test of its role: `role in ('owner', 'admin')`. */
function rolesAsked(rest: readonly Link[], column: string | null): readonly string[] | null {
  const [only] = rest;
  const test = rest.length === 1 && only?.is === 'more' ? child(only.node, 'A_Expr') : null;
  if (test === null || names(test, 'name').at(-1) !== '=') return null;
  if (names(child(bare(child(test, 'lexpr') ?? {}), 'ColumnRef') ?? {}, 'fields').at(-1) !== column) return null;
  return wordsIn(test);
}

/** `(select role from profiles where id = auth.uid())`: the one role that the caller has, and where it stands. */
function ofCallersRole(node: Tree, scope: Scope, world: Judging): Directory | null {
  const sub = child(bare(node), 'SubLink') ?? {};
  const query =
    string(sub, 'subLinkType') === 'EXPR_SUBLINK' ? child(child(sub, 'subselect') ?? {}, 'SelectStmt') : null;
  const at = query === null ? null : overTables(query, scope, world);
  const [target, ...more] = query === null ? [] : list(query, 'targetList');
  const [range] = at?.scope.ranges ?? [];
  if (at === null || target === undefined || more.length > 0 || range === undefined || at.scope.ranges.length > 1)
    return null;
  const directory = world.directories.find((one) => one.table === range.table);
  const value = bare(child(child(target, 'ResTarget') ?? {}, 'val') ?? {});
  const column = names(child(value, 'ColumnRef') ?? {}, 'fields').at(-1);
  if (directory === undefined || directory.role === null || column !== directory.role) return null;
  if (directory.breadth === 'all' && !world.one) return null;
  const links = at.conditions.map((one) => linkOf(one, at.scope, world));
  const mine = (one: Link): boolean =>
    one.is === 'user' && one.place.range === range && one.place.column === directory.user;
  const only =
    links.some(mine) &&
    links.every((one) => mine(one) || one.is === 'true' || (one.is === 'more' && directory.counts(one.node)));
  return only ? directory : null;
}

/** The words that a comparison asks for: `= 'owner'`, `in ('owner', 'admin')`, `= any (array['owner', 'admin'])`. */
function wordsIn(test: Tree): readonly string[] | null {
  const right = bare(child(test, 'rexpr') ?? {});
  const [kind, body] = open(right);
  const several = kind === 'List' ? list(body, 'items') : kind === 'A_ArrayExpr' ? list(body, 'elements') : null;
  const texts = (several ?? [right]).map((one) => constant(one)?.value);
  const how = string(test, 'kind');
  if (several === null ? how !== 'AEXPR_OP' : how !== 'AEXPR_IN' && how !== 'AEXPR_OP_ANY') return null;
  return texts.every((one) => one !== undefined) ? texts : null;
}

/** `c.id::text = (storage.foldername(name))[3]`: a column of another table meets what is made of the row. */
function meetsRow(node: Tree, scope: Scope, world: Judging): boolean {
  const comparison = child(node, 'A_Expr');
  if (comparison === null || names(comparison, 'name').at(-1) !== '=') return false;
  const sides = [child(comparison, 'lexpr') ?? {}, child(comparison, 'rexpr') ?? {}];
  const isColumn = (side: Tree): boolean => {
    const place = placeOf(side, scope);
    return place !== null && place.range !== 'row';
  };
  return sides.some(isColumn) && sides.some((side) => !isColumn(side) && features(side, scope, world).row);
}

const byFeatures = (node: Tree, scope: Scope, world: Judging): Atom => fromFeatures(features(node, scope, world));

function fromFeatures(found: Features): Atom {
  if (found.metadata) return { is: 'metadata', column: null };
  if (found.asks) return found.row || found.opaque ? { is: 'unknown' } : { is: 'caller' };
  // Nothing in it, as far as it can be read, asks who is calling.
  if (found.setting) return { is: 'setting' };
  if (found.opaque) return { is: 'row' };
  const guarded = found.guarded;
  return guarded.length > 0 ? { is: 'inherits', tables: guarded } : { is: 'row' };
}
