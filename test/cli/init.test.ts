import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { namesOf } from '../../phases/1-database/survey/as-config.ts';
import { survey } from '../../phases/1-database/survey.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { buildCli, type Cli } from '../helpers/cli.ts';
import { runHere } from '../helpers/in-process.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { makeTarget } from '../helpers/target.ts';

let server: EmbeddedServer;
let cli: Cli;
beforeAll(async () => {
  [server, cli] = await Promise.all([startServer(), buildCli()]);
});
afterAll(async () => {
  await server?.stop();
  await cli?.[Symbol.asyncDispose]();
});

/** A gym app whose tenant_id is a key in one table and an identity vendor's id in another. */
const gym = `
create table public.gyms (id uuid primary key default gen_random_uuid(), name text, closed_at timestamptz);
insert into public.gyms (id, name) values ('a0000000-0000-4000-8000-000000000001', 'A');
create table public.athletes (id uuid primary key references auth.users, email text);
create table public.gym_members (gym_id uuid references public.gyms, athlete_id uuid references public.athletes, role text, removed_at timestamptz, primary key (gym_id, athlete_id));
create table public.lessons (id int primary key, gym_id uuid not null references public.gyms);
create table public.bills (id int primary key, tenant_id uuid references public.gyms);
create table public.sso (id int primary key, gym_id uuid references public.gyms, tenant_id uuid);
insert into public.sso values (1, 'a0000000-0000-4000-8000-000000000001', gen_random_uuid());`;

test('init writes what the survey finds, later runs find the same from it, and it never overwrites', async () => {
  await loadDatabase(server, 'base', 'gym');
  const client = new pg.Client({ connectionString: server.url('gym') });
  await client.connect();
  await client.query(gym);
  await client.end();
  const url = server.url('gym');
  const cwd = cli.folder('gym');
  const { code, stdout } = await runHere(['init'], { url, cwd });
  expect(code).toBe(0);
  expect(stdout).toMatch(/Organizations are in public\.gyms: /);
  expect(stdout).toMatch(/public\.sso\.tenant_id is left alone: .*no value is an organization/);
  const file = join(cwd, 'voxanne-rollout.config.json');
  const text = readFileSync(file, 'utf8');
  const config = JSON.parse(text);
  expect(config.names).toMatchObject({
    to: 'org_id',
    organizations: 'public.gyms',
    profiles: 'public.athletes',
    memberships: 'public.gym_members',
    activeMembership: 'm.removed_at is null',
    livingOrganization: 'o.closed_at is null',
    keys: { 'public.sso': 'gym_id' },
  });

  await using found = await makeTarget(server, 'gym');
  await using pinned = await makeTarget(server, 'gym', config);
  const [first, second] = [await survey(found.target), await survey(pinned.target)];
  expect(second.questions).toEqual([]);
  expect(second.tenants.map((one) => [one.sql, one.key.name])).toEqual(
    first.tenants.map((one) => [one.sql, one.key.name]),
  );
  // The conditions that were written down are those that were found, and no SQL that only the operator understands.
  expect(namesOf(second)).toEqual(namesOf(first));
  expect(first.livingFilters).not.toBeNull();
  expect(second.livingFilters).toEqual(first.livingFilters);
  expect(second.memberships?.activeFilters).toEqual(first.memberships?.activeFilters);

  const again = await runHere(['init'], { url, cwd });
  expect(again.code).toBe(2);
  expect(again.stderr).toContain('is there already');
  expect(readFileSync(file, 'utf8')).toBe(text);
  expect((await runHere(['init', '--config', 'other.json'], { url, cwd })).code).toBe(0);
  expect(JSON.parse(readFileSync(join(cwd, 'other.json'), 'utf8')).names.organizations).toBe('public.gyms');
  expect((await runHere(['init', '--config', 'nowhere/other.json'], { url, cwd })).stderr).toContain(
    'cannot be written',
  );
});

test('init writes what it is sure of and says what it is not', async () => {
  await loadDatabase(server, 'base', 'unsure');
  const client = new pg.Client({ connectionString: server.url('unsure') });
  await client.connect();
  await client.query(`create table public.organizations (id uuid primary key, name text);
    create table public.memberships (user_id uuid references auth.users, organization_id uuid references public.organizations, role text, primary key (user_id, organization_id));
    create table public.organization_members (user_id uuid references auth.users, organization_id uuid references public.organizations, role text, primary key (user_id, organization_id));`);
  await client.end();
  const cwd = cli.folder('unsure');
  writeFileSync(join(cwd, 'note.txt'), '');
  const { code, stdout } = await runHere(['init'], { url: server.url('unsure'), cwd });
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /\? More than one table could hold the memberships: public\.memberships, public\.organization_members/,
  );
  const { names } = JSON.parse(readFileSync(join(cwd, 'voxanne-rollout.config.json'), 'utf8'));
  expect(names).toMatchObject({ organizations: 'public.organizations', profiles: 'none', memberships: null });
});
