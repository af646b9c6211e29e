import type { Column, Table } from '../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../src/database/quote.ts';
import type { Blocker } from '../../src/rollout/step.ts';
import { allowedValues, ownerRole } from './survey/roles.ts';

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
};

/** What a table's row stands for; decides what its well-known columns mean. */
export type RowOf = 'organization' | 'profile' | 'membership';

/**
 * Chooses a value for every column that an INSERT must give, and for those well-known ones that people expect to find.
 *
 * A unique text column gets its natural value only while nobody has it: a deleted user's e-mail may sign up again.
 */
export function assign(
  table: Table,
  rowOf: RowOf,
  given: Readonly<Record<string, string>>,
  facts: UserFacts,
  enums: ReadonlyMap<string, readonly string[]>,
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
    const required = column.notNull && column.default === null;
    const known = knownValue(table, column, rowOf, facts, enums);
    if (known !== null && (required || wanted(column, rowOf))) {
      list.push({ column: column.name, expression: unique(table, column, known, facts), reason: 'from the user' });
      continue;
    }
    if (!required) continue;
    const guess = plainValue(table, column, enums);
    if (guess === null) {
      blockers.push({
        problem: `${table.schema}.${table.name}.${column.name} is ${column.type} NOT NULL without a default, and nothing tells what a new ${rowOf} should hold there.`,
        remedy: `Give the column a default: alter table ${qualified(table.schema, table.name)} alter column ${identifier(column.name)} set default …`,
      });
      continue;
    }
    list.push({ column: column.name, expression: guess, reason: 'required, an empty value of its type' });
  }
  return { list, blockers };
}

/** Columns that are filled even when nothing requires it, because the app shows or uses them. */
function wanted(column: Column, rowOf: RowOf): boolean {
  if (rowOf === 'organization') return ['name', 'email', 'owner_id', 'owner_user_id'].includes(column.name);
  if (rowOf === 'profile') return ['email', 'full_name', 'name', 'phone', 'role'].includes(column.name);
  return ['role'].includes(column.name);
}

function knownValue(
  table: Table,
  column: Column,
  rowOf: RowOf,
  facts: UserFacts,
  enums: ReadonlyMap<string, readonly string[]>,
): string | null {
  const text = /^(text|character varying|character|citext)/.test(column.type);
  if (column.name === 'role') {
    const allowed = allowedValues(table, column, enums);
    if (!text && allowed.length === 0) return null;
    return `${literal(ownerRole(allowed))}${text ? '' : `::${column.type}`}`;
  }
  if (column.type === 'uuid' && ['owner_id', 'owner_user_id', 'created_by', 'user_id'].includes(column.name))
    return facts.user;
  if (!text || allowedValues(table, column, enums).length > 0) return null;
  if (['email', 'contact_email', 'billing_email', 'owner_email'].includes(column.name)) return facts.email;
  if (['phone', 'phone_number'].includes(column.name)) return facts.phone;
  if (column.name === 'slug') return `trim(both '-' from regexp_replace(lower(${facts.name}), '[^a-z0-9]+', '-', 'g'))`;
  if (['name', 'display_name', 'company_name', 'business_name', 'organization_name'].includes(column.name)) {
    return rowOf === 'profile' ? personName(facts) : facts.name;
  }
  return column.name === 'full_name' ? personName(facts) : null;
}

const personName = (facts: UserFacts): string =>
  `coalesce(nullif(trim(${facts.metadata} ->> 'full_name'), ''), nullif(trim(${facts.metadata} ->> 'name'), ''), ${facts.name})`;

/** Wraps a value so that it is taken only while free, and is otherwise, or when absent, made unique with the row's own id. */
function unique(table: Table, column: Column, expression: string, facts: UserFacts): string {
  const name = identifier(column.name);
  const isUnique = table.indexes.some((index) => index.unique && index.columns.join() === column.name);
  const fallback = column.name.includes('email') ? `${facts.user}::text || '@no-email.invalid'` : `${facts.user}::text`;
  if (column.type === 'uuid' || column.name === 'role') return expression;
  if (!isUnique)
    return column.notNull ? `coalesce(${expression}, ${column.name.includes('email') ? fallback : `''`})` : expression;
  const taken = `exists (select from ${qualified(table.schema, table.name)} x where x.${name} = ${expression})`;
  const other = column.notNull ? fallback : 'null';
  return `case when coalesce(${expression}, '') = '' or ${taken} then ${other} else ${expression} end`;
}

function plainValue(table: Table, column: Column, enums: ReadonlyMap<string, readonly string[]>): string | null {
  const allowed = allowedValues(table, column, enums);
  if (allowed[0] !== undefined) return `${literal(allowed[0])}::${column.type}`;
  if (column.type === 'boolean') return 'false';
  if (/^timestamp|^date$|^time/.test(column.type)) return `now()::${column.type}`;
  if (/^(integer|bigint|smallint|numeric|real|double precision)/.test(column.type)) return '0';
  if (/^jsonb?$/.test(column.type)) return `'{}'::${column.type}`;
  if (column.type.endsWith('[]')) return `'{}'::${column.type}`;
  return null;
}
