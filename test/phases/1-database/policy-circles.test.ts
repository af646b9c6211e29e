import { afterAll, beforeAll, expect, test } from 'vitest';
import { step } from '../../../phases/1-database/7-isolation.ts';
import { circularDoors } from '../../../phases/1-database/isolation/access.ts';
import { phase } from '../../../phases/1-database/phase.ts';
import { fromKept } from '../../../src/isolation/rights.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import { appOf, throughPhaseOne } from '../../helpers/phase-one.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import type { TestTarget } from '../../helpers/target.ts';
import { type CircleApp, circleApp } from './policy-circles.sql.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const stage = (app: Partial<CircleApp>): Promise<TestTarget> =>
  appOf(
    server,
    'circles',
    circleApp({ tables: 12, users: 60, rows: 100, memberships: 'public.is_org_member(org_id)', ...app }),
  );

const { signal } = new AbortController();

/** What stands before step 1.7, and its checks, in one transaction that is rolled back; `more` runs after its changes. */
async function proven(at: TestTarget, more?: string): Promise<{ before: unknown; results: readonly CheckResult[] }> {
  const done = await at.executor.within<{ before: unknown; results: readonly CheckResult[] }>(
    {
      title: 'the step',
      body: async ({ run }) => {
        const plan = await step.plan(at.target);
        expect(plan.blockers).toEqual([]);
        const proofs = await step.proofs?.(at.target, plan.changes);
        if (proofs?.whole.look === undefined) throw new Error('the step looks at nothing');
        const before = await proofs.whole.look(at.target, signal);
        await run(plan.changes);
        if (more !== undefined) await (await at.session.work()).query(more);
        const results: CheckResult[] = [];
        for await (const one of proofs.whole.checks(at.target, signal, before)) results.push(one);
        return { before, results };
      },
    },
    { run: 'test', step: '1.7', emit: () => undefined, signal },
  );
  if (done.outcome !== 'ran') throw new Error(done.reason);
  return done.result;
}

/** Rows that a statement of this user changes, or its error; all of it rolled back. */
async function acting(at: TestTarget, user: string, what: string): Promise<number | string> {
  const session = await at.session.work();
  await session.query('begin');
  try {
    await session.query(`select set_config('request.jwt.claims', $1, true)`, [
      JSON.stringify({ sub: user, role: 'authenticated' }),
    ]);
    await session.query('set local role authenticated');
    return (await session.query(what)).rowCount ?? 0;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await session.query('rollback');
  }
}

const failed = (results: readonly CheckResult[]): readonly string[] =>
  results.filter((one) => one.verdict === 'failed').map((one) => `${one.id}: ${one.observed}`);

test('tables that a circle of policies closes today are told apart by asking one of them, and work afterwards', async () => {
  await using at = await stage({});
  const survey = await at.rollout([phase]).plan('1.1');
  const note = survey.plan.notes.find(({ text }) => text.startsWith('Broken today'));
  expect(note?.text).toContain('public.memberships → public.is_org_member() → public.memberships');
  expect(note?.detail?.split('\n').length).toBe(14);
  const { before, results } = await proven(at);
  const access = fromKept(before);
  if (access === null) throw new Error('nothing was looked at');
  expect([...circularDoors(access).keys()].sort()).toEqual(
    ['memberships', 'organizations', ...Array.from({ length: 12 }, (_, at) => `t${at + 1}`)]
      .map((name) => `public.${name}`)
      .sort(),
  );
  expect(failed(results)).toEqual([]);
  expect(results.filter((one) => one.observed === 'not checked').map((one) => one.id)).toEqual([]);
});

test('a circle through a function is found by acting once the changes stand', async () => {
  await using at = await stage({ tables: 1, rows: 0, memberships: 'user_id = auth.uid()' });
  const { results } = await proven(
    at,
    `create policy again on public.memberships as restrictive for select to authenticated using (public.is_org_member(org_id))`,
  );
  expect(failed(results).join('\n')).toMatch(/public\.memberships.*54001/);
  // An error is nothing that somebody may accept.
  const errors = results.filter((one) => one.verdict === 'failed' && one.observed.includes('54001'));
  expect(errors.map(({ id, answers, advice }) => [id, answers, advice?.includes('--accept-access')])).toEqual(
    errors.map(({ id }) => [id, [], false]),
  );
  // Nothing but the probe's own rows was there to go by.
  expect(results.find((one) => one.id === '1.7/evidence')).toMatchObject({
    verdict: 'skipped',
    observed: expect.stringContaining('proved little: 1 of 1 tables hold no rows of two organizations'),
  });
});

test('a circle of subqueries that would stay is a decision: the rule takes the place of the policy that is named', async () => {
  const app = `${circleApp({ tables: 1, users: 40, rows: 20, memberships: 'user_id = auth.uid()' })}
    drop policy t on public.t1;
    create table public.t1_people (t1_id bigint not null references public.t1, user_id uuid not null references auth.users, primary key (t1_id, user_id));
    alter table public.t1_people enable row level security;
    insert into public.t1_people select t.id, m.user_id from public.t1 t join public.memberships m using (org_id);
    create policy assigned on public.t1 for select to authenticated using (exists (select from public.t1_people p where p.t1_id = t1.id and p.user_id = auth.uid()));
    create policy people on public.t1_people for select to authenticated using (exists (select from public.t1 t where t.id = t1_people.t1_id and public.is_org_member(t.org_id)));`;
  await using at = await appOf(server, 'mutual', app);
  const { plan: seen } = await at.rollout([phase]).plan('1.1');
  expect(seen.notes.find(({ text }) => text.startsWith('Broken today'))?.text).toMatch(/public\.t1.*42P17/);
  const [blocker] = (await step.plan(at.target)).blockers;
  expect(blocker?.problem).toContain('would refer to itself in a circle');
  const answers = blocker?.answers?.filter(({ value }) => String(value) === 'public.t1: assigned') ?? [];
  expect(answers.map(({ flag }) => flag)).toEqual(["--drop-policy 'public.t1: assigned'"]);
  await using decided = await appOf(server, 'mutual', app, { decisions: { dropPolicy: ['public.t1: assigned'] } });
  const { results } = await proven(decided);
  expect(failed(results)).toEqual([]);
});

test.each([
  ['by an alias', 'mine', 'user_roles'],
  // The name of the inner table hides the row's: true of every row, and an owner of one manages them all.
  ['by its own name', 'user_roles', 'user_roles'],
])(
  'a policy of memberships that reads memberships for the caller’s role works today and goes on, %s',
  async (how, alias, row) => {
    const mine = (roles: string): string =>
      `exists (select 1 from public.user_roles ${alias} where ${alias}.user_id = auth.uid() and ${alias}.organization_id = ${row}.organization_id and ${alias}.role ${roles})`;
    const id = (n: number): string => `b0000000-0000-4000-8000-00000000000${n}`;
    await using at = await appOf(
      server,
      `roles_by_rows_${how.replaceAll(' ', '_')}`,
      `create type public.user_role as enum ('owner', 'admin', 'member', 'viewer');
    create table public.organizations (id uuid primary key, name text not null);
    create table public.user_roles (id uuid primary key default gen_random_uuid(), organization_id uuid not null references public.organizations, user_id uuid not null references auth.users, role public.user_role not null default 'member', unique (organization_id, user_id));
    create function public.is_org_member(u uuid, o uuid) returns boolean language sql stable security definer set search_path = public as $$ select exists (select 1 from public.user_roles where user_id = u and organization_id = o) $$;
    alter table public.organizations enable row level security; alter table public.user_roles enable row level security;
    create policy see on public.organizations for select using (exists (select 1 from public.user_roles r where r.user_id = auth.uid() and r.organization_id = organizations.id));
    create policy own on public.user_roles for select using (auth.uid() = user_id);
    create policy team on public.user_roles for select using (public.is_org_member(auth.uid(), organization_id));
    create policy adding on public.user_roles for insert with check (${mine("in ('admin', 'owner')")});
    create policy changing on public.user_roles for update using (${mine("= any (array['admin'::public.user_role, 'owner'::public.user_role])")});
    create policy removing on public.user_roles for delete using (${mine("= 'owner'")});
    insert into auth.users (id, email, aud, role, raw_app_meta_data) select ('b0000000-0000-4000-8000-00000000000' || n)::uuid, n || '@app.example', 'authenticated', 'authenticated', '{}' from generate_series(1, 5) n;
    insert into public.organizations values ('a0000000-0000-4000-8000-000000000001', 'A'), ('a0000000-0000-4000-8000-000000000002', 'B');
    insert into public.user_roles (organization_id, user_id, role) values
      ('a0000000-0000-4000-8000-000000000001', '${id(1)}', 'owner'), ('a0000000-0000-4000-8000-000000000001', '${id(2)}', 'admin'),
      ('a0000000-0000-4000-8000-000000000001', '${id(3)}', 'member'), ('a0000000-0000-4000-8000-000000000002', '${id(4)}', 'owner'), ('a0000000-0000-4000-8000-000000000002', '${id(5)}', 'viewer');`,
      // Of themselves and of the owner they are no judges any more, which is a loss to accept by name.
      { decisions: { acceptAccess: ['1.7/access/public.user_roles/kept'] } },
    );
    const way = await throughPhaseOne(at);
    expect(way.said.filter((one) => /^(blocker|failed)/.test(one))).toEqual([]);
    expect(way.stopped).toBeNull();
    const changes = (n: number, what: string): Promise<number | string> => acting(at, id(n), what);
    const promote = `update public.user_roles set role = 'viewer' where user_id in ('${id(3)}', '${id(5)}')`;
    expect([
      await changes(1, promote),
      await changes(2, promote),
      await changes(3, promote),
      await changes(4, promote),
    ]).toEqual([1, 1, 0, 1]);
    const leave = `delete from public.user_roles where user_id = '${id(3)}'`;
    expect([await changes(1, leave), await changes(2, leave), await changes(4, leave)]).toEqual([1, 0, 0]);
  },
);

test.each([
  [
    'joined',
    `exists (select 1 from public.profiles p where p.id = auth.uid() and p.org_id = profiles.org_id and p.role in ('owner', 'admin'))`,
  ],
  [
    'alone',
    `org_id = public.my_org() and (select role from public.profiles where id = auth.uid()) in ('owner', 'admin')`,
  ],
])('a policy of profiles that reads profiles for the caller’s role goes on as well: %s', async (how, manages) => {
  const id = (n: number): string => `b0000000-0000-4000-8000-00000000000${n}`;
  await using at = await appOf(
    server,
    `roles_by_profiles_${how}`,
    `create table public.organizations (id uuid primary key, name text not null);
    create table public.profiles (id uuid primary key references auth.users, org_id uuid not null references public.organizations, role text not null default 'member', full_name text);
    create function public.my_org() returns uuid language sql stable security definer set search_path = public as $$ select org_id from public.profiles where id = auth.uid() $$;
    alter table public.organizations enable row level security; alter table public.profiles enable row level security;
    create policy see on public.organizations for select using (id = public.my_org());
    create policy team on public.profiles for select using (org_id = public.my_org());
    create policy own on public.profiles for update using (id = auth.uid());
    create policy changing on public.profiles for update using (${manages});
    insert into auth.users (id, email, aud, role, raw_app_meta_data) select ('b0000000-0000-4000-8000-00000000000' || n)::uuid, n || '@app.example', 'authenticated', 'authenticated', '{}' from generate_series(1, 4) n;
    insert into public.organizations values ('a0000000-0000-4000-8000-000000000001', 'A'), ('a0000000-0000-4000-8000-000000000002', 'B');
    insert into public.profiles values ('${id(1)}', 'a0000000-0000-4000-8000-000000000001', 'admin'), ('${id(2)}', 'a0000000-0000-4000-8000-000000000001', 'member'), ('${id(3)}', 'a0000000-0000-4000-8000-000000000002', 'owner'), ('${id(4)}', 'a0000000-0000-4000-8000-000000000002', 'member');`,
    { decisions: { trustProfiles: true } },
  );
  const way = await throughPhaseOne(at);
  expect(way.said.filter((one) => /^(blocker|failed)/.test(one))).toEqual([]);
  const rename = `update public.profiles set full_name = 'x' where id in ('${id(2)}', '${id(4)}')`;
  expect([await acting(at, id(1), rename), await acting(at, id(2), rename), await acting(at, id(3), rename)]).toEqual([
    1, 1, 1,
  ]);
  const admin = `update public.profiles set full_name = 'x' where id = '${id(1)}'`;
  expect([await acting(at, id(1), admin), await acting(at, id(2), admin), await acting(at, id(3), admin)]).toEqual([
    1, 0, 0,
  ]);
});
