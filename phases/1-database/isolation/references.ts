import type { ClientBase } from 'pg';
import { decide } from '../../../src/config/answers.ts';
import type { Column, Constraint, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import { rolledBack } from '../../../src/database/rolled-back.ts';
import type { Note } from '../../../src/rollout/step.ts';
import { plural } from '../../../src/rollout/text.ts';
import { type Survey, tenantOf } from '../survey.ts';

/** A foreign key between tables of organizations that says nothing of the organization. */
export type Reference = {
  /** `public.jobs.client_id → public.clients`. */
  readonly name: string;
  readonly table: Table;
  readonly parent: Table;
  readonly constraint: Constraint;
  /** Columns of the child and, in the same order, of the row that it refers to. */
  readonly columns: readonly string[];
  readonly parentColumns: readonly string[];
  /** What each calls the organization. */
  readonly org: Column;
  readonly parentOrg: Column;
  /** A foreign key that holds both together, so that a row can only refer to its own organization's. */
  readonly closing: Constraint | null;
};

/** Rows that are counted at most for one reference; more are told as "at least". */
const counted = 1_000;
/** Milliseconds that one count may take, and all of them together; what takes longer is told as not counted. */
const patience = 2_000;
const patienceInAll = 6_000;

/**
 * A foreign key check bypasses row security: a row of one organization can point at a row of another, which tells whether
 * that row exists and hangs a foreign row on it. Names such references, and how many rows cross already.
 */
export async function referenceNotes(client: ClientBase, found: Survey): Promise<readonly Note[]> {
  const lines: string[] = [];
  let crossing = 0;
  const until = performance.now() + patienceInAll;
  for (const reference of openReferences(found)) {
    const left = Math.min(patience, Math.ceil(until - performance.now()));
    const n = left > 0 ? await count(client, reference, left) : null;
    crossing += n ?? 0;
    lines.push(
      `${reference.name}: ${n === null ? 'not counted' : n === 0 ? '0 rows cross' : `${n >= counted ? 'at least ' : ''}${plural(n, 'row crosses', 'rows cross')} already`}`,
    );
  }
  if (lines.length === 0) return [];
  const what = `${lines.length} foreign ${lines.length === 1 ? 'key lets' : 'keys let'} a row point at a row of another organization`;
  return [
    {
      text: `${what}, because a foreign key check bypasses row security; ${crossing === 0 ? 'no row that was counted does' : `${plural(crossing, 'row does', 'rows do')} so today`}. A composite foreign key over (${found.to}, id) closes that: --same-organization-references (decisions.sameOrganizationReferences) adds it.`,
      detail: lines.join('\n'),
      answers: [
        decide(
          'sameOrganizationReferences',
          true,
          'Step 1.7 adds composite foreign keys; rows that cross already stop it with a list.',
        ),
      ],
    },
  ];
}

/** Those that nothing holds to one organization yet. */
export const openReferences = (found: Survey): readonly Reference[] =>
  referencesOf(found).filter((one) => one.closing?.validated !== true);

export function referencesOf(found: Survey): readonly Reference[] {
  return found.tenants.flatMap(({ table, key }) => {
    // Where a partition's parent holds the same key, that says it for its partitions.
    const keys = table.isPartition
      ? []
      : table.constraints.filter((one) => one.type === 'f' && one.references !== null);
    return keys.flatMap((one): readonly Reference[] => {
      const { schema, table: name, columns = [] } = one.references ?? {};
      if (one.columns.includes(key.name)) return [];
      const parent = found.catalog.tables.find((each) => each.schema === schema && each.name === name);
      const theirs = parent === undefined ? null : tenantOf(found, parent);
      if (parent === undefined || theirs === null || parent === found.organizations || parent === found.profiles)
        return [];
      const pair = (child: string, at: string): string => `${child} ${at}`;
      const wanted = [
        ...one.columns.map((column, at) => pair(column, columns[at] ?? '')),
        pair(key.name, theirs.key.name),
      ];
      const closing = keys.find((other) => {
        if (other.references?.schema !== schema || other.references?.table !== name) return false;
        const held = other.columns.map((column, at) => pair(column, other.references?.columns[at] ?? ''));
        return wanted.every((each) => held.includes(each));
      });
      return [
        {
          name: `${table.schema}.${table.name}.${one.columns.join(', ')} → ${schema}.${name}`,
          table,
          parent,
          constraint: one,
          columns: one.columns,
          parentColumns: columns,
          org: key,
          parentOrg: theirs.key,
          closing: closing ?? null,
        },
      ];
    });
  });
}

/** Child `t` joined to the row `p` that it refers to, where the two belong to different organizations. */
const crossingSql = ({ table, parent, columns, parentColumns, org, parentOrg }: Reference): string => {
  const join = columns
    .map((column, at) => `p.${identifier(parentColumns[at] ?? '')} = t.${identifier(column)}`)
    .join(' and ');
  return `from ${qualified(table.schema, table.name)} t join ${qualified(parent.schema, parent.name)} p on ${join}
    where t.${identifier(org.name)}::text <> p.${identifier(parentOrg.name)}::text`;
};

/** Rows that cross, in words, and how many there are at most `counted`; the key of the row where it has one. */
export async function crossingRows(
  client: ClientBase,
  reference: Reference,
  shown: number,
): Promise<{ readonly count: number; readonly lines: readonly string[] }> {
  const { table, columns, org, parentOrg } = reference;
  const key = table.constraints.find((one) => one.type === 'p')?.columns ?? columns;
  const words = key
    .map((name, at) => `${literal(`${at === 0 ? '' : ', '}${name} = `)}, t.${identifier(name)}::text`)
    .join(', ');
  const { rows } = await client.query<{ line: string; count: number }>(
    `with found as (select pg_catalog.concat(${words}) || ' of ' || t.${identifier(org.name)}::text as line,
         p.${identifier(parentOrg.name)}::text as other ${crossingSql(reference)} limit ${counted})
     select line || ' points at a row of ' || other as line, (select count(*) from found)::float8 as count
     from found order by line limit ${shown}`,
  );
  return { count: rows[0]?.count ?? 0, lines: rows.map((one) => one.line) };
}

async function count(client: ClientBase, reference: Reference, milliseconds: number): Promise<number | null> {
  try {
    return await rolledBack(client, async () => {
      await client.query(`set local statement_timeout = ${milliseconds}; set local lock_timeout = 300`);
      const sql = `select count(*)::float8 as n from (select ${crossingSql(reference)} limit ${counted}) s`;
      return (await client.query<{ n: number }>(sql)).rows[0]?.n ?? 0;
    });
  } catch (error) {
    // Too long, or locked: it is told as not counted.
    if (error instanceof Error && 'code' in error && (error.code === '57014' || error.code === '55P03')) return null;
    throw error;
  }
}
