import { applyEdits } from '../../../src/workspace/edit.ts';
import { importEdits, indentAt, statementAround } from '../../../src/workspace/scan/fixes.ts';
import { declaredBy } from '../../../src/workspace/scan/scope.ts';
import {
  functionAround,
  isFunction,
  nodeAt,
  parseSource,
  type Source,
  type SyntaxNode,
} from '../../../src/workspace/scan/syntax.ts';
import type { Finding, TextEdit } from '../../../src/workspace/scan/types.ts';
import { countOf, offsetOf } from '../../code/nodes.ts';

/** The expression, or the name in a pattern, that a finding is about. */
export function placeOf(source: Source, finding: Pick<Finding, 'line' | 'column'>): SyntaxNode {
  let at = nodeAt(source, offsetOf(source.text, finding));
  while (at.parent !== null && at.parent.start === at.start && longer.test(at.parent.kind)) at = at.parent;
  return at;
}

const longer =
  /^(?:member_expression|subscript_expression|call_expression|non_null_expression|as_expression|satisfies_expression)$/;

/**
 * Puts the validated organization in the place of what the sender named. `call` gives the helper's call for a value.
 * What is used afterwards is what the helper gave, also where the sender named nothing.
 */
export function takeValidated(node: SyntaxNode, call: (supplied: string) => string): readonly TextEdit[] | null {
  if (longer.test(node.kind) || node.kind === 'binary_expression') {
    const bare = node.kind === 'as_expression' || node.kind === 'non_null_expression' ? (node.child(0) ?? node) : node;
    return [{ start: node.start, end: node.end, text: call(bare.text) }];
  }
  if (/^(?:string|template_string)$/.test(node.kind)) return [{ start: node.start, end: node.end, text: call('') }];
  const binding = /identifier/.test(node.kind) ? declaredBy(node) : null;
  if (binding === null) {
    return node.kind === 'identifier' ? [{ start: node.start, end: node.end, text: call(node.text) }] : null;
  }
  const { name } = binding;
  if (binding.parameter !== null && node.parent?.kind.endsWith('_parameter')) return inBody(node, name, call);
  const asked = freeName(node, name);
  const renamed: TextEdit =
    node.kind === 'shorthand_property_identifier_pattern'
      ? { start: node.end, end: node.end, text: `: ${asked}` }
      : { start: node.start, end: node.end, text: asked };
  if (node.parent?.kind.endsWith('assignment_pattern')) return null;
  if (binding.parameter !== null) {
    const inside = bodyStart(node, (end) => `const ${name} = ${call(asked)}${end}`);
    return inside === null ? null : [renamed, inside];
  }
  const statement = statementAround(node);
  if (!/^(?:lexical|variable)_declaration$/.test(statement.kind)) return null;
  const { text } = node.source;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const word = /^\w+/.exec(statement.text)?.[0] ?? 'const';
  return [
    renamed,
    {
      start: statement.end,
      end: statement.end,
      text: `${newline}${indentAt(text, statement.start)}${word} ${name} = ${call(asked)}${statement.text.endsWith(';') ? ';' : ''}`,
    },
  ];
}

/** An argument keeps its name and is replaced before anything else happens. */
function inBody(node: SyntaxNode, name: string, call: (supplied: string) => string): readonly TextEdit[] | null {
  const edit = bodyStart(node, (end) => `${name} = ${call(name)}${end}`);
  return edit === null ? null : [edit];
}

/** A line at the start of the function whose parameter a node is. Null where it has no block. */
function bodyStart(node: SyntaxNode, line: (end: string) => string): TextEdit | null {
  let fn: SyntaxNode | null = node;
  while (fn !== null && !isFunction(fn)) fn = fn.parent;
  const body = fn?.childOfKind('statement_block') ?? null;
  if (body === null) return null;
  const { text } = node.source;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const directives = body.children.filter(
    (one) => one.kind === 'expression_statement' && one.child(0)?.kind === 'string',
  );
  const first = body.children.find((one) => !directives.includes(one));
  const end = /;\s*(?:\}|\n)/.test(body.text) || body.children.length === 0 ? ';' : '';
  const at = directives.at(-1)?.end ?? body.start + 1;
  if (first === undefined || !text.slice(body.start, first.start).includes('\n'))
    return { start: at, end: at, text: ` ${line(end === '' ? ';' : end)}` };
  return { start: at, end: at, text: `${newline}${indentAt(text, first.start)}${line(end)}` };
}

/** `requestedOrgId` for `orgId`, where nothing in the function has that name. */
function freeName(node: SyntaxNode, name: string): string {
  const scope = functionAround(node)?.text ?? node.source.text;
  const base = name.includes('_') ? `requested_${name}` : `requested${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  let free = base;
  for (let count = 2; countOf(scope, free) > 0; count += 1) free = `${base}${count}`;
  return free;
}

/** A text with these edits and the imports that they need, each once. */
export async function withImports(
  file: string,
  text: string,
  edits: readonly TextEdit[],
  names: readonly string[],
  specifier: string,
): Promise<string> {
  const unique = [...new Map(edits.map((one) => [`${one.start}:${one.end}:${one.text}`, one])).values()];
  let edited = applyEdits(text, unique);
  for (const name of new Set(names)) {
    const joined = joinRequire(edited, name, specifier);
    if (joined !== null) {
      edited = joined;
      continue;
    }
    const source = await parseSource(file, edited);
    const helpers = { requireOrgId: '', assertSameOrg: '', importPath: () => specifier };
    edited = applyEdits(edited, importEdits(source, helpers, name) ?? []);
  }
  return edited;
}

/** One more name of what a file requires already; null where it does not, or has the name. */
function joinRequire(text: string, name: string, specifier: string): string | null {
  for (const match of text.matchAll(/\{([^{}]*)\}\s*=\s*require\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    if (match[2] !== specifier) continue;
    const names = (match[1] ?? '').split(',').map((one) => one.trim());
    if (names.includes(name)) return text;
    const at = match.index + 1 + (match[1] ?? '').trimEnd().length;
    return `${text.slice(0, at)}, ${name}${text.slice(at)}`;
  }
  return null;
}
