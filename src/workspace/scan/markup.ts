/** An opening tag. `start` and `end` of an attribute are those of its value; braces belong to it, quotes do not. */
export type Tag = {
  readonly name: string;
  readonly attributes: readonly {
    readonly name: string;
    readonly value: string;
    readonly start: number;
    readonly end: number;
    readonly quoted: boolean;
  }[];
  /** Behind its `>`. */
  readonly end: number;
};

/** Reads the tag that begins at an offset; `braces`: values may stand in braces (`on:click={…}`). */
export function readTag(text: string, at: number, braces: boolean): Tag {
  const name = /^<([\w:.-]*)/.exec(text.slice(at, at + 200))?.[1] ?? '';
  const attributes: Tag['attributes'][number][] = [];
  let here = at + 1 + name.length;
  while (here < text.length && text[here] !== '>') {
    const character = text[here] ?? '';
    if (/[\s/]/.test(character)) {
      here += 1;
    } else if (braces && character === '{') {
      const end = balancedEnd(text, here) + 1;
      attributes.push({ name: '', value: text.slice(here, end), start: here, end, quoted: false });
      here = end;
    } else {
      const key = /^[^\s=>/{]+|^./s.exec(text.slice(here, here + 300))?.[0] ?? character;
      here += key.length;
      const equals = /^\s*=\s*/.exec(text.slice(here, here + 100))?.[0];
      if (equals === undefined) continue;
      here += equals.length;
      const value = valueAt(text, here, braces);
      attributes.push({ name: key, ...value });
      here = value.end + (value.quoted ? 1 : 0);
    }
  }
  return { name, attributes, end: Math.min(here + 1, text.length) };
}

function valueAt(text: string, at: number, braces: boolean): Omit<Tag['attributes'][number], 'name'> {
  const first = text[at] ?? '';
  if (first === '"' || first === "'") {
    const close = text.indexOf(first, at + 1);
    const end = close === -1 ? text.length : close;
    return { value: text.slice(at + 1, end), start: at + 1, end, quoted: true };
  }
  const end =
    braces && first === '{'
      ? balancedEnd(text, at) + 1
      : first === '`'
        ? stringEnd(text, at)
        : at + (/^[^\s>]*/.exec(text.slice(at))?.[0].length ?? 0);
  return { value: text.slice(at, end), start: at, end, quoted: false };
}

/** The offset of the brace that closes the one at an offset; strings, templates and comments may hold others. */
export function balancedEnd(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '{') depth += 1;
    else if (character === '}') {
      depth -= 1;
      if (depth === 0) return at;
    } else if (character === '"' || character === '`') at = stringEnd(text, at) - 1;
    else if (character === "'" && !/\w/.test(text[at - 1] ?? '')) at = stringEnd(text, at) - 1;
    else if (text.startsWith('/*', at)) at = Math.max(at, text.indexOf('*/', at) + 1);
    else if (text.startsWith('//', at) && text[at - 1] !== ':') at = Math.max(at, text.indexOf('\n', at));
  }
  return text.length;
}

/** Behind the string or template that begins at an offset. An apostrophe of a sentence ends with its line. */
function stringEnd(text: string, open: number): number {
  const quote = text[open] ?? '';
  for (let at = open + 1; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '\\') at += 1;
    else if (character === quote) return at + 1;
    else if (character === '\n' && quote !== '`') return open + 1;
    else if (quote === '`' && text.startsWith('${', at)) at = balancedEnd(text, at + 1);
  }
  return open + 1;
}
