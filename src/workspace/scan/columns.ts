import { type Chain, chainOf } from './chains.ts';
import { elementOfCallback } from './flow.ts';
import { wordsOf } from './names.ts';
import type { Origin } from './origin-of-path.ts';
import { originsOf } from './origins.ts';
import { realtimeTable, sqlTable } from './other-rows.ts';
import { assignmentsTo, type Binding, bindingOf, placesOf } from './scope.ts';
import { plainTable } from './sql-tables.ts';
import { callOf, memberOf, type SyntaxNode, stringValue, unwrap } from './syntax.ts';
import type { Rename } from './types.ts';

/** The renames of a scan, by table. */
export class Columns {
  readonly #byTable = new Map<string, Map<string, string>>();
  readonly tables: readonly string[];
  readonly oldNames: readonly string[];

  constructor(renames: readonly Rename[]) {
    for (const { table, from, to } of renames) {
      const name = plainTable(table);
      const columns = this.#byTable.get(name) ?? new Map<string, string>();
      columns.set(from, to);
      this.#byTable.set(name, columns);
    }
    this.tables = [...this.#byTable.keys()];
    this.oldNames = [...new Set(renames.map(({ from }) => from))];
  }

  /** The new name of a column; null when the table's column of that name stays. */
  renamed(table: string | null, column: string): string | null {
    return table === null ? null : (this.#byTable.get(plainTable(table))?.get(column) ?? null);
  }

  /** Every old name, not as a part of a longer word. Null when nothing is renamed. */
  get pattern(): RegExp | null {
    return this.oldNames.length === 0
      ? null
      : new RegExp(`(?<![A-Za-z0-9_$])(?:${this.oldNames.join('|')})(?![A-Za-z0-9_$])`, 'g');
  }

  /** The table that a type or a schema is named after: `InvoiceRow` -> invoices. */
  named(name: string): string | null {
    const words = wordsOf(name);
    const exact = this.tables.find((table) => sameWords(words, table));
    if (exact !== undefined) return exact;
    const kept = words.filter((word) => !fillers.has(word));
    const stripped = this.tables.find((table) => sameWords(kept, table));
    if (stripped !== undefined) return stripped;
    // `UsageRow` for usage_records: only a name that says that it is a row may be shorter than its table.
    if (!words.includes('row') || kept.length === 0) return null;
    const longer = this.tables.filter((table) => sameWords(kept, table.split('_').slice(0, kept.length).join('_')));
    return longer.length === 1 ? (longer[0] ?? null) : null;
  }
}

const fillers = new Set([
  'row',
  'rows',
  'record',
  'records',
  'insert',
  'update',
  'type',
  'types',
  'schema',
  'model',
  'entity',
  'db',
  'database',
  'data',
  'i',
  't',
  'base',
  'new',
  'existing',
  'list',
  'item',
  'table',
]);

function sameWords(words: readonly string[], table: string): boolean {
  return words.length > 0 && singular(words.join('_')) === singular(table.toLowerCase());
}

function singular(name: string): string {
  if (/ies$/.test(name)) return `${name.slice(0, -3)}y`;
  if (/(?:ss|x|ch|sh)es$/.test(name)) return name.slice(0, -2);
  return /[^s]s$/.test(name) ? name.slice(0, -1) : name;
}

/** The table of a builder chain, also where it goes on from a variable: `let q = db.from('t').select(); q = q.eq(…)`. */
export function tableOfChain(chain: Chain, depth = 0): string | null {
  if (chain.table !== null) return chain.table;
  if (chain.base.kind !== 'identifier' || depth > 3) return null;
  const binding = bindingOf(chain.base);
  if (binding === null) return null;
  const sources = [...(binding.init ? [binding.init] : []), ...assignmentsTo(binding).map(({ value }) => value)];
  for (const source of sources) {
    const inner = unwrap(source);
    const base = chainOf(inner);
    if (base === null || base.node.start === chain.node.start) continue;
    const table = tableOfChain(base, depth + 1);
    if (table !== null) return table;
  }
  return null;
}

/** The table whose row (or rows) a value is, from its query or from its type. */
export function tableOfValue(node: SyntaxNode, columns: Columns, depth = 0): string | null {
  if (depth > 6) return null;
  for (let at = node; ; ) {
    if (at.kind === 'as_expression' || at.kind === 'satisfies_expression') {
      const table = tableOfType(at.child(1), columns);
      if (table !== null) return table;
    }
    const next =
      /^(?:parenthesized_expression|as_expression|satisfies_expression|non_null_expression|await_expression)$/.test(
        at.kind,
      )
        ? at.child(0)
        : null;
    if (next === null) {
      node = at;
      break;
    }
    at = next;
  }
  const byOrigin = tableOfOrigins(originsOf(node));
  if (byOrigin !== null) return byOrigin;
  if (node.kind === 'identifier') {
    const binding = bindingOf(node);
    return binding === null ? null : tableOfBinding(binding, columns, depth);
  }
  if (node.kind === 'binary_expression') {
    for (const child of node.children) {
      const table = tableOfValue(child, columns, depth + 1);
      if (table !== null) return table;
    }
    return null;
  }
  if (node.kind === 'subscript_expression') {
    const object = node.child(0);
    return object === null ? null : tableOfValue(object, columns, depth + 1);
  }
  const member = memberOf(node);
  if (member && /^(?:new|old)$/.test(member.name)) {
    const payload = unwrap(member.object);
    const binding = payload.kind === 'identifier' ? bindingOf(payload) : null;
    return binding?.parameter && binding.path.length === 0
      ? realtimeTable(binding.parameter.fn, binding.parameter.index)
      : null;
  }
  if (member?.name === 'rows') {
    const result = unwrap(member.object);
    const binding = result.kind === 'identifier' ? bindingOf(result) : null;
    if (binding === null) return sqlTable(result, columns);
    return binding.init !== null && binding.path.length === 0 ? sqlTable(binding.init, columns) : null;
  }
  if (member)
    return member.name === 'data' || /^\d+$/.test(member.name) ? tableOfValue(member.object, columns, depth + 1) : null;
  const call = callOf(node);
  const callee = call ? memberOf(call.callee) : null;
  if (callee && /^(?:find|filter|at|slice|sort|toSorted|pop|shift)$/.test(callee.name))
    return tableOfValue(callee.object, columns, depth + 1);
  return null;
}

export function tableOfBinding(binding: Binding, columns: Columns, depth = 0): string | null {
  // A type on the declaration or the parameter is the plainest word.
  const holder = binding.node.above(
    'variable_declarator',
    'required_parameter',
    'optional_parameter',
    'for_in_statement',
    'statement_block',
  );
  if (holder && holder.kind !== 'statement_block' && binding.path.length <= (binding.kind === 'loop' ? 1 : 0)) {
    const annotation = holder.childOfKind('type_annotation');
    const table = annotation ? tableOfType(annotation, columns) : null;
    if (table !== null) return table;
  }
  if (binding.parameter !== null) {
    if (/^(?:new|old)$/.test(binding.path[0] ?? '') && binding.path.length === 1)
      return realtimeTable(binding.parameter.fn, binding.parameter.index);
    const element = elementOfCallback(binding.parameter.fn, binding.parameter.index);
    return element === null ? null : tableOfValue(element.object, columns, depth + 1);
  }
  if (binding.init === null) return null;
  const call = callOf(unwrap(binding.init));
  if (call && /^(?:React\.)?useState$/.test(call.callee.text) && binding.path[0] === '0') {
    const types = unwrap(binding.init).childOfKind('type_arguments');
    return types ? tableOfType(types, columns) : null;
  }
  const rest = binding.path.filter((name) => name !== 'data' && name !== '*' && !/^\d+$/.test(name));
  const fromSql =
    rest.length === 0 || (rest.length === 1 && rest[0] === 'rows') ? sqlTable(binding.init, columns) : null;
  if (fromSql !== null) return fromSql;
  return rest.length === 0 ? tableOfValue(binding.init, columns, depth + 1) : null;
}

function tableOfOrigins(origins: readonly Origin[]): string | null {
  for (const origin of origins) {
    if (origin.kind !== 'row') continue;
    const rest = origin.path.filter((name) => name !== 'data' && name !== '*' && !/^\d+$/.test(name));
    const table = tableOfChain(origin.chain);
    if (table === null) continue;
    if (rest.length === 0) return table;
    if (rest.length === 1) return embedded(origin.chain, rest[0] ?? '') ?? null;
  }
  return null;
}

/** The table behind the name of an embed: `owner:profiles!fk(…)` -> profiles. */
function embedded(chain: Chain, name: string): string | null {
  const select = chain.links.find((link) => link.name === 'select');
  const text = stringValue(select?.args[0] ?? null) ?? '';
  const aliased = new RegExp(`\\b${name}\\s*:\\s*(\\w+)\\s*[!(]`).exec(text)?.[1];
  if (aliased !== undefined) return aliased;
  return new RegExp(`\\b${name}\\s*[!(]`).test(text) ? name : null;
}

/** The table that a type means: `Tables<'invoices'>`, `Database[…]['invoices']['Row']`, `InvoiceRow[]`, an alias of these. */
export function tableOfType(type: SyntaxNode | null, columns: Columns, depth = 0): string | null {
  if (type === null || depth > 3) return null;
  const { text } = type;
  const generated =
    /\b(?:Tables|TablesInsert|TablesUpdate|Row|InsertTables|UpdateTables|Views)\s*<\s*(?:['"]public['"]\s*,\s*)?['"](\w+)['"]/.exec(
      text,
    )?.[1] ?? /\[\s*['"](?:Tables|Views)['"]\s*\]\s*\[\s*['"](\w+)['"]\s*\]/.exec(text)?.[1];
  if (generated !== undefined) return generated;
  for (const match of text.matchAll(/(?<![\w$.'"])([A-Z][\w$]*)/g)) {
    const name = match[1] ?? '';
    if (
      /^(?:Array|ReadonlyArray|Promise|Partial|Required|Readonly|Pick|Omit|Record|NonNullable|Database|Exclude|Extract|Awaited)$/.test(
        name,
      )
    )
      continue;
    const declaration = typeDeclaration(type, name);
    if (declaration !== null && !declaration.contains(type)) {
      const table = tableOfType(declaration.child(-1), columns, depth + 1);
      if (
        declaration.kind === 'type_alias_declaration' &&
        declaration.child(-1)?.kind !== 'object_type' &&
        table !== null
      )
        return table;
    }
    const table = columns.named(name);
    if (table !== null) return table;
  }
  return null;
}

function typeDeclaration(from: SyntaxNode, name: string): SyntaxNode | null {
  for (const node of placesOf(
    from.source,
    new RegExp(`\\b${name.replace(/\$/g, '\\$&')}\\b(?<=\\b(?:type|interface)\\s+[\\w$]+)`, 'g'),
  )) {
    const parent = node.parent;
    if (parent && /^(?:type_alias_declaration|interface_declaration)$/.test(parent.kind)) return parent;
  }
  return null;
}

/** One column name within a select string, with the table that it belongs to. */
export type SelectedColumn = {
  readonly at: number;
  readonly name: string;
  readonly table: string | null;
  readonly role: 'column' | 'alias' | 'hint';
};

/**
 * The names in a PostgREST select: `id, org:organization_id(name), profiles!inner(full_name, organization_id)`. An embed
 * by column name counts as a column of the table around it; a hint may be a column of either side.
 */
export function selectedColumns(text: string, table: string | null, pattern: RegExp): readonly SelectedColumn[] {
  const found: SelectedColumn[] = [];
  const stack: (string | null)[] = [table];
  const item = /\.{3}|[(),]|(?:(\w+)\s*:(?!:)\s*)?([\w*]+)((?:!\w+)*)\s*(\()?/g;
  for (let match = item.exec(text); match !== null; match = item.exec(text)) {
    const [whole, alias, name, hints, open] = match;
    if (whole === ')') stack.pop();
    if (whole === '(') stack.push(null);
    if (name === undefined) continue;
    const around = stack.at(-1) ?? null;
    const nameAt = match.index + (alias === undefined ? 0 : whole.indexOf(name, alias.length));
    // After `::`, `->` or `->>` stands a type or a JSON key.
    const before = text.slice(0, nameAt).trimEnd();
    const isColumn = !/(?:::|->>?)$/.test(before);
    if (alias !== undefined && new RegExp(`^${pattern.source}$`).test(alias))
      found.push({ at: match.index, name: alias, table: around, role: 'alias' });
    if (isColumn && new RegExp(`^${pattern.source}$`).test(name))
      found.push({ at: nameAt, name, table: around, role: 'column' });
    let hintAt = nameAt + name.length;
    for (const hint of (hints ?? '').split('!').slice(1)) {
      hintAt += 1;
      if (new RegExp(`^${pattern.source}$`).test(hint))
        found.push({ at: hintAt, name: hint, table: around ?? name, role: 'hint' });
      hintAt += hint.length;
    }
    if (open !== undefined) stack.push(new RegExp(`^${pattern.source}$`).test(name) ? null : name);
  }
  return found;
}
