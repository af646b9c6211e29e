import type { Source } from './syntax.ts';
import { vocabulary } from './vocabulary.ts';

/**
 * Where an organization may be named as something that is read or written: a property, a key, a string, a declaration. A
 * word in a sentence, an argument or an operand is none of these; its neighbours in the text tell, without a walk down
 * the tree.
 */
export function orgPlaces(source: Source): readonly number[] {
  let offsets = known.get(source);
  if (offsets === undefined) {
    offsets = placesIn(source.text);
    known.set(source, offsets);
  }
  return offsets;
}

const known = new WeakMap<Source, readonly number[]>();

function placesIn(text: string): readonly number[] {
  const offsets: number[] = [];
  const words = vocabulary().places;
  words.lastIndex = 0;
  for (let match = words.exec(text); match !== null; match = words.exec(text)) {
    if (mayBeNamed(text, match.index, words.lastIndex)) offsets.push(match.index);
  }
  return offsets;
}

function mayBeNamed(text: string, from: number, end: number): boolean {
  let start = from;
  while (/[\w$]/.test(text[start - 1] ?? '')) start -= 1;
  const touching = text[start - 1] ?? '';
  if (!/id|slug/i.test(text.slice(from, end))) {
    // Without an id it may be the name of a table, or the beginning of a key with one.
    return /['"`]/.test(touching) && !isSpace(text[end]);
  }
  let before = start - 1;
  while (isSpace(text[before])) before -= 1;
  let after = end;
  while (isSpace(text[after])) after += 1;
  const previous = text[before] ?? '';
  const next = text[after] ?? '';
  // Beyond the end of a line there may be a comment, which can end in anything.
  const sameLine = !text.slice(before + 1, start).includes('\n');
  if (previous === '.' || /['"`[-]/.test(touching)) return true;
  if (next === '=') return !/[=>]/.test(text[after + 1] ?? '');
  if (next === ':') return !(sameLine && /[(?]/.test(previous));
  if (next === ',' || next === '}') return (!sameLine || /[{,/]/.test(previous)) && !endsObject(text, after);
  // `'x:org_id'` is a key; the last name of a list is none.
  if (after === end && /['"`]/.test(next)) return /[^\s,(]/.test(touching);
  return next === '/' && /[/*]/.test(text[after + 1] ?? '');
}

/** `…, orgId, name });` hands a new object on; a pattern goes on with `=`, an arrow, a body or a type. */
const objectEnd = /[^{}()'"`]*\}\s*(?:;|\)(?!\s*(?:=>|[{:])))/y;

function endsObject(text: string, offset: number): boolean {
  objectEnd.lastIndex = offset;
  return objectEnd.test(text);
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\n' || character === '\t' || character === '\r';
}
