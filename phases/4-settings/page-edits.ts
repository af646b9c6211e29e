import { applyEdits } from '../../src/workspace/edit.ts';
import { indentAt } from '../../src/workspace/scan/fixes.ts';
import { nodeAt, parseSource, type Source, type SyntaxNode } from '../../src/workspace/scan/syntax.ts';
import type { Finding, TextEdit } from '../../src/workspace/scan/types.ts';
import { descendants, offsetOf, removeLine } from '../code/nodes.ts';

const refusedRole = /the role (\w+)/;
/** A field of a list that is read in the wrong place: mended where it stands, never taken out. */
const misread = /which have it one level deeper/;

/**
 * Puts the form on a settings page: in place of what only says that there is none, else as a tab of its own, else as
 * the last part of the page. Null where the page has a shape that is not known.
 */
export async function showForm(
  file: string,
  text: string,
  findings: readonly Finding[],
  component: string,
  title = 'Organization',
): Promise<string | null> {
  const source = await parseSource(file, text);
  if (source.errorAt !== null) return null;
  const places = findings.filter(
    (one) => one.file === file && !refusedRole.test(one.reason) && !misread.test(one.reason),
  );
  const branches = places
    .map((one) => nodeAt(source, offsetOf(text, one)))
    .map((node) => placeholderAround(node))
    .filter((node) => node !== null);
  const outer = branches.filter((node) => !branches.some((other) => other !== node && strictlyContains(other, node)));
  const [first, ...rest] = [...new Map(outer.map((node) => [node.start, node])).values()];
  if (first !== undefined) {
    const element = `<${component} />`;
    return applyEdits(text, [
      { start: first.start, end: first.end, text: element },
      ...rest.map((node) => removeLine(node)),
    ]);
  }
  const edits = tabEdits(source, component, title) ?? lastPart(source, component);
  return edits === null ? null : applyEdits(text, edits);
}

/** Takes the notes out of the other parts of the settings, and roles that the API refuses out of their forms. */
export async function removeNotes(file: string, text: string, findings: readonly Finding[]): Promise<string> {
  const source = await parseSource(file, text);
  if (source.errorAt !== null) return text;
  const edits: TextEdit[] = [];
  for (const finding of findings.filter((one) => one.file === file && !misread.test(one.reason))) {
    const node = nodeAt(source, offsetOf(text, finding));
    const role = refusedRole.exec(finding.reason)?.[1];
    if (role !== undefined) {
      edits.push(...roleEdits(elementAround(node) ?? node, role));
      continue;
    }
    const element = elementAround(node);
    if (element !== null && !/<[A-Z]|<(?:input|select|form|button)\b/.test(element.text))
      edits.push(removeLine(element));
  }
  return applyEdits(text, edits);
}

const strictlyContains = (outer: SyntaxNode, inner: SyntaxNode): boolean =>
  outer.contains(inner) && (outer.start !== inner.start || outer.end !== inner.end);

function elementAround(node: SyntaxNode): SyntaxNode | null {
  let at: SyntaxNode | null = node;
  while (at !== null && !/^jsx_(?:element|self_closing_element)$/.test(at.kind)) at = at.parent;
  return at;
}

/** The element that holds nothing but the placeholder: what can be replaced without losing anything. */
function placeholderAround(node: SyntaxNode): SyntaxNode | null {
  const element = elementAround(node);
  if (element === null) return null;
  let at = element;
  for (;;) {
    const parent = at.parent;
    if (parent === null || parent.kind !== 'jsx_element' || !isInert(parent)) break;
    // The page itself is not a placeholder, even where it holds nothing else.
    const above = parent.parent?.kind === 'parenthesized_expression' ? parent.parent.parent : parent.parent;
    if (above === null || above.kind === 'return_statement' || above.kind === 'arrow_function') break;
    at = parent;
  }
  if (!isInert(at)) return null;
  const around = at.parent;
  return around?.kind === 'parenthesized_expression' ? around : at;
}

/** Text, headings and links only: nothing that can be set, and no component. */
const isInert = (element: SyntaxNode): boolean =>
  !/<[A-Z]|<(?:input|select|textarea|form|button|ul|ol|table)\b|\.map\(|on[A-Z]\w+=/.test(element.text);

/** `const tabs = [{ id: 'team', title: 'Team' }]` with `{tab === 'team' && …}`: one more of each. */
function tabEdits(source: Source, component: string, title: string): readonly TextEdit[] | null {
  const { text } = source;
  for (const array of descendants(source.root, 'array')) {
    const objects = array.children;
    const last = objects.at(-1);
    if (last === undefined || !objects.every((one) => one.kind === 'object')) continue;
    const [, idKey, quote, id] = /\b(id|key|value)\s*:\s*(['"])([\w-]+)\2/.exec(last.text) ?? [];
    const [, labelKey] = /\b(title|label|name)\s*:\s*['"]/.exec(last.text) ?? [];
    if (idKey === undefined || quote === undefined || id === undefined || labelKey === undefined) continue;
    // Tabs with more than an id and a label (an icon) cannot be made up.
    if (last.children.length !== 2) continue;
    const shown = descendants(source.root, 'jsx_expression').filter((one) =>
      new RegExp(`^\\{\\s*(\\w+)\\s*===\\s*['"]${id}['"]\\s*&&`).test(one.text),
    );
    const panel = shown.at(-1);
    const variable = panel === undefined ? undefined : /^\{\s*(\w+)/.exec(panel.text)?.[1];
    if (panel === undefined || variable === undefined) continue;
    const newline = text.includes('\r\n') ? '\r\n' : '\n';
    const gap = /\n/.test(text.slice(objects.at(-2)?.end ?? array.start, last.start))
      ? `${newline}${indentAt(text, last.start)}`
      : ' ';
    const edits: TextEdit[] = [
      {
        start: last.end,
        end: last.end,
        text: `,${gap}{ ${idKey}: ${quote}organization${quote}, ${labelKey}: ${quote}${title}${quote} }`,
      },
      {
        start: panel.end,
        end: panel.end,
        text: `${newline}${indentAt(text, panel.start)}{${variable} === ${quote}organization${quote} && <${component} />}`,
      },
    ];
    const union = new RegExp(`type\\s+\\w+\\s*=\\s*[^;\\n]*['"]${id}['"]`).exec(text);
    if (union !== null) {
      const at = union.index + union[0].length;
      edits.push({ start: at, end: at, text: ` | ${quote}organization${quote}` });
    }
    return edits;
  }
  return null;
}

/** As the last child of the element that the page returns. */
function lastPart(source: Source, component: string): readonly TextEdit[] | null {
  const { text } = source;
  const exported = descendants(source.root, 'export_statement').find((one) => /^export\s+default\b/.test(one.text));
  const returns = exported === undefined ? [] : descendants(exported, 'return_statement');
  const root = returns.map((one) => descendants(one, 'jsx_element')[0]).findLast((one) => one !== undefined);
  const closing = root?.childOfKind('jsx_closing_element');
  if (root === undefined || !closing) return null;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const indent = indentAt(text, closing.start);
  const level = text.includes('\n\t') ? '\t' : '  ';
  const at = text.slice(0, closing.start).trimEnd().length;
  return [{ start: at, end: closing.start, text: `${newline}${indent}${level}<${component} />${newline}${indent}` }];
}

/** `<option value="member">`, or `'member'` in a list of roles. */
function roleEdits(node: SyntaxNode, role: string): readonly TextEdit[] {
  const option = new RegExp(`^<option\\b[^>]*\\bvalue=(?:"${role}"|\\{['"]${role}['"]\\})`);
  if (option.test(node.text)) {
    const siblings = node.parent?.children.filter((one) => /^<option\b/.test(one.text)) ?? [];
    // The last choice of a list is left: an empty list cannot be used at all.
    return siblings.length > 1 ? [removeLine(node)] : [];
  }
  let expression: SyntaxNode | null = node;
  while (expression !== null && descendants(expression, 'array').length === 0) expression = expression.parent;
  for (const array of expression === null ? [] : descendants(expression, 'array')) {
    const index = array.children.findIndex((one) => one.kind === 'string' && one.text.slice(1, -1) === role);
    const [item, next, previous] = [array.children[index], array.children[index + 1], array.children[index - 1]];
    if (item === undefined) continue;
    if (next !== undefined) return [{ start: item.start, end: next.start, text: '' }];
    if (previous !== undefined) return [{ start: previous.end, end: item.end, text: '' }];
  }
  return [];
}
