import { isName } from '../source.ts';
import type { Reader } from './reader.ts';

/** RAISE: a level, a format with its arguments or a condition, and options. */
export function raiseStatement(reader: Reader): void {
  reader.position += 1;
  if (reader.is('debug', 'log', 'info', 'notice', 'warning', 'exception') && reader.token !== undefined)
    reader.position += 1;
  if (reader.is('sqlstate')) reader.position += 2;
  else if (reader.token?.kind === 'string') reader.position += 1;
  else if (isName(reader.token) && !reader.is('using')) reader.position += 1;
  while (reader.symbol(',')) {
    reader.position += 1;
    reader.expressionUntil(['using'], [',', ';']);
  }
  if (reader.accept('using'))
    do {
      if (reader.symbol(',')) reader.position += 1;
      reader.name();
      if (reader.symbol('=') || reader.symbol(':=')) reader.position += 1;
      quietly(reader, () => reader.expressionUntil([], [',', ';']));
    } while (reader.symbol(','));
  reader.sign(';');
}

/** Text of a message: constants in it are for people. */
function quietly(reader: Reader, run: () => void): void {
  const { literals, mentions } = reader.walk.found;
  const counts = [literals.length, mentions.length] as const;
  run();
  literals.length = counts[0];
  mentions.length = counts[1];
}
