import { type Chain, chainAround, type Link } from '../chains.ts';
import {
  Columns,
  looksLikeSql,
  plainTable,
  selectedColumns,
  tableOfBinding,
  tableOfChain,
  tableOfType,
  tableOfValue,
  tablesOfSql,
} from '../columns.ts';
import { holderOf } from '../org-reads.ts';
import type { Hit, Rule, RuleContext } from '../rule.ts';
import { type Binding, declaredBy, referencesOf } from '../scope.ts';
import { callOf, keyName, memberOf, type SyntaxNode, stringValue, unwrap, wrapped } from '../syntax.ts';
import type { Rename, TextEdit } from '../types.ts';
import { examplesThatFind, examplesToLeave } from './old-column-examples.ts';

/**
 * A column under the name that the database phase takes away, in every form that seven real apps write it (2,443 builder
 * filters, 1,361 property reads, 1,615 places in generated types, …). Only for the tables whose column is renamed: the
 * same word is also the key of other people's contracts (payment metadata, webhooks, request bodies), which must stay.
 */
export const oldColumn: Rule = {
  kind: 'old-column',
  seeds: (context) => columnsOf(context).pattern,
  *check(node, context) {
    const columns = columnsOf(context);
    if (columns.pattern === null) return;
    if (node.kind === 'prisma') {
      yield* prismaHits(node, columns);
      return;
    }
    const place = node.kind === 'string_fragment' ? (node.parent ?? node) : node;
    switch (place.kind) {
      case 'string':
      case 'template_string':
        yield* inString(place, node, columns, context);
        return;
      case 'property_identifier':
        yield* inProperty(place, columns, context);
        return;
      case 'shorthand_property_identifier': {
        const table = tableOfObject(place.parent, columns, context);
        yield* named(place, place.text, table, columns, (to) => [
          { start: place.start, end: place.end, text: `${to}: ${place.text}` },
        ]);
        return;
      }
      case 'shorthand_property_identifier_pattern': {
        const table = tableOfPattern(place, columns);
        yield* named(place, place.text, table, columns, (to) => [
          { start: place.start, end: place.end, text: `${to}: ${place.text}` },
        ]);
        return;
      }
      default:
    }
  },
  examples: {
    finds: examplesThatFind(),
    leaves: examplesToLeave(),
  },
};

const known = new WeakMap<readonly Rename[], Columns>();

function columnsOf(context: RuleContext): Columns {
  let columns = known.get(context.renames);
  if (columns === undefined) {
    columns = new Columns(context.renames);
    known.set(context.renames, columns);
  }
  return columns;
}

/** A hit for a name whose table is known and renamed; nothing for any other table. */
function* named(
  node: SyntaxNode,
  name: string,
  table: string | null,
  columns: Columns,
  edits: (to: string) => readonly TextEdit[],
): Iterable<Hit> {
  const to = columns.renamed(table, name);
  if (to === null || table === null) return;
  yield { node, reason: reasonOf(table, name, to), edits: edits(to) };
}

function reasonOf(table: string, from: string, to: string): string {
  return `${plainTable(table)}.${from} is called ${to} after the rename.`;
}

function rename(node: SyntaxNode): (to: string) => readonly TextEdit[] {
  return (to) => [{ start: node.start, end: node.end, text: to }];
}

/** Offsets of the old names in a string, in the file. */
function namesIn(literal: SyntaxNode, columns: Columns): readonly { readonly start: number; readonly name: string }[] {
  const pattern = columns.pattern;
  if (pattern === null) return [];
  return [...literal.text.matchAll(pattern)].map((match) => ({ start: literal.start + match.index, name: match[0] }));
}

function* inString(literal: SyntaxNode, node: SyntaxNode, columns: Columns, context: RuleContext): Iterable<Hit> {
  const parent = wrapped(literal).parent;
  // A name in `${…}` is code, not text.
  if (literal.kind === 'template_string' && node.kind !== 'string_fragment' && node !== literal) return;
  if (parent === null) return;
  if (parent.kind === 'subscript_expression') {
    const object = parent.child(0);
    const name = stringValue(literal) ?? '';
    if (object) yield* named(parent, name, tableOfValue(object, columns), columns, renameInside(literal));
    return;
  }
  if (parent.kind === 'pair_pattern' && parent.child(0) === literal) {
    yield* named(literal, stringValue(literal) ?? '', tableOfPattern(literal, columns), columns, renameInside(literal));
    return;
  }
  if (parent.kind === 'pair' && parent.child(0) === literal) {
    yield* named(
      literal,
      stringValue(literal) ?? '',
      tableOfObject(parent.parent, columns, context),
      columns,
      renameInside(literal),
    );
    return;
  }
  if (parent.kind === 'literal_type') {
    yield* named(
      literal,
      stringValue(literal) ?? '',
      tableOfTypePlace(literal, columns),
      columns,
      renameInside(literal),
    );
    return;
  }
  // 'organization_id=eq.' + id
  const pair = parent.kind === 'binary_expression' && parent.child(0) === literal ? parent.parent : parent;
  if (pair?.kind === 'pair' && keyName(pair.child(0)) === 'filter') yield* realtimeFilter(literal, pair, columns);
  if (parent.kind === 'pair') {
    const key = keyName(parent.child(0));
    if (key === 'onConflict') {
      const chain = chainAround(parent);
      if (chain) yield* inChainString(literal, tableOfChain(chain), columns, chain);
    }
  }
  if (parent.kind === 'arguments') {
    const call = parent.parent;
    const chain = call ? chainAround(call) : null;
    const link = chain?.links.find((one) => one.call === call);
    if (chain && link) {
      const done = yield* inLink(literal, link, chain, columns);
      if (done) return;
    }
    const drizzle = call ? drizzleTable(call) : null;
    if (drizzle !== null && parent.child(0) === literal) {
      yield* named(literal, stringValue(literal) ?? '', drizzle, columns, renameInside(literal));
      return;
    }
  }
  if (looksLikeSql(literal.text)) yield* inSql(literal, columns);
}

/** Renames the whole content of a string, keeping its quotes. */
function renameInside(literal: SyntaxNode): (to: string) => readonly TextEdit[] {
  return (to) => [{ start: literal.start + 1, end: literal.end - 1, text: to }];
}

const columnFirst =
  /^(?:eq|neq|gt|gte|lt|lte|is|in|not|order|filter|contains|containedBy|like|ilike|likeAllOf|overlaps|textSearch|rangeGt|rangeLt|match|returns|where|andWhere|orWhere|whereIn|groupBy|orderBy)$/;

/** A string in a call of a builder chain. Returns true when the call settles what the string is. */
function* inLink(literal: SyntaxNode, link: Link, chain: Chain, columns: Columns): Generator<Hit, boolean> {
  const first = link.args[0];
  const isFirst = first !== undefined && unwrap(first) === literal;
  const table = tableOfChain(chain);
  if (link.name === 'select' && isFirst) {
    yield* inSelect(literal, table, columns, chain);
    return true;
  }
  if (link.name === 'or' && isFirst) {
    const options = link.args[1]?.text ?? '';
    const other = /\b(?:referencedTable|foreignTable)\s*:\s*['"](\w+)['"]/.exec(options)?.[1];
    yield* inChainString(literal, other ?? table, columns, chain, /^\s*\./);
    return true;
  }
  if (columnFirst.test(link.name) && isFirst) {
    const text = stringValue(literal);
    if (text === null || /->/.test(text)) return true;
    const dot = text.lastIndexOf('.');
    const options = link.args[1]?.text ?? '';
    const other = /\b(?:referencedTable|foreignTable)\s*:\s*['"](\w+)['"]/.exec(options)?.[1];
    const owner = dot === -1 ? (other ?? table) : text.slice(0, dot);
    const name = text.slice(dot + 1);
    if (!columns.oldNames.includes(name)) return true;
    if (owner === null) {
      yield {
        node: literal,
        reason: `A filter by ${name} on a query whose table is not to be seen here.`,
        certainty: 'likely',
        advice: true,
        instruction: `If it is called for ${columns.tables.join(', ')}, let the caller name the column, or rename it once all its tables are.`,
      };
      return true;
    }
    const to = columns.renamed(owner, name);
    if (to === null) return true;
    const at = literal.start + 1 + dot + 1;
    yield guarded(literal, owner, name, to, [{ start: at, end: at + name.length, text: to }], chain);
    return true;
  }
  return (
    link.name !== 'rpc' &&
    link.name !== 'query' &&
    link.name !== 'raw' &&
    link.name !== 'unsafe' &&
    link.name !== 'execute' &&
    isFirst &&
    link.name === 'from'
  );
}

/** A chain that already names the new column means both, and an edit would make it mean one of them twice. */
function guarded(
  node: SyntaxNode,
  table: string,
  from: string,
  to: string,
  edits: readonly TextEdit[],
  chain: Chain,
): Hit {
  const both = new RegExp(`(?<![\\w.])${to}(?!\\w)`).test(chain.node.text);
  const reason = reasonOf(table, from, to);
  return both
    ? {
        node,
        reason,
        instruction: `The query names ${to} as well: with both columns merged, decide which of the two conditions stays.`,
      }
    : { node, reason, edits };
}

function* inSelect(literal: SyntaxNode, table: string | null, columns: Columns, _chain: Chain): Iterable<Hit> {
  const pattern = columns.pattern;
  if (pattern === null) return;
  const edits: TextEdit[] = [];
  let shown: { table: string; name: string; to: string } | null = null;
  for (const column of selectedColumns(literal.text.slice(1, -1), table, pattern)) {
    if (column.role === 'alias') continue;
    const to = columns.renamed(column.table, column.name);
    if (to === null || column.table === null) continue;
    const start = literal.start + 1 + column.at;
    edits.push({ start, end: start + column.name.length, text: to });
    shown ??= { table: column.table, name: column.name, to };
  }
  if (shown === null) return;
  const only = new RegExp(`(?<![\\w.])${shown.to}(?!\\w)`).test(literal.text);
  const reason = reasonOf(shown.table, shown.name, shown.to);
  if (only)
    yield {
      node: literal,
      reason,
      instruction: `The select names ${shown.to} as well; take ${shown.name} out once the two are merged.`,
    };
  else yield { node: literal, reason, edits };
}

/** Names in `or(…)` and `onConflict`, which belong to the table of the chain. */
function* inChainString(
  literal: SyntaxNode,
  table: string | null,
  columns: Columns,
  chain: Chain,
  follows?: RegExp,
): Iterable<Hit> {
  const edits: TextEdit[] = [];
  let first: { name: string; to: string } | null = null;
  for (const { start, name } of namesIn(literal, columns)) {
    const text = literal.source.text;
    if (follows && !follows.test(text.slice(start + name.length, start + name.length + 2))) continue;
    const embed = /(\w+)\.$/.exec(text.slice(literal.start, start))?.[1];
    const owner = embed !== undefined && !/^(?:and|or|not)$/.test(embed) ? embed : table;
    const to = columns.renamed(owner, name);
    if (to === null) continue;
    edits.push({ start, end: start + name.length, text: to });
    first ??= { name, to };
  }
  if (first !== null && table !== null) yield guarded(literal, table, first.name, first.to, edits, chain);
}

/** `{ table: 'invoices', filter: 'organization_id=eq.…' }` of a realtime subscription. */
function* realtimeFilter(literal: SyntaxNode, pair: SyntaxNode, columns: Columns): Iterable<Hit> {
  const table = stringValue(
    pair.parent?.children.find((part) => part.kind === 'pair' && keyName(part.child(0)) === 'table')?.child(1) ?? null,
  );
  const found = namesIn(literal, columns)[0];
  if (!found || found.start !== literal.start + 1) return;
  yield* named(literal, found.name, table, columns, (to) => [
    { start: found.start, end: found.start + found.name.length, text: to },
  ]);
}

/** `uuid('organization_id')` in `pgTable('invoices', { … })`. */
function drizzleTable(call: SyntaxNode): string | null {
  const callee = callOf(call)?.callee.text ?? '';
  if (!/^(?:\w+\.)?(?:uuid|text|varchar|char|bigint|integer|serial|bigserial|smallint)$/.test(callee)) return null;
  for (let at = call.parent; at !== null; at = at.parent) {
    const outer = at.kind === 'call_expression' ? callOf(at) : null;
    if (outer && /(?:pgTable|mysqlTable|sqliteTable|\.table|createTable)$/.test(outer.callee.text))
      return stringValue(outer.args[0] ?? null);
  }
  return null;
}

function* inSql(literal: SyntaxNode, columns: Columns): Iterable<Hit> {
  const tables = tablesOfSql(literal.text);
  const text = literal.source.text;
  const edits: TextEdit[] = [];
  let shown: { table: string; name: string; to: string } | null = null;
  let unsure = false;
  for (const { start, name } of namesIn(literal, columns)) {
    const qualifier = /"?(\w+)"?\."?$/.exec(text.slice(literal.start, start))?.[1];
    let table: string | null = null;
    if (qualifier !== undefined) table = tables.get(qualifier) ?? null;
    else {
      const candidates = [...new Set(tables.values())].filter((one) => columns.renamed(one, name) !== null);
      table = candidates.length === 1 ? (candidates[0] ?? null) : null;
      // With other tables beside it a bare name may be theirs.
      if (table !== null && new Set(tables.values()).size > 1) unsure = true;
    }
    const to = columns.renamed(table, name);
    if (to === null || table === null) continue;
    // AS organization_id names the output; a comment is no code.
    if (
      /\bas\s+"?$/i.test(text.slice(Math.max(literal.start, start - 6), start)) ||
      /--[^\n]*$/.test(text.slice(literal.start, start))
    )
      continue;
    edits.push({ start, end: start + name.length, text: to });
    shown ??= { table, name, to };
  }
  if (shown === null) return;
  const reason = reasonOf(shown.table, shown.name, shown.to);
  if (unsure)
    yield {
      node: literal,
      reason,
      certainty: 'likely',
      instruction: 'The statement reads several tables: rename it where it means this one.',
    };
  else yield { node: literal, reason, edits };
}

function* inProperty(node: SyntaxNode, columns: Columns, context: RuleContext): Iterable<Hit> {
  const parent = node.parent;
  if (parent === null) return;
  switch (parent.kind) {
    case 'member_expression': {
      const object = parent.child(0);
      if (object) yield* named(parent, node.text, tableOfValue(object, columns), columns, rename(node));
      return;
    }
    case 'pair': {
      if (parent.child(0) !== node) return;
      yield* named(parent, node.text, tableOfObject(parent.parent, columns, context), columns, rename(node));
      return;
    }
    case 'pair_pattern':
      if (parent.child(0) === node)
        yield* named(parent, node.text, tableOfPattern(node, columns), columns, rename(node));
      return;
    case 'property_signature':
    case 'public_field_definition':
      yield* named(parent, node.text, tableOfTypePlace(parent, columns), columns, rename(node));
      return;
    default:
  }
}

/** The table that an object's keys are columns of: written, matched, or checked as a row of it. */
function tableOfObject(object: SyntaxNode | null, columns: Columns, context: RuleContext, depth = 0): string | null {
  if (object === null || depth > 3) return null;
  const value = wrapped(object);
  const parent = value.parent;
  if (parent === null) return null;
  switch (parent.kind) {
    case 'arguments': {
      const call = parent.parent;
      const callee = call ? callOf(call)?.callee : null;
      const chain = call ? chainAround(call) : null;
      const link = chain?.links.find((one) => one.call === call);
      if (link && chain && /^(?:insert|update|upsert|match|set|values)$/.test(link.name) && parent.child(0) === value)
        return tableOfChain(chain);
      if (link?.name === 'rpc') return null;
      if (
        callee &&
        /^(?:z|zod|yup|v|Joi|Type|s)\.(?:object|strictObject|looseObject|interface|Object|partial)$/.test(callee.text)
      ) {
        const holder = call ? schemaHolder(call) : null;
        return holder === null ? null : tableOfSchema(holder, columns);
      }
      return null;
    }
    case 'array':
    case 'arrow_function':
    case 'return_statement': {
      // rows.map((x) => ({ organization_id: … })) handed to insert
      if (parent.kind === 'array') return tableOfObject(parent, columns, context, depth + 1);
      const fn = parent.kind === 'arrow_function' ? parent : parent.above('arrow_function', 'function_expression');
      const call = fn?.parent?.kind === 'arguments' ? fn.parent.parent : null;
      const name = call ? memberOf(callOf(call)?.callee ?? call)?.name : null;
      return call && name && /^(?:map|flatMap)$/.test(name) ? tableOfObject(call, columns, context, depth + 1) : null;
    }
    case 'variable_declarator': {
      const annotation = parent.childOfKind('type_annotation');
      const typed = annotation ? tableOfType(annotation, columns) : null;
      if (typed !== null) return typed;
      const holder = holderOf(value);
      return holder === null ? null : tableOfWritten(holder, columns, context, depth);
    }
    case 'assignment_expression': {
      const holder = holderOf(value);
      return holder === null ? null : tableOfWritten(holder, columns, context, depth);
    }
    case 'spread_element':
      return parent.parent ? tableOfObject(parent.parent, columns, context, depth + 1) : null;
    case 'ternary_expression':
    case 'binary_expression':
      return tableOfObject(parent, columns, context, depth + 1);
    default:
      return null;
  }
}

/** The table that a variable is written to. */
function tableOfWritten(binding: Binding, columns: Columns, context: RuleContext, depth: number): string | null {
  for (const reference of referencesOf(binding)) {
    const parent = wrapped(reference).parent;
    if (parent && /^(?:arguments|array|spread_element)$/.test(parent.kind)) {
      const table = tableOfObject(reference, columns, context, depth + 1);
      if (table !== null) return table;
    }
    // rows.push({ … }); insert(rows)
  }
  return null;
}

function schemaHolder(call: SyntaxNode): Binding | null {
  let at: SyntaxNode = call;
  while (at.parent && /^(?:member_expression|call_expression)$/.test(at.parent.kind)) at = at.parent;
  const name = at.parent?.kind === 'variable_declarator' ? at.parent.child(0) : null;
  return name?.kind === 'identifier' ? declaredBy(name) : null;
}

/** A schema is a row's when it is named after the table, or when rows of the table are parsed with it. */
function tableOfSchema(binding: Binding, columns: Columns, depth = 0): string | null {
  for (const reference of referencesOf(binding)) {
    let at: SyntaxNode = reference;
    while (
      at.parent &&
      /^(?:member_expression|call_expression|arguments|as_expression|parenthesized_expression)$/.test(at.parent.kind)
    ) {
      at = at.parent;
      const call = at.kind === 'call_expression' ? callOf(at) : null;
      const name = call ? memberOf(call.callee)?.name : null;
      const first = call?.args[0];
      if (
        call &&
        name &&
        /^(?:parse|safeParse|parseAsync|safeParseAsync)$/.test(name) &&
        first &&
        !first.contains(reference)
      ) {
        const table = tableOfValue(first, columns, depth + 1);
        if (table !== null) return table;
        // It checks something that is no row: a request body is a contract of its own.
        return null;
      }
    }
  }
  return columns.named(binding.name);
}

/** The table whose row a pattern takes apart. */
function tableOfPattern(node: SyntaxNode, columns: Columns): string | null {
  const pair = node.parent?.kind === 'pair_pattern' ? node.parent : null;
  const target = pair ? pair.child(1) : node;
  const identifier = target?.kind === 'assignment_pattern' ? target.child(0) : target;
  const binding = identifier ? declaredBy(identifier) : null;
  if (binding === null) return null;
  const holder = node.above('variable_declarator', 'required_parameter', 'optional_parameter', 'for_in_statement');
  const annotation = holder?.childOfKind('type_annotation');
  const typed = annotation ? tableOfType(annotation, columns) : null;
  if (typed !== null) return typed;
  // The last name of the path is the column itself.
  const outer: Binding = { ...binding, path: binding.path.slice(0, -1) };
  return tableOfBinding(outer, columns);
}

/** The table around a place in a type: generated types by their structure, others by their name. */
function tableOfTypePlace(node: SyntaxNode, columns: Columns): string | null {
  const names: string[] = [];
  for (let at = node.parent; at !== null; at = at.parent) {
    if (at.kind === 'property_signature') {
      const name = keyName(at.child(0));
      if (name === 'Tables' || name === 'Views') return names.at(-1) ?? null;
      if (name !== null) names.push(name);
    }
    if (/^(?:Functions|Enums|Args|Returns)$/.test(names.at(-1) ?? '')) return null;
    if (/^(?:interface_declaration|class_declaration)$/.test(at.kind)) return columns.named(at.child(0)?.text ?? '');
    if (at.kind === 'type_alias_declaration') {
      const generated = node.kind === 'property_signature' ? null : tableOfType(at.child(-1), columns);
      return generated ?? (names.length === 0 ? columns.named(at.child(0)?.text ?? '') : null);
    }
    if (/^(?:required_parameter|variable_declarator|as_expression|call_expression|new_expression)$/.test(at.kind))
      return names.length === 0 && node.kind !== 'property_signature'
        ? tableOfType(at, columns)
        : inlineType(at, columns);
  }
  return null;
}

/** `useState<{ organization_id: string }[]>` and `as { organization_id: string }`: a row when the value is. */
function inlineType(at: SyntaxNode, columns: Columns): string | null {
  if (at.kind !== 'as_expression') return null;
  const value = at.child(0);
  return value ? tableOfValue(value, columns) : null;
}

/** A Prisma schema: `@map("organization_id")`, or the name of a field itself. */
function* prismaHits(root: SyntaxNode, columns: Columns): Iterable<Hit> {
  const { text } = root.source;
  for (const model of text.matchAll(/^\s*model\s+(\w+)\s*\{([\s\S]*?)^\s*\}/gm)) {
    const body = model[2] ?? '';
    const bodyAt = model.index + model[0].indexOf('{') + 1;
    const table = /@@map\(\s*(?:name:\s*)?"([^"]+)"/.exec(body)?.[1] ?? columns.named(model[1] ?? '') ?? model[1] ?? '';
    let at = bodyAt;
    for (const line of body.split('\n')) {
      const lineAt = at;
      at += line.length + 1;
      const code = line.replace(/\/\/.*$/, '');
      const field = /^\s*(\w+)\s+\w/.exec(code)?.[1];
      const map = /@map\(\s*(?:name:\s*)?"([^"]+)"/.exec(code);
      if (field === undefined || /^\s*@@/.test(code)) continue;
      const column = map?.[1] ?? field;
      const to = columns.renamed(table, column);
      if (to === null) continue;
      const start = map ? lineAt + code.indexOf(`"${column}"`) + 1 : lineAt + code.trimEnd().length;
      const edit = map
        ? { start, end: start + column.length, text: to }
        : { start, end: start, text: ` @map("${to}")` };
      const fieldAt = lineAt + code.indexOf(map ? map[0] : field);
      yield {
        node: { start: fieldAt, end: lineAt + code.trimEnd().length },
        reason: reasonOf(table, column, to),
        edits: [edit],
      };
    }
  }
}
