import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judging, type Meaning, meaningsOf } from '../../../phases/1-database/isolation/classify.ts';
import type { Judging } from '../../../phases/1-database/isolation/scope.ts';
import { type Survey, survey } from '../../../phases/1-database/survey.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget } from '../../helpers/target.ts';

/** Helpers as apps write them, and tables that policies go through. */
const schema = `
create table public.organizations (id uuid primary key, name text, suspended boolean not null default false);
create type public.status as enum ('invited', 'active');
create table public.profiles (id uuid primary key references auth.users, org_id uuid references public.organizations, role text);
create table public.members (user_id uuid references auth.users, org_id uuid references public.organizations, role text, status public.status, primary key (user_id, org_id));
create table public.customers (id uuid primary key, org_id uuid references public.organizations, auth_user_id uuid);
create table public.services (id uuid primary key, org_id uuid references public.organizations, published boolean);
alter table public.services enable row level security;
create table public.project_members (project_id uuid, user_id uuid);
create table public.docs (id uuid primary key, org_id uuid references public.organizations, supplier_org_id uuid, user_id uuid, customer_id uuid,
  project_id uuid, service_id uuid, readers uuid[], email text, share_token text, published boolean, expires_at timestamptz);

create function public.my_org() returns uuid language sql stable security definer as $$ select p.org_id from public.profiles p where p.id = auth.uid() $$;
create function public.my_orgs() returns setof uuid language sql stable security definer set search_path = public as $$ select org_id from members where user_id = auth.uid() and status = 'active' $$;
create function public.my_admin_orgs() returns setof uuid language sql stable security definer set search_path = public as $$ select org_id from members where user_id = auth.uid() and status = 'active' and role in ('owner', 'admin') $$;
create function public.active_org() returns uuid language plpgsql stable security definer set search_path = public as $$ begin return (select p.org_id from profiles p join organizations o on o.id = p.org_id where p.id = auth.uid() and not o.suspended); end $$;
create function public.open_org() returns uuid language sql stable security definer set search_path = public as $$ select p.org_id from profiles p join members m on m.user_id = p.id and m.org_id = p.org_id and m.status = 'active' where p.id = auth.uid() $$;
create function public.open_member() returns uuid language sql stable security definer set search_path = public as $$ select m.org_id from members m join profiles p on p.org_id = m.org_id where p.id = auth.uid() and m.user_id = p.id $$;
create function public.open_if_member() returns uuid language sql stable security definer set search_path = public as $$ select p.org_id from profiles p join members m on m.user_id = p.id where p.id = auth.uid() $$;
create function public.open_if_any_member() returns uuid language sql stable security definer set search_path = public as $$ select p.org_id from profiles p join members m on m.org_id = p.org_id where p.id = auth.uid() $$;
create function public.open_as_owner() returns uuid language sql stable security definer set search_path = public as $$ select p.org_id from profiles p join members m on m.user_id = p.id and m.org_id = p.org_id and m.role = 'owner' where p.id = auth.uid() $$;
create function public.org_of_profile() returns uuid language plpgsql stable security definer set search_path = '' as $$ declare v uuid; begin select p.org_id into v from public.profiles p where p.id = auth.uid(); return v; end $$;
create function public.is_member(o uuid) returns boolean language sql stable security definer set search_path = public as $$ select exists (select 1 from members m where m.user_id = auth.uid() and m.org_id = o and m.status = 'active') $$;
create function public.is_member_any(o uuid) returns boolean language sql stable security definer set search_path = public as $$ select exists (select 1 from members m where m.user_id = auth.uid() and m.org_id = o) $$;
create function public.is_member_pl(_org uuid) returns boolean language plpgsql stable security definer set search_path = public as $$ begin if exists (select 1 from members where user_id = auth.uid() and org_id = _org and status = 'active') then return true; end if; return false; end $$;
create function public.has_role(o uuid, r text) returns boolean language sql stable security definer set search_path = public as $$ select exists (select 1 from members m where m.user_id = auth.uid() and m.org_id = o and m.role = r) $$;
create function public.nested(o uuid) returns boolean language sql stable as $$ select public.is_member(o) $$;
create function public.is_admin() returns boolean language sql stable security definer set search_path = public as $$ select role = 'admin' from profiles where id = auth.uid() $$;
create function public.loops(o uuid) returns boolean language plpgsql stable security definer as $$ declare r record; begin for r in select * from public.members where user_id = auth.uid() loop if r.org_id = o then return true; end if; end loop; return false; end $$;
create function public.header(n text) returns text language plpgsql stable as $$ begin return current_setting('request.headers', true)::json ->> n; end $$;
create function public.claims_org() returns uuid language sql stable as $$ select nullif(current_setting('request.jwt.claims', true)::jsonb -> 'app_metadata' ->> 'org_id', '')::uuid $$;
create view public.my_projects as select pm.project_id, d.org_id from public.project_members pm join public.docs d on d.project_id = pm.project_id where pm.user_id = auth.uid();
create view public.shop_docs with (security_invoker) as select id, service_id from public.services s cross join lateral (select s.id as service_id) x;
create view public.published_docs as select id from public.docs where published;
create function public.meta_org() returns uuid language sql stable as $$ select (auth.jwt() -> 'user_metadata' ->> 'org_id')::uuid $$;
`;

/** Condition, what its alternatives mean, and the model of the app where that decides. */
const cases: readonly [string, readonly Meaning[], ('one' | 'all')?][] = [
  ['org_id = my_org()', ['organization']],
  ['org_id = (select my_org())', ['organization']],
  ['(select p.org_id from profiles p where p.id = auth.uid()) = org_id', ['organization']],
  ['org_id in (select org_id from profiles where id = auth.uid())', ['organization']],
  ['org_id = org_of_profile()', ['organization']],
  ['org_id in (select my_orgs())', ['organization']],
  ['org_id = any (array(select my_orgs()))', ['organization']],
  [
    "exists (select 1 from members m where m.org_id = docs.org_id and m.user_id = auth.uid() and m.status = 'active')",
    ['organization'],
  ],
  [
    "auth.uid() in (select m.user_id from members m where m.org_id = docs.org_id and m.status = 'active')",
    ['organization'],
  ],
  ['is_member(org_id)', ['organization']],
  ['(select is_member(org_id))', ['organization']],
  ['is_member_any(org_id)', ['organization']],
  ['is_member_pl(org_id)', ['organization']],
  ['nested(org_id)', ['organization']],
  ["org_id = (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid", ['organization']],
  ["org_id::text = (auth.jwt() -> 'app_metadata' ->> 'tenant_id')", ['organization']],
  ["org_id = (auth.jwt() ->> 'org_id')::uuid", ['organization']],
  ['org_id = claims_org()', ['organization']],
  ['org_id = coalesce(claims_org(), my_org())', ['organization']],
  ['auth.uid() is not null and org_id = my_org()', ['organization']],
  ["auth.role() = 'authenticated' and is_member(org_id)", ['organization']],
  ['org_id = my_org() or org_id in (select my_orgs())', ['organization', 'organization']],
  // The profile says which is open, and a membership has to say so as well.
  ['org_id = open_org()', ['organization']],
  ['org_id = (select open_member())', ['organization']],
  ['org_id = open_if_member()', ['within']],
  ['org_id = open_if_any_member()', ['within']],
  ['org_id = open_as_owner()', ['within']],
  ['org_id = open_org()', ['within'], 'all'],
  // The one that is open is less than all of them.
  ['org_id = my_org()', ['within'], 'all'],
  ['is_member(org_id)', ['organization'], 'all'],

  // Restricted: never the whole organization.
  ['org_id in (select my_admin_orgs())', ['within']],
  ['org_id = active_org()', ['within']],
  ["org_id = (auth.jwt() -> 'app_metadata' ->> 'admin_of')::uuid", ['within']],
  ["has_role(org_id, 'owner')", ['within']],
  ['org_id = my_org() and is_admin()', ['within']],
  ['org_id = my_org() and published', ['within']],
  ['org_id = my_org() and user_id = auth.uid()', ['within']],
  ["org_id = my_org() and exists (select 1 from profiles where id = auth.uid() and role = 'admin')", ['within']],
  ['loops(org_id)', ['within']],
  ['is_admin()', ['within']],
  ["exists (select 1 from members m where m.user_id = auth.uid() and m.role = 'owner')", ['within']],
  ['customer_id in (select c.id from customers c where c.org_id = my_org())', ['within']],
  [
    'exists (select 1 from members m join customers c on c.org_id = m.org_id where c.id = docs.customer_id and m.user_id = auth.uid())',
    ['within'],
  ],
  ["org_id = current_setting('app.org_id')::uuid", ['within']],
  ['org_id = my_org() and (published or is_admin())', ['within', 'within']],
  ['not (org_id = my_org())', ['within']],
  ['org_id <> my_org()', ['within']],

  // User metadata is not believed; the rest stays.
  ["org_id = (auth.jwt() -> 'user_metadata' ->> 'org_id')::uuid", ['organization']],
  ['org_id = meta_org()', ['organization']],
  ["org_id = (auth.jwt() -> 'user_metadata' ->> 'org_id')::uuid and is_admin()", ['within']],
  ["org_id = my_org() and (auth.jwt() -> 'user_metadata' ->> 'role') = 'admin'", ['metadata']],
  ["(auth.jwt() -> 'user_metadata' ->> 'role') = 'admin'", ['metadata']],

  // The caller's own, also through other rows.
  ['user_id = auth.uid()', ['own']],
  ['(select auth.uid()) = user_id', ['own']],
  ["user_id = (auth.jwt() ->> 'sub')::uuid", ['own']],
  ["email = (auth.jwt() ->> 'email')", ['own']],
  ['customer_id in (select id from customers where auth_user_id = auth.uid())', ['own']],
  ['exists (select 1 from project_members p where p.project_id = docs.project_id and p.user_id = auth.uid())', ['own']],
  ['auth.uid() = any (readers)', ['own']],
  ['user_id = auth.uid() and not published', ['own']],
  ['org_id = my_org() or user_id = auth.uid()', ['organization', 'own']],

  // A second organization.
  ['supplier_org_id = my_org()', ['shared']],
  ['is_member(supplier_org_id)', ['shared']],
  ['supplier_org_id = my_org() and published', ['shared']],
  ['org_id = my_org() or supplier_org_id = my_org()', ['organization', 'shared']],

  // Not about who is calling.
  ['true', ['open']],
  ['auth.uid() is not null', ['open']],
  ["auth.role() = 'authenticated'", ['open']],
  ['published', ['public']],
  ['auth.uid() is not null and published', ['public']],
  ["share_token = current_setting('request.headers', true)::json ->> 'x-share-token'", ['public']],
  ["share_token = header('x-share-token')", ['public']],
  ['now() < expires_at', ['public']],
  ["now() > '2030-01-01'", ['public']],
  ["org_id = 'a0000000-0000-4000-8000-000000000001'", ['public']],
  ['org_id = my_org() or published', ['organization', 'public']],
  ["auth.role() = 'service_role'", ['never']],
  ['false', ['never']],
  // What a view lets through, which asks who is calling, or another table's policies, or neither.
  ['project_id in (select project_id from my_projects)', ['within']],
  ['service_id in (select service_id from shop_docs)', ['within']],
  ['id in (select id from published_docs)', ['public']],
  // What another table's policies let through.
  ['exists (select 1 from services s where s.id = docs.service_id)', ['within']],
];

describe('what a condition means', () => {
  let server: EmbeddedServer;
  const judged = new Map<string, readonly Meaning[]>();
  beforeAll(async () => {
    server = await startServer();
    await loadDatabase(server, 'base', 'meanings');
    await using at = await makeTarget(server, 'meanings', { names: { memberships: 'public.members' } });
    await at.sql(schema);
    for (const [index, [condition]] of cases.entries()) {
      await at.sql(
        `set search_path = public; create policy p${index} on public.docs using (${condition}); reset search_path`,
      );
    }
    const found = await survey(at.target);
    const shape = async (model: 'one' | 'all'): Promise<Judging> => {
      const { memberships } = found;
      const shaped: Survey = {
        ...found,
        model,
        memberships: memberships === null ? null : { ...memberships, active: (alias) => `${alias}.status = 'active'` },
      };
      return judging(shaped, ['organization_id', 'tenant_id']);
    };
    const worlds = { one: await shape('one'), all: await shape('all') };
    for (const [index, [, , model = 'one']] of cases.entries()) {
      const policy = found.catalog.policies.find((one) => one.name === `p${index}`);
      const table = {
        schema: 'public',
        name: 'docs',
        keys: ['org_id'],
        isCallers: (column: string) => `${column} = ours`,
        breadth: model === 'all' ? ('all' as const) : ('current' as const),
      };
      const meanings = await meaningsOf(policy?.using ?? null, table, worlds[model], false);
      judged.set(
        `${index}`,
        meanings.map((one) => one.meaning),
      );
    }
  });
  afterAll(() => server.stop());

  it.each(cases.map(([condition, meanings, model], index) => [condition, model ?? 'one', meanings, index] as const))(
    '%s (%s)',
    (_condition, _model, meanings, index) => {
      expect(judged.get(`${index}`)).toEqual(meanings);
    },
  );
});
