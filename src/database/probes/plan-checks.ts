import type { ClientBase } from 'pg';
import type { CheckResult } from '../../rollout/check.ts';
import { plural } from '../../rollout/text.ts';
import { literal } from '../quote.ts';
import type { TableName } from './world.ts';

type PlanCheck = {
  readonly id: string;
  readonly title: string;
  readonly expected: string;
  readonly sql: string;
  readonly passes: (rows: readonly Record<string, unknown>[]) => boolean;
  readonly describe: (rows: readonly Record<string, unknown>[]) => string;
  readonly advice: string;
};

/**
 * The three checks that the planning documents ask for after phase 1: the column with its type, the trigger, row security
 * on the two tables that everything hangs on. They look at the catalog only; whether the trigger works and the policies
 * isolate is what the probes say.
 */
export async function* checkPlan(
  client: ClientBase,
  names: {
    readonly organizations: TableName;
    /** Null where the app has none. */
    readonly profiles: TableName | null;
    /** Null where profiles name no organization: memberships say it. */
    readonly orgColumn?: string | null;
    /** Type of an organization's id as information_schema prints it; `uuid` unless said. */
    readonly type?: string;
  },
): AsyncIterable<CheckResult> {
  const { organizations, profiles, orgColumn = 'org_id', type = 'uuid' } = names;
  const guarded = [...(profiles === null ? [] : [profiles]), organizations];
  const checks: readonly PlanCheck[] = [
    ...(profiles === null || orgColumn === null
      ? []
      : [
          {
            id: '1/plan/profiles-org-id',
            title: `${profiles.schema}.${profiles.table}.${orgColumn} exists and is ${type}`,
            expected: `1 row: ${type}`,
            sql: `select column_name, data_type from information_schema.columns
where table_schema = ${literal(profiles.schema)} and table_name = ${literal(profiles.table)} and column_name = ${literal(orgColumn)}`,
            passes: (rows: readonly Record<string, unknown>[]) => rows.length === 1 && rows[0]?.data_type === type,
            describe: (rows: readonly Record<string, unknown>[]) => counted(rows, (row) => String(row.data_type)),
            advice: 'Apply step 1.2 (one name) and, if the type is another, step 1.3 (keys).',
          },
        ]),
    {
      id: '1/plan/on-auth-user-created',
      title: 'The trigger on_auth_user_created exists on auth.users',
      expected: '1 row',
      // pg_catalog: information_schema.triggers shows a trigger only to those who may change its table.
      sql: `select tgname, tgenabled <> 'D' as enabled from pg_catalog.pg_trigger
where tgrelid = 'auth.users'::pg_catalog.regclass and tgname = 'on_auth_user_created' and not tgisinternal`,
      passes: (rows) => rows.length === 1 && rows[0]?.enabled === true,
      describe: (rows) => counted(rows, (row) => (row.enabled === true ? 'enabled' : 'disabled')),
      advice: 'Apply step 1.4 (sign-up).',
    },
    {
      id: '1/plan/row-security',
      title: `Row security is on for ${guarded.map((one) => one.table).join(' and ')}`,
      expected: `${plural(guarded.length, 'row')}: ${guarded.map(() => 'true').join(', ')}`,
      sql: `select c.relname, c.relrowsecurity from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where (n.nspname, c.relname) in (${guarded.map((one) => `(${literal(one.schema)}, ${literal(one.table)})`).join(', ')})
order by c.relname`,
      passes: (rows) => rows.length === guarded.length && rows.every((row) => row.relrowsecurity === true),
      describe: (rows) => counted(rows, (row) => String(row.relrowsecurity)),
      advice: 'Apply step 1.7 (isolation).',
    },
  ];
  for (const { id, title, expected, sql, passes, describe, advice } of checks) {
    const began = performance.now();
    const { rows } = await client.query<Record<string, unknown>>(sql);
    const passed = passes(rows);
    yield {
      id,
      title,
      kind: 'catalog',
      verdict: passed ? 'passed' : 'failed',
      expected,
      observed: describe(rows),
      evidence: `${sql};\n`,
      ...(passed ? {} : { advice }),
      milliseconds: performance.now() - began,
    };
  }
}

const counted = (rows: readonly Record<string, unknown>[], value: (row: Record<string, unknown>) => string): string =>
  `${plural(rows.length, 'row')}${rows.length === 0 ? '' : `: ${rows.map(value).join(', ')}`}`;
