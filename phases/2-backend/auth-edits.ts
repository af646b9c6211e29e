import { applyEdits } from '../../src/workspace/edit.ts';
import { importEdits, indentAt } from '../../src/workspace/scan/fixes.ts';
import { isOrgIdName, mentionsOrg } from '../../src/workspace/scan/names.ts';
import { functionName, parametersOf } from '../../src/workspace/scan/scope.ts';
import { functionAround, keyName, parseSource, type SyntaxNode, unwrap } from '../../src/workspace/scan/syntax.ts';
import type { Helpers, TextEdit } from '../../src/workspace/scan/types.ts';
import { countOf, descendants, removeLine } from '../code/nodes.ts';
import { handlerOf, metadataOf, type Names } from './auth-shapes.ts';
import { isAsync } from './cures/handlers.ts';
import { userEdits } from './user-edits.ts';

/** `.org_id`, `.teamId`: in the words of the app. */
const readsOrg = (text: string): boolean =>
  [...text.matchAll(/(?:\.|\[['"])([A-Za-z_$][\w$]*)/g)].some(([, name = '']) => isOrgIdName(name));
const uuid = /^(['"`])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\1$/i;

/**
 * Rewrites the functions of an auth middleware so that the organization comes from `app_metadata` alone, validated: the
 * fallbacks go, a development bypass asks for DEV_ORG_ID, `req.org_id` is set, and each refusal is reported. What does
 * not have one of the shapes that are known stays, and the scan goes on reporting it.
 */
export async function rewriteAuth(file: string, text: string, helpers: Helpers): Promise<string> {
  const source = await parseSource(file, text);
  if (source.errorAt !== null) return text;
  const names: Names = new Set();
  const edits: TextEdit[] = [];
  const removed: SyntaxNode[] = [];
  for (const declarator of descendants(source.root, 'variable_declarator')) {
    edits.push(...(orgEdits(declarator, names, removed) ?? devEdits(declarator, names) ?? compareEdits(declarator)));
  }
  for (const literal of descendants(source.root, 'string')) edits.push(...devLiteralEdits(literal, names));
  if (edits.length === 0) {
    for (const one of descendants(source.root, 'assignment_expression')) edits.push(...userEdits(one, names));
  }
  const gone = (node: SyntaxNode): boolean => removed.some((one) => one.contains(node));
  for (const call of descendants(source.root, 'call_expression')) {
    if (!gone(call)) edits.push(...reportEdits(call, names));
  }
  if (edits.length === 0) return text;
  let edited = applyEdits(text, edits);
  for (const name of names) {
    const now = await parseSource(file, edited);
    edited = applyEdits(edited, importEdits(now, helpers, name) ?? []);
  }
  return edited;
}

/** `const orgId = user.app_metadata?.org_id || …` and the fallbacks behind it. Null where a declarator is no such thing. */
function orgEdits(declarator: SyntaxNode, names: Names, removed: SyntaxNode[]): readonly TextEdit[] | null {
  const place = placeOf(declarator);
  if (place === null) return null;
  const { name, init, statement, fn, request, response } = place;
  if (!readsOrg(init.text) || init.text.includes('resolveOrgId')) return null;
  const meta = metadataOf.test(init.text) ? null : metaDeclaration(init, fn);
  const user = metadataOf.exec(meta?.text ?? init.text)?.[1]?.replace(/[?!]/g, '');
  if (user === undefined || !isAsync(fn)) return null;

  const edits: TextEdit[] = [];
  const { text } = declarator.source;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const indent = indentAt(text, statement.start);
  const end = statement.text.endsWith(';') ? ';' : '';
  const following = siblingsAfter(statement);
  const guarded = following.some((one) => one.kind === 'if_statement' && testOf(one, name) === 'positive');
  const optional = /optional|maybe|attach|loadUser/i.test(functionName(fn) ?? '');
  const answers = !guarded && !optional && response !== null;
  const lines = [`const ${name} = await resolveOrgId(${user}, ${request}${answers ? `, ${response}` : ''})${end}`];
  if (answers) lines.push(`if (${name} === null) return${end}`);
  else if (!guarded && optional) lines.push(...optionalExit(name, fn, indent, text, end));
  else if (!guarded) return null;
  names.add('resolveOrgId');
  edits.push({
    start: commentStart(statement),
    end: statement.end,
    text: lines.join(`${newline}${indent}`),
  });
  if (meta !== null && countOf(fn.text, nameOf(meta)) === 2 && meta.parent !== null) {
    edits.push(removeLine(meta.parent));
    removed.push(meta.parent);
  }
  for (const one of following) {
    if (one.kind !== 'if_statement') continue;
    const test = testOf(one, name);
    if (test === 'negative') {
      edits.push(removeLine(one));
      removed.push(one);
    } else if (test === 'positive') {
      const condition = unwrap(one.child(0) ?? one);
      edits.push({ start: condition.start, end: condition.end, text: `${name} !== null` });
    }
  }
  edits.push(...keepOnRequest(statement, name, request));
  return edits;
}

/** `const fallback = '<uuid>'` (or `process.env.X || '<uuid>'`) that becomes somebody's organization. */
function devEdits(declarator: SyntaxNode, names: Names): readonly TextEdit[] | null {
  const place = placeOf(declarator);
  if (place === null || place.response === null) return null;
  const { name, init, statement, request, response } = place;
  const literal =
    uuid.test(init.text) || /^process\.env\.\w+\s*(?:\|\||\?\?)\s*(['"`])[0-9a-f-]{36}\1$/i.test(init.text);
  if (!literal || !mentionsOrg(name)) return null;
  const { text } = declarator.source;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const end = statement.text.endsWith(';') ? ';' : '';
  names.add('devOrgId');
  return [
    { start: init.start, end: init.end, text: `devOrgId(${request}, ${response})` },
    {
      start: statement.end,
      end: statement.end,
      text: `${newline}${indentAt(text, statement.start)}if (${name} === null) return${end}`,
    },
    ...keepOnRequest(statement, name, request),
  ];
}

/** `req.user = {…, orgId: '<uuid>'}`. */
function devLiteralEdits(literal: SyntaxNode, names: Names): readonly TextEdit[] {
  const pair = literal.above('pair');
  const assignment = literal.above('assignment_expression');
  if (!uuid.test(literal.text) || pair === null || assignment === null || pair.child(1)?.contains(literal) !== true) {
    return [];
  }
  if (!isOrgIdName(keyName(pair.child(0)) ?? '')) return [];
  const statement = assignment.parent;
  const fn = functionAround(literal);
  const parameters = fn === null ? null : handlerOf(fn);
  if (statement?.kind !== 'expression_statement' || parameters === null || parameters.response === null) return [];
  const { text } = literal.source;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const indent = indentAt(text, statement.start);
  const end = statement.text.endsWith(';') ? ';' : '';
  const value = pair.child(1);
  if (value === null) return [];
  names.add('devOrgId');
  return [
    {
      start: statement.start,
      end: statement.start,
      text: `const devOrg = devOrgId(${parameters.request}, ${parameters.response})${end}${newline}${indent}if (devOrg === null) return${end}${newline}${indent}`,
    },
    { start: value.start, end: value.end, text: 'devOrg' },
    {
      start: statement.end,
      end: statement.end,
      text: `${newline}${indent}${parameters.request}.org_id = devOrg${end}`,
    },
  ];
}

/** `const requested = req.query.org_id || 'default'`: the word would let a request go past its comparison. */
function compareEdits(declarator: SyntaxNode): readonly TextEdit[] {
  const place = placeOf(declarator);
  if (place === null) return [];
  const { name, init, statement, request } = place;
  const inner = unwrap(init);
  const [left, right] = inner.children;
  if (inner.kind !== 'binary_expression' || !left || !right) return [];
  if (!/^(['"`])(?:default|)\1$/.test(right.text)) return [];
  if (!new RegExp(`\\b${request}\\??\\.(?:query|body|params|headers)\\b`).test(left.text)) return [];
  const bare = left.kind === 'parenthesized_expression' && inner === init ? (left.child(0) ?? left) : left;
  const edits: TextEdit[] = [
    { start: left.start, end: bare.start, text: '' },
    { start: bare.end, end: inner.end, text: '' },
  ].filter((edit) => edit.end > edit.start);
  for (const following of siblingsAfter(statement)) {
    if (following.kind !== 'if_statement') continue;
    for (const test of descendants(following.child(0) ?? following, 'binary_expression')) {
      const positive = new RegExp(`^${name}\\s*!==?\\s*(['"\`])default\\1$`).test(test.text);
      const negative = new RegExp(`^${name}\\s*===?\\s*(['"\`])default\\1$`).test(test.text);
      if (positive || negative) edits.push({ start: test.start, end: test.end, text: positive ? name : `!${name}` });
    }
  }
  return edits;
}

/** A line in front of `res.status(401).json(…)` and its like, where the statement stands in a block. */
function reportEdits(call: SyntaxNode, names: Names): readonly TextEdit[] {
  const statement = call.parent;
  if (statement === null || !/^(?:expression_statement|return_statement)$/.test(statement.kind)) return [];
  if (statement.parent?.kind !== 'statement_block') return [];
  const fn = functionAround(call);
  const handler = fn === null ? null : handlerOf(fn);
  if (handler === null || handler.response === null) return [];
  const [, response, status] = /^(\w+)\s*\.\s*(?:status|sendStatus)\s*\(\s*(401|403)\s*\)/.exec(call.text) ?? [];
  if (response !== handler.response || status === undefined) return [];
  const siblings = statement.parent.children;
  if (siblings[siblings.indexOf(statement) - 1]?.text.startsWith('reportRefusal(')) return [];
  const { text } = call.source;
  names.add('reportRefusal');
  return [
    {
      start: statement.start,
      end: statement.start,
      text: `reportRefusal(${handler.request}, ${status})${statement.text.endsWith(';') ? ';' : ''}${text.includes('\r\n') ? '\r\n' : '\n'}${indentAt(text, statement.start)}`,
    },
  ];
}

type Place = {
  readonly name: string;
  readonly init: SyntaxNode;
  readonly statement: SyntaxNode;
  readonly fn: SyntaxNode;
  readonly request: string;
  readonly response: string | null;
};

/** A declaration of one name in a handler. */
function placeOf(declarator: SyntaxNode): Place | null {
  const statement = declarator.parent;
  const target = declarator.child(0);
  const init = declarator.child(-1);
  const fn = functionAround(declarator);
  if (statement === null || target?.kind !== 'identifier' || init === null || init === target || fn === null)
    return null;
  if (!/^(?:lexical|variable)_declaration$/.test(statement.kind) || statement.children.length !== 1) return null;
  const handler = handlerOf(fn);
  return handler === null ? null : { name: target.text, init, statement, fn, ...handler };
}

/** What an if statement asks of a name alone: whether it has a value, or has none. */
function testOf(statement: SyntaxNode, name: string): 'positive' | 'negative' | null {
  const condition = unwrap(statement.child(0) ?? statement).text;
  const none = `(?:['"\`](?:default|)['"\`]|null|undefined)`;
  const parts = condition.split(/\s*(?:\|\||&&)\s*/);
  if (parts.every((part) => new RegExp(`^(?:!${name}|${name}\\s*===?\\s*${none})$`).test(part))) return 'negative';
  if (parts.every((part) => new RegExp(`^(?:${name}|${name}\\s*!==?\\s*${none})$`).test(part))) return 'positive';
  return null;
}

/** `req.org_id = orgId` behind each `req.user = …` that holds the name, where it is not there yet. */
function keepOnRequest(declaration: SyntaxNode, name: string, request: string): readonly TextEdit[] {
  const { text } = declaration.source;
  const block = declaration.parent;
  if (block === null) return [];
  return descendants(block, 'assignment_expression').flatMap((assignment) => {
    const statement = assignment.parent;
    if (statement?.kind !== 'expression_statement' || statement.start < declaration.end) return [];
    const [target, value] = assignment.children;
    if (target?.text !== `${request}.user` || value === undefined) return [];
    const holds = unwrap(value).children.some((one) =>
      one.kind === 'pair'
        ? one.child(1)?.text === name
        : one.kind.startsWith('shorthand_property') && one.text === name,
    );
    const siblings = statement.parent?.children ?? [];
    const there = siblings.some((one) => one.text.replace(/;$/, '') === `${request}.org_id = ${name}`);
    if (!holds || there) return [];
    const newline = text.includes('\r\n') ? '\r\n' : '\n';
    const line = `${request}.org_id = ${name}${statement.text.endsWith(';') ? ';' : ''}`;
    return [{ start: statement.end, end: statement.end, text: `${newline}${indentAt(text, statement.start)}${line}` }];
  });
}

/** Without a valid organization optional authentication goes on as if nobody had signed in. */
function optionalExit(name: string, fn: SyntaxNode, indent: string, text: string, end: string): readonly string[] {
  const next = parametersOf(fn)[2]?.pattern.text;
  const level = text.includes('\n\t') ? '\t' : /\n {4}\S/.test(text) && !/\n {2}\S/.test(text) ? '    ' : '  ';
  if (next === undefined) return [`if (${name} === null) return${end}`];
  return [`if (${name} === null) {`, `${level}${next}()${end}`, `${level}return${end}`, '}'].map((line) =>
    line.replaceAll('\n', `\n${indent}`),
  );
}

/** The declaration of the object that an organization is read from: `const meta = {...user.user_metadata}`. */
function metaDeclaration(init: SyntaxNode, fn: SyntaxNode): SyntaxNode | null {
  const object = /([A-Za-z_$][\w$]*)\??(?:\.|\[)/.exec(init.text)?.[1];
  if (object === undefined) return null;
  return (
    descendants(fn, 'variable_declarator').find(
      (one) => one.child(0)?.text === object && metadataOf.test(one.text) && one.parent?.children.length === 1,
    ) ?? null
  );
}

const nameOf = (declarator: SyntaxNode): string => declarator.child(0)?.text ?? '';

function siblingsAfter(statement: SyntaxNode): readonly SyntaxNode[] {
  const siblings = statement.parent?.children ?? [];
  return siblings.slice(siblings.indexOf(statement) + 1);
}

/** Where a statement starts, with the comment lines in front of it that speak of the fallback which goes. */
function commentStart(statement: SyntaxNode): number {
  const { text } = statement.source;
  let start = statement.start;
  for (;;) {
    const lineStart = text.lastIndexOf('\n', start - 1) + 1;
    const before = text.slice(text.lastIndexOf('\n', lineStart - 2) + 1, lineStart);
    if (lineStart === 0 || !/^\s*\/\/.*(?:user_metadata|fall ?back|default|first org|app_metadata)/i.test(before))
      return start;
    start = text.lastIndexOf('\n', lineStart - 2) + 1 + (/^\s*/.exec(before)?.[0].length ?? 0);
  }
}
