import type pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import type { SignUpOptions } from '../../../src/database/probes/sign-up.ts';
import { probeFollowing } from '../../../src/database/probes/sign-up-follows.ts';
import { close, contents, options as isolation, withDatabase } from './setup.ts';

afterAll(close);

const tables = `
create table organizations (id uuid primary key default gen_random_uuid(), name text);
create table memberships (user_id uuid not null, org_id uuid not null, role text not null);
`;

/** The least that does what the rollout's own functions do. */
const follow = ({
  role = "case when v_own then 'owner' else 'member' end",
  makes = 'true',
  ended = `update auth.users u set raw_app_meta_data = u.raw_app_meta_data - 'org_id' where u.id = old.user_id;`,
  first = `update auth.users u set raw_app_meta_data = u.raw_app_meta_data || jsonb_build_object('org_id', new.org_id) where u.id = new.user_id;`,
} = {}): string => `
create function follow_org_id() returns trigger language plpgsql security definer set search_path = public as $$
declare v_own boolean := new.raw_app_meta_data ->> 'org_id' is null;
begin
  if tg_op = 'INSERT' and not (${makes}) then return null; end if;
  if tg_op = 'UPDATE' and (v_own or new.raw_app_meta_data ->> 'org_id' is not distinct from old.raw_app_meta_data ->> 'org_id') then return null; end if;
  if v_own then
    with made as (insert into organizations (name) values ('new') returning id)
    update auth.users u set raw_app_meta_data = u.raw_app_meta_data || jsonb_build_object('org_id', made.id) from made where u.id = new.id;
    return null;
  end if;
  delete from memberships where user_id = new.id;
  insert into memberships values (new.id, (new.raw_app_meta_data ->> 'org_id')::uuid, ${role.replace('v_own', `not exists (select from memberships m where m.org_id = (new.raw_app_meta_data ->> 'org_id')::uuid)`)});
  return null;
end $$;
create trigger follow_org_id after insert or update of raw_app_meta_data on auth.users for each row execute function follow_org_id();
create function follow_membership() returns trigger language plpgsql security definer set search_path = public as $$
begin
  if pg_trigger_depth() > 1 then return null; end if;
  if tg_op <> 'INSERT' then ${ended} end if;
  if tg_op <> 'DELETE' then ${first} end if;
  return null;
end $$;
create trigger follow_membership after insert or update or delete on memberships for each row execute function follow_membership();
`;

const options: SignUpOptions = {
  organizations: { schema: 'public', table: 'organizations' },
  profiles: null,
  memberships: isolation.memberships,
  anonymous: 'no-organization',
  signal: new AbortController().signal,
};

const verdicts = async (client: pg.Client, given: SignUpOptions): Promise<readonly string[]> => {
  const lines: string[] = [];
  for await (const { id, verdict, observed, advice, matters } of probeFollowing(client, given)) {
    const text = verdict === 'skipped' ? `${advice}${matters === true ? ' It matters.' : ''}` : observed;
    lines.push(`${id.replace('1.4/sign-up/', '')} ${verdict}: ${text}`);
  }
  return lines;
};

/** What is seen in a database with these functions, in which the probe leaves nothing. */
const seen = async (sql: string, given: Partial<SignUpOptions> = {}): Promise<readonly string[]> => {
  let lines: readonly string[] = [];
  await withDatabase('base', tables + sql, async (client) => {
    const before = await contents(client);
    lines = await verdicts(client, { ...options, ...given });
    expect(await contents(client)).toEqual(before);
  });
  return lines;
};

const raise = (code: string): string => `raise exception 'no seat is left' using errcode = '${code}';`;
const guard = (code: string, when = 'insert', only = ''): string => `
create function seats() returns trigger language plpgsql as $$ begin ${raise(code)} end $$;
create trigger a_seats before ${when} on memberships for each row ${only} execute function seats();`;

describe('where a sign-up makes an organization', () => {
  test('a second user joins as a member, and the stamps go with the memberships', async () => {
    expect(await seen(follow())).toEqual([
      'created-in-organization passed: a membership there as member, 0 elsewhere',
      'membership-ends passed: no stamp',
    ]);
  });

  test.each([
    [
      'owns it',
      follow({ role: `'owner'` }),
      'created-in-organization failed: a membership there as owner, 0 elsewhere',
    ],
    ['is no member', '', 'created-in-organization failed: no membership there'],
    ['keeps the stamp', follow({ ended: '' }), 'membership-ends failed: the stamp is still there'],
  ])('a user who %s is seen', async (_, sql, line) => {
    expect(await seen(sql)).toContain(line);
  });

  test('an error of the rollout’s own functions is a failure', async () => {
    expect(await seen(follow({ ended: raise('22000') }))).toEqual([
      'created-in-organization failed: it ends in an error: no seat is left (22000)',
      'membership-ends failed: it ends in an error: no seat is left (22000)',
    ]);
  });

  test('what the app refuses to them, somebody has to judge', async () => {
    const [joins] = await seen(follow() + guard('P0001'));
    expect(joins).toMatch(/^created-in-organization skipped: It was not seen, since .*no seat is left.* It matters\.$/);
  });

  test('where the app keeps the last owner, the stamp of another member is seen to go', async () => {
    const keeps = guard('P0001', 'delete', `when (old.role = 'owner' and pg_trigger_depth() = 0)`);
    const [, ends] = await seen(follow() + keeps);
    expect(ends).toBe(
      'membership-ends passed: no stamp, of a member who is not the last owner: the app keeps that one',
    );
    const [, stays] = await seen(follow({ ended: '' }) + keeps);
    expect(stays).toMatch(/^membership-ends failed: the stamp is still there, of a member/);
  });

  test('what the app refuses without them shows nothing of them', async () => {
    const [joins] = await seen(follow() + guard('P0001', 'delete', 'when (pg_trigger_depth() = 0)'));
    expect(joins).toMatch(/^created-in-organization skipped: .*no seat is left \(P0001\)\.$/);
    const [late] = await seen(follow({ ended: raise('57014') }));
    expect(late).toMatch(/^created-in-organization skipped: .*\(57014\)\.$/);
  });
});

describe('where a sign-up makes none', () => {
  const asToday = { newUsers: 'as-today' } as const;
  const plain = { makes: `new.raw_app_meta_data ? 'org_id'`, role: `'member'` };
  const some = `insert into organizations (name) values ('A');`;

  test('the stamp comes with the first membership and goes with the last', async () => {
    expect(await seen(some + follow(plain), asToday)).toEqual([
      'created-in-organization passed: a membership there as member',
      'membership-comes passed: stamped with it, no stamp afterwards',
    ]);
  });

  test.each([
    ['owns it', { role: `'owner'` }, 'created-in-organization failed: a membership there as owner'],
    ['gets no stamp', { first: '' }, 'membership-comes failed: not stamped with it, no stamp afterwards'],
    ['keeps the stamp', { ended: '' }, 'membership-comes failed: stamped with it, the stamp is still there afterwards'],
  ])('a user who %s is seen', async (_, more, line) => {
    expect(await seen(some + follow({ ...plain, ...more }), asToday)).toContain(line);
  });

  test('memberships that the app makes by itself and keeps are out of the way', async () => {
    const own = `
      create function own() returns trigger language plpgsql security definer set search_path = public as $$
      begin with made as (insert into organizations (name) values ('own') returning id) insert into memberships select new.id, made.id, 'owner' from made; return null; end $$;
      create trigger own after insert on auth.users for each row execute function own();`;
    const lines = await seen(
      some + follow(plain) + own + guard('P0001', 'delete', `when (old.role = 'owner')`),
      asToday,
    );
    expect(lines).toEqual([
      'created-in-organization passed: a membership there as member',
      'membership-comes passed: stamped with it, no stamp afterwards',
    ]);
  });

  test('without an organization that somebody could join nothing was seen', async () => {
    expect(await seen(follow(plain), asToday)).toEqual([
      'created-in-organization skipped: There is no organization that somebody could join.',
      'membership-comes skipped: There is no organization that somebody could join.',
    ]);
    const closed = { ...asToday, living: () => 'false' };
    expect((await seen(some + follow(plain), closed))[0]).toContain('There is no organization');
  });
});

test('where only profiles say who belongs where nothing is asked', async () => {
  expect(await seen(follow(), { memberships: null })).toEqual([]);
});

test('without roles, or with one alone, everybody who belongs is a plain member', async () => {
  const { memberships } = options;
  if (memberships === null) return;
  const owners = follow({ role: `'owner'` });
  expect((await seen(owners, { memberships: { ...memberships, roleColumn: null } }))[0]).toMatch(
    /passed: a membership there,/,
  );
  expect((await seen(owners, { memberships: { ...memberships, memberRole: 'owner' } }))[0]).toMatch(/passed/);
});
