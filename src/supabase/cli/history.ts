import type { Session } from '../../database/session.ts';
import { entryIdIn } from './migration-file.ts';

/** One row of `supabase_migrations.schema_migrations`. */
export type HistoryRow = {
  readonly version: string;
  readonly name: string;
  /** The journal entry that it belongs to, or null for a migration of the app. */
  readonly entry: string | null;
};

/** The history as the server has it, oldest version first; empty where no migration was ever pushed. */
export async function readHistory(session: Session): Promise<readonly HistoryRow[]> {
  const [there] = await session.observe<{ yes: boolean }>(
    `select pg_catalog.to_regclass('supabase_migrations.schema_migrations') is not null as yes`,
  );
  if (there?.yes !== true) return [];
  // Old histories lack the last two columns.
  const rows = await session.observe<{ version: string; name: string | null; first: string | null }>(
    `select version, pg_catalog.to_jsonb(m) ->> 'name' as name, pg_catalog.to_jsonb(m) -> 'statements' ->> 0 as first
     from supabase_migrations.schema_migrations m order by version`,
  );
  return rows.map(({ version, name, first }) => ({ version, name: name ?? '', entry: entryIdIn(first ?? '') }));
}

/** Journal ids by `seq`; an `Entry` has no id. */
export async function entryIds(session: Session): Promise<ReadonlyMap<number, string>> {
  const [there] = await session.observe<{ yes: boolean }>(
    `select pg_catalog.to_regclass('voxanne_rollout.entries') is not null as yes`,
  );
  if (there?.yes !== true) return new Map();
  const rows = await session.observe<{ seq: number; id: string }>(
    'select seq::float8 as seq, id from voxanne_rollout.entries',
  );
  return new Map(rows.map(({ seq, id }) => [seq, id]));
}
