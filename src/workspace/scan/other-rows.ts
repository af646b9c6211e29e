import { bindingOf, declaredBy, referencesOf } from './scope.ts';
import { looksLikeSql, tablesOfSql } from './sql-tables.ts';
import { callOf, keyName, memberOf, type SyntaxNode, stringValue, unwrap, wrapped } from './syntax.ts';

/** What the rows of a driver need to know of the renames. */
type Renamed = {
  readonly oldNames: readonly string[];
  readonly renamed: (table: string | null, column: string) => string | null;
};

/**
 * The table whose rows a realtime handler is given, `payload.new` and `payload.old`; null for any other function.
 * `.on('postgres_changes', { table: 'notes' }, (payload) => …)`, also where the handler has a name.
 */
export function realtimeTable(fn: SyntaxNode, index: number): string | null {
  if (index !== 0) return null;
  for (const place of [fn, ...namedUses(fn)]) {
    const list = wrapped(place).parent;
    const call = list?.kind === 'arguments' && list.parent ? callOf(list.parent) : null;
    if (call === null || memberOf(call.callee)?.name !== 'on') continue;
    if (stringValue(call.args[0] ?? null) !== 'postgres_changes') continue;
    const options = call.args[1] ? unwrap(call.args[1]) : null;
    const table = options?.children.find((part) => part.kind === 'pair' && keyName(part.child(0)) === 'table');
    const name = stringValue(table?.child(1) ?? null);
    if (name !== null) return name;
  }
  return null;
}

function namedUses(fn: SyntaxNode): readonly SyntaxNode[] {
  const holder = fn.kind === 'function_declaration' ? fn : wrapped(fn).parent;
  const name =
    holder?.kind === 'function_declaration' || holder?.kind === 'variable_declarator' ? holder.child(0) : null;
  const binding = name?.kind === 'identifier' ? declaredBy(name) : null;
  return binding === null ? [] : referencesOf(binding);
}

/**
 * The renamed table whose rows a statement gives: `pool.query('select … from notes')`, sql`select … from notes`. Null
 * where several tables are read, and where the statement itself gives the old name to what it returns.
 */
export function sqlTable(value: SyntaxNode, columns: Renamed): string | null {
  const node = unwrap(value);
  if (node.kind !== 'call_expression') return null;
  const call = callOf(node);
  const named = call?.args[0] ?? null;
  const binding = named?.kind === 'identifier' ? bindingOf(named) : null;
  const statement = binding?.init ?? named ?? node.childOfKind('template_string');
  const text = statement === null ? '' : unwrap(statement).text;
  if (!looksLikeSql(text)) return null;
  if (columns.oldNames.some((name) => new RegExp(`\\bas\\s+"?${name}\\b`, 'i').test(text))) return null;
  const tables = [...new Set(tablesOfSql(text).values())];
  const [table] = tables;
  if (table === undefined || tables.length > 1) return null;
  return columns.oldNames.some((name) => columns.renamed(table, name) !== null) ? table : null;
}
