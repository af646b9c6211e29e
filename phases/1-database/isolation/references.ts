import type { ClientBase } from 'pg';
import { identifier, qualified } from '../../../src/database/quote.ts';
import { rolledBack } from '../../../src/database/rolled-back.ts';
import type { Note } from '../../../src/rollout/step.ts';
import { type Survey, tenantOf } from '../survey.ts';

/** A foreign key between tables of organizations that says nothing of the organization. */
type Reference = { readonly name: string; readonly sql: string };

/** Rows that are counted at most for one reference; more are told as "at least". */
const counted = 1_000;
/** Milliseconds that one count may take; a reference that takes longer is told as not counted. */
const patience = 2_000;

/**
 * A foreign key check bypasses row security: a row of one organization can point at a row of another, which tells whether
 * that row exists and hangs a foreign row on it. Names such references, and how many rows cross already.
 */
export async function referenceNotes(client: ClientBase, found: Survey): Promise<readonly Note[]> {
  const lines: string[] = [];
  let crossing = 0;
  for (const { name, sql } of referencesOf(found)) {
    const n = await count(client, sql);
    crossing += n ?? 0;
    lines.push(
      `${name}: ${n === null ? 'not counted' : n === 0 ? '0 rows cross' : `${n >= counted ? 'at least ' : ''}${n} ${n === 1 ? 'row crosses' : 'rows cross'} already`}`,
    );
  }
  if (lines.length === 0) return [];
  const what = `${lines.length} foreign ${lines.length === 1 ? 'key lets' : 'keys let'} a row point at a row of another organization`;
  return [
    {
      text: `${what}, because a foreign key check bypasses row security; ${crossing === 0 ? 'no row that was counted does' : `${crossing} ${crossing === 1 ? 'row does' : 'rows do'} so today`}. A composite foreign key over (${found.to}, id) closes that.`,
      detail: lines.join('\n'),
    },
  ];
}

function referencesOf(found: Survey): readonly Reference[] {
  return found.tenants.flatMap(({ table, key }) =>
    table.constraints.flatMap((one): readonly Reference[] => {
      if (one.type !== 'f' || one.references === null || one.columns.includes(key.name)) return [];
      const { schema, table: name, columns } = one.references;
      const parent = found.catalog.tables.find((each) => each.schema === schema && each.name === name);
      const theirs = parent === undefined ? null : tenantOf(found, parent);
      if (parent === undefined || theirs === null || parent === found.organizations || parent === found.profiles)
        return [];
      const join = one.columns
        .map((column, index) => `p.${identifier(columns[index] ?? '')} = t.${identifier(column)}`)
        .join(' and ');
      return [
        {
          name: `${table.schema}.${table.name}.${one.columns.join(', ')} → ${schema}.${name}`,
          sql: `select count(*)::float8 as n from (select from ${qualified(table.schema, table.name)} t
            join ${qualified(schema, name)} p on ${join}
            where t.${identifier(key.name)}::text <> p.${identifier(theirs.key.name)}::text limit ${counted}) s`,
        },
      ];
    }),
  );
}

async function count(client: ClientBase, sql: string): Promise<number | null> {
  try {
    return await rolledBack(client, async () => {
      await client.query(`set local statement_timeout = ${patience}; set local lock_timeout = 300`);
      return (await client.query<{ n: number }>(sql)).rows[0]?.n ?? 0;
    });
  } catch (error) {
    // Too long, or locked: it is told as not counted.
    if (error instanceof Error && 'code' in error && (error.code === '57014' || error.code === '55P03')) return null;
    throw error;
  }
}
