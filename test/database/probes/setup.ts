import pg from 'pg';
import { loadCatalog } from '../../../src/database/catalog/load.ts';
import type { Table } from '../../../src/database/catalog/types.ts';
import { type IsolationOptions, probeIsolation } from '../../../src/database/probes/two-org.ts';
import { type DatabaseName, loadDatabase } from '../../../src/demo/databases/load.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';

let server: EmbeddedServer | undefined;
let count = 0;

/** A server for the file; `close` ends it. */
export async function open(): Promise<EmbeddedServer> {
  server ??= await startServer();
  return server;
}

export async function close(): Promise<void> {
  await server?.stop();
  server = undefined;
}

/** A database of its own with `sql` on top, and a connection as the hosted role `postgres`. */
export async function withDatabase<T>(
  name: DatabaseName,
  sql: string,
  work: (client: pg.Client, url: (role?: string) => string) => Promise<T>,
): Promise<T> {
  const running = await open();
  const database = `probes_${++count}`;
  await loadDatabase(running, name, database);
  const client = new pg.Client({ connectionString: running.url(database) });
  await client.connect();
  try {
    if (sql !== '') await client.query(sql);
    return await work(client, (role) => running.url(database, role));
  } finally {
    await client.end();
  }
}

/** Organizations, profiles and memberships that are isolated as they should be, and one such table. */
export const isolated = `
create table organizations (id uuid primary key default gen_random_uuid(), name text not null, email text unique);
create type member_role as enum ('viewer', 'admin', 'owner');
create table profiles (id uuid primary key references auth.users on delete cascade, org_id uuid references organizations, full_name text);
create table memberships (id bigint generated always as identity primary key, user_id uuid not null references auth.users on delete cascade,
  org_id uuid not null references organizations, role member_role not null, unique (user_id, org_id));
create function current_org_id() returns uuid language sql stable security definer set search_path = '' as $$
  select coalesce(
    (select m.org_id from public.memberships m where m.user_id = auth.uid() and m.org_id::text = auth.jwt() -> 'app_metadata' ->> 'org_id'),
    (select p.org_id from public.profiles p where p.id = auth.uid())) $$;
create function is_owner() returns boolean language sql stable security definer set search_path = '' as $$
  select exists (select from public.memberships m where m.user_id = auth.uid() and m.role = 'owner' and m.org_id = public.current_org_id()) $$;
revoke all on function current_org_id(), is_owner() from public, anon;
grant execute on function current_org_id(), is_owner() to authenticated;
alter table organizations enable row level security;
alter table profiles enable row level security;
alter table memberships enable row level security;
create policy organizations_read on organizations for select to authenticated using (id = (select current_org_id()));
create policy organizations_update on organizations for update to authenticated using (id = (select current_org_id()) and (select is_owner()));
create policy profiles_read on profiles for select to authenticated using (org_id = (select current_org_id()));
create policy profiles_update on profiles for update to authenticated
  using (id = (select auth.uid())) with check (id = (select auth.uid()) and org_id = (select current_org_id()));
create policy memberships_read on memberships for select to authenticated using (org_id = (select current_org_id()));
create table calls (id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations, caller text not null,
  seconds integer check (seconds >= 0), status text not null default 'new' check (status in ('new', 'done')));
alter table calls enable row level security;
create policy calls_own on calls to authenticated using (org_id = (select current_org_id()));
`;

/** A table with the one policy that isolates: FOR ALL, its USING doubling as the check. */
export const tenantTable = (name: string, columns: string): string => `
create table ${name} (${columns});
alter table ${name} enable row level security;
create policy own on ${name} to authenticated using (org_id = (select current_org_id()));
`;

export const oneOf =
  (...names: string[]) =>
  (table: Table): string | null =>
    names.find((name) => table.columns.some((column) => column.name === name)) ?? null;

export const options: IsolationOptions = {
  tenantColumn: oneOf('org_id', 'organization_id', 'tenant_id'),
  organizations: { schema: 'public', table: 'organizations' },
  profiles: { schema: 'public', table: 'profiles' },
  memberships: {
    schema: 'public',
    table: 'memberships',
    userColumn: 'user_id',
    orgColumn: 'org_id',
    roleColumn: 'role',
  },
  schemas: ['public'],
  signal: new AbortController().signal,
  idPrefix: 'p',
};

export async function probe(client: pg.Client, changed: Partial<IsolationOptions> = {}): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for await (const result of probeIsolation(client, await loadCatalog(client), { ...options, ...changed }))
    results.push(result);
  return results;
}

/** `id: observed` of the results with a verdict, for a table or of all. */
export const ids = (results: readonly CheckResult[], verdict: CheckResult['verdict'], table = ''): string[] =>
  results
    .filter((result) => result.verdict === verdict && result.id.startsWith(`p/${table}`))
    .map(({ id }) => id.slice(`p/${table}`.length));

/** Every table's rows as one value: what a probe must not change. */
export async function contents(client: pg.Client): Promise<unknown> {
  const { rows } = await client.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
  );
  const counted = rows.map(
    ({ name }) =>
      `select '${name}', count(*)::int, coalesce(sum(hashtextextended(t::text, 0)), 0)::text from ${name} t`,
  );
  return (await client.query(`${counted.join(' union all ')} order by 1`)).rows;
}
