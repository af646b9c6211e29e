import { follow } from '../reference.ts';
import { findVariable, type Shape, type Variable } from '../scope.ts';
import { isName } from '../source.ts';
import { assign } from '../walk.ts';
import type { Reader } from './reader.ts';

/** `x := …`, `x.field = …`, `x[1] := …`. */
export function assignmentStatement(reader: Reader): boolean {
  if (!isName(reader.token)) return false;
  let i = reader.position + 1;
  const { tokens } = reader.whole;
  for (;;) {
    if (tokens[i]?.value === '.' && isName(tokens[i + 1])) i += 2;
    else if (tokens[i]?.value === '[') {
      let depth = 0;
      for (; i < tokens.length; i += 1) {
        if (tokens[i]?.value === '[') depth += 1;
        if (tokens[i]?.value === ']') depth -= 1;
        if (depth === 0) break;
      }
      i += 1;
    } else break;
  }
  const sign = tokens[i];
  if (sign?.kind !== 'other' || (sign.value !== ':=' && sign.value !== '=')) return false;
  const target = readTarget(reader, i);
  reader.position = i + 1;
  const info = reader.expressionUntil([]);
  if (target !== null) assign(reader.walk, target, info.row, info.json);
  reader.sign(';');
  return true;
}

/** Reads and follows `name[.field…]` up to a token; returns the variable if the whole of it is assigned. */
export function readTarget(reader: Reader, end: number): Variable | null {
  const first = reader.name();
  const path = [first.value];
  while (reader.symbol('.') && reader.position < end) {
    reader.position += 1;
    path.push(reader.name().value);
  }
  const own = findVariable(reader.walk.block, first.value);
  if (path.length === 1) {
    // A target is never a column, so it cannot be captured.
    return own?.variable ?? null;
  }
  const labelled = own === null ? findVariable(reader.walk.block, path[1] ?? '', first.value) : null;
  if (labelled !== null && path.length === 2) return labelled.variable;
  follow(reader.walk, path.slice(0, own === null ? 3 : 2), first.start, null);
  return null;
}

/** `a, b.c, d`: follows fields and returns the variables that are assigned as a whole. */
export function intoTargets(reader: Reader, end: number): readonly Variable[] {
  const result: Variable[] = [];
  while (reader.position < end) {
    const variable = readTarget(reader, end);
    if (variable !== null) result.push(variable);
    if (!reader.symbol(',')) break;
    reader.position += 1;
  }
  return result;
}

/** What a row of this shape leaves in the variables that INTO names: in one record, or each in its own. */
export function intoVariables(reader: Reader, variables: readonly Variable[], shape: Shape): void {
  const [only] = variables;
  if (variables.length === 1 && only?.record === true) {
    assign(reader.walk, only, shape, null);
    return;
  }
  variables.forEach((variable, index) => {
    const item = shape.columns[index];
    assign(reader.walk, variable, item?.row ?? null, item?.json ?? null);
  });
}
