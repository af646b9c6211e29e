import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { makeApp, org, user, users } from '../sign-up/schemas.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const app = `
  create table tenants (id uuid primary key default gen_random_uuid(), name text not null);
  create table tenant_users (tenant_id uuid not null references tenants, user_id uuid not null references auth.users, role text not null, primary key (tenant_id, user_id));
  create table notes (id int primary key, tenant_id uuid not null references tenants, body text);
  create table tasks (id int primary key, tenant_id uuid not null references tenants);
  create function delete_from(t text, o uuid) returns void language plpgsql as $$
  begin execute format('delete from %I where tenant_id = $1', t) using o; end $$;
  create function wipe(t text, o uuid) returns void language plpgsql as $$
  begin execute 'delete from ' || quote_ident(t) || ' where tenant_id = ' || quote_literal(o); end $$;
  create function add_to(t text, o uuid) returns void language plpgsql as $$
  begin execute format('insert into %I (id, %I) values (9, %L)', t, 'tenant_id', o); end $$;
  create function keyed() returns bigint language sql as
    $$ select count(*) from information_schema.columns c where c.table_schema = 'public' and c.column_name = 'tenant_id' $$;
  ${users(1)}
  insert into tenants values ('${org(1)}', 'A'), ('${org(2)}', 'B');
  insert into tenant_users values ('${org(1)}', '${user(1)}', 'owner');
  insert into notes values (1, '${org(1)}', 'a'), (2, '${org(2)}', 'b'); insert into tasks values (1, '${org(1)}'), (2, '${org(2)}');`;

const odd = `create function odd(o uuid) returns void language plpgsql as $$
  declare c text := 'tenant_id';
  begin execute 'select ' || quote_ident(c) || ' from notes'; end $$;`;

const bodies = `select string_agg(prosrc, ' ' order by proname) from pg_proc where pronamespace = 'public'::regnamespace and proname in ('add_to', 'delete_from', 'keyed', 'wipe')`;

it('SQL that is built at run time follows a rename where the old name can only mean the column', async () => {
  await using at = await makeApp(server, app);
  const before = await at.one(bodies);
  const { failed, blockers } = await at.apply('1.2');
  expect({ failed, blockers }).toEqual({ failed: [], blockers: [] });
  expect(await at.one(bodies)).not.toContain('tenant_id');
  await at.all(`select delete_from('notes', '${org(1)}'), wipe('tasks', '${org(2)}'), add_to('tasks', '${org(2)}')`);
  expect(await at.one(`select string_agg(id::text, ',') from notes`)).toBe('2');
  expect(await at.one(`select string_agg(id::text || org_id, ',' order by id) from tasks`)).toBe(
    `1${org(1)},9${org(2)}`,
  );
  expect(await at.one('select keyed()')).toBe('3');
  const { phase } = await import('../../../../phases/1-database/phase.ts');
  await at.at.rollout(phase.steps.filter((one) => one.id === '1.2')).rollback('1.2', new AbortController().signal);
  expect(await at.one(bodies)).toBe(before);
});

it('anything else names the function, and stays as it is by decision', async () => {
  const kept = `${app} ${odd} create table imports (id int primary key, tenant_id text);`;
  const keys = { names: { keys: { 'public.imports': null } } };
  await using at = await makeApp(server, kept, keys);
  const { blockers } = await at.apply('1.2');
  for (const name of ['delete_from(text,uuid)', 'wipe(text,uuid)', 'add_to(text,uuid)', 'keyed()', 'odd(uuid)'])
    expect(blockers.join('\n')).toContain(`--leave-function 'public.${name}'`);
  await using decided = await makeApp(server, kept, {
    ...keys,
    decisions: {
      leaveFunction: [...blockers.join('\n').matchAll(/--leave-function '([^']+)'/g)].map(([, name]) => name),
    },
  });
  const left = await decided.apply('1.2');
  expect({ failed: left.failed, blockers: left.blockers }).toEqual({ failed: [], blockers: [] });
  expect(left.notes.join('\n')).toMatch(/public\.odd\(uuid\) stays as it is, as decided/);
});
