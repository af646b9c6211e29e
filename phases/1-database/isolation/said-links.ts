import type { Table } from '../../../src/database/catalog/types.ts';
import { child, constant, list, names, open, string, type Tree } from '../../../src/database/rename/tree.ts';
import type { Survey } from '../survey.ts';
import { judging, rowScope } from './classify.ts';
import { tree } from './expression.ts';
import type { Judging, Scope } from './scope.ts';
import { linkOf, overTables, type Place, placeOf } from './source.ts';
import { alternativesOf } from './split.ts';

/** A column that holds the key of rows of another table, which a policy of the app says and no foreign key. */
export type SaidLink = {
  readonly column: string;
  readonly parent: Table;
  readonly key: string;
  readonly keyType: string;
  readonly sameType: boolean;
  /** Only of rows whose columns hold one of these texts: `commentable_type = 'note'`. */
  readonly when: readonly When[];
};
type When = { readonly column: string; readonly values: readonly string[] };

/** By the oid of the table whose rows refer to others. */
export type SaidLinks = ReadonlyMap<number, readonly SaidLink[]>;

/**
 * What policies say of rows that no foreign key ties to anything: `commentable_id in (select id from notes)`, and the
 * same with EXISTS. Such a row belongs to whom the other one belongs, whoever wrote it.
 */
export async function saidLinks(survey: Survey): Promise<SaidLinks> {
  const world = await judging(survey, survey.from);
  const found = new Map<number, readonly SaidLink[]>();
  for (const table of survey.catalog.tables) {
    const policies = survey.catalog.policies.filter(
      (one) => one.permissive && one.schema === table.schema && one.table === table.name,
    );
    const expressions = new Set(policies.flatMap(({ using, check }) => [using, check].filter((one) => one !== null)));
    const links = new Map<string, SaidLink>();
    for (const expression of expressions) {
      if (!/\bselect\b/i.test(expression)) continue;
      for (const parts of alternativesOf(expression)) {
        const roots = (await Promise.all(parts.map(tree))).filter((one) => one !== null);
        for (const link of linksIn(survey, table, roots, world)) links.set(JSON.stringify(link, idOnly), link);
      }
    }
    const told = [...links.values()].filter((one) => isTold(one, [...links.values()]));
    if (told.length > 0) found.set(table.oid, told);
  }
  return found;
}

const idOnly = (key: string, value: unknown): unknown => (key === 'parent' ? (value as Table).oid : value);

/** Numbers of several tables are the same: there only what else the row says tells which is meant. */
const isTold = (one: SaidLink, all: readonly SaidLink[]): boolean =>
  one.keyType === 'uuid' ||
  one.when.length > 0 ||
  all.every((other) => other.column !== one.column || other.parent === one.parent);

function linksIn(survey: Survey, table: Table, parts: readonly Tree[], world: Judging): readonly SaidLink[] {
  const scope = rowScope(table, world);
  const when = parts.flatMap((one) => whenOf(one, scope));
  return parts.flatMap((part) => {
    const sub = child(part, 'SubLink');
    const query = child(child(sub ?? {}, 'subselect') ?? {}, 'SelectStmt');
    const over = query === null ? null : overTables(query, scope, world);
    if (sub === null || query === null || over === null) return [];
    const inside = over.conditions.flatMap((one) => whenOf(one, over.scope));
    const pairs: (readonly [Place, Place])[] = over.conditions.flatMap((one) => {
      const link = linkOf(one, over.scope, world);
      return link.is === 'equal' ? [link.sides] : [];
    });
    const targets = list(query, 'targetList');
    if (string(sub, 'subLinkType') === 'ANY_SUBLINK' && targets.length === 1) {
      const mine = placeOf(child(sub, 'testexpr') ?? {}, scope);
      const theirs = placeOf(child(child(targets[0] ?? {}, 'ResTarget') ?? {}, 'val') ?? {}, over.scope);
      if (mine !== null && theirs !== null) pairs.push([mine, theirs]);
    } else if (string(sub, 'subLinkType') !== 'EXISTS_SUBLINK') return [];
    return pairs.flatMap(([one, other]) => [
      ...linkBetween(survey, table, one, other, [...when, ...inside]),
      ...linkBetween(survey, table, other, one, [...when, ...inside]),
    ]);
  });
}

function linkBetween(
  survey: Survey,
  table: Table,
  mine: Place,
  theirs: Place,
  when: readonly When[],
): readonly SaidLink[] {
  if (mine.range !== 'row' || theirs.range === 'row') return [];
  const name = theirs.range.table;
  const parent = survey.catalog.tables.find((one) => `${one.schema}.${one.name}` === name);
  const key = parent?.constraints.find((one) => one.type === 'p')?.columns ?? [];
  const isDeclared = table.constraints.some((one) => one.type === 'f' && one.columns.includes(mine.column));
  if (parent === undefined || parent === table || key.join() !== theirs.column || isDeclared) return [];
  if (parent === survey.memberships?.table) return [];
  const baseOf = (of: Table, column: string): string | undefined => of.columns.find((one) => one.name === column)?.base;
  const keyType = baseOf(parent, theirs.column);
  if (keyType === undefined) return [];
  const sameType = baseOf(table, mine.column) === keyType;
  return [{ column: mine.column, parent, key: theirs.column, keyType, sameType, when }];
}

/** `kind = 'note'` and `kind in ('note', 'memo')` over the row that is guarded. */
function whenOf(node: Tree, scope: Scope): readonly When[] {
  const [kind, comparison] = open(node);
  if (kind !== 'A_Expr' || names(comparison, 'name').at(-1) !== '=') return [];
  const place = placeOf(child(comparison, 'lexpr') ?? {}, scope);
  if (place?.range !== 'row') return [];
  const right = child(comparison, 'rexpr') ?? {};
  const array = child(child(right, 'TypeCast') ?? {}, 'arg') ?? right;
  const items = ['AEXPR_IN', 'AEXPR_OP_ANY'].includes(string(comparison, 'kind') ?? '')
    ? child(right, 'List') === null
      ? list(child(array, 'A_ArrayExpr') ?? {}, 'elements')
      : list(child(right, 'List') ?? {}, 'items')
    : [right];
  const values = items.map((one) => constant(one)?.value ?? null).filter((one) => one !== null);
  return values.length === items.length && values.length > 0 ? [{ column: place.column, values }] : [];
}
