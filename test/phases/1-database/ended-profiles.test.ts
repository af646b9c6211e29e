import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { survey } from '../../../phases/1-database/survey.ts';
import { appOf, throughPhaseOne } from '../../helpers/phase-one.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { org, user, users } from './sign-up/schemas.ts';
import { whole } from './unfamiliar/whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** Profiles alone say who belongs where; `column` is beside, and its end is written for user 2. */
const app = (column: string, end: string, more = ''): string => `${users(4)}
  create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
  create table profiles (id uuid primary key references auth.users on delete cascade, organization_id uuid references organizations,
    full_name text, role text not null default 'member', ${column});
  create table notes (id int primary key, organization_id uuid not null references organizations, body text);
  insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');
  insert into profiles (id, organization_id) values ('${user(1)}', '${org(1)}'), ('${user(2)}', '${org(1)}'), ('${user(3)}', '${org(2)}'), ('${user(4)}', '${org(2)}');
  update profiles set ${end} where id = '${user(2)}';
  insert into notes values (1, '${org(1)}', 'a'), (2, '${org(2)}', 'b');
  create function my_org() returns uuid language sql stable security definer set search_path = public as $$ select organization_id from profiles where id = auth.uid() $$;
  alter table profiles enable row level security; alter table notes enable row level security;
  create policy own on profiles using (id = auth.uid());
  create policy team on notes using (organization_id = my_org());
  ${more}`;
/** Somebody whose only profile counts no more belongs nowhere, which is asked about. */
const settings = { decisions: { orphans: 'leave', trustProfiles: true } };

const ends = [
  ['is_active boolean not null default true', 'is_active = false', 'is_active = true'],
  ['deleted_at timestamptz', 'deleted_at = now()', 'deleted_at = null'],
  [
    "status text not null default 'active' check (status in ('active', 'suspended'))",
    "status = 'suspended'",
    "status = 'active'",
  ],
  ['user_deactivated_at timestamptz', 'user_deactivated_at = now()', 'user_deactivated_at = null'],
] as const;

describe('where a profile is the membership, one that ended lets nobody in', () => {
  it.each(ends)('%s', async (column, end, again) => {
    const { reached, said, left } = await whole(server, app(column, end), settings, async ({ at, all, one }) => {
      const as = (n: number, sql: string) => at.as<{ n: number }>('authenticated', { sub: user(n) }, sql);
      const read = 'select count(*)::int as n from notes';
      expect(await as(1, read)).toEqual([{ n: 1 }]);
      expect(await as(2, read)).toEqual([{ n: 0 }]);
      await expect(as(2, `update profiles set ${again} where id = '${user(2)}' returning 1 as n`)).rejects.toThrow(
        /not made to count/,
      );
      // Whoever has their account closed may do that themselves, and its user may go on editing.
      expect(await as(1, `update profiles set ${end} where id = '${user(1)}' returning 1 as n`)).toHaveLength(1);
      expect(await as(2, `update profiles set full_name = 'x' where id = '${user(2)}' returning 1 as n`)).toHaveLength(
        1,
      );
      const stamp = (n: number) => one(`select raw_app_meta_data ->> 'org_id' from auth.users where id = '${user(n)}'`);
      expect([await stamp(1), await stamp(2)]).toEqual([org(1), null]);
      await all(`update profiles set ${again} where id = '${user(2)}'`);
      expect([await stamp(2), await as(2, read)]).toEqual([org(1), [{ n: 1 }]]);
      await all(`update profiles set ${end} where id = '${user(2)}'`);
      expect(await stamp(2)).toBeNull();
    });
    expect(said).toBe('');
    expect(reached).toBe('1.7');
    expect(left).toEqual([]);
  });
});

it('a function that looks the profile up without asking whether it counts is found', async () => {
  const more = `create function team_notes() returns setof notes language sql stable security definer set search_path = public as
    $$ select n.* from notes n join profiles p on p.organization_id = n.organization_id where p.id = auth.uid() $$;`;
  await using at = await appOf(server, 'ended_door', app('is_active boolean default true', 'is_active = false', more), {
    ...settings,
    names: { organizations: 'public.organizations' },
  });
  const { said } = await throughPhaseOne(at);
  expect(said.join('\n')).toMatch(/team_notes.*to a former member/);
});

const found = async (column: string, end: string) => {
  await using at = await appOf(server, 'ended_words', app(column, end));
  const { profileCounts, questions, evidence } = await survey(at.target);
  return { counts: profileCounts.active('m'), asked: questions.map((one) => `${one.problem} ${one.remedy}`), evidence };
};

it('who belongs nowhere for it is a decision', async () => {
  const { reached, said } = await whole(server, app('is_active boolean default true', 'is_active = false'));
  expect(reached).toBeNull();
  expect(said).toMatch(/1 user belongs to no organization.*counts \(is_active is false\)/);
  const decisions = { orphans: 'own-organization', trustProfiles: true };
  const given = await whole(server, app('is_active boolean default true', 'is_active = false'), { decisions });
  expect(given.said).toBe('');
});

describe('what a column of profiles says', () => {
  it('is shown with the profiles that count no more', async () => {
    const { evidence } = await found('is_active boolean default true', 'is_active = false');
    expect(evidence).toContainEqual({ what: '3 of 4 profiles count, 1 does not', because: 'is_active is false' });
  });
  it('is asked about where users wait', async () => {
    const { asked } = await found("status text default 'active'", "status = 'pending'");
    expect(asked.join()).toMatch(/profiles\.status is pending in 1 row, .* a profile counts.*names\.activeMembership/);
  });
  it.each([
    ["status text default 'offline'", "status = 'online'"],
    ["state text default 'NY'", "state = 'CA'"],
    ['is_verified boolean default false', 'is_verified = true'],
    ['is_active boolean default false', 'is_active = false'],
    ['expires_at timestamptz', "expires_at = now() - interval '1 day'"],
  ])('is no end: %s', async (column, end) => {
    expect(await found(column, end)).toMatchObject({ counts: 'true', asked: [] });
  });
});
