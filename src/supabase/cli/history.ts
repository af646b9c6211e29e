import type { Session } from '../../database/session.ts';
import { type Mark, markOf, markPattern, stepOfName } from './migration-file.ts';

/** One row of `supabase_migrations.schema_migrations`. */
export type HistoryRow = {
  readonly version: string;
  readonly name: string;
  /** The step whose changes it holds, or null for a migration of the app. */
  readonly step: string | null;
  /** The journal entries that it does, in their order. */
  readonly marks: readonly Mark[];
};

/** The history as the server has it, oldest version first; empty where no migration was ever pushed. */
export async function readHistory(session: Session): Promise<readonly HistoryRow[]> {
  const [there] = await session.observe<{ yes: boolean }>(
    `select pg_catalog.to_regclass('supabase_migrations.schema_migrations') is not null as yes`,
  );
  if (there?.yes !== true) return [];
  // Old histories lack the last two columns. Of the statements only our marks are wanted, and only where they may be.
  const rows = await session.observe<{ version: string; name: string | null; marks: readonly string[] | null }>(
    `select m.version, j.row ->> 'name' as name,
       case when pg_catalog.starts_with(j.row ->> 'name', 'voxanne_') then (
         select pg_catalog.array_agg(found.mark[1] order by s.n, found.n)
         from pg_catalog.jsonb_array_elements_text(nullif(j.row -> 'statements', 'null')) with ordinality s(text, n),
           pg_catalog.regexp_matches(s.text, $1, 'gn') with ordinality found(mark, n)) end as marks
     from supabase_migrations.schema_migrations m, lateral (select pg_catalog.to_jsonb(m) as row) j order by m.version`,
    [markPattern],
  );
  return rows.map(({ version, name, marks }) => ({
    version,
    name: name ?? '',
    step: stepOfName(name ?? ''),
    marks: (marks ?? []).map(markOf),
  }));
}

/** What an `Entry` does not say of its row: by `seq`, its id and the checksum of its change. */
export async function rowMarks(session: Session): Promise<ReadonlyMap<number, Mark>> {
  const [there] = await session.observe<{ yes: boolean }>(
    `select pg_catalog.to_regclass('voxanne_rollout.entries') is not null as yes`,
  );
  if (there?.yes !== true) return new Map();
  const rows = await session.observe<{ seq: number; id: string; checksum: string }>(
    'select seq::float8 as seq, id, checksum from voxanne_rollout.entries',
  );
  return new Map(rows.map(({ seq, id, checksum }) => [seq, { id, checksum }]));
}

/**
 * Whether something that holds these marks does an entry of this journal. A file that was written for another database
 * has other ids, and the same change.
 */
export function holds(marks: readonly Mark[], entry: Mark, known: ReadonlySet<string>): boolean {
  return marks.some((mark) => mark.id === entry.id || (mark.checksum === entry.checksum && !known.has(mark.id)));
}
