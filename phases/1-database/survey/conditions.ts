import type { Column, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import { plural } from '../../../src/rollout/text.ts';
import type { Ask } from './ask.ts';
import { activeLabels, endsOf, goneLabels, type Over, typed, waitingLabels } from './ends.ts';
import { allowedValues, roleColumnOf } from './roles.ts';
import { isText, isTime, nameOf, plainName } from './shape.ts';
import type { Filter } from './types.ts';

/** Which rows of memberships or organizations count, as their columns say. */
export type Counting = {
  readonly condition: (alias: string) => string;
  /** The same for the data API; null where the operator's own SQL says it. */
  readonly filters: readonly Filter[] | null;
  /** What an INSERT has to give for its row to count. */
  readonly values: Readonly<Record<string, string>>;
  /** Columns with what makes a row one that counted once; empty where nothing tells such rows from those that never did. */
  readonly over: readonly Over[];
  /** Each column with what its values mean, for people. */
  readonly reasons: readonly string[];
  /** Rows that do not count and all rows; null where counting took too long. */
  readonly left: { readonly not: number; readonly all: number } | null;
  readonly questions: readonly Blocker[];
};

/** A profile where no membership says who belongs where: it is one. */
export type Kind = 'membership' | 'profile' | 'organization';

/** Where nothing says that some rows do not count. */
export const everyRow: Counting = {
  condition: () => 'true',
  filters: [],
  values: {},
  over: [],
  reasons: [],
  left: null,
  questions: [],
};

/** One column's part in it. `@` stands for the alias. */
type Part = {
  readonly sql: string;
  readonly filter: Filter;
  readonly says: string;
  readonly value?: readonly [column: string, expression: string];
  /** With what the row counted once, and does no more. */
  readonly over?: Over;
};

const gone =
  /^(?:(?:is|was|membership|member|account|user|profile|org|organization)_)?(removed|deleted|left|revoked|suspended|deactivated|disabled|archived|ended|blocked|banned|rejected|declined|cancell?ed|terminated|closed|kicked|expelled|withdrawn|frozen|locked|inactive|dissolved|purged)(?:_(?:at|on|date|time))?$/;
const ends = /^(expires?|expiry|valid_until|valid_to|ends?|expiration|end_date|access_until)(_at|_on|_date)?$/;
const came =
  /^(?:(?:is|invite|invitation|membership)_)?(accepted|confirmed|approved|activated|verified)(?:_(?:at|on|date))?$/;
const on = /^(?:(?:is|membership|member|account|user|profile|org|organization)_)?(active|enabled|current|live)$/;
const waiting = /^(?:is_)?(pending|invited|unconfirmed)$/;
const state =
  /^(?:(?:membership|member|invite|invitation|join|account|user|profile|org|organization|tenant|lifecycle)_)?(status|state)$/;

/** Of an organization that does not pay or is paused: whether its people may still work is the app's own rule. */
const unsureOfOrganizations = /^(cancell?ed|expired|paused|locked|frozen|ended|left|removed)$/;

/** Reads columns, the labels that they accept and the rows, and says which rows count. */
export async function countingOf(
  table: Table,
  kind: Kind,
  given: string | null,
  enums: ReadonlyMap<string, readonly string[]>,
  ask: Ask,
): Promise<Counting> {
  const alias = kind === 'organization' ? 'o' : 'm';
  const setting = kind === 'organization' ? 'names.livingOrganization' : 'names.activeMembership';
  const from = qualified(table.schema, table.name);
  const parts: Part[] = [];
  const questions: Blocker[] = [];
  const role = roleColumnOf(table);
  for (const column of table.columns) {
    if (column.generated && !isText(column.base) && column.base !== 'boolean') continue;
    const part = partOf(column, kind);
    if (part !== null) {
      if (part.value === undefined || !(await unused(from, column, kind, ask))) parts.push(part);
      continue;
    }
    if (kind === 'membership' && column === role) {
      const refused = await refusedRoles(table, column, enums, ask);
      if (refused !== null) parts.push(refused);
      continue;
    }
    if (!state.test(plainName(column.name))) continue;
    const made = await labelsOf(table, column, kind, enums, setting, ask);
    if (made.part !== null) parts.push(made.part);
    questions.push(...made.questions);
  }
  const values = Object.fromEntries(parts.flatMap((one) => (one.value === undefined ? [] : [one.value])));
  const over = parts.flatMap((one) => (one.over === undefined ? [] : [one.over]));
  const read = (other: string): string => parts.map((one) => one.sql.replaceAll('@', other)).join(' and ');
  // What `init` wrote down is what is found: the same condition with the same filters, and not somebody's own SQL.
  const written = given !== null && parts.length > 0 && plainly(given) === plainly(read(alias));
  if (given !== null && !written) {
    const condition = (other: string): string => `(${underAlias(given, alias, other)})`;
    const problem = await executes(`select from ${from} ${alias} where ${condition(alias)} limit 1`, ask);
    const left = problem === null ? await count(from, alias, condition(alias), ask) : null;
    const wrong =
      problem === null
        ? []
        : [
            {
              problem: `The condition in ${setting} cannot be executed over ${nameOf(table)} ${alias}: ${problem}.`,
              remedy: 'Correct it in the configuration file.',
            },
          ];
    // Whose membership counts is not guessed where the operator's own words fail: until they are corrected, nobody's.
    return {
      condition: problem === null ? condition : () => 'false',
      filters: null,
      values,
      over: problem === null && kind !== 'organization' ? endsOf(table, given, alias, over, enums) : [],
      reasons: [`${setting}: ${given}`],
      left,
      questions: wrong,
    };
  }
  if (parts.length === 0)
    return { condition: () => 'true', filters: [], values: {}, over: [], reasons: [], left: null, questions };
  return {
    condition: read,
    filters: parts.map((one) => one.filter),
    values,
    over,
    reasons: parts.map((one) => one.says),
    left: await count(from, alias, read(alias), ask),
    questions,
  };
}

const plainly = (sql: string): string => sql.replace(/\s+/g, ' ').trim();

/** What a time or a boolean says by its name. */
function partOf(column: Column, kind: Kind): Part | null {
  const { name, base } = column;
  const called = plainName(name);
  const sql = `@.${identifier(name)}`;
  const is = <T extends 'null' | 'not null' | 'true' | 'not true' | 'not false' | 'null or later'>(test: T) => ({
    filter: { column: name, test },
  });
  if (isTime(base)) {
    if (gone.test(called) || (kind === 'organization' && called === 'deleted'))
      return {
        sql: `${sql} is null`,
        ...is('null'),
        says: `${name} is set: does not count`,
        over: [name, 'now()'],
      };
    if (ends.test(called)) {
      if (kind !== 'membership') return null;
      return {
        sql: `(${sql} is null or ${sql} > now())`,
        ...is('null or later'),
        says: `${name} is over: does not count`,
        over: [name, `now() - interval '1 year'`],
      };
    }
    if (kind === 'membership' && came.test(called) && column.default === null && !column.notNull)
      return {
        sql: `${sql} is not null`,
        ...is('not null'),
        says: `${name} is empty: does not count`,
        value: [name, 'now()'],
      };
    return null;
  }
  if (base !== 'boolean') return null;
  if (gone.test(called) || waiting.test(called)) {
    if (kind !== 'membership' && waiting.test(called)) return null;
    return {
      sql: `${sql} is not true`,
      ...is('not true'),
      says: `${name} is true: does not count`,
      ...(gone.test(called) ? { over: [name, 'true'] as const } : {}),
    };
  }
  // A default that lets the row count needs no value of ours.
  const needs = column.default === 'true' ? {} : { value: [name, 'true'] as const };
  if (on.test(called))
    return {
      sql: `${sql} is not false`,
      ...is('not false'),
      says: `${name} is false: does not count`,
      over: [name, 'false'],
      ...needs,
    };
  if (kind === 'membership' && came.test(called))
    return { sql: `${sql} is true`, ...is('true'), says: `${name} is not true: does not count`, ...needs };
  return null;
}

/** True where no row uses the column: then it is there, and the app has not begun with it. */
async function unused(from: string, column: Column, kind: Kind, ask: Ask): Promise<boolean> {
  const name = identifier(column.name);
  const used = column.base === 'boolean' ? `t.${name}` : `t.${name} is not null`;
  const rows = await ask<{ used: boolean; any: boolean }>(
    `select exists (select from ${from} t where ${used}) as used, exists (select from ${from} t) as any`,
  );
  return (
    rows?.[0]?.any === true && rows[0].used === false && (kind === 'profile' || !/active|enabled/.test(column.name))
  );
}

/** Of a column that names a role: what says that somebody asked or was asked to join, or is out, and is no role at all. */
async function refusedRoles(
  table: Table,
  column: Column,
  enums: ReadonlyMap<string, readonly string[]>,
  ask: Ask,
): Promise<Part | null> {
  const all = await labelsIn(table, column, enums, ask);
  const out = all.labels.filter((label) => goneLabels.test(plainName(label)) || waitingLabels.test(plainName(label)));
  if (out.length === 0 || out.length === all.labels.length) return null;
  const name = identifier(column.name);
  return {
    sql: `(@.${name} is null or lower(@.${name}::text) not in (${out.map(literal).join(', ')}))`,
    filter: { column: column.name, test: 'null or not in', labels: spellings(column, all.allowed, out) },
    says: `${column.name} is ${out.join(' or ')}: does not count`,
    ...endedWith(column, all, out),
  };
}

/** What says of a row that counted once that it is over, of labels that do not count. */
function endedWith(
  column: Column,
  { allowed }: { readonly allowed: readonly string[] },
  out: readonly string[],
): Pick<Part, 'over'> {
  const ended = out.find((one) => goneLabels.test(plainName(one)));
  if (ended === undefined) return {};
  return { over: [column.name, typed(column, allowed.find((one) => one.toLowerCase() === ended) ?? ended)] };
}

/** The labels of a column in lower case: those that its type accepts and those that rows have, with how many have them. */
async function labelsIn(
  table: Table,
  column: Column,
  enums: ReadonlyMap<string, readonly string[]>,
  ask: Ask,
): Promise<{
  readonly allowed: readonly string[];
  readonly used: ReadonlyMap<string, number>;
  readonly labels: readonly string[];
}> {
  const allowed = allowedValues(table, column, enums);
  const name = identifier(column.name);
  const rows = await ask<{ label: string; n: number }>(
    `select lower(s.v) as label, count(*)::int as n from (select t.${name}::text as v from ${qualified(table.schema, table.name)} t where t.${name} is not null limit 100000) s group by 1 order by 2 desc limit 40`,
  );
  const used = new Map((rows ?? []).map((row) => [row.label, row.n]));
  return { allowed, used, labels: [...new Set([...allowed.map((one) => one.toLowerCase()), ...used.keys()])] };
}

/** The data API compares with case: a type that lists its labels takes those alone, a text in any of the usual forms. */
function spellings(column: Column, allowed: readonly string[], labels: readonly string[]): readonly string[] {
  const listed = allowed.filter((one) => labels.includes(one.toLowerCase()));
  if (!isText(column.base)) return listed;
  const forms = labels.flatMap((one) => [one, one.toUpperCase(), one.charAt(0).toUpperCase() + one.slice(1)]);
  return [...new Set([...listed, ...forms])];
}

/** What the labels of a status mean, of those that the type accepts and those that rows have. */
async function labelsOf(
  table: Table,
  column: Column,
  kind: Kind,
  enums: ReadonlyMap<string, readonly string[]>,
  setting: string,
  ask: Ask,
): Promise<{ readonly part: Part | null; readonly questions: readonly Blocker[] }> {
  const nothing = { part: null, questions: [] };
  if (allowedValues(table, column, enums).length === 0 && !isText(column.base)) return nothing;
  const name = identifier(column.name);
  const { allowed, used, labels: all } = await labelsIn(table, column, enums, ask);
  const plain = plainName;
  const isGone = (label: string): boolean =>
    goneLabels.test(plain(label)) || (kind === 'membership' && waitingLabels.test(plain(label)));
  const unsure = all.filter((label) =>
    kind === 'organization'
      ? unsureOfOrganizations.test(plain(label))
      : !isGone(label) && !activeLabels.test(plain(label)),
  );
  const out = all.filter((label) => isGone(label) && !(kind === 'organization' && unsure.includes(label)));
  const readable = all.some((label) => isGone(label) || activeLabels.test(plain(label)));
  // One label alone, or labels that mean nothing to us and do not differ between rows, decide nothing.
  const asked = readable || used.size > 1 ? unsure.filter((label) => (used.get(label) ?? 0) > 0) : [];
  const alias = kind === 'organization' ? 'o' : 'm';
  const counts = all.filter((label) => !out.includes(label));
  const questions: Blocker[] =
    asked.length === 0
      ? []
      : [
          {
            problem: `${nameOf(table)}.${column.name} is ${asked.map((label) => `${label} in ${plural(used.get(label) ?? 0, 'row')}`).join(', ')}, and nothing says whether such ${kind === 'organization' ? 'an' : 'a'} ${kind} counts.`,
            remedy: `Say which rows count with ${setting}, for instance "${alias}.${name} in (${counts.map(literal).join(', ')})".`,
          },
        ];
  const column_ = `lower(@.${name}::text)`;
  const list = (labels: readonly string[]): string => labels.map(literal).join(', ');
  if (kind !== 'membership') {
    // Who is online says nothing of who belongs; who still waits is let in today, or is not.
    const waits = all.some((label) => waitingLabels.test(plain(label)));
    if (out.length === 0) return { part: null, questions: kind === 'profile' && !waits ? [] : questions };
    return {
      part: {
        sql: `(@.${name} is null or ${column_} not in (${list(out)}))`,
        filter: { column: column.name, test: 'null or not in', labels: spellings(column, allowed, out) },
        says: `${column.name} is ${out.join(' or ')}: does not count`,
        ...(kind === 'profile' ? endedWith(column, { allowed }, out) : {}),
      },
      questions,
    };
  }
  const label = counts.find((one) => activeLabels.test(plain(one)));
  const written = label === undefined ? undefined : (allowed.find((one) => one.toLowerCase() === label) ?? label);
  const usual = /'([^']*)'/.exec(column.default ?? '')?.[1]?.toLowerCase();
  const nulls = !column.notNull && usual !== undefined && counts.includes(usual) ? `@.${name} is null or ` : '';
  const sql = `${nulls}${column_} in (${list(counts)})`;
  const value =
    written === undefined || usual === label ? {} : { value: [column.name, typed(column, written)] as const };
  return {
    part:
      counts.length === 0 || out.length === 0
        ? null
        : {
            sql: nulls === '' ? sql : `(${sql})`,
            filter: {
              column: column.name,
              test: nulls === '' ? 'in' : 'null or in',
              labels: spellings(column, allowed, counts),
            },
            says: `${column.name} is ${out.join(' or ')}: does not count`,
            ...value,
            ...endedWith(column, { allowed }, out),
          },
    questions,
  };
}

async function count(from: string, alias: string, condition: string, ask: Ask): Promise<Counting['left']> {
  const rows = await ask<{ not: number; all: number }>(
    `select count(*) filter (where (${condition}) is not true)::int as not, count(*)::int as all from ${from} ${alias}`,
  );
  return rows?.[0] ?? null;
}

/** Null when the statement can be executed, else the server's message. */
async function executes(sql: string, ask: Ask): Promise<string | null> {
  try {
    await ask(sql);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The condition with another alias in place of the one that it was written for; texts and quoted names stay. */
function underAlias(condition: string, from: string, to: string): string {
  return condition
    .split(/('(?:[^']|'')*'|"(?:[^"]|"")*")/)
    .map((part, at) => (at % 2 === 1 ? part : part.replace(new RegExp(`(?<![\\w.])${from}\\s*\\.`, 'g'), `${to}.`)))
    .join('');
}
