import type { Columns } from '../../columns.ts';
import type { Hit } from '../../rule-context.ts';
import { tablesOfSql } from '../../sql-tables.ts';
import type { SyntaxNode } from '../../syntax.ts';
import type { TextEdit } from '../../types.ts';
import { reasonOf } from './hits.ts';

type Part = { readonly start: number; readonly end: number };

/** pgTAP's checks of columns: `has_column('public', 'notes', 'organization_id')`, `col_not_null('notes', 'organization_id')`. */
const aboutColumn =
  /\b(?:hasnt_column|has_column|col_\w+|fk_ok|index_is_\w+|has_index|columns_are)\s*\(\s*(?:(?:''|'\w+')\s*,\s*)?'(\w+)'/gi;

/** A seed or a database test, which a local reset runs after the migrations: its statements by their tables. */
export function* localSqlHits(root: SyntaxNode, columns: Columns): Iterable<Hit> {
  const { pattern } = columns;
  const { text } = root.source;
  if (pattern === null) return;
  for (const statement of statementsOf(text)) {
    const code = text.slice(statement.start, statement.end);
    const hidden = hiddenParts(code);
    const tables = tablesOfSql(code);
    const named = [...code.matchAll(aboutColumn)].map((match) => ({
      start: match.index,
      end: closing(code, match.index + match[0].indexOf('(')),
      table: match[1] ?? '',
    }));
    const edits: TextEdit[] = [];
    let first: { at: number; table: string; name: string; to: string } | null = null;
    let unsure = false;
    for (const { 0: name, index } of code.matchAll(pattern)) {
      const assertion = named.find((one) => one.start < index && index < one.end);
      const inside = hidden.find((one) => one.start <= index && index < one.end);
      if (inside?.kind === 'comment' || (inside?.kind === 'string' && assertion === undefined)) continue;
      // A description at the end of an assertion is a sentence.
      if (inside && !/^'(?:\w+)'$/.test(code.slice(inside.start, inside.end)) && inside.kind === 'string') continue;
      if (/\bas\s+"?$/i.test(code.slice(Math.max(0, index - 6), index))) continue;
      const table = assertion?.table ?? tableOf(code, index, name, tables, columns);
      const to = columns.renamed(table, name);
      if (table === null || to === null) continue;
      const others = new Set(tables.values());
      if (assertion === undefined && others.size > 1 && !/\.\s*"?$/.test(code.slice(0, index)) && !inList(code, index))
        unsure = true;
      const start = statement.start + index;
      edits.push({ start, end: start + name.length, text: to });
      first ??= { at: start, table, name, to };
    }
    if (first === null) continue;
    const hit = {
      node: { start: first.at, end: first.at + first.name.length },
      reason: reasonOf(first.table, first.name, first.to),
    };
    if (unsure)
      yield {
        ...hit,
        certainty: 'likely',
        instruction: 'The statement names several tables: rename it where it means this one.',
      };
    else yield { ...hit, edits };
  }
}

/** The table of a bare or qualified name: by its alias, by the column list it stands in, or as the only one renamed. */
function tableOf(
  code: string,
  index: number,
  name: string,
  tables: ReadonlyMap<string, string>,
  columns: Columns,
): string | null {
  const qualifier = /"?(\w+)"?\s*\.\s*"?$/.exec(code.slice(0, index))?.[1];
  if (qualifier !== undefined) return tables.get(qualifier) ?? null;
  const list = inList(code, index);
  if (list !== null) return list;
  const candidates = [...new Set(tables.values())].filter((one) => columns.renamed(one, name) !== null);
  return candidates.length === 1 ? (candidates[0] ?? null) : null;
}

/** `insert into notes (…` and `copy notes (…`: a name in that list is a column of that table. */
const inList = (code: string, index: number): string | null =>
  /\b(?:insert\s+into|copy)\s+(?:"?\w+"?\.)?"?(\w+)"?\s*(?:as\s+\w+\s*)?\([^()]*$/i.exec(code.slice(0, index))?.[1] ??
  null;

function closing(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    if (code[at] === '(') depth += 1;
    else if (code[at] === ')') {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return code.length;
}

type Hidden = Part & { readonly kind: 'string' | 'comment' };

const token = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$|;/g;

/** Strings and comments. A text in dollars is code: the body of a function or the query of a test. */
function hiddenParts(code: string): readonly Hidden[] {
  return [...code.matchAll(token)].flatMap((match): readonly Hidden[] => {
    const [text] = match;
    const end = match.index + text.length;
    if (/^(?:--|\/\*)/.test(text)) return [{ start: match.index, end, kind: 'comment' }];
    return text.startsWith("'") ? [{ start: match.index, end, kind: 'string' }] : [];
  });
}

function statementsOf(text: string): readonly Part[] {
  const parts: Part[] = [];
  let start = 0;
  for (const match of text.matchAll(token)) {
    if (match[0] !== ';') continue;
    parts.push({ start, end: match.index + 1 });
    start = match.index + 1;
  }
  parts.push({ start, end: text.length });
  return parts;
}
