import { afterAll, describe, expect, test } from 'vitest';
import { loadCatalog } from '../../../src/database/catalog/load.ts';
import { claimPaths } from '../../../src/database/probes/claim-paths.ts';
import { close, ids, isolated, options, probe, tenantTable, withDatabase } from './setup.ts';

afterAll(close);

const columns = `id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations, body text`;
const failures = (sql: string): Promise<string[]> =>
  withDatabase('base', isolated + sql, async (client) => ids(await probe(client), 'failed'));

/** A function and a view with their owner's rights that find the organization by `org`. */
const doors = (org: string): string => `
  ${tenantTable('notes', columns)}
  create function my_notes() returns setof notes language sql stable security definer set search_path = '' as $$
    select * from public.notes n where ${org} $$;
  create function clear_notes() returns void language plpgsql security definer set search_path = '' as $$
    begin delete from public.notes n where ${org}; end $$;
  create function how_many_notes() returns table (n bigint) language sql stable security definer set search_path = '' as $$
    select count(*) from public.notes n where ${org} $$;
  create view note_list as select n.org_id, n.body from notes n where ${org};
  revoke all on function my_notes(), clear_notes(), how_many_notes() from public, anon;
  revoke all on note_list from anon;`;

const open = [
  'public.note_list/view',
  'public.clear_notes()/call',
  'public.how_many_notes()/call',
  'public.my_notes()/call',
];

describe('a user who has left, with a token that still names the organization', () => {
  test.each([
    ['the stamp', `n.org_id = (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid`],
    ['a claim of the app’s own', `n.org_id = (auth.jwt() -> 'app_metadata' ->> 'clinic')::uuid`],
    ['a claim at the top', `n.org_id::text = auth.jwt() ->> 'workspace_id'`],
    ['a path', `n.org_id::text = auth.jwt() #>> '{app_metadata,current,company}'`],
    [
      'the claims as a setting',
      `n.org_id::text = current_setting('request.jwt.claims', true)::jsonb -> 'app_metadata' ->> 'tenant_id'`,
    ],
    ['a list', `auth.jwt() -> 'app_metadata' -> 'clinics' ? n.org_id::text`],
    ['roles by id', `auth.jwt() -> 'app_metadata' -> 'groups' -> n.org_id::text is not null`],
  ])('%s that is believed opens functions and views with their owner’s rights', async (_, org) => {
    expect((await failures(doors(org))).sort()).toEqual([...open].sort());
  });

  test('who is looked up among the members gets in nowhere', async () => {
    const member = `exists (select from public.memberships m where m.user_id = auth.uid() and m.org_id = n.org_id)`;
    expect(await failures(doors(member))).toEqual([]);
    expect(await failures(doors(`n.org_id = (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid and ${member}`))).toEqual(
      [],
    );
  });

  test.each([
    ['a time', 'removed_at timestamptz', { removed_at: 'now()' }, 'm.removed_at is null'],
    ['a status', `status text not null default 'active'`, { status: `'suspended'` }, `m.status = 'active'`],
  ])('a membership that is over by %s opens what does not ask whether it counts', async (_, column, over, counts) => {
    const looked = (more: string): string =>
      `alter table memberships add column ${column};
       ${doors(`exists (select from public.memberships m where m.user_id = auth.uid() and m.org_id = n.org_id${more})`)}`;
    const found = (sql: string): Promise<string[]> =>
      withDatabase('base', isolated + sql, async (client) => {
        const memberships = options.memberships === null ? null : { ...options.memberships, over };
        return ids(await probe(client, { memberships }), 'failed').filter(
          (id) => /note/.test(id) && !id.startsWith('public.notes/'),
        );
      });
    expect((await found(looked(''))).sort()).toEqual([...open].sort());
    expect(await found(looked(` and ${counts}`))).toEqual([]);
  });

  test('where a user may be in one organization alone, there is no second membership to try', async () => {
    await withDatabase(
      'base',
      `${isolated} alter table memberships add column removed_at timestamptz, add unique (user_id);
       ${tenantTable('notes', columns)}`,
      async (client) => {
        const memberships =
          options.memberships === null ? null : { ...options.memberships, over: { removed_at: 'now()' } };
        const results = await probe(client, { memberships });
        expect(ids(results, 'failed', 'public.notes/')).toEqual([]);
        expect(results.find(({ id }) => id === 'p/public.notes/read')?.verdict).toBe('passed');
      },
    );
  });

  test('a policy that believes the token, for each command', async () => {
    const policy = (rest: string): string =>
      `create table t (${columns}); alter table t enable row level security;
       create policy mine on t to authenticated using (org_id = (select current_org_id()));
       create policy stamped on t ${rest};`;
    const stamp = `org_id::text = auth.jwt() -> 'app_metadata' ->> 'clinic_id'`;
    for (const [command, condition, ...found] of [
      ['select', 'using', 'read'],
      ['insert', 'with check', 'insert'],
      ['update', 'using', 'update', 'move'],
      ['delete', 'using', 'delete'],
    ]) {
      const rest = `for ${command} to authenticated ${condition} (${stamp})`;
      expect(await failures(policy(rest)), rest).toEqual(found.map((act) => `public.t/${act}`));
    }
  });

  test('numbers and words without arguments tell of others, or of the caller alone', async () => {
    const stamp = `(auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid`;
    const member = '(select m.org_id from public.memberships m where m.user_id = auth.uid() limit 1)';
    const single = (name: string, returns: string, body: string): string =>
      `create function ${name}() returns ${returns} language sql stable security definer set search_path = '' as $$ ${body} $$;
       revoke all on function ${name}() from public, anon;`;
    expect(
      await failures(`${tenantTable('notes', columns)}
        ${single('notes_by_stamp', 'bigint', `select count(*) from public.notes n where n.org_id = ${stamp}`)}
        ${single('name_by_stamp', 'text', `select o.name from public.organizations o where o.id = ${stamp}`)}
        ${single('my_notes', 'bigint', `select count(*) from public.notes n where n.org_id = ${member}`)}
        ${single('my_name', 'text', `select o.name from public.organizations o where o.id = ${member}`)}
        ${single('my_org', 'uuid', `select ${stamp}`)}`),
    ).toEqual(['public.name_by_stamp()/call', 'public.notes_by_stamp()/call']);
  });

  test('where no table says who belongs where, the token is all there is', async () => {
    await withDatabase(
      'base',
      `create table organizations (id uuid primary key, name text);
       ${tenantTable('t', 'id uuid primary key, org_id uuid').replace('(select current_org_id())', `(select (auth.jwt() -> 'app_metadata' ->> 'org_id'))::uuid`)}`,
      async (client) => {
        const results = await probe(client, { profiles: null, memberships: null });
        expect(ids(results, 'failed', 'public.t/')).toEqual([]);
      },
    );
  });
});

test('claims that decide about rights and times are no organizations', async () => {
  await withDatabase(
    'base',
    `create function f() returns boolean language sql as $$
       select (auth.jwt() ->> 'is_admin')::boolean or auth.jwt() -> 'app_metadata' ->> 'user_role' = 'boss'
         or (auth.jwt() ->> 'exp')::int > 1 or (auth.jwt() -> 'app_metadata' ->> 'clinic')::uuid is null
         or auth.jwt() -> 'user_metadata' ->> 'org' = 'x' $$;`,
    async (client) => {
      expect(claimPaths(await loadCatalog(client))).toEqual([['app_metadata', 'clinic']]);
    },
  );
});
