import { importEdits, indentAt, statementAround } from './fixes.ts';
import { holderOf, isTenantUse } from './org-reads.ts';
import { ends } from './refusals.ts';
import type { RuleContext } from './rule-context.ts';
import { type Binding, declarationsIn } from './scope.ts';
import { memberOf, operatorOf, type SyntaxNode, unwrap, wrapped } from './syntax.ts';
import type { TextEdit } from './types.ts';

/** What a fix knows of the place that it changes. */
export type RequestRead = {
  /** The read, or the name in a pattern. */
  readonly node: SyntaxNode;
  /** What a pattern declares, or null. */
  readonly binding: Binding | null;
  /** Every use of the value in the handler. */
  readonly uses: readonly SyntaxNode[];
  readonly request: string;
  /** Read from a header, which the frontend phase no longer sends: without it the own organization counts. */
  readonly fromHeader: boolean;
};

/**
 * Compares the organization of a request with the authenticated one: the value that is used afterwards is the one that
 * was compared, and a test for an absent one goes on refusing. Null where a person has to look.
 */
export function comparingEdits(read: RequestRead, context: RuleContext): readonly TextEdit[] | null {
  const { helpers, source } = context;
  if (helpers === null) return null;
  const imports = importEdits(source, helpers, helpers.assertSameOrg);
  if (imports === null) return null;
  const edits = editsAt(read, helpers.assertSameOrg);
  return edits === null ? null : [...edits, ...imports];
}

function editsAt(read: RequestRead, same: string): readonly TextEdit[] | null {
  const { binding, node, request } = read;
  if (binding !== null && binding.node === node) return inPattern(read, binding, same);
  if (!/^(?:member|subscript|call)_expression$/.test(node.kind)) return null;
  const holder = holderOf(node);
  if (holder !== null) {
    const check = presenceCheck(holder.node, holder.name);
    if (check !== null && !read.fromHeader) return [behind(check, `${same}(${request}, ${holder.name})`)];
    return [comparison(node, same, request), ...deadTest(check, holder.name)];
  }
  return whereUsed(read, same);
}

/** `const { orgId } = req.body` */
function inPattern({ node, request }: RequestRead, binding: Binding, same: string): readonly TextEdit[] | null {
  const statement = statementAround(node);
  if (statement.kind !== 'lexical_declaration' && statement.kind !== 'variable_declaration') return null;
  const check = presenceCheck(node, binding.name);
  if (check !== null) return [behind(check, `${same}(${request}, ${binding.name})`)];
  const given = unusedName(binding);
  const keyword = /^(?:const|let|var)/.exec(statement.text)?.[0] ?? 'const';
  const renamed = node.kind === 'identifier' ? given : `${node.text}: ${given}`;
  return [replace(node, renamed), behind(statement, `${keyword} ${binding.name} = ${same}(${request}, ${given})`)];
}

/** Each place that uses the value; a test of it stays. Where an object is handed on with it, behind that test. */
function whereUsed({ node, request, uses }: RequestRead, same: string): readonly TextEdit[] | null {
  const places = uses.filter((use) => isTenantUse(use) && /^(?:member|subscript|call)_expression$/.test(use.kind));
  if (places.length > 0) return places.map((place) => comparison(place, same, request));
  const test = testAround(node);
  return test === null ? null : [behind(test, `${same}(${request}, ${node.text})`)];
}

/** The call that compares a value, in the place of the value and of what it falls back to. */
function comparison(node: SyntaxNode, same: string, request: string): TextEdit {
  const value = alternatives(node);
  const call = (supplied: string): string => `${same}(${request}, ${supplied})`;
  if (value.kind !== 'binary_expression' || value.parent?.kind !== 'non_null_expression') {
    const whole = castOf(value);
    return replace(whole, call(uncast(whole).text));
  }
  // The grammar reads `a ?? b!.c` as `(a ?? b)!.c`: what follows the mark belongs to the last of the values.
  let whole = value.parent;
  while (whole.parent !== null && /^(?:member|subscript|non_null)_expression$/.test(whole.parent.kind))
    whole = whole.parent;
  return replace(whole, call(value.child(0)?.text ?? ''));
}

const replace = ({ end, start }: SyntaxNode, text: string): TextEdit => ({ start, end, text });

/** A statement on a line of its own behind another one, in the style of the file. */
function behind(statement: SyntaxNode, code: string): TextEdit {
  const { text } = statement.source;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const semicolon = /;\s*$/.test(statement.text) || /;\s*\}?$/.test(statement.text) ? ';' : '';
  return {
    start: statement.end,
    end: statement.end,
    text: `${newline}${indentAt(text, statement.start)}${code}${semicolon}`,
  };
}

/** The helper never gives nothing: a test for that, and for nothing else, has gone dead. */
function deadTest(check: SyntaxNode | null, name: string): readonly TextEdit[] {
  if (check === null || check.children.length !== 2 || check.child(0)?.text.replace(/\s/g, '') !== `(!${name})`)
    return [];
  const { text } = check.source;
  const start = text.lastIndexOf('\n', check.start) + 1;
  const end = /^[ \t]*\r?\n/.exec(text.slice(check.end))?.[0].length;
  return text.slice(start, check.start).trim() === '' && end !== undefined
    ? [{ start, end: check.end + end, text: '' }]
    : [];
}

/** The `if` behind a declaration that refuses where the name stands for nothing; in front of every use. */
function presenceCheck(declared: SyntaxNode, name: string): SyntaxNode | null {
  const statement = statementAround(declared);
  const siblings = statement.parent?.children ?? [];
  for (const next of siblings.slice(siblings.indexOf(statement) + 1, siblings.indexOf(statement) + 8)) {
    if (isPresenceCheck(next, name)) return next;
    // What uses the value first has to come behind the comparison.
    if (
      next.kind !== 'if_statement' &&
      new RegExp(`(?<![\\w$.])${name.replace(/\$/g, '\\$')}(?![\\w$])`).test(next.text)
    )
      return null;
  }
  return null;
}

function isPresenceCheck(statement: SyntaxNode, expression: string): boolean {
  if (statement.kind !== 'if_statement') return false;
  const [condition, branch] = statement.children;
  if (!condition || !branch || !ends(branch)) return false;
  const value = expression.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(
    `!\\s*${value}(?![\\w$.(\\[])|(?<![\\w$.])${value}\\s*===?\\s*(?:undefined|null|''|"")|typeof\\s+${value}\\s*!==?\\s*['"]string`,
  ).test(condition.text);
}

function testAround(node: SyntaxNode): SyntaxNode | null {
  const statement = node.above('if_statement', 'statement_block', 'program');
  return statement?.kind === 'if_statement' && isPresenceCheck(statement, node.text) ? statement : null;
}

/** `req.body.orgId || req.query.orgId` is one value, and is compared as one. */
export function alternatives(node: SyntaxNode): SyntaxNode {
  let at = node;
  for (;;) {
    const parent: SyntaxNode | null = wrapped(at).parent;
    if (parent?.kind !== 'binary_expression' || !/^(?:\|\||\?\?)$/.test(operatorOf(parent))) return at;
    if (!parent.children.every((side) => memberOf(unwrap(side)) !== null || unwrap(side).kind === 'binary_expression'))
      return at;
    at = parent;
  }
}

/** The helper gives a string, so a cast around the value goes with it, and so do brackets that only held the cast. */
function castOf(node: SyntaxNode): SyntaxNode {
  let at = node;
  while (
    (at.parent?.kind === 'as_expression' && at.parent.child(0) === at) ||
    (at.parent?.kind === 'parenthesized_expression' &&
      at.kind === 'binary_expression' &&
      at.parent.parent?.kind === 'as_expression')
  )
    at = at.parent;
  return at;
}

const uncast = (node: SyntaxNode): SyntaxNode => unwrap(node);

function unusedName({ name, scope }: Binding): string {
  const upper = `${name[0]?.toUpperCase() ?? ''}${name.slice(1)}`;
  const candidates = name.includes('_')
    ? [`requested_${name}`, `given_${name}`]
    : [`requested${upper}`, `given${upper}`, `supplied${upper}`];
  const { text } = scope.source;
  const free = candidates.find((one) => !new RegExp(`\\b${one}\\b`).test(text) && !declarationsIn(scope).has(one));
  return free ?? `${candidates[0]}Value`;
}
