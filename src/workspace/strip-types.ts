import { Lang, parse, type SgNode } from '@ast-grep/napi';
import { styleOfText } from './code-style.ts';

type Cut = { readonly start: number; readonly end: number };

/**
 * TypeScript of our own templates as plain JavaScript, for apps without TypeScript: types are cut out, everything else
 * stays as it is. CommonJS projects get `require` and `module.exports`.
 */
export function toPlainJavaScript(file: string, text: string, moduleType: 'module' | 'commonjs'): string {
  const cuts: Cut[] = [];
  const language = /x$/.test(file) || file.endsWith('.js') ? Lang.Tsx : Lang.TypeScript;
  collect(parse(language, text).root(), text, cuts);
  const plain = applyCuts(text, cuts)
    .replace(/^[^\S\r\n]+$/gm, '')
    .replace(/(\{\r?\n)(?:\r?\n)+/g, '$1')
    .replace(/\n{3,}/g, '\n\n');
  return moduleType === 'module' ? plain : toCommonJs(plain);
}

function collect(node: SgNode, text: string, cuts: Cut[]): void {
  const own = cutOf(node, text);
  if (own !== null) cuts.push(own);
  const wrapper = /^(?:as_expression|satisfies_expression|non_null_expression)$/.test(String(node.kind()));
  if (own !== null && !wrapper && node.kind() !== 'optional_parameter') return;
  for (const child of node.children()) collect(child, text, cuts);
}

/** What of a node is no JavaScript; null where nothing is. */
function cutOf(node: SgNode, text: string): Cut | null {
  const kind = String(node.kind());
  const { start, end } = node.range();
  const cut = (from: number, to: number): Cut => ({ start: from, end: to });
  const spaceAfter = (pattern: RegExp): number => end.index + (pattern.exec(text.slice(end.index))?.[0].length ?? 0);
  switch (kind) {
    case 'type_annotation':
    case 'type_arguments':
    case 'type_parameters':
    case 'implements_clause':
    case 'type_predicate_annotation':
      return cut(start.index, end.index);
    case 'type_alias_declaration':
    case 'interface_declaration':
    case 'ambient_declaration': {
      const parent = node.parent();
      const whole = parent?.kind() === 'export_statement' ? parent : node;
      return cut(whole.range().start.index, lineEnd(text, whole.range().end.index));
    }
    case 'public_field_definition':
      // A field without a value is a declaration only.
      return node.text().includes('=') ? null : cut(start.index, lineEnd(text, end.index));
    case 'as_expression':
    case 'satisfies_expression':
    case 'non_null_expression': {
      const inner = node.child(0);
      return inner === null ? null : cut(inner.range().end.index, end.index);
    }
    case 'optional_parameter': {
      const mark = node.children().find((child) => child.kind() === '?');
      return mark ? cut(mark.range().start.index, mark.range().end.index) : null;
    }
    case 'required_parameter':
      return node.child(0)?.kind() === 'this' ? cut(start.index, spaceAfter(/^,\s*/)) : null;
    case 'import_statement':
      return /^import type\b/.test(node.text()) ? cut(start.index, lineEnd(text, end.index)) : null;
    case 'import_specifier':
      return /^type\b/.test(node.text()) ? cut(start.index, spaceAfter(/^,\s*/)) : null;
    case 'readonly':
    case 'accessibility_modifier':
      return cut(start.index, spaceAfter(/^\s*/));
    default:
      return null;
  }
}

const lineEnd = (text: string, at: number): number => at + (/^;?[ \t]*\r?\n?/.exec(text.slice(at))?.[0].length ?? 0);

function applyCuts(text: string, cuts: readonly Cut[]): string {
  let result = '';
  let at = 0;
  for (const cut of [...cuts].sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (cut.start < at) continue;
    result += text.slice(at, cut.start);
    at = cut.end;
  }
  return result + text.slice(at);
}

function toCommonJs(text: string): string {
  const names: string[] = [];
  const body = text
    .replace(/^import (\{[^}]*\}) from (['"][^'"]+['"])/gm, 'const $1 = require($2)')
    .replace(/^import (\w+) from (['"][^'"]+['"])/gm, 'const $1 = require($2)')
    .replace(/^export ((?:async )?function|class|const|let) (\w+)/gm, (_, word: string, name: string) => {
      names.push(name);
      return `${word} ${name}`;
    });
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const end = styleOfText(text).semicolons ? ';' : '';
  return `${body.trimEnd()}${newline}${newline}module.exports = { ${names.join(', ')} }${end}${newline}`;
}
