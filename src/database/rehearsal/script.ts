import { exitCodes, RolloutError } from '../../rollout/errors.ts';
import { loadParser, parseSql } from '../rename/parser.ts';

type Variables = ReadonlyMap<string, number>;

/** A part of a file: statements, or what pgbench does between them. */
type Part =
  | { readonly kind: 'sql'; readonly text: string; readonly line: number }
  | { readonly kind: 'set'; readonly name: string; readonly value: Expression }
  | { readonly kind: 'sleep'; readonly seconds: Expression };
type Expression = (variables: Variables) => number;

/** Variables that pgbench has by itself. */
const own: Variables = new Map([
  ['client_id', 0],
  ['scale', 1],
]);

/**
 * Reads a file of statements in the form of pgbench: `\set name expression` with whole numbers and `random(a, b)`,
 * `\sleep`, and `:name` in the statements. Each turn sets its variables anew.
 *
 * @returns the statements of one turn, as often as it is called.
 * @throws {RolloutError} exit code 2 naming the line.
 */
export async function statementsOf(name: string, text: string): Promise<() => readonly string[]> {
  await loadParser();
  const parts = partsOf(name, text);
  const turn = (): readonly string[] => {
    const variables = new Map(own);
    return parts.flatMap((part): readonly string[] => {
      if (part.kind === 'sql') return split(name, part, variables);
      if (part.kind === 'sleep') return [`select pg_catalog.pg_sleep(${part.seconds(variables)})`];
      variables.set(part.name, part.value(variables));
      return [];
    });
  };
  if (turn().length > 0) return turn;
  throw usage(`${name} holds no statement.`, 'Write statements that end with semicolons.');
}

function partsOf(name: string, text: string): readonly Part[] {
  const parts: Part[] = [];
  let sql: { readonly from: number; readonly lines: string[] } | null = null;
  const flush = (): void => {
    if (sql !== null) parts.push({ kind: 'sql', text: sql.lines.join('\n'), line: sql.from });
    sql = null;
  };
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*\\/.test(line)) {
      flush();
      parts.push(command(`Line ${index + 1} of ${name}`, line.trim()));
    } else {
      sql ??= { from: index + 1, lines: [] };
      sql.lines.push(line);
    }
  }
  flush();
  return parts;
}

function command(where: string, line: string): Part {
  const [, variable = '', value = ''] = /^\\set\s+([A-Za-z_]\w*)\s+(\S.*)$/.exec(line) ?? [];
  if (variable !== '') return { kind: 'set', name: variable, value: expression(where, value) };
  const [, time = '', unit = 's'] = /^\\sleep\s+(:?\w+)(?:\s+(us|ms|s))?$/.exec(line) ?? [];
  if (time !== '') {
    const value = expression(where, time);
    const scale = { us: 1e6, ms: 1e3, s: 1 }[unit] ?? 1;
    return { kind: 'sleep', seconds: (variables) => value(variables) / scale };
  }
  throw usage(
    `${where} is ${line.split(/\s/)[0]}, and of the commands of pgbench the load takes \\set and \\sleep.`,
    'Write the values into the statements, or use \\set with random(from, to).',
  );
}

/** Whole numbers, variables, + - * / %, brackets and random(a, b), as pgbench reads them. */
function expression(where: string, text: string): Expression {
  const tokens = text.match(/\d+|:?[A-Za-z_]\w*|[-+*/%(),]|\S/g) ?? [];
  let at = 0;
  const wrong = (): RolloutError =>
    usage(
      `${where}: "${text}" cannot be read at "${tokens[at] ?? 'its end'}".`,
      'Of the expressions of pgbench the load takes whole numbers, variables, + - * / %, brackets and random(from, to).',
    );
  const take = (wanted: string): void => {
    if (tokens[at] !== wanted) throw wrong();
    at++;
  };
  const single = (): Expression => {
    const token = tokens[at] ?? '';
    if (/^\d+$/.test(token)) {
      at++;
      return () => Number(token);
    }
    if (token === '-') {
      at++;
      const value = single();
      return (variables) => -value(variables);
    }
    if (token === '(') {
      at++;
      const value = sum();
      take(')');
      return value;
    }
    if (/^:\w+$/.test(token)) {
      at++;
      const name = token.slice(1);
      return (variables) => {
        const value = variables.get(name);
        if (value === undefined) throw usage(`${where}: ${token} is not set before.`, 'Set it with \\set above.');
        return value;
      };
    }
    if (token !== 'random') throw wrong();
    at++;
    take('(');
    const from = sum();
    take(',');
    const to = sum();
    take(')');
    return (variables) => {
      const [low, high] = [from(variables), to(variables)];
      if (low > high) throw usage(`${where}: random(${low}, ${high}) is empty.`, 'Give the lower number first.');
      return low + Math.floor(Math.random() * (high - low + 1));
    };
  };
  const chain =
    (next: () => Expression, operators: Readonly<Record<string, (a: number, b: number) => number>>) =>
    (): Expression => {
      let left = next();
      for (let how = operators[tokens[at] ?? '']; how !== undefined; how = operators[tokens[at] ?? '']) {
        at++;
        const [before, right, apply] = [left, next(), how];
        left = (variables) => apply(before(variables), right(variables));
      }
      return left;
    };
  const divided = (how: (a: number, b: number) => number) => (a: number, b: number) => {
    if (b === 0) throw usage(`${where}: "${text}" divides by zero.`, 'Correct the expression.');
    return how(a, b);
  };
  const product = chain(single, {
    '*': (a, b) => a * b,
    '/': divided((a, b) => Math.trunc(a / b)),
    '%': divided((a, b) => a % b),
  });
  const sum = chain(product, { '+': (a, b) => a + b, '-': (a, b) => a - b });
  const value = sum();
  if (at < tokens.length) throw wrong();
  return value;
}

/** The statements of a part, with the values of this turn in place of `:name`. A cast (`::`) is none of them. */
function split(name: string, { text, line }: Extract<Part, { kind: 'sql' }>, variables: Variables): readonly string[] {
  const filled = text.replace(/(?<!:):([A-Za-z_]\w*)/g, (found, variable: string) =>
    String(variables.get(variable) ?? found),
  );
  const bytes = Buffer.from(filled);
  try {
    const statements: readonly { readonly stmt_location?: number; readonly stmt_len?: number }[] = parseSql(filled);
    return statements.map(({ stmt_location: from = 0, stmt_len: length }) =>
      bytes
        .subarray(from, length === undefined ? undefined : from + length)
        .toString()
        .trim(),
    );
  } catch (error) {
    const where = line === 1 ? name : `${name}, from line ${line} on,`;
    throw usage(
      `${where} is not valid SQL: ${error instanceof Error ? error.message : String(error)}.`,
      'Correct the file; it holds statements that end with semicolons.',
      error,
    );
  }
}

const usage = (problem: string, remedy: string, cause?: unknown): RolloutError =>
  new RolloutError(problem, remedy, { exitCode: exitCodes.usage, ...(cause === undefined ? {} : { cause }) });
