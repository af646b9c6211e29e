import { afterAll, expect, test } from 'vitest';
import { close, isolated, options, probe, withDatabase } from './setup.ts';

afterAll(close);

const over = [['removed_at', 'now()']] as const;
const fn = (name: string, body: string): string =>
  `create function ${name}(org uuid) returns void language plpgsql security definer set search_path = '' as $$ begin ${body} end $$;
   revoke all on function ${name}(uuid) from public, anon;`;
const asks = (more: string): string =>
  `if not exists (select from public.memberships m where m.user_id = auth.uid() and m.org_id = org${more}) then raise exception 'not a member'; end if;`;
const move = 'update public.profiles set org_id = org where id = auth.uid();';
const join = (role: string): string =>
  `insert into public.memberships (user_id, org_id, role, removed_at) values (auth.uid(), org, 'viewer', ${role}) on conflict (user_id, org_id) do update set role = excluded.role;`;

test('a function that makes its caller one of another organization', async () => {
  // A table that nobody signed in may ask for does not hide what they come to read of the others.
  const sql = `${isolated}
    create schema hidden; create table hidden.logs (id uuid primary key, org_id uuid not null references organizations);
    grant select on hidden.logs to authenticated;
    create function see_logs(org uuid) returns void language plpgsql security definer set search_path = '' as $$ begin
      perform 1 from hidden.logs l where l.org_id = org; update public.profiles set org_id = org where id = auth.uid(); end $$;
    revoke all on function see_logs(uuid) from public, anon;
    alter table memberships add column removed_at timestamptz;
    create or replace function current_org_id() returns uuid language sql stable security definer set search_path = '' as $$
      select coalesce(
        (select m.org_id from public.memberships m where m.user_id = auth.uid() and m.removed_at is null and m.org_id::text = auth.jwt() -> 'app_metadata' ->> 'org_id'),
        (select p.org_id from public.profiles p where p.id = auth.uid())) $$;
    ${fn('switch_unasked', move)}
    ${fn('switch_former', `${asks('')} ${move}`)}
    ${fn('switch_right', `${asks(' and m.removed_at is null')} ${move}`)}
    ${fn('join_open', join('null'))}
    ${fn('join_waiting', join('now()'))}
    ${fn('leave', 'delete from public.memberships m where m.user_id = auth.uid() and m.org_id = org;')}`;
  await withDatabase('base', sql, async (client) => {
    const memberships = options.memberships === null ? null : { ...options.memberships, over };
    const results = await probe(client, { memberships, schemas: ['public', 'hidden'] });
    const said = results.flatMap(({ id, observed, verdict }) => {
      const name = /public\.(\w+)\(uuid\)\/call$/.exec(id)?.[1];
      return name === undefined ? [] : [[name, `${verdict}: ${observed}`]];
    });
    const opens = 'failed: whoever calls it reads rows of another organization afterwards';
    expect(Object.fromEntries(said)).toEqual({
      join_open: opens,
      join_waiting: 'passed: nothing of another organization',
      leave: 'passed: nothing of another organization',
      see_logs: opens,
      switch_former: opens,
      switch_right: 'passed: refused: not a member (P0001)',
      switch_unasked: opens,
    });
    expect(results.filter(({ verdict }) => verdict === 'failed').map(({ id }) => id)).toHaveLength(4);
  });
});
