import type { Block } from '../scope.ts';
import type { Reader } from './reader.ts';

/** `<<name>>` in front of a block or a loop; null where none stands. */
export function readLabel(reader: Reader): string | null {
  if (!reader.symbol('<<')) return null;
  reader.position += 1;
  const name = reader.name().value;
  reader.sign('>>');
  return name;
}

/**
 * Runs with a block of variables inside the present one.
 *
 * @param start Where a labelled block begins in the whole body; null for one without a label.
 */
export function scoped(reader: Reader, label: string | null, start: number | null, run: (block: Block) => void): void {
  const outer = reader.walk.block;
  const block: Block = { label, variables: new Map(), parent: outer, start };
  reader.walk.block = block;
  try {
    run(block);
  } finally {
    reader.walk.block = outer;
  }
}
