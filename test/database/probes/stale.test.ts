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
    ['one role by id', `auth.jwt() -> 'app_metadata' -> 'org_roles' ->> n.org_id::text in ('owner', 'admin')`],
    [
      'a list of objects',
      `exists (select from jsonb_array_elements(auth.jwt() -> 'app_metadata' -> 'seats') s where (s ->> 'clinic')::uuid = n.org_id)`,
    ],
    ['a path as arguments', `n.org_id::text = jsonb_extract_path_text(auth.jwt(), 'app_metadata', 'clinic')`],
    ['subscripts', `to_jsonb(n.org_id) = (auth.jwt())['app_metadata']['clinic']`],
    ['an object within', `auth.jwt() -> 'app_metadata' @> jsonb_build_object('clinic', n.org_id)`],
    [
      'a record',
      `n.org_id = (select t.clinic from jsonb_to_record(auth.jwt() -> 'app_metadata') as t (level int, clinic uuid))`,
    ],
    ['a jsonpath', `to_jsonb(n.org_id) = jsonb_path_query_first(auth.jwt(), '$.app_metadata.clinic')`],
    [
      'a claim beside one that is no key',
      `n.org_id = (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid and coalesce((auth.jwt() -> 'app_metadata' ->> 'beta')::boolean, true)`,
    ],
    [
      'a role of the token beside it',
      `auth.jwt() -> 'app_metadata' ->> 'role' = 'admin' and n.org_id = (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid`,
    ],
    [
      'one of several roles beside it',
      `n.org_id = (auth.jwt() -> 'app_metadata' ->> 'clinic')::uuid and (auth.jwt() -> 'app_metadata' ->> 'user_role') in ('owner', 'manager')`,
    ],
  ])('%s that is believed opens functions and views with their owner’s rights', async (_, org) => {
    expect((await failures(doors(org))).sort()).toEqual([...open].sort());
  });

  test('a claim that a function of the app’s own looks up', async () => {
    const helpers = `
      create function get_my_claim(claim text) returns jsonb language sql stable as $$
        select nullif(current_setting('request.jwt.claims', true), '')::jsonb -> 'app_metadata' -> claim $$;
      create function my_claims() returns jsonb language sql stable as $$ select auth.jwt() -> 'app_metadata' $$;`;
    for (const org of [
      `to_jsonb(n.org_id) = public.get_my_claim('clinic')`,
      `n.org_id::text = public.my_claims() ->> 'company'`,
    ])
      expect((await failures(helpers + doors(org))).sort(), org).toEqual([...open].sort());
  });

  test('organizations that are numbers, by a list of them', async () => {
    const numbered = isolated
      .replaceAll('org_id uuid', 'org_id bigint')
      .replace('current_org_id() returns uuid', 'current_org_id() returns bigint')
      .replace(
        'organizations (id uuid primary key default gen_random_uuid()',
        'organizations (id bigint primary key generated by default as identity',
      );
    for (const org of [
      `auth.jwt() -> 'app_metadata' -> 'orgs' @> to_jsonb(n.org_id)`,
      `auth.jwt() -> 'app_metadata' -> 'orgs' ? n.org_id::text`,
      `to_jsonb(n.org_id) = auth.jwt() -> 'app_metadata' -> 'clinic'`,
    ]) {
      const sql = (numbered + doors(org)).replaceAll('org_id uuid', 'org_id bigint');
      const found = await withDatabase('base', sql, async (client) => ids(await probe(client), 'failed'));
      expect(found.sort(), org).toEqual([...open].sort());
    }
  });

  test('triggers that write for whichever organization the token names', async () => {
    const stamp = `(auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid`;
    const found = (org: string): Promise<string[]> =>
      failures(`${tenantTable('notes', columns)} ${tenantTable('clicks', columns)}
        create view note_box with (security_invoker = true) as select id, body from notes;
        create function box() returns trigger language plpgsql security definer set search_path = '' as $$
          begin insert into public.notes (id, org_id, body) values (new.id, ${org}, new.body); return new; end $$;
        create trigger box instead of insert on note_box for each row execute function box();
        revoke all on note_box from anon;
        create function clear() returns trigger language plpgsql security definer set search_path = '' as $$
          begin delete from public.notes n where n.org_id = ${org}; return new; end $$;
        create trigger clear after insert on clicks for each row execute function clear();`);
    expect(await found(stamp)).toEqual(['public.clicks/triggers', 'public.note_box/triggers']);
    expect(await found('public.current_org_id()')).toEqual([]);
  });

  test('who is looked up among the members gets in nowhere', async () => {
    const member = `exists (select from public.memberships m where m.user_id = auth.uid() and m.org_id = n.org_id)`;
    expect(await failures(doors(member))).toEqual([]);
    expect(await failures(doors(`n.org_id = (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid and ${member}`))).toEqual(
      [],
    );
  });

  type Over = readonly (readonly [string, string])[];
  test.each<[string, string, Over, string]>([
    ['a time', 'removed_at timestamptz', [['removed_at', 'now()']], 'm.removed_at is null'],
    ['a status', `status text not null default 'active'`, [['status', `'suspended'`]], `m.status = 'active'`],
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

  const withOver = (sql: string, over: Over): Promise<string[]> =>
    withDatabase('base', isolated + sql, async (client) => {
      const memberships = options.memberships === null ? null : { ...options.memberships, over };
      return ids(await probe(client, { memberships }), 'failed').filter((id) => /(view|call)$/.test(id));
    });
  const definer = (name: string, returns: string, body: string): string =>
    `create function ${name}() returns ${returns} language sql stable security definer set search_path = '' as $$ ${body} $$;
     revoke all on function ${name}() from public, anon;`;

  test('what is the former member’s own, and what the token itself says, is nothing of the organization’s', async () => {
    const mine = 'from public.memberships m where m.user_id = auth.uid()';
    expect(
      await withOver(
        `alter table memberships add column removed_at timestamptz; ${tenantTable('notes', columns)}
         ${definer('my_memberships', 'setof memberships', `select m.* ${mine}`)}
         ${definer('my_history', 'table (org uuid, role text, until timestamptz)', `select m.org_id, m.role::text, m.removed_at ${mine}`)}
         ${definer('my_orgs', 'setof uuid', `select m.org_id ${mine}`)}
         ${definer('who_am_i', 'jsonb', `select jsonb_build_object('org', auth.jwt() -> 'app_metadata' -> 'org_id', 'seats', (select count(*) ${mine}))`)}
         create view my_seats as select m.org_id, m.role, m.removed_at ${mine};
         revoke all on my_seats from anon; revoke insert, update, delete on my_seats from authenticated;`,
        [['removed_at', 'now()']],
      ),
    ).toEqual([]);
  });

  test('what comes of the organization’s rows is, also where only its id tells whose it is', async () => {
    const stamp = `(auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid`;
    expect(
      await withOver(
        `alter table memberships add column removed_at timestamptz; ${tenantTable('notes', columns)}
         ${definer('how_many', 'table (org uuid, n bigint)', `select n.org_id, count(*) from public.notes n where n.org_id = ${stamp} group by 1`)}
         ${definer('lengths', 'table (org uuid, n int)', `select n.org_id, length(n.body) from public.notes n join public.memberships m on m.org_id = n.org_id where m.user_id = auth.uid()`)}
         create view roles_there as select m.org_id, m.role from memberships m where m.org_id = ${stamp};
         revoke all on roles_there from anon;`,
        [['removed_at', 'now()']],
      ),
    ).toEqual(['public.roles_there/view', 'public.how_many()/call', 'public.lengths()/call']);
  });

  test('a list that is given page by page is tried by its first page', async () => {
    const paged = (name: string, args: string, offset: string): string =>
      `create function ${name}(${args}) returns setof notes language sql stable security definer set search_path = '' as $$
         select * from public.notes n where n.org_id = (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid limit 10 offset ${offset} $$;
       revoke all on function ${name} from public, anon;`;
    expect(
      await failures(`${tenantTable('notes', columns)}
        ${paged('by_offset', 'p_limit int, p_offset int', 'p_offset')}
        ${paged('by_page', 'page int, page_size int', '(page - 1) * page_size')}`),
    ).toEqual(['public.by_offset(integer,integer)/call', 'public.by_page(integer,integer)/call']);
  });

  test('an app that allows one sign of the end without the other alone', async () => {
    expect(
      await withOver(
        `alter table memberships add column removed_at timestamptz,
           add column status text not null default 'active' check (status in ('active', 'suspended', 'removed')),
           add check ((status = 'removed') = (removed_at is not null));
         ${doors('exists (select from public.memberships m where m.user_id = auth.uid() and m.org_id = n.org_id)')}`,
        [
          ['removed_at', 'now()'],
          ['status', `'suspended'`],
        ],
      ),
    ).toEqual(open);
  });

  test('where a user may be in one organization alone, it is that membership which is over', async () => {
    const sql = `alter table memberships add column removed_at timestamptz, add unique (user_id);`;
    const looked = (more: string): string =>
      doors(`exists (select from public.memberships m where m.user_id = auth.uid() and m.org_id = n.org_id${more})`);
    expect(await withOver(sql + looked(''), [['removed_at', 'now()']])).toEqual(open);
    expect(await withOver(sql + looked(' and m.removed_at is null'), [['removed_at', 'now()']])).toEqual([]);
  });

  test('each sign of the end is tried without the others, unless the app allows it with them alone', async () => {
    const sql = `alter table memberships add column removed_at timestamptz, add column status text not null default 'active';
      ${tenantTable('notes', columns)}`;
    const signs: Over = [
      ['removed_at', 'now()'],
      ['status', `'suspended'`],
    ];
    const asking = (name: string, more: string): string =>
      definer(
        name,
        'setof notes',
        `select n.* from public.notes n join public.memberships m on m.org_id = n.org_id where m.user_id = auth.uid() ${more}`,
      );
    expect(
      await withOver(
        `${sql} ${asking('by_time', 'and m.removed_at is null')} ${asking('by_status', `and m.status = 'active'`)}
         ${asking('by_both', `and m.status = 'active' and m.removed_at is null`)}`,
        signs,
      ),
    ).toEqual(['public.by_status()/call', 'public.by_time()/call']);
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
         or auth.jwt() -> 'user_metadata' ->> 'org' = 'x' or auth.jwt() -> 'app_metadata' -> 'roles' ? 'boss'
         or (auth.jwt() -> 'app_metadata' ->> 'location_no')::int > 1 or nullif(auth.jwt() ->> 'beta', '')::boolean
         or cast(auth.jwt() ->> 'since' as date) > '2001-01-01' $$;`,
    async (client) => {
      const found = claimPaths({ catalog: await loadCatalog(client) });
      expect(found).toEqual([{ path: ['app_metadata', 'clinic'], forms: ['one'] }]);
    },
  );
});
