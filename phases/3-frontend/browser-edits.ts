import { applyEdits } from '../../src/workspace/edit.ts';
import { converts } from '../../src/workspace/scan/org-reads.ts';
import { bindingOf, referencesOf } from '../../src/workspace/scan/scope.ts';
import { functionAround, nodeAt, parseSource, type Source, type SyntaxNode } from '../../src/workspace/scan/syntax.ts';
import type { Finding, TextEdit } from '../../src/workspace/scan/types.ts';
import { countOf, descendants, offsetOf, removeLine } from '../code/nodes.ts';
import { deadTest } from './dead-tests.ts';
import { emptyFunction } from './empty-functions.ts';

/**
 * Mends what the scan finds in browser code and leaves to its caller, in the shapes that are certain: a write of the
 * organization to storage goes, a read of it gives null where no query is made with it, a header that is set in a statement goes, a value taken from
 * `user_metadata` by way of a variable is taken from `app_metadata`. Follow with `tidy`: names that are then unused are
 * an error in some projects.
 */
export async function mendBrowserCode(file: string, text: string, findings: readonly Finding[]): Promise<string> {
  const source = await parseSource(file, text);
  if (source.errorAt !== null) return text;
  const own = findings.filter((one) => one.file === file && one.fix === null);
  const edits: TextEdit[] = [];
  // What another edit takes out needs no value any more.
  const going = findings.filter((one) => one.file === file).flatMap((one) => one.fix?.edits ?? []);
  for (const finding of own) {
    const node = nodeAt(source, offsetOf(text, finding));
    if (finding.kind === 'browser-org-header') going.push(...statementEdits(node));
  }
  for (const finding of own) {
    const node = nodeAt(source, offsetOf(text, finding));
    if (finding.kind === 'stored-org') edits.push(...storedEdits(node, going));
    else if (finding.kind === 'browser-org-header') edits.push(...statementEdits(node));
    else if (finding.kind === 'user-metadata-org') edits.push(...metadataEdits(node));
  }
  return applyEdits(text, distinct(edits));
}

/**
 * Takes out what an edit has left without a purpose: variables and functions that were used before and are not now, and
 * spreads of an empty object.
 */
export async function tidy(file: string, before: string, now: string): Promise<string> {
  let edited = now;
  for (let round = 0; round < 8; round += 1) {
    const next = await withoutUnused(file, before, edited);
    if (next === edited) break;
    edited = next;
  }
  return edited;
}

/** Edits of two findings that cover each other are one. */
function distinct(edits: readonly TextEdit[]): readonly TextEdit[] {
  return edits.filter(
    (edit, index) =>
      !edits.some(
        (other, at) =>
          at !== index &&
          other.start <= edit.start &&
          edit.end <= other.end &&
          (other.end - other.start > edit.end - edit.start || at < index),
      ),
  );
}

const storageCall = /^(?:window\.|globalThis\.)?(?:local|session)Storage\??\.(get|set)Item\s*\(/;

function storedEdits(node: SyntaxNode, going: readonly TextEdit[]): readonly TextEdit[] {
  let call: SyntaxNode | null = node;
  while (call !== null && !(call.kind === 'call_expression' && storageCall.test(call.text))) call = call.parent;
  if (call === null) return [];
  if (storageCall.exec(call.text)?.[1] === 'set') return statementEdits(call);
  const { parent } = call;
  const { text } = call.source;
  // `claims.org_id ?? localStorage.getItem(…)`: the fallback goes, what stands in front of it stays.
  if (parent?.kind === 'binary_expression' && parent.child(1) === call) {
    const left = parent.child(0);
    const falls = left !== null && /^\s*(?:\?\?|\|\|)/.test(text.slice(left.end));
    const isLast = !/^\s*(?:\?\?|\|\|)/.test(text.slice(call.end));
    // What stands there was null without one, and stays so.
    if (falls && isLast && !declares(parent)) return [{ start: call.start, end: call.end, text: 'null' }];
    if (falls) return [{ start: left.end, end: call.end, text: '' }];
  }
  // A query with null finds nothing, and says nothing: where the value comes from instead is for a person to write.
  return asksWith(call, going) ? [] : [{ start: call.start, end: call.end, text: nothingAt(call) }];
}

/** Where the type of something else follows from it, null alone would say that it is never anything else. */
const nothingAt = ({ parent, source }: SyntaxNode): string =>
  /\.[cm]?tsx?$/.test(source.path) && /^(?:pair|arguments|arrow_function|return_statement)$/.test(parent?.kind ?? '')
    ? 'null as string | null'
    : 'null';

const declares = ({ parent }: SyntaxNode): boolean => parent?.kind === 'variable_declarator';

const queries = /\.(?:eq|neq|match|filter|in|or|contains|insert|update|upsert|rpc)$/;

/** Whether a query is made with the value of a call: right there, or by way of the variable that it is given to. */
function asksWith(call: SyntaxNode, going: readonly TextEdit[]): boolean {
  let value = converted(call);
  while (
    value.parent !== null &&
    /^(?:as_expression|non_null_expression|parenthesized_expression|binary_expression)$/.test(value.parent.kind)
  )
    value = converted(value.parent);
  const declarator = value.parent?.kind === 'variable_declarator' ? value.parent : null;
  const name = declarator?.child(0);
  const binding = name?.kind === 'identifier' ? bindingOf(name) : null;
  const uses = binding === null ? [value] : referencesOf(binding);
  return uses
    .filter((use) => !going.some((edit) => edit.start <= use.start && use.end <= edit.end))
    .some(isArgumentOfQuery);
}

/** With `String(…)` and its like around it. */
function converted(node: SyntaxNode): SyntaxNode {
  const call = node.parent?.kind === 'arguments' ? node.parent.parent : null;
  return call !== null && converts.test(call.child(0)?.text ?? '') ? converted(call) : node;
}

function isArgumentOfQuery(use: SyntaxNode): boolean {
  let at = converted(use);
  while (
    at.parent !== null &&
    /^(?:as_expression|non_null_expression|parenthesized_expression|binary_expression|pair|shorthand_property_identifier|object|array|template_substitution|template_string)$/.test(
      at.parent.kind,
    )
  )
    at = converted(at.parent);
  return at.parent?.kind === 'arguments' && queries.test(at.parent.parent?.child(0)?.text ?? '');
}

/** The statement of a call, with the `if` that does nothing else. */
function statementEdits(node: SyntaxNode): readonly TextEdit[] {
  let statement: SyntaxNode | null = node;
  while (statement !== null && statement.kind !== 'expression_statement') {
    if (statement.kind === 'statement_block' || statement.kind === 'program') return [];
    statement = statement.parent;
  }
  if (statement === null) return [];
  let whole = statement;
  for (let parent = whole.parent; parent !== null; parent = whole.parent) {
    const alone =
      parent.kind === 'statement_block' && parent.children.length === 1 && parent.parent?.kind === 'if_statement';
    const branch = parent.kind === 'if_statement' && parent.children.length === 2;
    if (!alone && !branch) break;
    whole = parent;
  }
  return whole.parent?.kind === 'statement_block' || whole.parent?.kind === 'program' ? [removeLine(whole)] : [];
}

/** `metadata?.org_id` where `const metadata = user?.user_metadata`: read from app_metadata of the same user. */
function metadataEdits(node: SyntaxNode): readonly TextEdit[] {
  let member: SyntaxNode | null = node;
  while (member !== null && member.kind !== 'member_expression') member = member.parent;
  const object = member?.child(0);
  const property = member?.child(1);
  const fn = functionAround(node);
  if (!member || object?.kind !== 'identifier' || !property || fn === null) return [];
  for (const declarator of descendants(fn, 'variable_declarator')) {
    const [target, value] = [declarator.child(0), declarator.child(-1)];
    if (!target || !value) continue;
    const direct = target.text === object.text ? /^(.+?)\??\.user_metadata\b/.exec(value.text)?.[1] : undefined;
    const renamed = new RegExp(`^\\{[^}]*\\buser_metadata\\s*:\\s*${object.text}\\b[^}]*\\}$`).test(target.text)
      ? value.text
      : undefined;
    const user = direct ?? renamed;
    if (user === undefined || !/^[\w$.?!]+$/.test(user)) continue;
    const dot = user.includes('?') || /\?\.user_metadata/.test(value.text) ? '?.' : '.';
    return [{ start: member.start, end: property.start, text: `${user}${dot}app_metadata?.` }];
  }
  return [];
}

/** Takes out a variable, or a function that has become empty, that was used before the edit and is not now. */
async function withoutUnused(file: string, before: string, now: string): Promise<string> {
  if (before === now) return now;
  const source = await parseSource(file, now);
  if (source.errorAt !== null) return now;
  const edit =
    deadTest(source, before) ??
    emptySpread(source, before) ??
    emptyHeaders(source, before) ??
    unusedVariable(source, before) ??
    unusedEntry(source, before) ??
    unusedElement(source, before) ??
    unusedImport(source, before) ??
    emptyFunction(source, before);
  return edit === null ? now : applyEdits(now, edit);
}

/** `...(held ? {} : {})`, where the header was the only key. */
function emptySpread(source: Source, before: string): readonly TextEdit[] | null {
  for (const spread of descendants(source.root, 'spread_element')) {
    if (
      !/^\.\.\.\(?\s*(?:[\w.?]+\s*(?:\?\s*\{\s*\}\s*:\s*|&&\s*))?\{\s*\}\s*\)?$/.test(spread.text) ||
      before.includes(spread.text)
    )
      continue;
    const line = removeLine(spread);
    const comma = /^\s*,/.exec(source.text.slice(spread.end))?.[0].length ?? 0;
    return [{ ...line, end: spread.end + comma }];
  }
  return null;
}

/** `headers: {}`, where the header was the only one, and options that hold nothing else. */
function emptyHeaders(source: Source, before: string): readonly TextEdit[] | null {
  // Those that were empty before cannot be told from the others.
  if (/\bheaders\s*:\s*\{\s*\}/.test(before)) return null;
  for (const pair of descendants(source.root, 'pair')) {
    if (!/^headers\s*:\s*\{\s*\}$/.test(pair.text) || pair.parent === null) continue;
    const options = pair.parent;
    if (options.children.length > 1) return [withoutItem(options, pair)];
    const list = options.parent;
    // Without a second argument a request is the same one; in another place an empty object may say something.
    return list?.kind === 'arguments' && list.children.length > 1 && list.child(-1) === options
      ? [withoutItem(list, options)]
      : null;
  }
  return null;
}

/** `id` of `([url, id]) => …`. */
function unusedElement(source: Source, before: string): readonly TextEdit[] | null {
  for (const pattern of descendants(source.root, 'array_pattern')) {
    const last = pattern.child(-1);
    if (pattern.children.length < 2 || last?.kind !== 'identifier') continue;
    const binding = bindingOf(last);
    if (binding === null || referencesOf(binding).length > 0) continue;
    if (countOf(before, last.text) <= countOf(source.text, last.text)) continue;
    // The type of a tuple says how many parts it has.
    if (pattern.parent?.childOfKind('type_annotation')) continue;
    return [withoutItem(pattern, last)];
  }
  return null;
}

function unusedVariable(source: Source, before: string): readonly TextEdit[] | null {
  for (const declarator of descendants(source.root, 'variable_declarator')) {
    const name = declarator.child(0);
    const value = declarator.child(-1);
    const statement = declarator.parent;
    if (name?.kind !== 'identifier' || !value || value === name || statement?.children.length !== 1) continue;
    if (statement.parent?.kind === 'export_statement') continue;
    // Something that is called may do more than give a value.
    if (/[(`]|\bawait\b|=>/.test(value.text)) continue;
    if (isUnused(source, before, name.text)) return [removeLine(statement)];
  }
  return null;
}

/** `user` of `const { user, session } = useAuth()`. */
function unusedEntry(source: Source, before: string): readonly TextEdit[] | null {
  for (const declarator of descendants(source.root, 'variable_declarator')) {
    const [pattern, value] = [declarator.child(0), declarator.child(-1)];
    if (pattern?.kind !== 'object_pattern' || !value || pattern.childOfKind('rest_pattern') !== null) continue;
    const entry = pattern.children.find(
      (one) => one.kind === 'shorthand_property_identifier_pattern' && isUnused(source, before, one.text),
    );
    if (entry === undefined) continue;
    if (pattern.children.length > 1) return [withoutItem(pattern, entry)];
    const { parent } = declarator;
    // A hook that only says who is signed in does nothing else.
    if (parent?.children.length === 1 && /^use(?:Auth|User|CurrentUser|Session|Supabase\w*)\(\)$/.test(value.text))
      return [removeLine(parent)];
  }
  return null;
}

function unusedImport(source: Source, before: string): readonly TextEdit[] | null {
  for (const named of descendants(source.root, 'named_imports')) {
    const specifier = named.children.find(
      (one) => one.children.length === 1 && isUnused(source, before, one.child(0)?.text ?? ''),
    );
    if (specifier === undefined) continue;
    if (named.children.length > 1) return [withoutItem(named, specifier)];
    const clause = named.parent;
    if (clause?.children.length === 1 && clause.parent !== null) return [removeLine(clause.parent)];
  }
  return null;
}

/** A file of its name that something is imported from is no use of it. */
const isUnused = ({ text }: Source, before: string, name: string): boolean => {
  const [now, then] = [text, before].map((one) => countOf(one.replace(/\bfrom\s*['"][^'"\n]*['"]/g, ''), name));
  return now === 1 && (then ?? 0) > 1;
};

/** One item of a list in braces, with its comma. */
function withoutItem(list: SyntaxNode, item: SyntaxNode): TextEdit {
  const index = list.children.indexOf(item);
  const next = list.children[index + 1];
  const previous = list.children[index - 1];
  if (next !== undefined) return { start: item.start, end: next.start, text: '' };
  return { start: previous?.end ?? item.start, end: item.end, text: '' };
}
