import type { Table } from '../../../src/database/catalog/types.ts';
import { as, child, list, names, string, type Tree } from '../../../src/database/rename/tree.ts';
import { conjuncts } from './expression.ts';

type Link = { readonly own: readonly string[]; readonly parent: string; readonly key: string };

/**
 * Whether a condition shows only rows whose parents the caller sees: `exists (select from calls c where c.id = call_id)`
 * or `call_id in (select c.id from calls c)`, for every table with row security that the row refers to. What the
 * caller sees of such a table, its own policies say.
 */
export async function asksParents(
  expression: string,
  table: Table,
  guards: (table: string) => boolean,
): Promise<boolean> {
  const links = table.constraints.flatMap(({ type, columns, references }): readonly Link[] => {
    const parent = references === null ? '' : `${references.schema}.${references.table}`;
    return type === 'f' && guards(parent)
      ? [{ own: [table.name, columns.join()], parent, key: references?.columns.join() ?? '' }]
      : [];
  });
  const parts = (await conjuncts(expression)).map((text): Tree => JSON.parse(text));
  return links.length > 0 && links.every((link) => parts.some((part) => asks(part, link)));
}

function asks(part: Tree, { own, parent, key }: Link): boolean {
  const sub = as(part, 'SubLink');
  const select = as(child(sub ?? {}, 'subselect'), 'SelectStmt');
  if (sub === null || select === null || string(select, 'op') !== 'SETOP_NONE') return false;
  const [from, ...others] = list(select, 'fromClause').map((one) => as(one, 'RangeVar'));
  if (from == null || others.length > 0) return false;
  if (`${string(from, 'schemaname') ?? 'public'}.${string(from, 'relname')}` !== parent) return false;
  const alias = string(child(from, 'alias') ?? {}, 'aliasname') ?? string(from, 'relname') ?? '';
  // Within a subquery PostgreSQL prints every column with its table.
  const parents = [alias, key].join('.');
  const row = own.join('.');
  if (string(sub, 'subLinkType') === 'ANY_SUBLINK') {
    const [target, ...more] = list(select, 'targetList');
    const value = column(child(as(target ?? null, 'ResTarget') ?? {}, 'val'));
    return more.length === 0 && value === parents && [row, own[1]].includes(column(child(sub, 'testexpr')));
  }
  if (string(sub, 'subLinkType') !== 'EXISTS_SUBLINK') return false;
  return ands(child(select, 'whereClause')).some((one) => {
    const equal = as(one, 'A_Expr');
    if (equal === null || string(equal, 'kind') !== 'AEXPR_OP' || names(equal, 'name').join('.') !== '=') return false;
    const sides = [column(child(equal, 'lexpr')), column(child(equal, 'rexpr'))];
    return alias !== own[0] && sides.includes(parents) && sides.includes(row);
  });
}

const ands = (node: Tree | null): readonly Tree[] => {
  const and = as(node, 'BoolExpr');
  if (and !== null && string(and, 'boolop') === 'AND_EXPR') return list(and, 'args').flatMap(ands);
  return node === null ? [] : [node];
};

/** `c.id` of a column that is written so; '' for anything else. */
const column = (node: Tree | null): string => names(as(node, 'ColumnRef') ?? {}, 'fields').join('.');
