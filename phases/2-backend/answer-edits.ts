import { styleOfText } from '../../src/workspace/code-style.ts';
import { indentAt } from '../../src/workspace/scan/fixes.ts';
import { isRequestParameter, routeCallOf } from '../../src/workspace/scan/flow.ts';
import { declarationIn, functionName, parametersOf, referencesOf } from '../../src/workspace/scan/scope.ts';
import { callOf, functionAround, type Source, type SyntaxNode, stringValue } from '../../src/workspace/scan/syntax.ts';
import type { TextEdit } from '../../src/workspace/scan/types.ts';
import { isAsync } from './cures/handlers.ts';

/** Edits that see to it that a refusal is answered, and what of the service they import. */
export type AnswerEdits = {
  readonly edits: readonly TextEdit[];
  readonly imports: readonly string[];
  /** They name the type of a request. */
  readonly typed?: boolean;
};

/** The name of the response that a handler was given beside its request; null where a function is no handler. */
export function responseOf(fn: SyntaxNode): string | null {
  const [, second] = parametersOf(fn);
  if (second?.pattern.kind !== 'identifier' || !isRequestParameter(fn, 0)) return null;
  const named = /^_?(?:res|response|reply)$/i.test(second.pattern.text) || /\w*Response\b/.test(second.type);
  return named || (routeCallOf(fn) !== null && parametersOf(fn).length < 4) ? second.pattern.text : null;
}

/** Whether a function is handed to our wrapper already. */
export const isWrapped = (fn: SyntaxNode): boolean =>
  fn.parent?.kind === 'arguments' && fn.parent.parent?.child(0)?.text.split('.').at(-1) === 'answeringRefusals';

/**
 * `answeringRefusals(…)` around a handler, wherever it stands. A declaration becomes a constant, and a method of a class a field,
 * under the same name. Null where that could change what the code does.
 */
export function wrapEdits(fn: SyntaxNode): AnswerEdits | null {
  const end = styleOfText(fn.source.text).semicolons ? ';' : '';
  const around = (before: string, after: string): AnswerEdits => ({
    edits: [
      { start: fn.start, end: fn.start, text: before },
      { start: fn.end, end: fn.end, text: after },
    ],
    imports: ['answeringRefusals'],
  });
  if (fn.kind.startsWith('generator')) return null;
  if (fn.kind === 'method_definition') return methodEdits(fn, end);
  if (fn.kind !== 'function_declaration') return around('answeringRefusals(', ')');
  if (/^export\s+default\b/.test(fn.parent?.text ?? '')) return around('answeringRefusals(', `)${end}`);
  const name = functionName(fn);
  const binding = name === null || fn.parent === null ? null : declarationIn(fn.source.root, name);
  // A function is there before its declaration, a constant is not.
  const early = binding !== null && referencesOf(binding).some((one) => one.start < fn.start && isAtLoad(one));
  return binding === null || early ? null : around(`const ${name} = answeringRefusals(`, `)${end}`);
}

const isAtLoad = (node: SyntaxNode): boolean => functionAround(node) === null;

function methodEdits(fn: SyntaxNode, end: string): AnswerEdits | null {
  const name = fn.children.find((one) => /identifier$/.test(one.kind));
  const parameters = fn.childOfKind('formal_parameters');
  const body = fn.childOfKind('statement_block');
  if (!name || parameters === null || body === null) return null;
  const { text } = fn.source;
  const words = text.slice(fn.start, name.start).trim().split(/\s+/).filter(Boolean);
  if (words.some((word) => !/^(?:async|public|private|protected|static|readonly)$/.test(word))) return null;
  const waits = words.includes('async') ? 'async ' : '';
  const imports = ['answeringRefusals'];
  const kept = words.filter((word) => word !== 'async').map((word) => `${word} `);
  if (fn.parent?.kind === 'object') {
    return {
      edits: [
        { start: fn.start, end: name.end, text: `${name.text}: answeringRefusals(${waits}function ${name.text}` },
        { start: fn.end, end: fn.end, text: ')' },
      ],
      imports,
    };
  }
  // What a subclass calls or overrides has to stay a method.
  const within = fn.parent?.parent;
  if (fn.parent?.kind !== 'class_body' || /\bsuper\b|\barguments\b/.test(body.text)) return null;
  if (within?.childOfKind('class_heritage')) return null;
  return {
    edits: [
      { start: fn.start, end: name.end, text: `${kept.join('')}${name.text} = answeringRefusals(${waits}` },
      { start: body.start, end: body.start, text: '=> ' },
      { start: fn.end, end: fn.end, text: `)${end || ';'}` },
    ],
    imports,
  };
}

/**
 * The names of the path, said where a request has no type of its own: through a wrapper they are not inferred, and where
 * an index may be undefined, each of them would be.
 */
export function pathEdits(fn: SyntaxNode): AnswerEdits | null {
  const [request] = parametersOf(fn);
  const path = stringValue(callOf(routeCallOf(fn) ?? fn)?.args[0] ?? null) ?? '';
  const names = [...path.matchAll(/:(\w+)(?!\w*[?*+(])/g)].map(([, name]) => `${name}: string`);
  const declared = declarationIn(fn.source.root, 'Request')?.imported?.module;
  if (request === undefined || request.type !== '' || request.pattern.kind !== 'identifier' || names.length === 0)
    return null;
  if (fn.childOfKind('formal_parameters') === null || (declared !== undefined && declared !== 'express')) return null;
  if (!fn.text.includes(`${request.pattern.text}.params`)) return null;
  const { end } = request.pattern;
  return { edits: [{ start: end, end, text: `: Request<{ ${names.join('; ')} }>` }], imports: [], typed: true };
}

/** What a catch clause does with a refusal: it answers it, hands it on to whoever called, or cannot be told. */
export type Caught = {
  readonly outcome: 'answered' | 'thrown' | 'unclear';
  readonly edits: AnswerEdits | null;
};

/** A catch clause answers with what it knows, often 500: a refusal is told apart in front of that. */
export function catchEdits(clause: SyntaxNode): Caught {
  const block = clause.childOfKind('statement_block');
  const [first] = clause.children;
  if (block === null || first === undefined) return { outcome: 'unclear', edits: null };
  if (/\banswerRefusal\s*\(/.test(block.text)) return { outcome: 'answered', edits: null };
  if (/\binstanceof\s+OrgValidationError\s*\)\s*\{?\s*throw\b/.test(block.text))
    return { outcome: 'thrown', edits: null };
  const fn = functionAround(clause);
  const res = fn === null ? null : responseOf(fn);
  const given = first === block ? null : first;
  const last = block.child(-1);
  if (
    given !== null &&
    last?.kind === 'throw_statement' &&
    last.child(0)?.text === given.text &&
    block.children.length < 3
  )
    return { outcome: 'thrown', edits: null };
  if (given !== null && given.kind !== 'identifier')
    return { outcome: res === null ? 'unclear' : 'answered', edits: null };
  const error = given?.text ?? (/\berror\b/.test(block.text) ? 'refusal' : 'error');
  const end = styleOfText(clause.source.text).semicolons ? ';' : '';
  const edits: TextEdit[] = given === null ? [{ start: block.start, end: block.start, text: `(${error}) ` }] : [];
  if (res === null) {
    edits.push(firstLine(block, `if (${error} instanceof OrgValidationError) throw ${error}${end}`));
    return { outcome: 'thrown', edits: { edits, imports: ['OrgValidationError'] } };
  }
  const value = returnsSomething(block) ? ` ${res}` : '';
  edits.push(firstLine(block, `if (answerRefusal(${error}, ${res})) return${value}${end}`));
  return { outcome: 'answered', edits: { edits, imports: ['answerRefusal'] } };
}

/** Whether a block gives the answer back, so that the type of the handler counts on one. */
const returnsSomething = (block: SyntaxNode): boolean =>
  /(?<![\w$.])return\s+(?!void\b|undefined\b|next\b)[\w$(]/.test(block.text);

/** A line at the start of a block, behind a comment that stands beside its bracket. */
function firstLine(block: SyntaxNode, line: string): TextEdit {
  const { source } = block;
  const { text } = source;
  const [first] = block.children;
  const inside = text.slice(block.start + 1, first?.start ?? block.end - 1);
  const comment = /^[^\S\r\n]*\/\/[^\r\n]*/.exec(inside)?.[0].length ?? 0;
  const at = block.start + 1 + comment;
  if (!inside.includes('\n')) return { start: at, end: at, text: first === undefined ? ` ${line} ` : ` ${line}` };
  const outer = indentAt(text, lineStartOf(text, block.start));
  const indent = first === undefined ? outer + (styleOfText(text).indent ?? '  ') : indentAt(text, first.start);
  return { start: at, end: at, text: `${newlineOf(source)}${indent}${line}` };
}

const newlineOf = ({ text }: Source): string => (text.includes('\r\n') ? '\r\n' : '\n');

/** The first character of the line that is no blank. */
function lineStartOf(text: string, offset: number): number {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  return start + (/^[ \t]*/.exec(text.slice(start))?.[0].length ?? 0);
}

/** Whether what fails in a function comes out as a promise that is rejected. */
export const rejects = (fn: SyntaxNode): boolean =>
  fn.kind === 'method_definition' ? /^(?:[\w\s]*\s)?async\s/.test(fn.text.slice(0, fn.text.indexOf('('))) : isAsync(fn);

/** The call that a function is an argument of. */
export const takerOf = (fn: SyntaxNode): SyntaxNode | null => {
  let at = fn;
  while (at.parent !== null && /^(?:parenthesized|as|satisfies)_expression$/.test(at.parent.kind)) at = at.parent;
  const call = at.parent?.kind === 'arguments' ? at.parent.parent : null;
  return call !== null && callOf(call) !== null ? call : null;
};
