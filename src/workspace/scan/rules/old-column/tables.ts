import { chainAround } from '../../chains.ts';
import { type Columns, tableOfBinding, tableOfChain, tableOfType, tableOfValue } from '../../columns.ts';
import { holderOf } from '../../org-reads.ts';
import { type Binding, declaredBy, referencesOf } from '../../scope.ts';
import { callOf, keyName, memberOf, type SyntaxNode, wrapped } from '../../syntax.ts';

/** The table that an object's keys are columns of: written, matched, or checked as a row of it. */
export function tableOfObject(object: SyntaxNode | null, columns: Columns, depth = 0): string | null {
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
      if (parent.kind === 'array') return tableOfObject(parent, columns, depth + 1);
      const fn = parent.kind === 'arrow_function' ? parent : parent.above('arrow_function', 'function_expression');
      const call = fn?.parent?.kind === 'arguments' ? fn.parent.parent : null;
      const name = call ? memberOf(callOf(call)?.callee ?? call)?.name : null;
      return call && name && /^(?:map|flatMap)$/.test(name) ? tableOfObject(call, columns, depth + 1) : null;
    }
    case 'variable_declarator': {
      const annotation = parent.childOfKind('type_annotation');
      const typed = annotation ? tableOfType(annotation, columns) : null;
      if (typed !== null) return typed;
      const holder = holderOf(value);
      return holder === null ? null : tableOfWritten(holder, columns, depth);
    }
    case 'assignment_expression': {
      const holder = holderOf(value);
      return holder === null ? null : tableOfWritten(holder, columns, depth);
    }
    case 'spread_element':
      return parent.parent ? tableOfObject(parent.parent, columns, depth + 1) : null;
    case 'ternary_expression':
    case 'binary_expression':
      return tableOfObject(parent, columns, depth + 1);
    default:
      return null;
  }
}

/** The table that a variable is written to. */
function tableOfWritten(binding: Binding, columns: Columns, depth: number): string | null {
  for (const reference of referencesOf(binding)) {
    const parent = wrapped(reference).parent;
    if (parent && /^(?:arguments|array|spread_element)$/.test(parent.kind)) {
      const table = tableOfObject(reference, columns, depth + 1);
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
export function tableOfPattern(node: SyntaxNode, columns: Columns): string | null {
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
export function tableOfTypePlace(node: SyntaxNode, columns: Columns): string | null {
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
