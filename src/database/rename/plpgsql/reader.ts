import { expression, type Info, plain } from '../expression.ts';
import { parseSql } from '../parser.ts';
import { closed, type Shape } from '../scope.ts';
import { createSource, isName, type Source, type Token } from '../source.ts';
import { statement } from '../statement.ts';
import { as, child, list, type Tree } from '../tree.ts';
import { analysed, type Walk } from '../walk.ts';

/** The text is not plpgsql as PostgreSQL's grammar has it, or a form that this reader does not know. */
export class PlpgsqlError extends Error {
  override readonly name = 'PlpgsqlError';
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** A place in the tokens of a plpgsql body, and the pieces of SQL that begin there. */
export class Reader {
  /** Index of the present token. */
  position = 0;
  readonly walk: Walk;
  readonly whole: Source;

  constructor(walk: Walk) {
    this.walk = walk;
    this.whole = walk.source;
  }

  // --- tokens

  get token(): Token | undefined {
    return this.whole.tokens[this.position];
  }

  peek(ahead = 1): Token | undefined {
    return this.whole.tokens[this.position + ahead];
  }

  is(...words: string[]): boolean {
    return this.token?.kind === 'name' && words.includes(this.token.value);
  }

  symbol(value: string): boolean {
    return this.token?.kind === 'other' && this.token.value === value;
  }

  fail(wanted: string): never {
    throw new PlpgsqlError(`${wanted} expected`, this.token?.start ?? this.whole.text.length);
  }

  take(): Token {
    const { token } = this;
    if (token === undefined) this.fail('more text');
    this.position += 1;
    return token as Token;
  }

  word(...words: string[]): void {
    for (const word of words) {
      if (!this.is(word)) this.fail(word.toUpperCase());
      this.position += 1;
    }
  }

  sign(value: string): void {
    if (!this.symbol(value)) this.fail(value);
    this.position += 1;
  }

  accept(word: string): boolean {
    if (!this.is(word)) return false;
    this.position += 1;
    return true;
  }

  name(): Token {
    if (!isName(this.token)) this.fail('a name');
    return this.take();
  }

  /** Index of the first token, outside brackets, that is one of these words or signs. */
  until(words: readonly string[], signs: readonly string[] = [';']): number {
    let depth = 0;
    for (let i = this.position; i < this.whole.tokens.length; i += 1) {
      const token = this.whole.tokens[i];
      if (token?.kind === 'other') {
        if (token.value === '(' || token.value === '[') depth += 1;
        if (depth === 0 && signs.includes(token.value)) return i;
        if (token.value === ')' || token.value === ']') depth -= 1;
        if (depth < 0) return i;
      } else if (depth === 0 && token?.kind === 'name' && words.includes(token.value)) return i;
    }
    return this.fail(words[0]?.toUpperCase() ?? ';');
  }

  // --- pieces of SQL

  /** Tokens `from` to `to` (exclusive) as SQL after a prefix; `blank` tokens become spaces. */
  piece<T>(
    prefix: string,
    from: number,
    to: number,
    run: (parsed: Tree) => T,
    blank?: readonly [number, number],
  ): T | null {
    const first = this.whole.tokens[from];
    const last = this.whole.tokens[to - 1];
    if (first === undefined || last === undefined || from >= to) return null;
    let text = this.whole.text.slice(first.start, last.end);
    if (blank !== undefined) {
      const a = (this.whole.tokens[blank[0]]?.start ?? first.start) - first.start;
      const b = (this.whole.tokens[blank[1] - 1]?.end ?? first.start) - first.start;
      text = text.slice(0, a) + ' '.repeat(b - a) + text.slice(b);
    }
    let parsed: Tree;
    try {
      const [only, ...more] = parseSql(prefix + text);
      if (only === undefined || more.length > 0) throw new Error('one statement expected');
      parsed = child(only, 'stmt') ?? {};
    } catch (error) {
      throw new PlpgsqlError(error instanceof Error ? error.message : String(error), first.start);
    }
    const outside = this.walk.source;
    this.walk.source = createSource(
      prefix + text,
      (index) => outside.outer(first.start + index - prefix.length),
      outside.escape,
    );
    try {
      return analysed(this.walk, outside.outer(first.start), () => run(parsed));
    } finally {
      this.walk.source = outside;
    }
  }

  expressionUntil(words: readonly string[], signs: readonly string[] = [';']): Info {
    const end = this.until(words, signs);
    const info = this.expressionAt(this.position, end);
    this.position = end;
    return info;
  }

  expressionAt(from: number, to: number): Info {
    return (
      this.piece('SELECT ', from, to, (parsed) => {
        const target = as(list(as(parsed, 'SelectStmt') ?? {}, 'targetList')[0] ?? null, 'ResTarget');
        const whole = as(parsed, 'SelectStmt') ?? {};
        const value = target === null ? null : child(target, 'val');
        // `x := a from t` is legal, if rare: anything beyond a target list goes through the query.
        if (
          value === null ||
          child(whole, 'whereClause') !== null ||
          list(whole, 'fromClause').length > 0 ||
          list(whole, 'targetList').length > 1
        ) {
          const shape = statement(this.walk, parsed, null);
          const [first] = shape.columns;
          return { ...plain, row: first?.row ?? null, json: first?.json ?? null };
        }
        return expression(this.walk, value, null);
      }) ?? plain
    );
  }

  expressionsUntil(words: readonly string[]): void {
    const end = this.until(words);
    if (end > this.position)
      this.piece('SELECT ', this.position, end, (parsed) => {
        for (const item of list(as(parsed, 'SelectStmt') ?? {}, 'targetList')) {
          const value = child(as(item, 'ResTarget') ?? {}, 'val');
          if (value !== null) expression(this.walk, value, null);
        }
      });
    this.position = end;
  }

  queryUntil(words: readonly string[], signs: readonly string[] = [';']): Shape {
    const end = this.until(words, signs);
    const shape = this.piece('', this.position, end, (parsed) => statement(this.walk, parsed, null)) ?? closed;
    this.position = end;
    return shape;
  }
}
