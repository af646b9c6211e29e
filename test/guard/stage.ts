import { readFileSync } from 'node:fs';
import pg from 'pg';
import { type Drift, type Kept, lookForDrift } from '../../phases/guard/drift.ts';
import { keptOf } from '../../phases/guard/kept.ts';
import { rolledBack } from '../../src/database/rolled-back.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import type { EmbeddedServer } from '../../src/demo/server.ts';
import { throughPhaseOne } from '../helpers/phase-one.ts';
import { makeTarget, type TestTarget } from '../helpers/target.ts';

const { signal } = new AbortController();
const fixture = (name: string): string => readFileSync(new URL(`../fixtures/guard/${name}`, import.meta.url), 'utf8');

/** What an operator decided at the rollout, by configuration file. */
export const decisions = {
  trustProfiles: true,
  revokeExecute: true,
  isolation: 'all',
  acceptFunction: ['public.invitation_of(text)'],
};

/** The small app after phase 1, verified; what happens to it happens in transactions that are rolled back. */
export type Guarded = AsyncDisposable & {
  readonly at: TestTarget;
  readonly kept: Kept;
  /** What the guard finds after `sql`, in a transaction that is rolled back; with these decisions, if given. */
  readonly after: (sql: string, given?: Partial<TestTarget['target']['config']['decisions']>) => Promise<Drift>;
};

export async function asAdmin(server: EmbeddedServer, name: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.adminUrl(name) });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** The small app, before the rollout. */
export async function loadApp(server: EmbeddedServer, name: string): Promise<void> {
  await loadDatabase(server, 'base', name);
  await asAdmin(server, name, `set role postgres; ${fixture('schema.sql')}; reset role; ${fixture('storage.sql')}`);
}

export async function rolledOut(server: EmbeddedServer, name: string): Promise<Guarded> {
  await loadApp(server, name);
  const at = await makeTarget(server, name, { decisions });
  const way = await throughPhaseOne(at);
  if (way.stopped !== null) throw new Error(`Phase 1 stopped at ${way.stopped}: ${way.said.join('\n')}`);
  const kept = await keptOf(at.executor, way.rollout, () => false);
  // Weaknesses are made as whoever may make them: the dashboard acts as more than postgres.
  await asAdmin(server, name, 'grant supabase_admin, supabase_storage_admin to postgres');
  return {
    at,
    kept,
    after: async (sql, given = {}) => {
      const { config } = at.target;
      const target = { ...at.target, config: { ...config, decisions: { ...config.decisions, ...given } } };
      const client = await at.session.work();
      return rolledBack(client, async () => {
        await client.query(`set local search_path = public; ${sql}; set local search_path = pg_catalog; reset role`);
        return lookForDrift(target, kept, signal);
      });
    },
    [Symbol.asyncDispose]: () => at.close(),
  };
}
