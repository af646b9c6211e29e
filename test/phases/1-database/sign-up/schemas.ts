import pg from 'pg';
import { phase } from '../../../../phases/1-database/phase.ts';
import { loadDatabase } from '../../../../src/demo/databases/load.ts';
import type { EmbeddedServer } from '../../../../src/demo/server.ts';
import type { CheckResult } from '../../../../src/rollout/check.ts';
import type { StepId } from '../../../../src/rollout/step.ts';
import { makeTarget, type TestTarget } from '../../../helpers/target.ts';

/** Organizations, users and steps under names that a test can read. */
export const org = (n: number): string => `a0000000-0000-4000-8000-00000000000${n}`;
export const user = (n: number): string => `b0000000-0000-4000-8000-00000000000${n}`;

export const users = (n: number): string =>
  `insert into auth.users (id, aud, role, email, raw_app_meta_data, raw_user_meta_data, created_at)
   select ('b0000000-0000-4000-8000-00000000000' || i)::uuid, 'authenticated', 'authenticated', 'user' || i || '@example.test',
     '{"provider": "email"}', '{}', now() from generate_series(1, ${n}) i;`;

/** An app whose memberships alone say who belongs where. */
export const membershipsAlone = `
  create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
  create table profiles (id uuid primary key references auth.users on delete cascade, full_name text);
  create table org_members (organization_id uuid not null references organizations on delete cascade,
    user_id uuid not null references auth.users on delete cascade, role text not null default 'member',
    primary key (organization_id, user_id));`;

/** An app whose profiles alone say it, written by the server. */
export const profilesAlone = `
  create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
  create table profiles (id uuid primary key references auth.users on delete cascade, email text,
    organization_id uuid references organizations, role text not null default 'member');
  alter table profiles enable row level security;`;

export type App = AsyncDisposable & {
  readonly at: TestTarget;
  /** Applies these steps and returns what their checks said and what was planned. */
  readonly apply: (...ids: readonly StepId[]) => Promise<Applied>;
  /** One value as superuser, in a transaction that is committed. */
  readonly one: (sql: string) => Promise<unknown>;
  /** Statements as superuser in one transaction, committed; the last one's rows. */
  readonly all: (...statements: readonly string[]) => Promise<readonly Record<string, unknown>[]>;
};

export type Applied = {
  readonly failed: readonly string[];
  readonly checks: readonly CheckResult[];
  readonly notes: readonly string[];
  readonly blockers: readonly string[];
};

/** A database with this app, and a target of its own. */
export async function makeApp(
  server: EmbeddedServer,
  sql: string,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<App> {
  const name = `app_${Math.random().toString(36).slice(2, 9)}`;
  await loadDatabase(server, 'base', name);
  const owner = new pg.Client({ connectionString: server.url(name) });
  await owner.connect();
  await owner.query(sql);
  await owner.end();
  const at = await makeTarget(server, name, settings);
  const side = new pg.Client({ connectionString: server.adminUrl(name) });
  await side.connect();
  const all = async (...statements: readonly string[]): Promise<readonly Record<string, unknown>[]> => {
    await side.query('begin');
    try {
      let rows: Record<string, unknown>[] = [];
      for (const statement of statements) ({ rows } = await side.query<Record<string, unknown>>(statement));
      await side.query('commit');
      return rows;
    } catch (error) {
      await side.query('rollback');
      throw error;
    }
  };
  return {
    at,
    all,
    one: async (statement) => Object.values((await all(statement))[0] ?? {})[0],
    apply: async (...ids) => {
      const { signal } = new AbortController();
      const checks: CheckResult[] = [];
      const notes: string[] = [];
      const blockers: string[] = [];
      const rollout = at.rollout(phase.steps.filter((one) => ids.includes(one.id)));
      rollout.listen((event) => {
        if (event.type === 'check') checks.push(event.result);
      });
      for (const id of ids) {
        const { plan } = await rollout.plan(id);
        notes.push(...plan.notes.map((one) => `${one.text} ${one.detail ?? ''}`));
        blockers.push(...plan.blockers.map((one) => `${one.problem} ${one.remedy} ${one.detail ?? ''}`));
        if (plan.blockers.length > 0) break;
        await rollout.apply(id, signal);
        await rollout.verify(id, signal);
      }
      const failed = checks.filter((one) => one.verdict !== 'passed').map((one) => `${one.id}: ${one.observed}`);
      return { checks, notes, blockers, failed };
    },
    [Symbol.asyncDispose]: async () => {
      await side.end();
      await at.close();
    },
  };
}

/** What the auth server sends when somebody signs up. */
export const signUp = (id: string, email: string, app = '{"provider": "email"}', own = '{}'): readonly string[] => [
  'set local role supabase_auth_admin',
  'set local search_path = auth',
  `insert into auth.users (id, email, aud, role, raw_app_meta_data, raw_user_meta_data, created_at)
     values ('${id}', '${email}', 'authenticated', 'authenticated', '${app}', '${own}', now())`,
  'reset role',
  `set local search_path = public, extensions`,
];
