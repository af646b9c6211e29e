import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkAccess } from '../../../phases/1-database/isolation/access.ts';
import { phase } from '../../../phases/1-database/phase.ts';
import { survey } from '../../../phases/1-database/survey.ts';
import { insideTransaction } from '../../../src/database/rolled-back.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

const { signal } = new AbortController();

/** Replaces both helpers: the app's own is asked beside the new one. */
const helpers = (body: string): string =>
  ['my_org_ids', 'orgs_of_caller']
    .map(
      (name) =>
        `create or replace function public.${name}() returns setof uuid language sql stable security definer set search_path = '' as $$ ${body} $$`,
    )
    .join(';\n');

const mine = `org_id = any (array(select public.my_org_ids()))`;

type Mutation = {
  readonly name: string;
  readonly sql: string;
  /** The door, and which of its two checks must fail. */
  readonly door: string;
  readonly check: 'kept' | 'others';
  /** The kind of user that must be named. */
  readonly who: RegExp;
};

const leak = (name: string, door: string, sql: string, who = /"member of 1 organization/): Mutation => ({
  name,
  sql,
  door,
  check: 'others',
  who,
});
const lockout = (name: string, door: string, sql: string, who = /"member of \d organization/): Mutation => ({
  name,
  sql,
  door,
  check: 'kept',
  who,
});

const mutations: readonly Mutation[] = [
  leak('everything is readable', 'projects', 'alter policy org_select on public.projects using (true)'),
  leak(
    'everything with an organization is readable',
    'invoices',
    'alter policy org_select on public.invoices using (org_id is not null)',
  ),
  leak('a widened or', 'projects', `alter policy org_select on public.projects using (${mine} or id = 1)`),
  leak('children are readable', 'tasks', 'alter policy org_select on public.tasks using (true)'),
  leak(
    'a join without its condition',
    'tasks',
    `alter policy org_select on public.tasks using (exists (select from public.projects p where p.${mine}))`,
  ),
  leak(
    'UPDATE reaches everything',
    'projects',
    'alter policy org_update on public.projects using (true) with check (true)',
  ),
  leak('DELETE reaches everything', 'invoices', 'alter policy org_delete on public.invoices using (true)'),
  leak('INSERT takes everything', 'projects', 'alter policy org_insert on public.projects with check (true)'),
  leak('INSERT of children takes everything', 'tasks', 'alter policy org_insert on public.tasks with check (true)'),
  leak(
    'an inverted condition',
    'invoices',
    'alter policy org_select on public.invoices using (org_id <> all (array(select public.my_org_ids())))',
  ),
  leak('row security is off', 'invoices', 'alter table public.invoices disable row level security'),
  leak(
    'a further policy',
    'projects',
    'create policy more on public.projects for select to authenticated using (true)',
  ),
  leak(
    'a further policy for everybody',
    'invoices',
    'create policy more on public.invoices for select to public using (true)',
    /"without a login"/,
  ),
  leak("everybody's drafts", 'drafts', 'alter policy d on public.drafts using (true)'),
  leak("everybody's profiles", 'profiles', 'alter policy own_select on public.profiles using (true)'),
  leak("everybody's memberships", 'members', 'alter policy org_select on public.members using (true)'),
  leak('every organization', 'organizations', 'alter policy org_select on public.organizations using (true)'),
  leak(
    'a view with the rights of its owner',
    'project_list',
    'alter view public.project_list set (security_invoker = false)',
  ),
  leak(
    'a lost status condition',
    'projects',
    helpers('select m.org_id from public.members m where m.user_id = auth.uid()'),
    /membership that does not count/,
  ),
  leak('a helper that gives every organization', 'invoices', helpers('select o.id from public.organizations o')),
  leak(
    'a helper with a wrong join',
    'tasks',
    helpers(
      `select m.org_id from public.members m join public.members n on n.status = m.status where n.user_id = auth.uid()`,
    ),
  ),
  leak(
    'a helper that trusts the claim',
    'projects',
    `update auth.users set raw_app_meta_data = '{"org_id": "a0000000-0000-4000-8000-000000000001"}' where id::text like '%5';
    ${helpers(`select (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid union select m.org_id from public.members m where m.user_id = auth.uid() and m.status = 'active'`)}`,
    /another organization in the token|membership that does not count/,
  ),
  leak(
    'a helper that trusts what users write',
    'invoices',
    `update auth.users set raw_user_meta_data = '{"org_id": "a0000000-0000-4000-8000-000000000002"}' where id::text like '%7';
    ${helpers(`select (auth.jwt() -> 'user_metadata' ->> 'org_id')::uuid union select m.org_id from public.members m where m.user_id = auth.uid() and m.status = 'active'`)}`,
  ),
  lockout('SELECT is missing', 'projects', 'drop policy org_select on public.projects'),
  lockout('INSERT is missing', 'projects', 'drop policy org_insert on public.projects'),
  lockout('UPDATE is missing', 'invoices', 'drop policy org_update on public.invoices'),
  lockout('DELETE is missing', 'tasks', 'drop policy org_delete on public.tasks'),
  lockout('memberships are hidden', 'members', 'drop policy org_select on public.members'),
  lockout('organizations are hidden', 'organizations', 'drop policy org_select on public.organizations'),
  lockout('drafts are hidden', 'drafts', 'drop policy d on public.drafts'),
  lockout('a policy for the wrong role', 'projects', 'alter policy org_select on public.projects to anon'),
  lockout(
    'a restrictive policy',
    'invoices',
    'create policy narrow on public.invoices as restrictive using (total > 20)',
  ),
  lockout(
    'only one of several organizations',
    'projects',
    helpers(
      `select min(m.org_id::text)::uuid from public.members m where m.user_id = auth.uid() and m.status = 'active'`,
    ),
    /"member of 2 organizations/,
  ),
  lockout(
    'only those who own it',
    'invoices',
    helpers(`select m.org_id from public.members m where m.user_id = auth.uid() and m.role = 'owner'`),
    /as member/,
  ),
  lockout(
    'UPDATE for owners alone',
    'projects',
    `alter policy org_update on public.projects using (org_id = any (array(select public.my_org_ids(array['owner']))))`,
    /as member/,
  ),
  lockout('a missing grant to read', 'projects', 'revoke select on public.projects from authenticated'),
  lockout('a missing grant to write', 'invoices', 'revoke update on public.invoices from authenticated'),
  lockout(
    'a helper that may not be called',
    'projects',
    'revoke execute on function public.my_org_ids() from authenticated',
  ),
  lockout('a helper that fails', 'tasks', helpers(`select (1 / 0)::text::uuid`)),
  lockout(
    'policies that ask each other',
    'projects',
    `create policy circle on public.projects for select to authenticated using (exists (select from public.tasks t where t.project_id = projects.id))`,
  ),
];

describe('a defect of what step 1.7 rolled out', () => {
  let server: EmbeddedServer;
  let at: TestTarget;
  let kept: unknown;

  beforeAll(async () => {
    server = await startServer();
    await loadDatabase(server, 'base', 'agency');
    at = await makeTarget(server, 'agency', {
      decisions: {
        orphans: 'own-organization',
        ambiguousMemberships: 'oldest',
        revokeExecute: true,
        isolation: 'all',
      },
    });
    await at.sql(readFileSync(new URL('agency.sql', import.meta.url), 'utf8'));
    const rollout = at.rollout([phase]);
    for (const step of phase.steps) {
      await rollout.apply(step.id, signal);
      await rollout.verify(step.id, signal);
    }
    kept = await at.executor.keptLook('1.7');
  }, 300_000);
  afterAll(async () => {
    await at.close();
    await server.stop();
  });

  /** What is not passed once `sql` ran, in a transaction that is rolled back. */
  const failures = async (sql: string): Promise<readonly CheckResult[]> => {
    const client = await at.session.work();
    await client.query('begin');
    try {
      return await insideTransaction(client, async () => {
        if (sql !== '') await client.query(sql);
        const results: CheckResult[] = [];
        for await (const one of checkAccess(at.target, await survey(at.target), signal, kept)) results.push(one);
        return results.filter((one) => one.verdict === 'failed');
      });
    } finally {
      await client.query('rollback');
    }
  };

  it('is not there to begin with', async () => {
    expect(await failures('')).toEqual([]);
  });

  it.each(mutations)('$name: $door', async ({ sql, door, check, who }) => {
    const failed = await failures(sql);
    const found = failed.find((one) => one.id === `1.7/access/public.${door}/${check}`);
    expect({ failed: failed.map((one) => `${one.id}: ${one.observed}`), observed: found?.observed }).toMatchObject({
      observed: expect.stringMatching(who),
    });
  });
});
