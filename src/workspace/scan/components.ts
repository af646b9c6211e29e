import { balancedEnd, readTag, type Tag } from './markup.ts';

/** What the parser is given of a component file: as long as the file, so that every offset is that of the file. */
export type Component = {
  readonly text: string;
  readonly typescript: boolean;
  /** Where the text says the same in another order; an edit there would go to the wrong place. */
  readonly rearranged: readonly { readonly start: number; readonly end: number }[];
  /** Why a part of the file cannot be read (`<template lang="pug">`); null when all of it is there. */
  readonly unread: string | null;
};

export const isComponent = (path: string): boolean => /\.(?:vue|svelte|astro)$/.test(path);

/**
 * The script blocks and the expressions of a template as one program, all else blank. A template's names are those of
 * its scripts, so a rule follows a value from a query to the place that shows it.
 */
export function readComponent(path: string, text: string): Component {
  const kind = /\.(\w+)$/.exec(path)?.[1] ?? '';
  return new Extraction(kind, text).read();
}

class Extraction {
  readonly #kind: string;
  readonly #text: string;
  readonly #out: string[];
  readonly #rearranged: { start: number; end: number }[] = [];
  readonly #lists = new Map<string, Set<string>>();
  #typescript: boolean;
  #jsx: boolean;
  #unread: string | null = null;
  /** Behind what was last kept; the next expression needs something between. */
  #kept = 0;

  constructor(kind: string, text: string) {
    this.#kind = kind;
    this.#text = text;
    this.#out = text.replace(/[^\r\n]/g, ' ').split('');
    this.#typescript = kind === 'astro';
    this.#jsx = kind === 'astro';
    if (kind !== 'vue') return;
    for (const match of text.matchAll(/\bv-for\s*=\s*(["'])([\s\S]*?)\1/g)) {
      const loop = loopOf(match[2] ?? '');
      if (loop === null) continue;
      for (const name of loop.names.match(/[\w$]+/g) ?? [])
        this.#lists.set(name, (this.#lists.get(name) ?? new Set()).add(loop.list.trim()));
    }
  }

  read(): Component {
    let at = this.#frontMatter();
    const text = this.#text;
    while (at < text.length) {
      if (text.startsWith('<!--', at)) at = after(text, '-->', at);
      else if (text[at] === '<' && /[a-zA-Z]/.test(text[at + 1] ?? '')) at = this.#tag(at);
      else if (this.#kind === 'vue' ? text.startsWith('{{', at) : text[at] === '{') at = this.#braces(at);
      else at += 1;
    }
    return {
      text: this.#out.join(''),
      typescript: this.#typescript && !this.#jsx,
      rearranged: this.#rearranged,
      unread: this.#unread,
    };
  }

  #frontMatter(): number {
    const match = this.#kind === 'astro' ? /^\uFEFF?\s*---\r?\n([\s\S]*?)^---/m.exec(this.#text) : null;
    if (match === null || match.index !== 0) return 0;
    const start = match[0].indexOf('---') + 3;
    this.#keep(start, match[0].length - 3);
    return match[0].length;
  }

  #tag(at: number): number {
    const tag = readTag(this.#text, at, this.#kind !== 'vue');
    if (tag.name === 'script' || tag.name === 'style' || tag.name === 'template') {
      const language = tag.attributes.find(({ name }) => name === 'lang')?.value ?? '';
      const block = after(this.#text, `</${tag.name}`, tag.end) - tag.name.length - 2;
      if (tag.name === 'style') return block;
      if (tag.name === 'template' && /^(?:pug|jade)$/.test(language)) {
        this.#unread = `its template is written in ${language}`;
        return block;
      }
      if (tag.name === 'script') {
        this.#script(tag, language, block);
        return block;
      }
    }
    for (const attribute of tag.attributes) this.#attribute(attribute);
    return tag.end;
  }

  #script(tag: Tag, language: string, end: number): void {
    const type = tag.attributes.find(({ name }) => name === 'type')?.value ?? '';
    if (type !== '' && !/^(?:module|(?:text|application)\/(?:javascript|typescript|babel))$/.test(type)) return;
    if (!/^(?:|js|javascript|jsx|ts|typescript|tsx)$/.test(language)) {
      this.#unread = `its script is written in ${language}`;
      return;
    }
    this.#typescript ||= /^t/.test(language);
    this.#jsx ||= /x$/.test(language);
    this.#put(tag.end - 1, ';');
    this.#keep(tag.end, end);
    this.#put(end, ';');
    this.#kept = Math.max(this.#kept, end + 1);
  }

  #attribute({ name, start, end, quoted, value }: Tag['attributes'][number]): void {
    if (this.#kind !== 'vue') {
      // `{name}`, `{...rest}`, `on:click={…}`, `title="of {name}"`, and Astro's title=`of ${name}`.
      if (this.#text[start] === '`') this.#expression(start, end);
      else for (let at = start; at < end; at += 1) if (this.#text[at] === '{') at = this.#braces(at) - 1;
      return;
    }
    if (!quoted || !/^(?::|@|v-)/.test(name) || /^v-slot/.test(name) || value.trim() === '') return;
    if (name === 'v-for') this.#loop(start, end, value);
    else if (/^(?:@|v-on)/.test(name)) this.#statements(start, end);
    else this.#expression(start, end);
  }

  /** `v-for="(row, i) in rows"` as `var [row, i] = rows`, each word where it stands. */
  #loop(start: number, end: number, value: string): void {
    const loop = loopOf(value);
    if (loop === null) return;
    const listAt = end - loop.list.length;
    const names = loop.names.match(/[\w$]+/g) ?? [];
    // The same name for elements of two lists: no telling which one a place means.
    if (names.some((name) => (this.#lists.get(name)?.size ?? 0) > 1)) {
      this.#expression(listAt, end);
      return;
    }
    this.#separate(start - 6);
    for (const [index, character] of [...'var ['].entries()) this.#put(start - 5 + index, character);
    const namesAt = start + loop.namesAt;
    this.#keep(namesAt, namesAt + loop.names.length);
    this.#put(namesAt + loop.names.length, ']');
    this.#put(namesAt + loop.names.length + 1, '=');
    this.#keep(listAt, end);
    this.#put(end, ';');
    this.#kept = end + 1;
  }

  /** An expression or a block of the template; gives the offset behind it. */
  #braces(at: number): number {
    const text = this.#text;
    if (this.#kind === 'vue') {
      const close = text.indexOf('}}', at);
      if (close === -1) return text.length;
      this.#expression(at + 2, close);
      return close + 2;
    }
    const close = balancedEnd(text, at);
    const inner = text.slice(at + 1, close);
    const block = this.#kind === 'svelte' ? /^\s*([#:@/])([\w]*(?:\s+if\b)?)\s*/.exec(inner) : null;
    if (block === null) {
      const spread = /^\s*\.\.\./.exec(inner);
      this.#expression(at + 1 + (spread?.[0].length ?? 0), close);
      this.#blocksIn(at + 1, close);
      return close + 1;
    }
    const [head, sign, word = ''] = block;
    const start = at + 1 + head.length;
    if (sign === '/' && word === 'each') this.#put(close, '}');
    else if (sign === '#' && word === 'each') this.#each(at, close, text.slice(start, close));
    else if (sign === '@' && word === 'const') {
      this.#separate(start - 7);
      this.#keep(start - head.length + head.indexOf('const'), close);
      this.#put(close, ';');
      this.#kept = close + 1;
    } else if (/^(?:if|else if|key|html|render|attach)$/.test(word)) this.#expression(start, close);
    else if (sign === '#' && word === 'await') {
      const promise = /^[\s\S]*?(?=\s+(?:then|catch)\b|$)/.exec(text.slice(start, close))?.[0] ?? '';
      this.#expression(start, start + promise.length);
    }
    return close + 1;
  }

  /** Astro: `{open && <script>…</script>}` as `{open && (()=>{…})}`; what a style says is no code. */
  #blocksIn(start: number, end: number): void {
    for (const match of this.#text.slice(start, end).matchAll(/<(script|style)\b/g)) {
      const at = start + match.index;
      const tag = readTag(this.#text, at, true);
      const behind = Math.min(after(this.#text, `</${tag.name}>`, tag.end), end);
      const close = behind - tag.name.length - 3;
      if (close < tag.end) continue;
      const isChild = /[>}]\s*$/.test(this.#text.slice(start, at).replace(/=>\s*$/, ''));
      const [before, last] = tag.name === 'style' ? ['""', ''] : isChild ? ['{()=>{', '}}'] : ['(()=>{', '})'];
      const open = tag.name === 'style' && isChild ? '' : before;
      for (let here = at; here < behind; here += 1)
        if (tag.name === 'style' || here < tag.end || here >= close) this.#put(here, ' ');
      for (const [index, character] of [...open].entries()) this.#put(at + index, character);
      for (const [index, character] of [...last].entries()) this.#put(close + index, character);
    }
  }

  /** `{#each rows as row, i (row.id)}` as a block that declares the names of an element. */
  #each(at: number, close: number, header: string): void {
    const [, list = header, names = ''] =
      /^([\s\S]+?)\s+as\s+((?:\{[\s\S]*?\}|\[[\s\S]*?\]|[\w$]+)(?:\s*,\s*[\w$]+)?)/.exec(header) ?? [];
    const line = `{let[${names}]=${list};`.replace(/\s*[\r\n]\s*/g, ' ');
    this.#separate(at - 1);
    for (const [place, character] of this.#flow(line, at, close + 1) ?? [[at, '{'] as const])
      this.#put(place, character);
    this.#rearranged.push({ start: at, end: close + 1 });
    this.#kept = close + 1;
  }

  /** Lays a text out over a stretch of several lines, whose breaks stay and part no word; null where it has no room. */
  #flow(text: string, start: number, end: number): readonly (readonly [number, string])[] | null {
    const placed: [number, string][] = [];
    let at = start;
    for (const [token] of text.matchAll(
      /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|[\w$]+|[=!<>&|?+*.-]+|[\s\S]/g,
    )) {
      const breakIn = (): number => this.#text.slice(at, at + token.length).search(/[\r\n]/);
      if (token === ' ' && breakIn() !== -1) continue;
      for (let ahead = breakIn(); ahead !== -1; ahead = breakIn()) at += ahead + 1;
      if (at + token.length > end) return null;
      for (const character of token) {
        placed.push([at, character]);
        at += 1;
      }
    }
    return placed;
  }

  #expression(start: number, end: number): void {
    const code = this.#text.slice(start, end).replace(/\/\*[\s\S]*?\*\//g, '');
    if (code.trim() === '') return;
    const open = start - 1;
    if (this.#separate(open - 1)) this.#put(open, '(');
    // Two next to each other become one list.
    else this.#put(this.#kept - 1, ',');
    this.#keep(start, end);
    this.#put(end, ')');
    this.#kept = end + 1;
  }

  #statements(start: number, end: number): void {
    this.#put(start - 1, ';');
    this.#keep(start, end);
    this.#put(end, ';');
    this.#kept = end + 1;
  }

  /** Puts a semicolon between what was kept and what comes; false when there is no room for one. */
  #separate(last: number): boolean {
    if (this.#kept === 0) return true;
    for (let at = this.#kept; at <= last; at += 1) {
      if (/[\r\n]/.test(this.#text[at] ?? '\n')) continue;
      this.#put(at, ';');
      return true;
    }
    return this.#out[this.#kept - 1] !== ')';
  }

  #keep(start: number, end: number): void {
    for (let at = start; at < end; at += 1) this.#out[at] = this.#text[at] ?? '';
  }

  #put(at: number, character: string): void {
    if (at >= 0 && at < this.#out.length && !/[\r\n]/.test(this.#text[at] ?? '\n')) this.#out[at] = character;
  }
}

/** The parts of a `v-for`; null where it has another form. */
function loopOf(value: string): { readonly names: string; readonly namesAt: number; readonly list: string } | null {
  const match = /^(\s*\(?\s*)([\s\S]+?)(\s*\)?\s+(?:in|of)\s+)(\S[\s\S]*)$/.exec(value);
  if (match === null || (match[3] ?? '').length < 2) return null;
  return { names: match[2] ?? '', namesAt: (match[1] ?? '').length, list: match[4] ?? '' };
}

function after(text: string, end: string, from: number): number {
  const at = text.indexOf(end, from);
  return at === -1 ? text.length : at + end.length;
}
