import { afterAll, beforeAll, expect, test } from 'vitest';
import { phase } from '../../../phases/1-database/phase.ts';
import { answered } from '../../../src/config/answers.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { answersTo } from '../../../src/rollout/check.ts';
import { type Answer, answer } from '../../../src/rollout/decision.ts';
import { appOf } from '../../helpers/phase-one.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { org, user, users } from './sign-up/schemas.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** Something of each kind that stops phase 1 until it is decided. */
const sql = `create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
  create table profiles (id uuid primary key references auth.users on delete cascade, organization_id uuid references organizations, role text);
  create table things (id serial primary key, organization_id uuid not null references organizations, name text);
  create table codes (id serial primary key, code text, somebody_id uuid);
  create table offers (id serial primary key, organization_id uuid not null references organizations, text text, is_public boolean default false);
  alter table profiles enable row level security;
  alter table offers enable row level security;
  create policy own on profiles for all to authenticated using (id = auth.uid()) with check (id = auth.uid());
  create policy "for everybody" on offers for select to anon, authenticated using (is_public);
  grant all on all tables in schema public to anon, authenticated, service_role;
  create function public.things_of(org_id uuid) returns setof things language sql security definer as $$ select * from public.things t where t.organization_id = org_id $$;
  do $$ begin create role bookkeeper; exception when duplicate_object then null; end $$; grant select on things to bookkeeper;
  ${users(3)}
  insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');
  insert into profiles values ('${user(1)}', '${org(1)}', 'owner'), ('${user(2)}', '${org(2)}', 'owner');
  insert into things (organization_id, name) values ('${org(1)}', 'x'), ('${org(2)}', 'y');
  insert into codes (code, somebody_id) values ('a', gen_random_uuid());
  insert into offers (organization_id, text, is_public) values ('${org(1)}', 'x', true);`;

test('each blocker of a decision offers answers that get past it, in a form that the settings accept', async () => {
  let given: Readonly<Record<string, unknown>> = {};
  const met = new Set<string>();
  for (let round = 0; round < 8; round++) {
    await using at = await appOf(server, 'answers', sql, { decisions: given });
    const plans = await at.rollout([phase]).planAhead(1, AbortSignal.timeout(60_000));
    const blockers = plans.flatMap(({ plan }) => plan.blockers);
    if (blockers.length === 0) break;
    const answers = blockers.flatMap((one): readonly Answer[] => one.answers?.slice(0, 1) ?? []);
    expect(blockers.filter((one) => one.answers === undefined)).toEqual([]);
    // A blocker that its own answer leaves standing would come round again.
    for (const one of answers) expect(met).not.toContain(one.flag);
    for (const one of answers) met.add(one.flag);
    for (const one of blockers.flatMap((each) => each.answers ?? [])) {
      expect(one.consequence).toMatch(/^[A-Z].*\.$/s);
      expect(configSchema.safeParse({ decisions: answered({}, [one]) }).success).toBe(true);
    }
    given = answered(given, answers);
  }
  expect([...met].sort()).toEqual([
    "--keep-policy 'public.offers: for everybody'",
    '--orphans own-organization',
    '--reporting-roles keep',
    '--revoke-execute',
    '--shared-table public.codes',
    '--trust-profiles',
  ]);
}, 60_000);

test('an answer is quoted for a shell, and a check that matters can be accepted by its id', () => {
  expect(answer('decisions.keepPolicy', ["public.a: it's"], 'It stays.').flag).toBe(
    "--keep-policy 'public.a: it'\\''s'",
  );
  const base = { title: '', kind: 'scan', expected: '', observed: '', milliseconds: 0 } as const;
  expect(answersTo({ ...base, id: '2.1/scan/x', verdict: 'skipped', matters: true })).toMatchObject([
    { flag: '--accept-not-checked 2.1/scan/x' },
  ]);
  expect(answersTo({ ...base, id: 'x', verdict: 'failed' })).toEqual([]);
});
