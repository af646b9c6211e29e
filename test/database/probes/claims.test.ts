import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { close, ids, isolated, options, probe, tenantTable, withDatabase } from './setup.ts';

afterAll(close);

const columns = `id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations, body text`;
const member = 'exists (select from public.memberships m where m.user_id = auth.uid() and m.org_id = n.org_id)';

/** A function and a view with their owner's rights that find rows of `notes` by a condition. */
const door = (name: string, where: string): string => `
  create function ${name}() returns setof notes language sql stable security definer set search_path = '' as $$
    select * from public.notes n where ${where} $$;
  revoke all on function ${name}() from public, anon;`;
const own = (name: string, body: string, declare = ''): string => `
  create function ${name}() returns uuid language plpgsql stable set search_path = '' as $$ ${declare} begin ${body} end $$;
  revoke all on function ${name}() from public, anon;`;

const failed = (sql: string): Promise<string[]> =>
  withDatabase('base', isolated + sql, async (client) =>
    ids(await probe(client), 'failed').filter((id) => /(call|view)$/.test(id)),
  );

describe('ways in which an app reads the organization out of a token', () => {
  const token = `auth.jwt() -> 'app_metadata'`;
  test('records, variables, keys and rows of a type', async () => {
    const ways: Readonly<Record<string, string>> = {
      by_type: own('by_type', `return (jsonb_populate_record(null::public.my_claims, ${token})).clinic;`),
      by_variable: own(
        'by_variable',
        `c := jsonb_populate_record(c, ${token}); return c.clinic;`,
        'declare c public.my_claims;',
      ),
      by_rowtype: own(
        'by_rowtype',
        `select * into c from jsonb_populate_record(null::public.seats, auth.jwt() -> 'app_metadata' -> 'seat'); return c.place;`,
        'declare c public.seats%rowtype;',
      ),
      by_record: own(
        'by_record',
        `select * into r from jsonb_to_record(${token} -> 'now') as t(office uuid); return r.office;`,
        'declare r record;',
      ),
      by_part: own('by_part', `return (v ->> 'company')::uuid;`, `declare v jsonb := ${token} -> 'current';`),
      by_part_later: own(
        'by_part_later',
        `v := coalesce(${token} -> 'chosen', '{}'); return v ->> 'firm';`,
        'declare v jsonb;',
      ),
      by_select: own('by_select', `select ${token} -> 'picked' into v; return v ->> 'house';`, 'declare v jsonb;'),
      by_key: own('by_key', `return (select value from jsonb_each_text(${token}) where key = 'branch');`),
      by_setting: own('by_setting', `return nullif(current_setting('request.jwt.claim.shop', true), '')::uuid;`),
    };
    const sql = `${tenantTable('notes', columns)}
      create type my_claims as (level int, clinic uuid); create table seats (place uuid, at timestamptz);
      ${Object.values(ways).join('')}
      ${Object.keys(ways)
        .map(
          (name) =>
            door(`notes_${name}`, `n.org_id = public.${name}()`) +
            door(`members_${name}`, `n.org_id = public.${name}() and ${member}`),
        )
        .join('')}`;
    expect((await failed(sql)).sort()).toEqual(
      Object.keys(ways)
        .map((name) => `public.notes_${name}()/call`)
        .sort(),
    );
  });

  test('a function that the app has put among those of the platform', async () => {
    await withDatabase('base', isolated + tenantTable('notes', columns), async (client, url) => {
      const admin = new pg.Client({ connectionString: url('supabase_admin') });
      await admin.connect();
      await admin.query(`create function auth.clinic() returns uuid language sql stable as $$
        select (nullif(current_setting('request.jwt.claims', true), '')::jsonb -> 'app_metadata' ->> 'clinic')::uuid $$`);
      await admin.end();
      await client.query(
        door('believed', 'n.org_id = auth.clinic()') + door('asked', `n.org_id = auth.clinic() and ${member}`),
      );
      expect(ids(await probe(client), 'failed')).toEqual(['public.believed()/call']);
    });
  });

  test('a team, by its id or a list of them, in the place of the organization', async () => {
    const parts = `
      create table teams (id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations);
      alter table teams enable row level security; create policy own on teams to authenticated using (org_id = (select current_org_id()));
      create table crews (id int primary key, org_id uuid not null references organizations);
      alter table crews enable row level security; create policy own on crews to authenticated using (org_id = (select current_org_id()));
      ${tenantTable('notes', `${columns}, team_id uuid references teams, crew int not null references crews`)}`;
    const ways: Readonly<Record<string, string>> = {
      current: `n.team_id = (auth.jwt() -> 'app_metadata' ->> 'current_team_id')::uuid`,
      listed: `n.team_id::text in (select jsonb_array_elements_text(auth.jwt() -> 'teams'))`,
      numbered: `n.crew = (auth.jwt() -> 'app_metadata' ->> 'crew')::int`,
    };
    const doors = Object.entries(ways).flatMap(([name, where]) => [
      door(name, where),
      door(`${name}_members`, `${where} and ${member}`),
    ]);
    expect((await failed(parts + doors.join(''))).sort()).toEqual(
      ['current', 'listed', 'numbered'].map((name) => `public.${name}()/call`),
    );
  });
});

test('what users write about themselves, in every way that an app reads it, lets nobody in', async () => {
  const meta = `auth.jwt() -> 'user_metadata'`;
  const believed: Readonly<Record<string, string>> = {
    arrow: `org_id::text = ${meta} ->> 'clinic'`,
    path: `org_id::text = auth.jwt() #>> '{user_metadata,current,org}'`,
    called: `org_id::text = jsonb_extract_path_text(auth.jwt(), 'user_metadata', 'firm')`,
    subscript: `to_jsonb(org_id) = (auth.jwt())['user_metadata']['house']`,
    number: `org_id::text = ${meta} ->> 'unit' and coalesce((${meta} ->> 'level')::int, 1) > 0`,
    flag: `(${meta} ->> 'is_staff')::boolean`,
    word: `${meta} ->> 'role' = 'admin'`,
    stored: `org_id::text = (select u.raw_user_meta_data #>> '{place,org}' from auth.users u where u.id = auth.uid())`,
  };
  const table = (name: string, using: string): string => `create table ${name} (${columns});
    alter table ${name} enable row level security; create policy own on ${name} to authenticated using (${using});`;
  const sql = Object.entries(believed).map(
    ([name, using]) => table(name, using) + table(`${name}_own`, `org_id = (select current_org_id()) and (${using})`),
  );
  await withDatabase('base', isolated, async (client, url) => {
    const admin = new pg.Client({ connectionString: url('supabase_admin') });
    await admin.connect();
    await admin.query(
      'grant select on auth.users to authenticated; create policy own on auth.users for select using (id = auth.uid())',
    );
    await admin.end();
    await client.query(sql.join(''));
    const results = ids(await probe(client), 'failed').filter((id) => id.endsWith('/token-forged'));
    expect(results.sort()).toEqual(
      Object.keys(believed)
        .map((name) => `public.${name}/token-forged`)
        .sort(),
    );
  });
});

test('a door says whom it opens to: who has left, who was a member whatever their token says, or whoever has the claim', async () => {
  const claim = `auth.jwt() -> 'app_metadata' ->> 'desk'`;
  const sql = `${isolated} alter table memberships add column removed_at timestamptz; ${tenantTable('notes', columns)}
    ${door('by_both', `n.org_id::text = ${claim} and ${member}`)} ${door('by_membership', member)}
    ${door('by_name', `n.org_id::text = ${claim}`)} ${door('by_presence', `${claim} is not null`)}`;
  await withDatabase('base', sql, async (client) => {
    const memberships =
      options.memberships === null ? null : { ...options.memberships, over: [['removed_at', 'now()']] as const };
    const results = (await probe(client, { memberships })).filter(
      ({ id, verdict }) => verdict === 'failed' && id.includes('by_'),
    );
    const said = results.map(({ id, observed }) => [
      /public\.(\w+)/.exec(id)?.[1],
      observed.replace(/^.*?, (?=to )/, ''),
    ]);
    expect(Object.fromEntries(said)).toEqual({
      by_both: 'to a former member with a token that still names it',
      by_membership: 'to a former member, whatever their token says',
      by_name: 'to a former member with a token that still names it',
      by_presence: 'to whoever’s token has the claim, whatever it names',
    });
  });
});

test('what comes in through a view past the policies of its table', async () => {
  const view = (name: string, grants: string, more = ''): string =>
    `create view ${name} as select n.id, n.org_id, n.body from notes n where n.org_id = current_org_id() ${more};
     revoke all on ${name} from anon, authenticated; grant ${grants} on ${name} to authenticated;`;
  const found = await failed(`${tenantTable('notes', columns)}
    ${view('adds', 'select, insert')} ${view('drops', 'insert')} ${view('moves', 'select, update')} ${view('reads', 'select')}
    ${view('held', 'select, insert, update, delete', 'with check option')}
    ${view('invoked', 'select, insert, update')} alter view invoked set (security_invoker = true);
    create view short with (security_invoker = false) as select n.org_id from notes n where n.org_id = current_org_id();
    create table strict (id uuid primary key, org_id uuid not null references organizations, body text not null);
    alter table strict enable row level security; create policy own on strict to authenticated using (org_id = (select current_org_id()));
    create view brief as select s.id, s.org_id from strict s where s.org_id = current_org_id();
    revoke all on short, brief from anon, authenticated; grant select, insert on brief to authenticated;`);
  expect(found).toEqual(['public.adds/view', 'public.drops/view', 'public.moves/view']);
});

test('tables of the same policies: what the first refused is not tried again, unless other rows could let it in', async () => {
  const may = `create function may(org uuid) returns boolean language sql stable security definer set search_path = '' as $$
    select org = public.current_org_id() or exists (select from public.teams t where t.org_id = org and org::text = auth.jwt() -> 'app_metadata' ->> 'org_id') $$;`;
  const table = (
    name: string,
    more = '',
  ): string => `create table ${name} (${columns}${more}); alter table ${name} enable row level security;
    create policy own on ${name} to authenticated using (may(org_id));`;
  const sql = `${isolated} ${tenantTable('teams', columns)} ${may} ${table('a_notes')} ${table('b_notes', ', team_id uuid not null references teams')}
    ${tenantTable('c_notes', columns)} ${tenantTable('d_notes', columns)}`;
  await withDatabase('base', sql, async (client) => {
    const tried: string[] = [];
    const query = client.query.bind(client) as (...given: unknown[]) => unknown;
    Object.assign(client, {
      query: (...given: unknown[]) => {
        const [text] = given;
        if (typeof text === 'string' && text.includes('stale-0-read'))
          tried.push(...(text.match(/from "?public"?\."?([a-d]_notes)/) ?? []).slice(1));
        return query(...given);
      },
    });
    const results = await probe(client);
    expect(ids(results, 'failed', 'public.b_notes/')).toEqual(['read', 'update', 'delete', 'insert', 'move']);
    expect(ids(results, 'failed').filter((id) => !id.startsWith('public.b_notes/'))).toEqual([]);
    expect([...new Set(tried)]).toEqual(['a_notes', 'b_notes', 'c_notes']);
  });
});

test('invitations are told by the address in the token, and refused to another', async () => {
  const fn = (name: string, where: string): string => `
    create function ${name}(invitation_id uuid) returns void language plpgsql security definer set search_path = '' as $$
      declare i public.invitations; begin
        select * into i from public.invitations v where v.id = invitation_id${where};
        if i.id is null then raise exception 'not found'; end if;
        update public.invitations v set used = true where v.id = i.id;
        insert into public.memberships (user_id, org_id, role) values (auth.uid(), i.org_id, 'viewer') on conflict do nothing; end $$;
    revoke all on function ${name}(uuid) from public, anon;`;
  const sql = `${isolated} ${tenantTable('invitations', 'id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations, email text not null, used boolean not null default false')}
    create policy mine on invitations for select to authenticated using (email = auth.jwt() ->> 'email');
    ${fn('accept_mine', ` and v.email = auth.jwt() ->> 'email'`)} ${fn('accept_any', '')}
    ${fn('accept_unless_other', ` and (v.email <> auth.jwt() ->> 'email') is not true`)}`;
  await withDatabase('base', sql, async (client) => {
    const results = await probe(client);
    const said = results.filter(({ id }) => id.includes('accept_') || id.endsWith('invitations/read'));
    expect(Object.fromEntries(said.map(({ id, verdict }) => [/public\.(\w+)/.exec(id)?.[1], verdict]))).toEqual({
      invitations: 'passed',
      accept_mine: 'passed',
      accept_any: 'failed',
      // A user who signed up by phone has no address, and passes the comparison.
      accept_unless_other: 'failed',
    });
  });
});
