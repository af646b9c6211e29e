import type { Policy } from '../../../src/database/catalog/types.ts';
import { child, list, names, open, string, type Tree } from '../../../src/database/rename/tree.ts';
import { nodes, tree } from './expression.ts';

/**
 * What a condition of an existing policy amounts to.
 *
 * - `open`: true for every row.
 * - `user_metadata`: asks what users write about themselves.
 * - `recursive`: reads the table that it guards, which fails with 42P17.
 * - `organization`: compares the organization column with the caller's organization and asks nothing else.
 * - `own row`: compares a user column with auth.uid() and asks nothing else.
 * - `narrower`: anything else. It may be stricter than the organization, so it must not be lost.
 */
export type Meaning = 'open' | 'user_metadata' | 'recursive' | 'organization' | 'own row' | 'narrower';

export type Guarded = {
  readonly schema: string;
  readonly name: string;
  /** Columns that say which organization a row belongs to, as they are called now. */
  readonly keys: readonly string[];
  /** The column that says whose row it is, where a user's own row is the rule. */
  readonly user: string | null;
  /** Tables whose rows say which organization a user belongs to: `schema.name`. */
  readonly directories: ReadonlySet<string>;
};

export async function meaningOf(expression: string | null, table: Guarded): Promise<Meaning> {
  if (expression === null) return 'open';
  const root = await tree(expression);
  if (root === null) return 'narrower';
  if (isTrue(root)) return 'open';
  if (/\buser_metadata\b|\braw_user_meta_data\b/.test(expression)) return 'user_metadata';
  const read = nodes(root, 'RangeVar').map(
    (one) => `${string(one, 'schemaname') ?? 'public'}.${string(one, 'relname')}`,
  );
  if (read.includes(`${table.schema}.${table.name}`)) return 'recursive';
  if (table.user !== null && isOwnRow(root, table.user)) return 'own row';
  return isOrganization(root, table) && read.every((one) => table.directories.has(one)) ? 'organization' : 'narrower';
}

/** Of a policy: the meaning of the condition that decides for one command. */
export const conditionOf = (policy: Policy, command: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE'): string | null =>
  command === 'INSERT' ? (policy.check ?? policy.using) : policy.using;

function isTrue(root: Tree): boolean {
  const constant = child(root, 'A_Const');
  const value = constant === null ? null : child(constant, 'boolval');
  return value !== null && value.boolval === true;
}

const comparisons = new Set(['=', '<>', '<', '>', '<=', '>=', '~~', '!~~', '~', '~*', '@>', '<@', '&&']);
/** Functions that only fetch a claim or a setting. */
const plain = new Set(['jwt', 'uid', 'role', 'current_setting', 'nullif', 'current_org_id']);

/**
 * True for `key = claim`, `key IN (SELECT org FROM profiles WHERE id = auth.uid())` and the like, joined by OR at most.
 * Every other shape is refused: a condition wrongly taken for the organization would be widened to it.
 */
function isOrganization(root: Tree, table: Guarded): boolean {
  const forbidden = ['NullTest', 'BooleanTest', 'CaseExpr', 'MinMaxExpr', 'A_Indirection', 'JoinExpr', 'RangeFunction'];
  if (forbidden.some((kind) => nodes(root, kind).length > 0)) return false;
  if (nodes(root, 'BoolExpr').some((one) => string(one, 'boolop') !== 'OR_EXPR')) return false;
  for (const call of nodes(root, 'FuncCall')) {
    const name = names(call, 'funcname').at(-1) ?? '';
    // A helper without arguments can only speak of the caller; with the row's columns it may ask anything.
    if (list(call, 'args').length > 0 && !plain.has(name)) return false;
  }
  const parts = alternatives(root);
  return parts.every((part) => isKeyComparison(part, table));
}

function alternatives(wrapped: Tree): readonly Tree[] {
  const [kind, node] = open(wrapped);
  return kind === 'BoolExpr' ? list(node, 'args').flatMap(alternatives) : [wrapped];
}

function isKeyComparison(wrapped: Tree, table: Guarded): boolean {
  const [kind, node] = open(wrapped);
  const isKey = (side: Tree | null): boolean => table.keys.some((key) => columnOf(side, table) === key);
  let other: Tree | null = null;
  if (kind === 'A_Expr' && names(node, 'name').at(-1) === '=') {
    const [left, right] = [child(node, 'lexpr'), child(node, 'rexpr')];
    other = isKey(left) ? right : isKey(right) ? left : null;
  } else if (kind === 'SubLink' && string(node, 'subLinkType') === 'ANY_SUBLINK' && isKey(child(node, 'testexpr'))) {
    other = child(node, 'subselect');
  }
  if (other === null) return false;
  // On the other side nothing of this row, and no test but whose row of profiles or memberships it is.
  if (
    nodes(other, 'ColumnRef').some(
      (one) => columnOf({ ColumnRef: one }, table) !== null && one !== null && isOuter(one, table),
    )
  )
    return false;
  const selects = nodes(other, 'SelectStmt');
  if (selects.some((one) => list(one, 'fromClause').length > 1)) return false;
  return nodes(other, 'A_Expr')
    .filter((one) => comparisons.has(names(one, 'name').at(-1) ?? ''))
    .every((one) => isUid(child(one, 'lexpr')) !== isUid(child(one, 'rexpr')));
}

/** The column of the guarded row that a reference means, looking through casts; null for anything else. */
function columnOf(wrapped: Tree | null, table: Guarded): string | null {
  if (wrapped === null) return null;
  const cast = child(wrapped, 'TypeCast');
  if (cast !== null) return columnOf(child(cast, 'arg'), table);
  const reference = child(wrapped, 'ColumnRef');
  const path = reference === null ? [] : names(reference, 'fields');
  const last = path.at(-1) ?? null;
  return last !== null && (path.length === 1 || path.at(-2) === table.name) ? last : null;
}

/** Inside a subquery PostgreSQL prints every column with its table, so that only the row's own table name means it. */
const isOuter = (reference: Tree, table: Guarded): boolean => {
  const path = names(reference, 'fields');
  return path.length === 1 || path.at(-2) === table.name;
};

function isOwnRow(root: Tree, user: string): boolean {
  const [kind, node] = open(root);
  if (kind !== 'A_Expr' || names(node, 'name').at(-1) !== '=') return false;
  const sides = [child(node, 'lexpr'), child(node, 'rexpr')];
  const isUser = (side: Tree | null): boolean => {
    const reference = side === null ? null : child(side, 'ColumnRef');
    return reference !== null && names(reference, 'fields').at(-1) === user;
  };
  return sides.some(isUser) && sides.some(isUid);
}

/** `auth.uid()` or `(select auth.uid())`. */
function isUid(wrapped: Tree | null): boolean {
  if (wrapped === null) return false;
  const [kind, node] = open(wrapped);
  if (kind === 'FuncCall') return names(node, 'funcname').join('.') === 'auth.uid';
  if (kind !== 'SubLink') return false;
  const select = child(child(node, 'subselect') ?? {}, 'SelectStmt');
  if (select === null || list(select, 'fromClause').length > 0) return false;
  const [target] = list(select, 'targetList');
  return isUid(child(child(target ?? {}, 'ResTarget') ?? {}, 'val'));
}
