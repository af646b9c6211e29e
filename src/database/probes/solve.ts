import type { ClientBase } from 'pg';
import { identifier } from '../quote.ts';
import { isInside, rolledBack } from '../rolled-back.ts';
import { escapeRegExp } from '../words.ts';
import type { TableFacts } from './facts.ts';

/** One possible value; `given` false leaves the column out of the INSERT. */
export type Choice = { readonly sql: string; readonly given: boolean };

/** Whether an expression names a column, outside its texts. */
export const mentions = (expression: string, column: string): boolean =>
  new RegExp(`(?<![\\w".])${escapeRegExp(identifier(column))}(?![\\w"])`).test(
    expression.replace(/'(?:[^']|'')*'/g, "''"),
  );

/** Largest number of combinations that the server is asked about for one group of columns. */
const mostCombinations = 2000;

/** Lets the server choose, for every group of columns that CHECK constraints tie together, the first values that pass. */
export async function solve(
  client: ClientBase,
  table: TableFacts,
  choices: ReadonlyMap<string, readonly Choice[]>,
): Promise<ReadonlyMap<string, Choice>> {
  const chosen = new Map<string, Choice>();
  for (const [name, [first]] of choices) if (first !== undefined) chosen.set(name, first);
  const groups = groupChecks(table, choices);
  if (groups.length === 0) return chosen;
  const answer = await ask(client, groups, choices);
  if (answer === undefined) return chosen;
  for (const [index, { columns }] of groups.entries()) {
    for (const [position, name] of columns.entries()) {
      const at = answer[`g${index}`]?.[position];
      const choice = at === undefined ? undefined : choices.get(name)?.[at];
      if (choice !== undefined) chosen.set(name, choice);
    }
  }
  return chosen;
}

type Answer = Readonly<Record<string, readonly number[] | null>>;

/** Which choices pass, by their places. Undefined: the server cannot answer (a CHECK that raises); the INSERT says what is wrong. */
async function ask(
  client: ClientBase,
  groups: readonly Group[],
  choices: ReadonlyMap<string, readonly Choice[]>,
): Promise<Answer | undefined> {
  const possible = (name: string): readonly (readonly [at: number, sql: string])[] =>
    (choices.get(name) ?? []).map(({ sql }, at) => [at, sql] as const);
  const question = questionOf(groups, possible);
  const known = answersOf(client);
  const told = known.get(question);
  if (told !== undefined) return told;
  const together = await answered<Answer>(client, question);
  if (together !== undefined) {
    if (isLasting(question)) known.set(question, together);
    return together;
  }
  // Some value may not fit its own type (a large number in numeric(3, 2)): it is left out where it is the reason.
  const fitting = new Map<string, readonly (readonly [at: number, sql: string])[]>();
  for (const name of new Set(groups.flatMap((one) => one.columns))) {
    const list: (readonly [at: number, sql: string])[] = [];
    for (const one of possible(name)) {
      if ((await answered(client, `select ${one[1]} as value`)) !== undefined) list.push(one);
    }
    fitting.set(name, list);
  }
  const answers: Record<string, readonly number[] | null> = {};
  for (const [index, group] of groups.entries()) {
    const alone = await answered<Answer>(
      client,
      questionOf([group], (name) => fitting.get(name) ?? []),
    );
    answers[`g${index}`] = alone?.g0 ?? null;
  }
  return answers;
}

/**
 * What the server answered on a connection. The rows of people, of organizations and of every table that is tried ask
 * the same of the same few columns hundreds of times, and each question is a trip to the server.
 */
const answers = new WeakMap<ClientBase, Map<string, Answer>>();

function answersOf(client: ClientBase): Map<string, Answer> {
  const known = answers.get(client) ?? new Map<string, Answer>();
  answers.set(client, known);
  return known;
}

/** Whether nothing that the rollout may change has a part in the answer: functions and operators of the app have a schema. */
export const isLasting = (question: string): boolean =>
  !/\.\s*(?:"(?:[^"]|"")+"|\w+)\s*\(|\boperator\s*\(|\(\s*select\b(?! array\["probe )/i.test(
    question.replace(/'(?:[^']|'')*'/g, "''"),
  );

const questionOf = (
  groups: readonly Group[],
  possible: (name: string) => readonly (readonly [at: number, sql: string])[],
): string =>
  `select ${groups
    .map(({ columns, expressions }, index) => {
      const most = Math.max(2, Math.floor(mostCombinations ** (1 / columns.length)));
      const lists = columns.map((name, position) => {
        const rows = possible(name)
          .slice(0, most)
          .map(([at, sql]) => `(${at}, ${sql})`);
        return `(values ${rows.length === 0 ? '(-1, null)' : rows.join(', ')}) as c${position}("probe ${position}", ${identifier(name)})`;
      });
      const order = columns.map((_, position) => `"probe ${position}"`);
      return `(select array[${order.join(', ')}] from ${lists.join(' cross join ')}
      where ${expressions.map((text) => `(${text}) is not false`).join(' and ')} order by ${order.join(' + ')} limit 1) as g${index}`;
    })
    .join(', ')}`;

/** The one row of a question, asked where an error takes nothing with it. */
async function answered<T extends object>(client: ClientBase, sql: string): Promise<T | undefined> {
  const look = () => client.query<T & Record<string, unknown>>(sql);
  return (isInside(client) ? rolledBack(client, look) : look()).then(({ rows: [row] }) => row, isServerError);
}

/** Lets an error of the statement pass as "no answer"; a lost connection or a defect is thrown on. */
function isServerError(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && /^(2|42|P0)/.test(error.code))
    return;
  throw error;
}

type Group = { columns: string[]; expressions: string[] };

function groupChecks(table: TableFacts, choices: ReadonlyMap<string, readonly Choice[]>): readonly Group[] {
  const open = (name: string): boolean => choices.has(name);
  const all: Group[] = table.checks.map(({ columns, expression }) => ({
    columns: [...columns],
    expressions: [expression],
  }));
  for (const column of table.columns) {
    for (const check of column.domainChecks) {
      all.push({ columns: [column.name], expressions: [check.replace(/\bVALUE\b/g, identifier(column.name))] });
    }
  }
  if (table.bounds.length > 0) {
    const columns = table.columns
      .map(({ name }) => name)
      .filter((name) => table.bounds.some((bound) => mentions(bound, name)));
    all.push({ columns, expressions: [table.bounds.map((bound) => `(${bound})`).join(' or ')] });
  }
  const groups: Group[] = [];
  for (const { columns, expressions } of all) {
    // A CHECK over a generated column cannot be asked before the row exists.
    if (columns.length === 0 || !columns.every(open)) continue;
    const merged: Group = { columns: [...columns], expressions: [...expressions] };
    for (const group of groups.filter((other) => other.columns.some((name) => columns.includes(name)))) {
      merged.columns.push(...group.columns);
      merged.expressions.push(...group.expressions);
      groups.splice(groups.indexOf(group), 1);
    }
    merged.columns = [...new Set(merged.columns)];
    groups.push(merged);
  }
  // Where every column has one value there is nothing to choose.
  return groups.filter(({ columns }) => columns.some((name) => (choices.get(name)?.length ?? 0) > 1));
}
