import type { ClientBase } from 'pg';
import { identifier, literal, qualified } from '../../database/quote.ts';
import type { Janitor, ProbeUser, Removed } from './janitor.ts';
import { markerKey, markerPattern, markerPrefix } from './marker.ts';
import type { JsonRow, LiveOptions, LiveTable } from './types.ts';

/** Waits that a clean-up may cost others: short for locks, longer for rows. */
const limits = `set local lock_timeout = '2s'; set local statement_timeout = '60s'`;

export function sqlJanitor(options: LiveOptions, client: ClientBase): Janitor {
  const { organizations, profiles, memberships } = options;
  const orgTable = qualified(organizations.schema, organizations.table);
  const orgKey = identifier(organizations.key);

  const texts = async (sql: string, values: unknown[]): Promise<readonly string[]> =>
    (await client.query<{ value: string | null }>(sql, values)).rows.flatMap(({ value }) => value ?? []);
  const remove = (sql: string, values: unknown[]): Promise<Removed> => inTransaction(client, sql, values);
  const many = async (column: string, sql: string, values: readonly string[]): Promise<readonly string[]> =>
    values.length === 0 ? [] : texts(sql.replaceAll('$column', column), [values]);

  const users = async (): Promise<readonly ProbeUser[]> => {
    const { rows } = await client.query<ProbeUser>(
      `select u.id::text as id, substring(u.email from ${literal(`^${markerPattern}`)}) as marker, u.created_at::text as "createdAt"
       from auth.users u where u.email like ${literal(`${markerPrefix}%`)} and u.email ~ ${literal(`^${markerPattern}@`)}
         and u.raw_user_meta_data ? ${literal(markerKey)} order by 1`,
    );
    return rows;
  };

  return {
    users,
    organizationsOf: async (given) => {
      const ids = given.map(({ id }) => id);
      const found = [
        ...(await many(
          '',
          `select u.raw_app_meta_data ->> 'org_id' as value from auth.users u where u.id::text = any ($1)`,
          ids,
        )),
      ];
      for (const one of [
        profiles === null ? null : { ...profiles, userColumn: profiles.idColumn },
        memberships === null ? null : memberships,
      ]) {
        if (one === null) continue;
        found.push(
          ...(await many(
            identifier(one.orgColumn),
            `select t.$column::text as value from ${qualified(one.schema, one.table)} t where t.${identifier(one.userColumn)}::text = any ($1)`,
            ids,
          )),
        );
      }
      return [...new Set(found)];
    },
    markedOrganizations: () =>
      texts(
        `select o.${orgKey}::text as value from ${orgTable} o where to_jsonb(o)::text like $1 and to_jsonb(o)::text ~ $2`,
        [`%${markerPrefix}%`, markerPattern],
      ),
    isProbes: async (organization, given) => {
      const ids = given.map(({ id }) => id);
      const earliest = given.map(({ createdAt }) => createdAt).sort()[0] ?? null;
      const { rows } = await client.query<{ marked: boolean; younger: boolean }>(
        `select to_jsonb(o)::text ~ $2 as marked, coalesce((to_jsonb(o) ->> 'created_at')::timestamptz >= $3::timestamptz, false) as younger
         from ${orgTable} o where o.${orgKey}::text = $1`,
        [organization, markerPattern, earliest],
      );
      const [row] = rows;
      if (row === undefined || !(row.marked || row.younger)) return false;
      for (const one of [
        profiles === null ? null : { ...profiles, userColumn: profiles.idColumn },
        memberships === null ? null : memberships,
      ]) {
        if (one === null) continue;
        const others = await texts(
          `select t.${identifier(one.userColumn)}::text as value from ${qualified(one.schema, one.table)} t
           where t.${identifier(one.orgColumn)}::text = $1 and not (t.${identifier(one.userColumn)}::text = any ($2)) limit 1`,
          [organization, ids],
        );
        if (others.length > 0) return false;
      }
      return true;
    },
    removeBy: (table, column, values) =>
      values.length === 0
        ? Promise.resolve({ count: 0, problem: null })
        : remove(`delete from ${target(table)} where ${identifier(column)}${typed(table, column)}`, [values]),
    removeRow: (table, key) => {
      const { sql, values } = where(table, key);
      return remove(`delete from ${target(table)} where ${sql}`, values);
    },
    valuesOf: (table, column, by, values) =>
      values.length === 0
        ? Promise.resolve([])
        : texts(
            `select ${identifier(column)}::text as value from ${target(table)} where ${identifier(by)}${typed(table, by)}`,
            [values],
          ),
    countBy: async (table, column, values) => {
      if (values.length === 0) return 0;
      const [value] = await texts(
        `select count(*)::text as value from ${target(table)} where ${identifier(column)}${typed(table, column)}`,
        [values],
      );
      return Number(value ?? 0);
    },
    textsOf: (table, key) => {
      const { sql, values } = where(table, key);
      return texts(`select to_jsonb(t)::text as value from ${target(table)} t where ${sql}`, values);
    },
    countRow: async (table, key) => {
      const { sql, values } = where(table, key);
      const [value] = await texts(`select count(*)::text as value from ${target(table)} where ${sql}`, values);
      return Number(value ?? 0);
    },
    removeUser: (id) => remove('delete from auth.users where id = $1', [id]),
  };
}

const target = (table: LiveTable): string => qualified(table.schema, table.table);

const typeOf = (table: LiveTable, column: string): string =>
  table.facts.columns.find(({ name }) => name === column)?.type ?? 'text';

/** Compared in the column's own type, so that an index serves. */
const typed = (table: LiveTable, column: string): string => ` = any ($1::text[]::${typeOf(table, column)}[])`;

function where(table: LiveTable, key: JsonRow): { readonly sql: string; readonly values: unknown[] } {
  const entries = Object.entries(key);
  return {
    sql: entries
      .map(([name], at) => `${identifier(name)} is not distinct from $${at + 1}::text::${typeOf(table, name)}`)
      .join(' and '),
    values: entries.map(([, value]) => (value === null || typeof value === 'string' ? value : JSON.stringify(value))),
  };
}

/** What the server refuses (a foreign key, a trigger, a lock) is told and may be tried again; a lost connection is thrown. */
async function inTransaction(client: ClientBase, sql: string, values: unknown[]): Promise<Removed> {
  await client.query(`begin; ${limits}`);
  try {
    const { rowCount } = await client.query(sql, values);
    await client.query('commit');
    return { count: rowCount ?? 0, problem: null };
  } catch (error) {
    await client.query('rollback');
    if (
      error instanceof Error &&
      'code' in error &&
      typeof error.code === 'string' &&
      /^(2|42|55P03|P0)/.test(error.code)
    ) {
      return { count: 0, problem: `${error.message} (${error.code})` };
    }
    throw error;
  }
}
