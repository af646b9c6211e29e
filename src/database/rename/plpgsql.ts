import { identifier } from '../quote.ts';
import { dynamicSql } from './dynamic.ts';
import { expression } from './expression.ts';
import { Reader } from './plpgsql-reader.ts';
import { follow } from './reference.ts';
import { type Block, changed, closed, fields, findVariable, type Shape, unknown, type Variable } from './scope.ts';
import { isName, type Token } from './source.ts';
import { statement } from './statement.ts';
import { as, child, list } from './tree.ts';
import { assign, newVariable, problem, shapesOf, type Walk } from './walk.ts';
import { parseTypeName } from './world.ts';

/**
 * Reads a plpgsql body statement by statement over PostgreSQL's own tokens, as pl_gram.y does, and hands each piece of
 * SQL to PostgreSQL's own parser. The library's `parsePlPgSQL` gives line numbers only, and refuses `INTO r.field` of a
 * row variable because it has no catalog (18.1.5), so positions and record types have to be found here.
 */
export function walkPlpgsql(walk: Walk): void {
  new Body(walk).body();
}

const exceptions = new Set(['others', 'undefined_column', 'syntax_error_or_access_rule_violation']);

class Body extends Reader {
  body(): void {
    while (this.symbol('#')) {
      this.position += 1;
      const option = this.name().value;
      const value = this.name().value;
      if (option === 'variable_conflict' && (value === 'error' || value === 'use_variable' || value === 'use_column'))
        this.walk.conflict = value;
    }
    this.block();
    if (this.symbol(';')) this.position += 1;
    if (this.token !== undefined) this.fail('the end');
  }

  private label(): string | null {
    if (!this.symbol('<<')) return null;
    this.position += 1;
    const name = this.name().value;
    this.sign('>>');
    return name;
  }

  private scoped(label: string | null, start: number | null, run: (block: Block) => void): void {
    const outer = this.walk.block;
    const block: Block = { label, variables: new Map(), parent: outer, start };
    this.walk.block = block;
    try {
      run(block);
    } finally {
      this.walk.block = outer;
    }
  }

  private block(): void {
    const start = this.token?.start ?? 0;
    const label = this.label();
    this.scoped(label, label === null ? this.whole.outer(start) : null, (block) => {
      if (this.accept('declare')) while (!this.is('begin')) this.declaration(block);
      this.word('begin');
      this.statements(['end', 'exception']);
      if (this.accept('exception')) this.handlers();
      this.word('end');
      if (isName(this.token)) this.position += 1;
    });
  }

  private handlers(): void {
    this.scoped(null, null, (block) => {
      newVariable(this.walk, block, 'sqlstate');
      newVariable(this.walk, block, 'sqlerrm');
      while (this.accept('when')) {
        while (!this.is('then')) {
          const token = this.take();
          if (exceptions.has(token.value) || token.value === "'42703'") this.walk.found.swallows = true;
        }
        this.word('then');
        this.statements(['end', 'when']);
      }
    });
  }

  private declaration(block: Block): void {
    if (this.accept('declare')) return;
    const name = this.name().value;
    if (this.accept('alias')) {
      this.word('for');
      const target = this.take();
      const known =
        target.kind === 'parameter'
          ? this.parameter(Number(target.value.slice(1)))
          : (findVariable(this.walk.block, target.value)?.variable ?? null);
      if (known !== null) block.variables.set(name, { ...known, name, label: block.label });
      this.sign(';');
      return;
    }
    if (this.is('cursor', 'scroll', 'no')) {
      this.cursor(block, name);
      return;
    }
    this.accept('constant');
    const from = this.position;
    const end = this.until(['not', 'default', 'collate'], [';', ':=', '=']);
    const variable = this.declare(block, name, from, end);
    this.position = end;
    if (this.accept('collate'))
      while (!this.symbol(';') && !this.symbol(':=') && !this.symbol('=') && !this.is('not', 'default')) this.take();
    if (this.accept('not')) this.word('null');
    if (this.accept('default') || this.symbol(':=') || this.symbol('=')) {
      if (this.symbol(':=') || this.symbol('=')) this.position += 1;
      // A variable is not yet in sight in its own default, an outer one of the same name is.
      block.variables.delete(name);
      const info = this.expressionUntil([]);
      block.variables.set(name, variable);
      assign(this.walk, variable, info.row, info.json);
    }
    this.sign(';');
  }

  private parameter(position: number): Variable | null {
    for (let block = this.walk.block; block !== null; block = block.parent)
      for (const variable of block.variables.values()) if (variable.position === position) return variable;
    return null;
  }

  /** `record`, `calls%ROWTYPE`, `calls.organization_id%TYPE`, `other_variable%TYPE`, `public.calls`. */
  private declare(block: Block, name: string, from: number, to: number): Variable {
    const tokens = this.whole.tokens.slice(from, to);
    const first = tokens[0];
    if (first === undefined) this.fail('a type');
    const suffix = tokens.findIndex((token, index) => token.value === '%' && tokens[index + 1]?.value === 'type');
    if (suffix > 0) return this.copiedType(block, name, tokens.slice(0, suffix));
    if (tokens.length === 1 && first?.value === 'record') return newVariable(this.walk, block, name, { record: true });
    const type = this.whole.text.slice(first?.start ?? 0, tokens.at(-1)?.end);
    const parsed = parseTypeName(type);
    const row =
      parsed === null ? null : (this.walk.world.relation(parsed.schema, parsed.name, this.walk.path)?.shape ?? null);
    return newVariable(this.walk, block, name, { type, row });
  }

  private copiedType(block: Block, name: string, path: readonly Token[]): Variable {
    const parts = path.filter((token) => isName(token));
    const words = parts.map((token) => token.value);
    const at = parts[0]?.start ?? 0;
    const variable = words.length <= 2 ? findVariable(this.walk.block, words[0] ?? '') : null;
    if (words.length === 1) {
      const other = variable?.variable;
      return newVariable(
        this.walk,
        block,
        name,
        other === undefined ? {} : { type: other.type, row: other.row, record: other.record, rows: other.rows },
      );
    }
    if (variable !== null && shapesOf(this.walk, variable.variable) !== null) {
      follow(this.walk, words, at, null);
      return newVariable(this.walk, block, name);
    }
    const field = words.at(-1) ?? '';
    const relation = this.walk.world.relation(
      words.length > 2 ? (words[0] ?? null) : null,
      words.at(-2) ?? '',
      this.walk.path,
    );
    const [hit] = relation === null ? [] : fields(relation.shape, field, 'before');
    const token = parts.at(-1);
    if (hit !== undefined && token !== undefined) {
      if (this.walk.world.names.has(field)) this.walk.found.references.push(`type ${hit.key}`);
      for (const root of hit.roots) this.walk.found.roots.add(root);
      if (changed(hit))
        this.walk.found.edits.push({
          start: this.whole.outer(token.start),
          end: this.whole.outer(token.end - 1) + 1,
          text: this.whole.escape(identifier(hit.after)),
        });
    } else if (relation === null && this.walk.world.old.has(field))
      problem(
        this.walk,
        at,
        `\`${words.join('.')}%TYPE\` is a column of a table that the database does not have.`,
        'Write the type itself.',
      );
    const row = hit?.type == null ? null : (this.walk.world.rowType(hit.type, this.walk.path)?.shape ?? null);
    return newVariable(this.walk, block, name, { type: hit?.type ?? null, row });
  }

  private cursor(block: Block, name: string): void {
    this.accept('no');
    this.accept('scroll');
    this.word('cursor');
    this.scoped(name, null, (own) => {
      if (this.symbol('(')) {
        this.position += 1;
        while (!this.symbol(')')) {
          const argument = this.name().value;
          const end = this.until([], [',', ')']);
          this.declare(own, argument, this.position, end);
          this.position = end;
          if (this.symbol(',')) this.position += 1;
        }
        this.position += 1;
      }
      if (!this.accept('for')) this.word('is');
      const shape = this.queryUntil([]);
      newVariable(this.walk, block, name, { type: 'refcursor', rows: [shape] });
    });
    this.sign(';');
  }

  private statements(ends: readonly string[]): void {
    while (this.token !== undefined && !this.is(...ends)) this.statement();
  }

  private statement(): void {
    const { token } = this;
    if (token === undefined) this.fail('a statement');
    if (this.symbol('<<') || this.is('declare', 'begin')) {
      const label = this.peek(3);
      if (this.symbol('<<') && label !== undefined && !['declare', 'begin'].includes(label.value)) {
        this.loop(this.label());
        return;
      }
      if (!(this.is('begin') && this.peek()?.value === ';')) {
        this.block();
        this.sign(';');
        return;
      }
    }
    if (this.assignment()) return;
    const run = token?.kind === 'name' ? this.forms[token.value] : undefined;
    if (run === undefined) this.sqlStatement();
    else run();
  }

  /** By their first word; any other word begins a statement of SQL. */
  private readonly forms: Readonly<Record<string, () => void>> = {
    if: () => this.ifStatement(),
    case: () => this.caseStatement(),
    loop: () => this.loop(null),
    while: () => this.loop(null),
    for: () => this.loop(null),
    foreach: () => this.loop(null),
    exit: () => this.leave(),
    continue: () => this.leave(),
    return: () => this.returnStatement(),
    raise: () => this.raise(),
    assert: () => {
      this.position += 1;
      this.expressionsUntil([]);
      this.sign(';');
    },
    perform: () => this.perform(),
    execute: () => this.execute(),
    open: () => this.openCursor(),
    fetch: () => this.fetch(),
    move: () => this.fetch(),
    get: () => this.skip(),
    close: () => this.skip(),
    null: () => this.skip(),
    commit: () => this.skip(),
    rollback: () => this.skip(),
  };

  /** Statements without a name of a column. */
  private skip(): void {
    this.position = this.until([]);
    this.sign(';');
  }

  private leave(): void {
    this.position += 1;
    if (isName(this.token) && !this.is('when')) this.position += 1;
    if (this.accept('when')) this.expressionUntil([]);
    this.sign(';');
  }

  /** `x := …`, `x.field = …`, `x[1] := …`. */
  private assignment(): boolean {
    if (!isName(this.token)) return false;
    let i = this.position + 1;
    const { tokens } = this.whole;
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
    const target = this.target(i);
    this.position = i + 1;
    const info = this.expressionUntil([]);
    if (target !== null) assign(this.walk, target, info.row, info.json);
    this.sign(';');
    return true;
  }

  /** Reads and follows `name[.field…]` up to a token; returns the variable if the whole of it is assigned. */
  private target(end: number): Variable | null {
    const first = this.name();
    const path = [first.value];
    while (this.symbol('.') && this.position < end) {
      this.position += 1;
      path.push(this.name().value);
    }
    const own = findVariable(this.walk.block, first.value);
    if (path.length === 1) {
      // A target is never a column, so it cannot be captured.
      return own?.variable ?? null;
    }
    const labelled = own === null ? findVariable(this.walk.block, path[1] ?? '', first.value) : null;
    if (labelled !== null && path.length === 2) return labelled.variable;
    follow(this.walk, path.slice(0, own === null ? 3 : 2), first.start, null);
    return null;
  }

  private ifStatement(): void {
    this.position += 1;
    this.expressionUntil(['then']);
    this.word('then');
    this.statements(['elsif', 'elseif', 'else', 'end']);
    while (this.is('elsif', 'elseif')) {
      this.position += 1;
      this.expressionUntil(['then']);
      this.word('then');
      this.statements(['elsif', 'elseif', 'else', 'end']);
    }
    if (this.accept('else')) this.statements(['end']);
    this.word('end', 'if');
    this.sign(';');
  }

  private caseStatement(): void {
    this.position += 1;
    if (!this.is('when')) this.expressionUntil(['when']);
    while (this.accept('when')) {
      this.expressionsUntil(['then']);
      this.word('then');
      this.statements(['when', 'else', 'end']);
    }
    if (this.accept('else')) this.statements(['end']);
    this.word('end', 'case');
    this.sign(';');
  }

  private loopBody(): void {
    this.word('loop');
    this.statements(['end']);
    this.word('end', 'loop');
    if (isName(this.token)) this.position += 1;
    this.sign(';');
  }

  private loop(label: string | null): void {
    this.scoped(label, null, (block) => {
      if (this.accept('while')) this.expressionUntil(['loop']);
      else if (this.accept('foreach')) {
        const variable = this.target(this.until(['in', 'slice']));
        if (this.accept('slice')) this.take();
        this.word('in', 'array');
        const info = this.expressionUntil(['loop']);
        if (variable !== null) assign(this.walk, variable, info.row, null);
      } else if (this.accept('for')) {
        this.forLoop(block);
        return;
      }
      this.loopBody();
    });
  }

  private forLoop(block: Block): void {
    const nameToken = this.token;
    const variables: Variable[] = [];
    const end = this.until(['in']);
    while (this.position < end) {
      const variable = this.target(end);
      if (variable !== null) variables.push(variable);
      if (this.symbol(',')) this.position += 1;
      else if (this.position < end) this.position = end;
    }
    this.word('in');
    const stop = this.until(['loop']);
    const range = this.whole.tokens.slice(this.position, stop).some((token) => token.value === '..');
    if (this.is('reverse') || range) {
      this.accept('reverse');
      this.expressionUntil([], ['..']);
      this.sign('..');
      this.expressionUntil(['by', 'loop']);
      if (this.accept('by')) this.expressionUntil(['loop']);
      newVariable(this.walk, block, nameToken?.value ?? '');
      this.loopBody();
      return;
    }
    let shape: Shape;
    const cursor = isName(this.token) ? findVariable(this.walk.block, this.token.value)?.variable : undefined;
    if (this.is('execute')) {
      this.position += 1;
      shape = this.dynamic(['using', 'loop']);
      this.using(['loop']);
    } else if (cursor?.type === 'refcursor') {
      this.position += 1;
      shape = cursor.rows?.[0] ?? unknown;
      if (this.symbol('(')) {
        const from = this.position;
        this.expressionAtBrackets(from, stop);
      }
      this.position = stop;
      // The loop's record is declared by the loop itself.
      newVariable(this.walk, block, nameToken?.value ?? '', { rows: [shape] });
      this.loopBody();
      return;
    } else shape = this.queryUntil(['loop']);
    const [only] = variables;
    const record = only?.record === true ? only : null;
    if (record !== null) {
      const outer = this.walk.loops.get(record.id);
      assign(this.walk, record, shape, null);
      this.walk.loops.set(record.id, [shape]);
      this.loopBody();
      if (outer === undefined) this.walk.loops.delete(record.id);
      else this.walk.loops.set(record.id, outer);
      return;
    }
    this.intoVariables(variables, shape);
    this.loopBody();
  }

  private expressionAtBrackets(from: number, to: number): void {
    this.piece('SELECT ROW', from, to, (parsed) => {
      const value = child(as(list(as(parsed, 'SelectStmt') ?? {}, 'targetList')[0] ?? null, 'ResTarget') ?? {}, 'val');
      if (value !== null) expression(this.walk, value, null);
    });
  }

  private returnStatement(): void {
    this.position += 1;
    if (this.accept('next')) {
      if (!this.symbol(';')) this.expressionUntil([]);
    } else if (this.accept('query')) {
      if (this.accept('execute')) {
        this.dynamic(['using']);
        this.using([]);
      } else this.queryUntil([]);
    } else if (!this.symbol(';')) this.expressionUntil([]);
    this.sign(';');
  }

  /** RAISE: a level, a format with its arguments or a condition, and options. */
  private raise(): void {
    this.position += 1;
    if (this.is('debug', 'log', 'info', 'notice', 'warning', 'exception') && this.token !== undefined)
      this.position += 1;
    if (this.is('sqlstate')) this.position += 2;
    else if (this.token?.kind === 'string') this.position += 1;
    else if (isName(this.token) && !this.is('using')) this.position += 1;
    while (this.symbol(',')) {
      this.position += 1;
      this.expressionUntil(['using'], [',', ';']);
    }
    if (this.accept('using'))
      do {
        if (this.symbol(',')) this.position += 1;
        this.name();
        if (this.symbol('=') || this.symbol(':=')) this.position += 1;
        this.quietly(() => this.expressionUntil([], [',', ';']));
      } while (this.symbol(','));
    this.sign(';');
  }

  /** Text of a message: constants in it are for people. */
  private quietly(run: () => void): void {
    const { literals, mentions } = this.walk.found;
    const counts = [literals.length, mentions.length] as const;
    run();
    literals.length = counts[0];
    mentions.length = counts[1];
  }

  private perform(): void {
    this.position += 1;
    const end = this.until([]);
    this.piece('SELECT ', this.position, end, (parsed) => statement(this.walk, parsed, null));
    this.position = end;
    this.sign(';');
  }

  private dynamic(words: readonly string[]): Shape {
    const end = this.until(words);
    const shape =
      this.piece('SELECT ', this.position, end, (parsed) => {
        const value = child(
          as(list(as(parsed, 'SelectStmt') ?? {}, 'targetList')[0] ?? null, 'ResTarget') ?? {},
          'val',
        );
        return value === null ? unknown : dynamicSql(this.walk, value);
      }) ?? unknown;
    this.position = end;
    return shape;
  }

  private using(words: readonly string[]): void {
    if (this.accept('using')) this.expressionsUntil(words);
  }

  private execute(): void {
    this.position += 1;
    const shape = this.dynamic(['into', 'using']);
    for (;;) {
      if (this.accept('into')) {
        this.accept('strict');
        this.intoVariables(this.intoTargets(this.until(['using'])), shape);
      } else if (this.is('using')) {
        this.position += 1;
        this.expressionsUntil(['into']);
      } else break;
    }
    this.sign(';');
  }

  private openCursor(): void {
    this.position += 1;
    const cursor = this.name();
    const variable = findVariable(this.walk.block, cursor.value)?.variable;
    this.accept('no');
    this.accept('scroll');
    if (this.accept('for')) {
      let shape: Shape;
      if (this.accept('execute')) {
        shape = this.dynamic(['using']);
        this.using([]);
      } else shape = this.queryUntil([]);
      if (variable !== undefined) {
        const present = this.walk.memory.records.get(variable.id) ?? [];
        if (
          !present.some(
            (item) => item.columns.map((each) => each.key).join() === shape.columns.map((each) => each.key).join(),
          )
        )
          this.walk.memory.records.set(variable.id, [...present, shape]);
      }
    } else if (this.symbol('(')) {
      const end = this.until([]);
      this.expressionAtBrackets(this.position, end);
      this.position = end;
    }
    this.sign(';');
  }

  private fetch(): void {
    const end = this.until([]);
    const into = this.until(['into']);
    if (into >= end) {
      this.position = end;
      this.sign(';');
      return;
    }
    const cursor = this.whole.tokens[into - 1];
    const variable = cursor === undefined ? undefined : findVariable(this.walk.block, cursor.value)?.variable;
    this.position = into + 1;
    const shapes = variable?.rows ?? (variable === undefined ? [] : (this.walk.memory.records.get(variable.id) ?? []));
    const targets = this.intoTargets(end);
    for (const shape of shapes.length === 0 ? [unknown] : shapes) this.intoVariables(targets, shape);
    this.position = end;
    this.sign(';');
  }

  /** `a, b.c, d`: follows fields and returns the variables that are assigned as a whole. */
  private intoTargets(end: number): readonly Variable[] {
    const result: Variable[] = [];
    while (this.position < end) {
      const variable = this.target(end);
      if (variable !== null) result.push(variable);
      if (!this.symbol(',')) break;
      this.position += 1;
    }
    return result;
  }

  private intoVariables(variables: readonly Variable[], shape: Shape): void {
    const [only] = variables;
    if (variables.length === 1 && only?.record === true) {
      assign(this.walk, only, shape, null);
      return;
    }
    variables.forEach((variable, index) => {
      const item = shape.columns[index];
      assign(this.walk, variable, item?.row ?? null, item?.json ?? null);
    });
  }

  /** Any other statement is SQL; INTO, which is not SQL's here, is taken out first. */
  private sqlStatement(): void {
    const from = this.position;
    const end = this.until([]);
    let into: readonly [number, number] | null = null;
    let variables: readonly Variable[] = [];
    for (let i = from; i < end; i += 1) {
      const token = this.whole.tokens[i];
      const previous = this.whole.tokens[i - 1];
      if (token?.kind !== 'name' || token.value !== 'into' || i === from) continue;
      if (previous?.kind === 'name' && (previous.value === 'insert' || previous.value === 'merge')) continue;
      if (into !== null) this.fail('one INTO');
      this.position = i + 1;
      this.accept('strict');
      variables = this.intoTargets(end);
      into = [i, this.position];
    }
    const shape =
      this.piece('', from, end, (parsed) => statement(this.walk, parsed, null), into ?? undefined) ?? closed;
    if (into !== null) this.intoVariables(variables, shape);
    this.position = end;
    this.sign(';');
  }
}
