import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { phase } from '../../../phases/1-database/phase.ts';
import { appOf, throughPhaseOne } from '../../helpers/phase-one.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { org, user, users } from './sign-up/schemas.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** User 1 owns A, user 2 owns B, user 3 belongs nowhere; B has invited whom `invited` names, and nobody has accepted. */
const app = (policy: string, invited: readonly number[]): string => `${users(3)}
  create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
  create table profiles (id uuid primary key references auth.users on delete cascade, email text);
  create table members (org_id uuid references organizations, user_id uuid references auth.users, role text not null default 'member', primary key (org_id, user_id));
  create table invitations (id int primary key, org_id uuid not null references organizations, email text not null, accepted_at timestamptz);
  create table notes (id int primary key, org_id uuid not null references organizations, body text);
  insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');
  insert into profiles select id, email from auth.users;
  insert into members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(2)}', 'owner');
  insert into notes values (1, '${org(1)}', 'a'), (2, '${org(2)}', 'b');
  ${invited.map((n) => `insert into invitations values (${n}, '${org(2)}', 'user${n}@example.test');`).join('\n')}
  ${['organizations', 'profiles', 'members', 'invitations', 'notes'].map((one) => `alter table ${one} enable row level security;`).join(' ')}
  create policy own on profiles using (id = auth.uid());
  create policy own on members for select using (user_id = auth.uid());
  create policy team on organizations for select using (id in (select m.org_id from members m where m.user_id = auth.uid()));
  create policy team on notes using (org_id in (select m.org_id from members m where m.user_id = auth.uid()));
  create policy mine on invitations for select using (email = auth.jwt() ->> 'email');
  ${policy}`;

const pending = 'select from invitations i where i.email = auth.jwt() ->> ';
const ways = [
  [
    'a subquery',
    `create policy invited on notes for select using (exists (${pending}'email' and i.org_id = notes.org_id));`,
  ],
  [
    'a function with its owner’s rights',
    `create function invited_to(o uuid) returns boolean language sql stable security definer set search_path = public as $$ select exists (${pending}'email' and i.org_id = o) $$;
     create policy invited on notes for select using (invited_to(org_id));`,
  ],
] as const;

it.each(ways)('what an invitation alone lets through by %s is a decision by name', async (_, policy) => {
  await using at = await appOf(server, 'invited', app(policy, [1, 3]), { decisions: { orphans: 'leave' } });
  const { said, stopped } = await throughPhaseOne(at);
  expect(stopped).toBe('1.1');
  expect(said.join('\n')).toMatch(
    /public\.notes: every user keeps access.*policy "invited" let through.*--keep-policy 'public\.notes: invited'/,
  );
});

it('where nobody waits for it, it is closed, and the invitation itself stays its user’s to read', async () => {
  const [[, policy]] = ways;
  await using at = await appOf(server, 'uninvited', app(policy, []), { decisions: { orphans: 'leave' } });
  const { said, stopped } = await throughPhaseOne(at);
  expect(said.filter((one) => /^(blocker|failed)/.test(one))).toEqual([]);
  expect(stopped).toBeNull();
  await at.sql(`insert into invitations values (3, '${org(2)}', 'user3@example.test')`);
  const as = (sql: string) => at.as('authenticated', { sub: user(3), email: 'user3@example.test' }, sql);
  expect(await as('select id from notes')).toEqual([]);
  expect(await as('select id from invitations')).toEqual([{ id: 3 }]);
});

it('a policy that is kept by name lets them through', async () => {
  const [[, policy]] = ways;
  const decisions = { orphans: 'leave', keepPolicy: ['public.notes: invited'] };
  await using at = await appOf(server, 'kept', app(policy, [1, 3]), { decisions });
  expect((await throughPhaseOne(at)).stopped).toBeNull();
});

it('a function with its owner’s rights that lets them in is found, and stays, or is revoked, by name', async () => {
  const sql = app(
    `create function invited_notes() returns setof notes language sql stable security definer set search_path = public as
       $$ select n.* from notes n where exists (${pending}'email' and i.org_id = n.org_id and i.accepted_at is null) $$;
     create function my_invitations() returns table (id int, name text) language sql stable security definer set search_path = public as
       $$ select i.id, o.name from invitations i join organizations o on o.id = i.org_id where i.email = auth.jwt() ->> 'email' $$;
     revoke all on function invited_notes(), my_invitations() from public, anon;`,
    [],
  );
  const through = async (name: string, decisions: Readonly<Record<string, unknown>>) => {
    await using at = await appOf(server, name, sql, { decisions: { orphans: 'leave', ...decisions } });
    const { said, stopped } = await throughPhaseOne(at);
    return { stopped, said: said.filter((one) => /^(blocker|failed)/.test(one)).join('\n') };
  };
  const asked = await through('invited_call', {});
  expect(asked.stopped).toBe('1.1');
  expect(asked.said).toMatch(
    /public\.invited_notes\(\): whom B has invited.*1 row of another organization came back, by somebody whom it has invited.*--revoke-function 'public\.invited_notes\(\)'.*--accept-access '1\.7\/two-org\/public\.invited_notes\(\)\/invited'/,
  );
  expect(asked.said).not.toContain('my_invitations');
  const name = 'public.invited_notes()';
  for (const decisions of [{ acceptAccess: [`1.7/two-org/${name}/invited`] }, { revokeFunction: [name] }])
    expect(await through(`call_${Object.keys(decisions)[0]?.toLowerCase()}`, decisions)).toEqual({
      stopped: null,
      said: '',
    });
});

describe('a policy by which who is invited makes their own membership', () => {
  const joining = (name: string, asks: string, more = ''): string =>
    app(
      `${more} create policy ${name} on members for insert to authenticated with check (user_id = auth.uid() and ${asks});
       create policy readable on organizations for select to authenticated using (exists (${pending}'email' and i.org_id = organizations.id));`,
      [3],
    );
  const open = `exists (${pending}'email' and i.org_id = members.org_id and i.accepted_at is null)`;
  const helper = `create function may_join(o uuid) returns boolean language sql stable security definer set search_path = public as $$
    select exists (${pending}'email' and i.org_id = o and i.accepted_at is null) $$;`;
  const join = (org: string) => `insert into members (org_id, user_id) values ('${org}', '${user(3)}') returning 1`;
  const kept = ['public.organizations: readable'];

  it.each([
    ['itself', joining('accepts', open)],
    ['by a function', joining('accepts', 'may_join(org_id)', helper)],
  ])('is kept or dropped by name: it asks invitations %s', async (_, sql) => {
    await using asked = await appOf(server, 'joins', sql, { decisions: { orphans: 'leave', keepPolicy: kept } });
    const { said, stopped } = await throughPhaseOne(asked);
    expect(stopped).toBe('1.1');
    expect(said.filter((one) => /^(blocker|failed)/.test(one)).join('\n')).toMatch(
      /Policy "accepts" of public\.members lets authenticated add rows.*--keep-policy 'public\.members: accepts'.*--drop-policy 'public\.members: accepts'/s,
    );
    const answers = asked
      .rollout([phase])
      .plan('1.7')
      .then(({ plan }) => plan.blockers.flatMap((one) => one.answers ?? []));
    expect((await answers).map((one) => one.consequence).join()).toMatch(
      /does not ask which role they give themselves/,
    );
    const decisions = { orphans: 'leave', keepPolicy: [...kept, 'public.members: accepts'] };
    await using at = await appOf(server, 'joined', sql, { decisions });
    const way = await throughPhaseOne(at);
    expect([way.stopped, way.said.filter((one) => /^(blocker|failed)/.test(one))]).toEqual([null, []]);
    const as = (statement: string) => at.as('authenticated', { sub: user(3), email: 'user3@example.test' }, statement);
    expect(await as(join(org(2)))).toHaveLength(1);
    await expect(as(join(org(1)))).rejects.toMatchObject({ code: '42501' });
  });

  it('goes where it asks nothing but who is calling: that lets anybody in everywhere', async () => {
    const decisions = { orphans: 'leave', keepPolicy: kept };
    await using at = await appOf(server, 'joins_any', joining('anybody', 'true'), { decisions });
    const { said, stopped } = await throughPhaseOne(at);
    expect([stopped, said.filter((one) => /^(blocker|failed)/.test(one))]).toEqual([null, []]);
    expect(said.join('\n')).toMatch(/"anybody" let users join any organization by themselves/);
  });
});
