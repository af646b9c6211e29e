import { dynamicSql } from '../dynamic.ts';
import { expression } from '../expression.ts';
import { closed, findVariable, type Shape, unknown, type Variable } from '../scope.ts';
import { statement } from '../statement.ts';
import { as, child, list } from '../tree.ts';
import type { Reader } from './reader.ts';
import { intoTargets, intoVariables } from './targets.ts';

/** Any other statement is SQL; INTO, which is not SQL's here, is taken out first. */
export function sqlStatement(reader: Reader): void {
  const from = reader.position;
  const end = reader.until([]);
  let into: readonly [number, number] | null = null;
  let variables: readonly Variable[] = [];
  for (let i = from; i < end; i += 1) {
    const token = reader.whole.tokens[i];
    const previous = reader.whole.tokens[i - 1];
    if (token?.kind !== 'name' || token.value !== 'into' || i === from) continue;
    if (previous?.kind === 'name' && (previous.value === 'insert' || previous.value === 'merge')) continue;
    if (into !== null) reader.fail('one INTO');
    reader.position = i + 1;
    reader.accept('strict');
    variables = intoTargets(reader, end);
    into = [i, reader.position];
  }
  const shape =
    reader.piece('', from, end, (parsed) => statement(reader.walk, parsed, null), into ?? undefined) ?? closed;
  if (into !== null) intoVariables(reader, variables, shape);
  reader.position = end;
  reader.sign(';');
}

export function performStatement(reader: Reader): void {
  reader.position += 1;
  const end = reader.until([]);
  reader.piece('SELECT ', reader.position, end, (parsed) => statement(reader.walk, parsed, null));
  reader.position = end;
  reader.sign(';');
}

export function returnStatement(reader: Reader): void {
  reader.position += 1;
  if (reader.accept('next')) {
    if (!reader.symbol(';')) reader.expressionUntil([]);
  } else if (reader.accept('query')) {
    if (reader.accept('execute')) {
      readDynamic(reader, ['using']);
      readUsing(reader, []);
    } else reader.queryUntil([]);
  } else if (!reader.symbol(';')) reader.expressionUntil([]);
  reader.sign(';');
}

export function executeStatement(reader: Reader): void {
  reader.position += 1;
  const shape = readDynamic(reader, ['into', 'using']);
  for (;;) {
    if (reader.accept('into')) {
      reader.accept('strict');
      intoVariables(reader, intoTargets(reader, reader.until(['using'])), shape);
    } else if (reader.is('using')) {
      reader.position += 1;
      reader.expressionsUntil(['into']);
    } else break;
  }
  reader.sign(';');
}

export function openStatement(reader: Reader): void {
  reader.position += 1;
  const cursor = reader.name();
  const variable = findVariable(reader.walk.block, cursor.value)?.variable;
  reader.accept('no');
  reader.accept('scroll');
  if (reader.accept('for')) {
    let shape: Shape;
    if (reader.accept('execute')) {
      shape = readDynamic(reader, ['using']);
      readUsing(reader, []);
    } else shape = reader.queryUntil([]);
    if (variable !== undefined) {
      const present = reader.walk.memory.records.get(variable.id) ?? [];
      if (
        !present.some(
          (item) => item.columns.map((each) => each.key).join() === shape.columns.map((each) => each.key).join(),
        )
      )
        reader.walk.memory.records.set(variable.id, [...present, shape]);
    }
  } else if (reader.symbol('(')) {
    const end = reader.until([]);
    argumentsInBrackets(reader, reader.position, end);
    reader.position = end;
  }
  reader.sign(';');
}

export function fetchStatement(reader: Reader): void {
  const end = reader.until([]);
  const into = reader.until(['into']);
  if (into >= end) {
    reader.position = end;
    reader.sign(';');
    return;
  }
  const cursor = reader.whole.tokens[into - 1];
  const variable = cursor === undefined ? undefined : findVariable(reader.walk.block, cursor.value)?.variable;
  reader.position = into + 1;
  const shapes = variable?.rows ?? (variable === undefined ? [] : (reader.walk.memory.records.get(variable.id) ?? []));
  const targets = intoTargets(reader, end);
  for (const shape of shapes.length === 0 ? [unknown] : shapes) intoVariables(reader, targets, shape);
  reader.position = end;
  reader.sign(';');
}

export function readDynamic(reader: Reader, words: readonly string[]): Shape {
  const end = reader.until(words);
  const shape =
    reader.piece('SELECT ', reader.position, end, (parsed) => {
      const value = child(as(list(as(parsed, 'SelectStmt') ?? {}, 'targetList')[0] ?? null, 'ResTarget') ?? {}, 'val');
      return value === null ? unknown : dynamicSql(reader.walk, value);
    }) ?? unknown;
  reader.position = end;
  return shape;
}

export function readUsing(reader: Reader, words: readonly string[]): void {
  if (reader.accept('using')) reader.expressionsUntil(words);
}

export function argumentsInBrackets(reader: Reader, from: number, to: number): void {
  reader.piece('SELECT ROW', from, to, (parsed) => {
    const value = child(as(list(as(parsed, 'SelectStmt') ?? {}, 'targetList')[0] ?? null, 'ResTarget') ?? {}, 'val');
    if (value !== null) expression(reader.walk, value, null);
  });
}
