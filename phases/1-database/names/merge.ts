import type { ClientBase } from 'pg';
import { decide } from '../../../src/config/answers.ts';
import type { Column, Index } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import type { Change, SqlChange } from '../../../src/rollout/change.ts';
import type { Answer } from '../../../src/rollout/decision.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import { plural } from '../../../src/rollout/text.ts';
import { freeName, walkingKey } from '../keys/facts.ts';
import { primaryColumn, type Survey, type TenantTable } from '../survey.ts';
import { type Sync, syncOf } from './sync.ts';

export type Merge = {
  readonly changes: readonly Change[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
  readonly syncs: readonly Sync[];
};

type Counts = {
  readonly empty: number;
  readonly behind: number;
  readonly torn: number;
  readonly strange: boolean;
  readonly sample: string | null;
};

/** Under which name a column waits that gave way to another of the same meaning. */
export const asideName = (column: Column): string => `${column.name}_before_rollout`.slice(0, 63);

/**
 * Two columns of one table that both name the organization, under the new and an old name or under two old ones. Before
 * one of them is put aside its values must be in the one that stays; rows that disagree need a decision.
 */
export async function mergeColumns(
  client: ClientBase,
  found: Survey,
  one: TenantTable,
  decision: 'keep-new' | 'keep-old' | null,
  taken: Set<string>,
): Promise<Merge> {
  const all: Merge[] = [];
  for (const column of one.also) all.push(await mergeColumn(client, found, one, column, decision, taken));
  return {
    changes: all.flatMap((each) => each.changes),
    blockers: all.flatMap((each) => each.blockers),
    notes: all.flatMap((each) => each.notes),
    syncs: all.flatMap((each) => each.syncs),
  };
}

async function mergeColumn(
  client: ClientBase,
  found: Survey,
  one: TenantTable,
  column: Column,
  decision: 'keep-new' | 'keep-old' | null,
  taken: Set<string>,
): Promise<Merge> {
  const key = walkingKey(one.table);
  const { empty, behind, torn, strange, sample } = await count(client, found, one, column);
  const changes: Change[] = [];
  const blockers: Blocker[] = [];
  const block = (problem: string, remedy: string, answers?: readonly Answer[]): Merge => ({
    changes: [],
    blockers: [
      {
        problem,
        remedy,
        ...(sample === null ? {} : { detail: sample }),
        ...(answers === undefined ? {} : { answers }),
      },
    ],
    notes: [],
    syncs: [],
  });
  const table = `${one.table.schema}.${one.table.name}`;
  // Ids that others put there are somebody's: no decision about disagreeing rows may overwrite them.
  if (strange)
    return block(
      `No value of ${one.sql}.${column.name} is an organization, while ${one.key.name} beside it names one: it means something else.`,
      `Leave it out with names.keys: {"${table}": "${one.key.name}"} in the configuration file, or take ${column.name} out of names.from.`,
    );
  if (torn > 0 && decision === null)
    return block(
      `${plural(torn, 'row')} of ${one.sql} ${torn === 1 ? 'holds' : 'hold'} different values in ${one.key.name} and ${column.name}.`,
      `Correct them by hand, or choose with --disagreeing-columns keep-new (${one.key.name} is right) or keep-old (${column.name} is right); if ${column.name} means something else, leave it out with names.keys: {"${table}": "${one.key.name}"}.`,
      [
        decide(
          'disagreeingColumns',
          'keep-new',
          `${one.key.name} wins wherever the two differ; the other value is kept for the rollback.`,
        ),
        decide(
          'disagreeingColumns',
          'keep-old',
          `${column.name} wins wherever the two differ; the other value is kept for the rollback.`,
        ),
      ],
    );
  if (key === null && (empty > 0 || behind > 0 || torn > 0))
    return block(
      `${one.sql} has no unique key of one column, so its rows cannot be walked.`,
      `Make ${one.key.name} and ${column.name} agree by hand.`,
    );
  const fill = (into: Column, from: Column, rows: string, id: string, overwrite: boolean): void => {
    const [to, other] = [identifier(into.name), identifier(from.name)];
    changes.push({
      kind: 'batches',
      id: `${id} ${one.sql}.${column.name}`,
      title: `Fill ${into.name} of ${one.sql} from ${from.name} (${rows})`,
      table: one.sql,
      key: { column: key?.column ?? 'id', type: key?.type ?? 'uuid' },
      quiet: true,
      write: {
        kind: 'update',
        column: to,
        type: into.type,
        where: `t.${other} is not null and (t.${to} is null${overwrite ? ` or t.${to}::text <> t.${other}::text` : ''})`,
        value: `t.${other}::text::${into.type}`,
      },
    });
  };
  const rows = (missing: number, wrong: boolean): string =>
    `${plural(missing, 'row')} to fill${wrong ? `, ${torn} that ${torn === 1 ? 'disagrees' : 'disagree'}` : ''}`;
  const old = torn > 0 && decision === 'keep-old';
  const fresh = torn > 0 && decision === 'keep-new';
  if (empty > 0 || old) fill(one.key, column, rows(empty, old), 'merge', old);
  const sync = await syncOf(client, found, one, column, asideName(column));
  if (fresh || (behind > 0 && sync !== null)) fill(column, one.key, rows(behind, fresh), 'agree', fresh);
  const twins = one.table.indexes.filter((index) => index.unique && index.columns.includes(column.name));
  for (const index of twins) {
    const twin = twinIndex(found, one, column, index, taken);
    if ('problem' in twin) blockers.push(twin);
    else if ('kind' in twin) changes.push({ ...twin, after: changes.map((each) => each.id) });
  }
  return {
    changes,
    blockers,
    syncs: sync === null ? [] : [sync],
    notes: [
      {
        text: `${one.sql} has ${one.key.name} and ${column.name}: ${one.key.name} stays${one.renamed ? ` as ${found.to}` : ''}, ${column.name} is kept as ${asideName(column)} with its values${sync === null ? '' : ', in step with it, because views, policies or constraints use it'}.`,
      },
    ],
  };
}

async function count(client: ClientBase, found: Survey, one: TenantTable, column: Column): Promise<Counts> {
  const key = walkingKey(one.table);
  const [stays, old] = [`t.${identifier(one.key.name)}`, `t.${identifier(column.name)}`];
  const differ = `${stays} is not null and ${old} is not null and ${stays}::text <> ${old}::text`;
  const directory = found.organizations;
  const id = primaryColumn(directory);
  const known = (value: string): string =>
    directory === null || id === null
      ? 'true'
      : `exists (select from ${qualified(directory.schema, directory.name)} o where o.${identifier(id.name)}::text = ${value}::text)`;
  const { rows } = await client.query<Counts>(
    `select count(*) filter (where ${stays} is null and ${old} is not null)::int as empty,
       count(*) filter (where ${stays} is not null and ${old} is null)::int as behind,
       count(*) filter (where ${differ})::int as torn,
       count(*) filter (where ${differ}) > 0 and not exists (select from ${one.sql} t where ${old} is not null and ${known(old)})
         and exists (select from ${one.sql} t where ${stays} is not null and ${known(stays)}) as strange,
       (array_agg(format('%s: %s %s, %s %s', ${key === null ? `'a row'` : `t.${key.column}`}, ${literal(one.key.name)}::text, ${stays}, ${literal(column.name)}::text, ${old}))
         filter (where ${differ}))[1:3]::text as sample
     from ${one.sql} t`,
  );
  return rows[0] ?? { empty: 0, behind: 0, torn: 0, strange: false, sample: null };
}

/** ON CONFLICT over the old name asks for the one that stays from now on, and needs a unique index over it. */
function twinIndex(
  found: Survey,
  one: TenantTable,
  column: Column,
  index: Index,
  taken: Set<string>,
): SqlChange | Blocker | { readonly there: true } {
  const wanted = index.columns.map((name) => (name === column.name ? one.key.name : name));
  const same = (columns: readonly (string | null)[]): boolean =>
    [...columns].sort().join() === [...wanted].sort().join();
  if (
    new Set(wanted).size < wanted.length ||
    one.table.indexes.some((each) => each.unique && each.valid && !each.partial && same(each.columns))
  )
    return { there: true };
  if (index.partial || wanted.includes(null) || one.table.kind !== 'table')
    return {
      problem: `Unique index ${index.name} of ${one.sql} holds ${column.name}, and no such index over ${one.key.name} can be made from it.`,
      remedy: `Create the same index over ${one.key.name} by hand first.`,
      detail: index.definition,
    };
  const name = freeName(found, one.table.schema, one.table.name, `${found.to}_unique`, taken);
  const sql = qualified(one.table.schema, name);
  return {
    kind: 'sql',
    id: `unique ${one.sql} ${index.name}`,
    title: `Let ${one.key.name} of ${one.sql} be unique where ${column.name} is`,
    mode: 'autocommit',
    up: `create unique index concurrently ${identifier(name)} on ${one.sql} (${wanted.map((each) => identifier(each ?? '')).join(', ')})`,
    down: `drop index concurrently ${sql}`,
    applied: `select exists (select from pg_catalog.pg_index i where i.indexrelid = pg_catalog.to_regclass(${literal(sql)}) and i.indisvalid)`,
    clean: `drop index concurrently if exists ${sql}`,
  };
}
