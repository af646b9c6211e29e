import { type Block, findVariable, type Shape, unknown, type Variable } from '../scope.ts';
import { isName } from '../source.ts';
import { assign, newVariable } from '../walk.ts';
import { scoped } from './block-scope.ts';
import { argumentsInBrackets, readDynamic, readUsing } from './queries.ts';
import type { Reader } from './reader.ts';
import { intoVariables, readTarget } from './targets.ts';

/** Reads the statements inside, up to one of these words. */
export type Statements = (ends: readonly string[]) => void;

export function ifStatement(reader: Reader, inner: Statements): void {
  reader.position += 1;
  reader.expressionUntil(['then']);
  reader.word('then');
  inner(['elsif', 'elseif', 'else', 'end']);
  while (reader.is('elsif', 'elseif')) {
    reader.position += 1;
    reader.expressionUntil(['then']);
    reader.word('then');
    inner(['elsif', 'elseif', 'else', 'end']);
  }
  if (reader.accept('else')) inner(['end']);
  reader.word('end', 'if');
  reader.sign(';');
}

export function caseStatement(reader: Reader, inner: Statements): void {
  reader.position += 1;
  if (!reader.is('when')) reader.expressionUntil(['when']);
  while (reader.accept('when')) {
    reader.expressionsUntil(['then']);
    reader.word('then');
    inner(['when', 'else', 'end']);
  }
  if (reader.accept('else')) inner(['end']);
  reader.word('end', 'case');
  reader.sign(';');
}

export function loopStatement(reader: Reader, inner: Statements, label: string | null): void {
  scoped(reader, label, null, (block) => {
    if (reader.accept('while')) reader.expressionUntil(['loop']);
    else if (reader.accept('foreach')) {
      const variable = readTarget(reader, reader.until(['in', 'slice']));
      if (reader.accept('slice')) reader.take();
      reader.word('in', 'array');
      const info = reader.expressionUntil(['loop']);
      if (variable !== null) assign(reader.walk, variable, info.row, null);
    } else if (reader.accept('for')) {
      forLoop(reader, inner, block);
      return;
    }
    loopBody(reader, inner);
  });
}

function forLoop(reader: Reader, inner: Statements, block: Block): void {
  const nameToken = reader.token;
  const variables: Variable[] = [];
  const end = reader.until(['in']);
  while (reader.position < end) {
    const variable = readTarget(reader, end);
    if (variable !== null) variables.push(variable);
    if (reader.symbol(',')) reader.position += 1;
    else if (reader.position < end) reader.position = end;
  }
  reader.word('in');
  const stop = reader.until(['loop']);
  const range = reader.whole.tokens.slice(reader.position, stop).some((token) => token.value === '..');
  if (reader.is('reverse') || range) {
    reader.accept('reverse');
    reader.expressionUntil([], ['..']);
    reader.sign('..');
    reader.expressionUntil(['by', 'loop']);
    if (reader.accept('by')) reader.expressionUntil(['loop']);
    newVariable(reader.walk, block, nameToken?.value ?? '');
    loopBody(reader, inner);
    return;
  }
  let shape: Shape;
  const cursor = isName(reader.token) ? findVariable(reader.walk.block, reader.token.value)?.variable : undefined;
  if (reader.is('execute')) {
    reader.position += 1;
    shape = readDynamic(reader, ['using', 'loop']);
    readUsing(reader, ['loop']);
  } else if (cursor?.type === 'refcursor') {
    reader.position += 1;
    shape = cursor.rows?.[0] ?? unknown;
    if (reader.symbol('(')) {
      const from = reader.position;
      argumentsInBrackets(reader, from, stop);
    }
    reader.position = stop;
    // The loop's record is declared by the loop itself.
    newVariable(reader.walk, block, nameToken?.value ?? '', { rows: [shape] });
    loopBody(reader, inner);
    return;
  } else shape = reader.queryUntil(['loop']);
  const [only] = variables;
  const record = only?.record === true ? only : null;
  if (record !== null) {
    const outer = reader.walk.loops.get(record.id);
    assign(reader.walk, record, shape, null);
    reader.walk.loops.set(record.id, [shape]);
    loopBody(reader, inner);
    if (outer === undefined) reader.walk.loops.delete(record.id);
    else reader.walk.loops.set(record.id, outer);
    return;
  }
  intoVariables(reader, variables, shape);
  loopBody(reader, inner);
}

function loopBody(reader: Reader, inner: Statements): void {
  reader.word('loop');
  inner(['end']);
  reader.word('end', 'loop');
  if (isName(reader.token)) reader.position += 1;
  reader.sign(';');
}

export function leaveStatement(reader: Reader): void {
  reader.position += 1;
  if (isName(reader.token) && !reader.is('when')) reader.position += 1;
  if (reader.accept('when')) reader.expressionUntil([]);
  reader.sign(';');
}
