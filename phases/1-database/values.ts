import { decide } from '../../src/config/answers.ts';
import type { Column, Table } from '../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../src/database/quote.ts';
import { escapeRegExp } from '../../src/database/words.ts';
import type { Blocker } from '../../src/rollout/step.ts';
import type { Inserted } from './sign-up/app-triggers.ts';
import { allowedValues, hasFounder, ownerRole } from './survey/roles.ts';
import { plainName, primaryColumn } from './survey/shape.ts';

export { memberRole, ownerRole } from './survey/roles.ts';

/** One column of an INSERT with the SQL expression that fills it. */
export type Assignment = { readonly column: string; readonly expression: string; readonly reason: string };

export type Assignments = { readonly list: readonly Assignment[]; readonly blockers: readonly Blocker[] };

/** SQL expressions for what is known about a user where the INSERT stands. */
export type UserFacts = {
  readonly user: string;
  readonly organization: string;
  readonly name: string;
  readonly email: string;
  readonly phone: string;
  readonly metadata: string;
  /** Value of a column that refers to the profiles; the user unless said. */
  readonly profile?: string;
  /** An expression over the new user as `new`, where the INSERT stands; as it is unless said. */
  readonly given?: (expression: string) => string;
  /** Several rows come in one statement: what must be unique is made so from the user alone. */
  readonly many?: boolean;
};

/** What a table's row stands for; decides what its well-known columns mean. */
export type RowOf = 'organization' | 'profile' | 'membership';

/** What is known of a table beyond the catalog. */
export type Extra = {
  /** The operator's expressions, by column. */
  readonly values?: Readonly<Record<string, string>>;
  /** Constants that the app's own code puts there, by column. */
  readonly constants?: ReadonlyMap<string, Inserted>;
  /** `schema.name` of the profiles. */
  readonly profiles?: string;
  /** The column of a membership that holds the role, whatever it is called. */
  readonly role?: string;
  /** What the row has to hold to count, by column. */
  readonly counts?: Readonly<Record<string, string>>;
};

/**
 * Chooses a value for every column that an INSERT must give, and for those well-known ones that people expect to find.
 * What is not certain is a blocker that names the setting: a guessed plan, status or code would be data that nobody meant.
 *
 * A unique text column gets its natural value only while nobody has it: a deleted user's e-mail may sign up again.
 */
export function assign(
  table: Table,
  rowOf: RowOf,
  given: Readonly<Record<string, string>>,
  facts: UserFacts,
  enums: ReadonlyMap<string, readonly string[]>,
  extra: Extra = {},
): Assignments {
  const list: Assignment[] = [];
  const blockers: Blocker[] = [];
  for (const column of table.columns) {
    if (column.generated || column.identity) continue;
    const fixed = given[column.name];
    if (fixed !== undefined) {
      list.push({ column: column.name, expression: fixed, reason: 'the key of this row' });
      continue;
    }
    const own = extra.values?.[column.name];
    if (own !== undefined) {
      list.push({
        column: column.name,
        // Beside other rows a bare literal is a text, which an enum does not take.
        expression: (facts.given ?? ((one) => `(${one})`))(
          /^\s*'(?:[^']|'')*'\s*$/.test(own) && !isText(column) ? `${own}::${column.type}` : own,
        ),
        reason: 'as configured',
      });
      continue;
    }
    const counting = extra.counts?.[column.name];
    if (counting !== undefined) {
      list.push({ column: column.name, expression: counting, reason: 'so that the row counts' });
      continue;
    }
    // Nobody is signed in while the auth server makes a user: a default that asks who it is gives nothing.
    const asksCaller = /\bauth\.(uid|jwt)\(/.test(column.default ?? '');
    const required = column.notNull && (column.default === null || asksCaller);
    const known =
      asksCaller && column.base === 'uuid' ? facts.user : knownValue(table, column, rowOf, facts, enums, extra);
    if (known !== null && (required || asksCaller || column.name === extra.role || wanted(column, rowOf))) {
      const expression = unique(table, column, known, facts);
      list.push({
        column: column.name,
        expression: required || column.name === extra.role ? expression : ifAccepted(table, column, expression),
        reason: 'from the user',
      });
      continue;
    }
    if (!required) continue;
    const guess = plainValue(table, column, facts, enums, extra);
    if (guess === null) {
      blockers.push({
        problem: `${table.schema}.${table.name}.${column.name} is ${column.type} NOT NULL without a default, and nothing tells what a new ${rowOf} should hold there.`,
        remedy: `Give it as ${settingOf(table, column.name)} in the configuration file: an SQL expression over the new user, as new${rowOf === 'organization' ? `; or ${asToday}` : ''}.`,
        detail: sampleSetting(table, [column], enums),
        ...(rowOf === 'organization' ? { answers: [asTodayAnswer] } : {}),
      });
      continue;
    }
    list.push({ column: column.name, expression: guess, reason: 'required, an empty value of its type' });
  }
  return { list, blockers };
}

/** The key under which an operator gives what a column should hold. */
export const settingOf = (table: Table, column: string): string => `signUp.values.${table.name}.${column}`;

/** The other way out wherever a sign-up cannot make an organization. */
export const asToday =
  'let a sign-up make what the app makes today and nothing more with --new-users as-today (decisions.newUsers)';

export const asTodayAnswer = decide(
  'newUsers',
  'as-today',
  'A sign-up makes no organization beyond what the app makes; whoever has none reaches nothing until a membership comes.',
);

/** How the settings of these columns are written, with a value that each of them takes. */
export const sampleSetting = (
  table: Table,
  columns: readonly Column[],
  enums: ReadonlyMap<string, readonly string[]>,
): string =>
  `"signUp": {"values": {${JSON.stringify(table.name)}: {${columns.map((one) => `${JSON.stringify(one.name)}: ${JSON.stringify(sampleValue(table, one, enums))}`).join(', ')}}}}`;

function sampleValue(table: Table, column: Column, enums: ReadonlyMap<string, readonly string[]>): string {
  const [first] = allowedValues(table, column, enums);
  if (first !== undefined) return literal(first);
  const foreign = foreignKey(table, column);
  const [key] = foreign?.columns ?? [];
  if (foreign !== null && key !== undefined)
    return `(select ${identifier(key)} from ${qualified(foreign.schema, foreign.table)} order by 1 limit 1)`;
  if (column.base === 'uuid') return 'gen_random_uuid()';
  if (column.base === 'boolean') return 'false';
  if (/^(integer|bigint|smallint|numeric|real|double precision)/.test(column.base)) {
    const name = identifier(column.name);
    return isUnique(table, column)
      ? `(select coalesce(max(${name}), 0) + 1 from ${qualified(table.schema, table.name)})`
      : '0';
  }
  if (/^timestamp|^date$|^time/.test(column.base)) return 'now()';
  if (/^jsonb?$/.test(column.base)) return `'{}'`;
  if (!isText(column)) return `null::${column.type}`;
  if (/email|phone/.test(plainName(column.name)))
    return fitting(table, column, 'coalesce(new.email, new.phone, new.id::text)');
  const length = longest(table, column) ?? 8;
  return isUnique(table, column)
    ? fitting(table, column, 'new.id::text')
    : `left(new.id::text, ${Math.min(length, 8)})`;
}

/** Columns that are filled even when nothing requires it, because the app shows or uses them. */
function wanted(column: Column, rowOf: RowOf): boolean {
  const name = plainName(column.name);
  if (rowOf === 'organization') return ['name', 'email', 'owner_id', 'owner_user_id'].includes(name);
  if (rowOf === 'profile') return ['email', 'full_name', 'name', 'phone', 'role'].includes(name);
  return name === 'role';
}

/**
 * Nobody asked for the value of an optional column, so that a sign-up does not fail by it: the auth server knows phone
 * numbers without a plus sign, for instance, and a rule of the app may want one.
 */
function ifAccepted(table: Table, column: Column, expression: string): string {
  const rules = rulesOf(table, column);
  if (rules.length === 0 || column.notNull || allowedValues(table, column, new Map()).length > 0) return expression;
  const name = identifier(column.name);
  return `(select c.${name} from (select ${expression} as ${name}) c where ${rules.join(' and ')})`;
}

/** Conditions that a CHECK asks of the column alone. */
const rulesOf = (table: Table, column: Column): readonly string[] =>
  table.constraints
    .filter((one) => one.type === 'c' && one.columns.join() === column.name)
    .flatMap(({ definition }) => /^CHECK (\(.*\))(?: NO INHERIT)?(?: NOT VALID)?$/s.exec(definition)?.[1] ?? []);

const isText = (column: Column): boolean => /^(text|character varying|character|citext)/.test(column.base);

/** How many characters the type of a column takes; null: any number. */
export const lengthOf = (column: Column | null): number | null => {
  const [, length] = /^character(?: varying)?\((\d+)\)/.exec(column?.base ?? '') ?? [];
  return length === undefined ? null : Number(length);
};

/** The same by its type and, where it has to be filled, by what a rule says of it alone: `char_length(username) <= 24`. */
function longest(table: Table, column: Column): number | null {
  const said = new RegExp(
    `\\b(?:char_length|character_length|length)\\(\\(?"?${escapeRegExp(column.name)}"?(?:\\)?::text)?\\)\\s*<(=?)\\s*(\\d+)`,
  );
  const lengths = table.constraints.flatMap((one) => {
    if (one.type !== 'c' || !column.notNull || one.columns.join() !== column.name) return [];
    const [, equal, number] = said.exec(one.definition) ?? [];
    return number === undefined ? [] : [Number(number) - (equal === '' ? 1 : 0)];
  });
  const own = lengthOf(column);
  const all = [...lengths, ...(own === null ? [] : [own])];
  return all.length === 0 ? null : Math.max(1, Math.min(...all));
}

/** A text, cut to what the column takes. */
const fitting = (table: Table, column: Column, expression: string): string => {
  const length = longest(table, column);
  return length === null ? expression : `left(${expression}, ${length})`;
};

/** Text that nobody else has, for a key; null where the column is too short for it. */
export const randomKey = (column: Column): string | null => {
  const length = lengthOf(column) ?? 36;
  if (length >= 36) return 'gen_random_uuid()::text';
  return length < shortestKey ? null : `left(replace(gen_random_uuid()::text, '-', ''), ${length})`;
};

/** Fewer characters of chance than these meet again too soon. */
const shortestKey = 16;

/** Ids of this table can be made by anybody; others are the database's, or the app's, to give. */
export function makesIds(table: Table): boolean {
  const key = primaryColumn(table);
  return key !== null && (key.base === 'uuid' || (isText(key) && randomKey(key) !== null));
}

const foreignKey = (table: Table, column: Column) =>
  table.constraints.find((one) => one.type === 'f' && one.columns.join() === column.name)?.references ?? null;

function knownValue(
  table: Table,
  column: Column,
  rowOf: RowOf,
  facts: UserFacts,
  enums: ReadonlyMap<string, readonly string[]>,
  extra: Extra,
): string | null {
  const text = isText(column);
  const name = plainName(column.name);
  const foreign = foreignKey(table, column);
  if (foreign !== null) {
    const target = `${foreign.schema}.${foreign.table}`;
    if (target === 'auth.users') return facts.user;
    if (target === extra.profiles) return facts.profile ?? facts.user;
    return null;
  }
  if (name === 'role' || column.name === extra.role) {
    const allowed = allowedValues(table, column, enums);
    if ((!text && allowed.length === 0) || (allowed.length > 0 && !hasFounder(allowed))) return null;
    return `${literal(ownerRole(allowed))}${text ? '' : `::${column.type}`}`;
  }
  if (column.base === 'uuid' && ['owner_id', 'owner_user_id', 'created_by', 'user_id'].includes(name))
    return facts.user;
  if (column.base === 'uuid' && isKey(table, column)) return 'gen_random_uuid()';
  if (!text || allowedValues(table, column, enums).length > 0) return null;
  if (isKey(table, column)) return randomKey(column);
  if (['email', 'contact_email', 'billing_email', 'owner_email'].includes(name)) return facts.email;
  if (['phone', 'phone_number'].includes(name)) return facts.phone;
  if (slugs.test(name)) return slug(table, column, rowOf === 'profile' ? personName(facts) : facts.name);
  if (labels.test(name)) {
    return rowOf === 'profile' ? personName(facts) : facts.name;
  }
  if (rowOf === 'profile' && parts.first.test(name)) return fitting(table, column, partOfName(facts, name, 'first'));
  if (rowOf === 'profile' && parts.last.test(name)) return fitting(table, column, partOfName(facts, name, 'last'));
  // A code that somebody has to know is any text that nobody else has.
  if (isUnique(table, column) && /(^|_)(code|token|secret|key)$/.test(name))
    return fitting(table, column, `replace(gen_random_uuid()::text, '-', '')`);
  return name === 'full_name' ? personName(facts) : null;
}

const labels = /^(name|display_name|company_name|business_name|organization_name|title|nombre|nome|nom)$/;

const parts = { first: /^(first|given)_?name$/, last: /^(last|family)_?name$|^surname$/ };

/** What the user gave under that name, else the first word of their name, or the rest of it. */
function partOfName(facts: UserFacts, name: string, part: 'first' | 'last'): string {
  const whole = personName(facts);
  const own = `nullif(trim(${facts.metadata} ->> ${literal(name)}), '')`;
  return part === 'first'
    ? `coalesce(${own}, split_part(${whole}, ' ', 1))`
    : `coalesce(${own}, trim(substr(${whole}, length(split_part(${whole}, ' ', 1)) + 1)))`;
}

const slugs =
  /^((org|organization|workspace|team|company|tenant|account)_)?(slug|subdomain|handle|url_slug|url_key|identifier|short_name|username)$/;

/** A name as it may stand in an address, short enough for a suffix. */
function slug(table: Table, column: Column, name: string): string {
  const length = longest(table, column) ?? 48;
  return `coalesce(nullif(left(trim(both '-' from regexp_replace(lower(${name}), '[^a-z0-9]+', '-', 'g')), ${Math.max(length - 9, 1)}), ''), 'organization')`;
}

const isKey = (table: Table, column: Column): boolean =>
  table.constraints.some((one) => one.type === 'p' && one.columns.join() === column.name);

const personName = (facts: UserFacts): string =>
  `coalesce(nullif(trim(${facts.metadata} ->> 'full_name'), ''), nullif(trim(${facts.metadata} ->> 'name'), ''), ${facts.name})`;

/** Some unique index stands on the column alone, as it is or in lower case. */
const isUnique = (table: Table, column: Column): boolean =>
  table.indexes.some(
    (index) =>
      index.unique &&
      index.columns.length === 1 &&
      (index.columns[0] === column.name ||
        (index.columns[0] === null && new RegExp(`\\b${column.name.replace(/\W/g, '.')}\\b`).test(index.definition))),
  );

/** Wraps a value so that it is taken only while free, and is otherwise, or when absent, made unique. */
function unique(table: Table, column: Column, value: string, facts: UserFacts): string {
  const name = identifier(column.name);
  const called = plainName(column.name);
  const email = called.includes('email');
  if (!isText(column) || /(^|_)role$/.test(called) || /^(left\()?(replace\()?gen_random_uuid/.test(value)) return value;
  const fallback = fitting(table, column, email ? `${facts.user}::text || '@no-email.invalid'` : `${facts.user}::text`);
  const suffixed = isUnique(table, column) && !email && !/phone/.test(called);
  const length = longest(table, column);
  // A suffix has to fit as well.
  const expression =
    suffixed && length !== null ? `left(${value}, ${Math.max(length - 9, 1)})` : fitting(table, column, value);
  if (!isUnique(table, column))
    return column.notNull ? `coalesce(${expression}, ${email ? fallback : `''`})` : expression;
  const relation = qualified(table.schema, table.name);
  if (suffixed) {
    const own = `left(md5(${facts.user}::text), 8)`;
    if (facts.many === true) return `${expression} || '-' || ${own}`;
    // One that a rule of the app finds too short becomes longer by the suffix.
    const rules = rulesOf(table, column).map((one) => ` and ${one}`);
    return `(select c.${name} from (select ${expression} as ${name}, 0 as n
          union all select ${expression} || '-' || substr(md5(random()::text), 1, 8), g from generate_series(1, 5) g) c
        where not exists (select from ${relation} x where x.${name} = c.${name})${rules.join('')} order by c.n limit 1)`;
  }
  const taken = `exists (select from ${relation} x where x.${name} = ${expression})`;
  const other = column.notNull ? fallback : 'null';
  return `case when coalesce(${expression}, '') = '' or ${taken} then ${other} else ${expression} end`;
}

function plainValue(
  table: Table,
  column: Column,
  facts: UserFacts,
  enums: ReadonlyMap<string, readonly string[]>,
  extra: Extra,
): string | null {
  const constant = extra.constants?.get(column.name);
  const cast = isText(column) ? '' : `::${column.type}`;
  if (constant !== undefined) {
    const value = literal(constant.value);
    return constant.key === null
      ? `${value}${cast}`
      : `coalesce(nullif(${facts.metadata} ->> ${literal(constant.key)}, ''), ${value})${cast}`;
  }
  if (foreignKey(table, column) !== null || isUnique(table, column)) return null;
  if (allowedValues(table, column, enums).length > 0) return null;
  if (column.base === 'boolean') return 'false';
  if (/^timestamp|^date$|^time/.test(column.base)) return `now()::${column.type}`;
  if (/^(integer|bigint|smallint|numeric|real|double precision)/.test(column.base)) return '0';
  if (/^jsonb?$/.test(column.base)) return `'{}'::${column.type}`;
  if (column.base.endsWith('[]')) return `'{}'::${column.type}`;
  return null;
}
