import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planIsolation } from '../../../phases/1-database/7-isolation.ts';
import { isolationFacts } from '../../../phases/1-database/isolation/facts.ts';
import { type Model, type Survey, survey } from '../../../phases/1-database/survey.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const user = (number: number): string => `b0000000-0000-4000-8000-00000000000${number}`;
const claims = (number: number, org?: string) => ({
  sub: user(number),
  app_metadata: org === undefined ? {} : { org_id: org },
});

/** Users of an app with memberships that can be pending, roles in capitals and organizations that can be closed. */
const schema = (id: string, org: (n: number) => string): string => `
create schema if not exists app;
create table public.orgs (id ${id} primary key, name text not null, closed_at timestamptz);
insert into public.orgs (id, name) values (${org(1)}, 'A'), (${org(2)}, 'B'), (${org(3)}, 'C');
update public.orgs set closed_at = now() where id = ${org(3)};
create table public.people (id uuid primary key references auth.users, org_id ${id} references public.orgs, full_name text);
create table public.members (org_id ${id} not null references public.orgs, user_id uuid not null references auth.users,
  role text not null default 'MEMBER', status text not null default 'active', joined_at timestamptz not null default now(), primary key (org_id, user_id));
insert into auth.users (id, email) select ('b0000000-0000-4000-8000-00000000000' || n)::uuid, 'm' || n || '@example.com' from generate_series(7, 9) n on conflict do nothing;
insert into public.people (id, org_id, full_name) select ('b0000000-0000-4000-8000-00000000000' || n)::uuid, ${org(1)}, 'p' || n from generate_series(7, 9) n;
insert into public.members values
  (${org(1)}, '${user(7)}', 'OWNER', 'active', now() - interval '3 days'), (${org(2)}, '${user(7)}', 'MEMBER', 'active', now()), (${org(3)}, '${user(7)}', 'OWNER', 'active', now() - interval '9 days'),
  (${org(1)}, '${user(8)}', 'ADMIN', 'invited', now()), (${org(2)}, '${user(8)}', 'ADMIN', 'active', now()), (${org(1)}, '${user(9)}', 'ADMIN', 'active', now());
create table public.papers (id bigint generated always as identity primary key, org_id ${id} not null references public.orgs, body text);
insert into public.papers (org_id, body) select o.id, o.name || n from public.orgs o, generate_series(1, 2) n;
create index on public.papers (org_id);
`;

const names = { names: { organizations: 'public.orgs', profiles: 'public.people', memberships: 'public.members' } };

async function isolate(at: TestTarget, model: Model): Promise<Survey> {
  const found = await survey(at.target);
  if (found.memberships === null) throw new Error('no memberships');
  const shaped: Survey = {
    ...found,
    model,
    modelConflict: null,
    questions: [],
    truth: 'memberships',
    living: (alias) => `${alias}.closed_at is null`,
    memberships: { ...found.memberships, active: (alias) => `${alias}.status = 'active'` },
  };
  const facts = await isolationFacts(await at.session.work(), shaped);
  const plan = await planIsolation(shaped, facts, at.target.config);
  expect(plan.blockers).toEqual([]);
  for (const change of plan.changes) if (change.kind === 'sql') await at.sql(change.up);
  return shaped;
}

const kinds: readonly [string, (n: number) => string][] = [
  ['uuid', (n) => `'a0000000-0000-4000-8000-00000000000${n}'`],
  ['bigint', (n) => `${n}`],
  ['text', (n) => `'org-${n}'`],
];

describe.each(kinds)('organizations known by %s', (type, org) => {
  const value = (n: number): string => org(n).replaceAll("'", '');
  const open = async (model: Model): Promise<TestTarget & { shaped: Survey }> => {
    const name = `models_${type}_${model}`;
    await loadDatabase(server, 'base', name);
    const at = await makeTarget(server, name, names);
    await at.sql(schema(type, org));
    return Object.assign(at, { shaped: await isolate(at, model) });
  };
  const bodies = async (at: TestTarget, who: Readonly<Record<string, unknown>>): Promise<readonly string[]> =>
    (await at.as<{ body: string }>('authenticated', who, 'select body from public.papers order by body')).map(
      (one) => one.body,
    );

  it('shows one at a time, of those that a membership backs', async () => {
    await using at = await open('active');
    expect(await bodies(at, claims(7))).toEqual(['A1', 'A2']);
    expect(await bodies(at, claims(7, value(2)))).toEqual(['B1', 'B2']);
    // Closed; and one that only invites.
    expect(await bodies(at, claims(7, value(3)))).toEqual(['A1', 'A2']);
    expect(await bodies(at, claims(8, value(1)))).toEqual(['B1', 'B2']);
    // The profile opens another of theirs, and no other.
    const move = (n: number): string =>
      `update public.people set org_id = ${org(n)} where id = '${user(7)}' returning 1`;
    expect(await at.as('authenticated', claims(7), move(2))).toHaveLength(1);
    await expect(at.as('authenticated', claims(7), move(3))).rejects.toThrow('cannot change');
    await expect(
      at.as('authenticated', claims(9), `update public.people set org_id = ${org(2)} where id = '${user(9)}'`),
    ).rejects.toThrow('cannot change');
    expect(await at.as('authenticated', claims(7), 'select from public.orgs')).toHaveLength(2);
  });

  it('shows all of them at once, each with the role that its membership gives', async () => {
    await using at = await open('all');
    expect(await bodies(at, claims(7))).toEqual(['A1', 'A2', 'B1', 'B2']);
    expect(await bodies(at, claims(8, value(1)))).toEqual(['B1', 'B2']);
    expect(await bodies(at, claims(6))).toEqual([]);
    const rename = `update public.orgs set name = 'x' where true returning name`;
    expect(await at.as('authenticated', claims(7), rename)).toHaveLength(1);
    expect(await at.as('authenticated', claims(8), rename)).toHaveLength(1);
    const promote = `update public.members set role = 'ADMIN' where role <> 'OWNER' returning org_id::text as org`;
    expect((await at.as<{ org: string }>('authenticated', claims(7), promote)).map((one) => one.org)).toEqual([
      value(1),
      value(1),
    ]);
    await expect(
      at.as('authenticated', claims(9), `update public.members set role = 'Owner' where user_id = '${user(8)}'`),
    ).rejects.toThrow('row-level security');
  });

  it.each(['one', 'all'] as const)('asks once per statement (%s)', async (model) => {
    await server.dropDatabase(`models_${type}_${model}`).catch(() => undefined);
    await using at = await open(model);
    const plan = await at.as<{ 'QUERY PLAN': string }>(
      'authenticated',
      claims(7),
      'explain (costs off) select * from public.papers',
    );
    const lines = plan.map((one) => one['QUERY PLAN']).join('\n');
    expect(lines).toContain('InitPlan');
    expect(lines).not.toContain('SubPlan');
  });
});
