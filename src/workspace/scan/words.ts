import type { Source } from './syntax.ts';

const words = new WeakMap<Source, Map<string, readonly number[]>>();

/** Where a name stands in a text as a word of its own. */
export function offsetsOf(source: Source, name: string): readonly number[] {
  let known = words.get(source);
  if (known === undefined) {
    known = new Map();
    words.set(source, known);
  }
  let offsets = known.get(name);
  if (offsets === undefined) {
    offsets = findWord(source.text, name);
    known.set(name, offsets);
  }
  return offsets;
}

function findWord(text: string, name: string): readonly number[] {
  const offsets: number[] = [];
  if (name === '') return offsets;
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
    if (!isWordCode(text.charCodeAt(at - 1)) && !isWordCode(text.charCodeAt(at + name.length))) offsets.push(at);
  }
  return offsets;
}

/** `\w` and `$`; NaN beyond the ends is none. */
function isWordCode(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 95 ||
    code === 36
  );
}

/** Where the matches of a pattern begin, between two offsets. */
export function offsetsOfMatches(text: string, pattern: RegExp, start = 0, end = text.length): readonly number[] {
  const offsets: number[] = [];
  const regexp = pattern.flags.includes('g') ? pattern : new RegExp(pattern.source, `${pattern.flags}g`);
  regexp.lastIndex = start;
  for (let match = regexp.exec(text); match !== null && match.index < end; match = regexp.exec(text)) {
    offsets.push(match.index);
    if (match[0] === '') regexp.lastIndex += 1;
  }
  return offsets;
}
