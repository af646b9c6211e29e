import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { org, users } from '../sign-up/schemas.ts';
import { whole } from './whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** PostgreSQL prints `kind in ('a', 'b')` over varchar in another way once what it printed is parsed again. */
const app = `${users(2)}
  create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
  create table profiles (id uuid primary key references auth.users on delete cascade, organization_id uuid references organizations, full_name text);
  create table members (organization_id uuid not null references organizations, user_id uuid not null references auth.users,
    role varchar(20) not null default 'owner' check (role in ('owner', 'admin', 'member')), primary key (organization_id, user_id));
  create table docs (id serial primary key, organization_id uuid not null references organizations, kind varchar(20) not null default 'a',
    constraint kinds check (organization_id is not null and kind in ('a', 'b')),
    shown boolean generated always as (kind in ('a', 'b')) stored);
  insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');
  insert into profiles select id, ('a0000000-0000-4000-8000-00000000000' || right(id::text, 1))::uuid from auth.users;
  insert into members select organization_id, id from profiles; insert into docs (organization_id, kind) select id, 'b' from organizations;
  create index docs_some on docs (organization_id) where kind in ('a', 'b');
  create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
  create trigger touched before update on docs for each row when (new.kind in ('a', 'b') and new.organization_id is not null) execute function touch();
  create view some_docs with (security_invoker = true) as select id, organization_id from docs where kind in ('a', 'b');
  create function docs_of(o uuid) returns bigint language sql stable as $$ select count(*) from docs where organization_id = o and kind in ('a', 'b') $$;
  create rule quiet as on delete to docs where old.kind in ('x', 'y') and old.organization_id is null do instead nothing;
  ${['organizations', 'profiles', 'members', 'docs'].map((one) => `alter table ${one} enable row level security;`).join(' ')}
  create policy team on docs using (exists (select from members m where m.organization_id = docs.organization_id and m.user_id = auth.uid() and m.role in ('owner', 'admin')));
  create policy fit on docs as restrictive with check (kind in ('a', 'b') and organization_id is not null);
  create policy own on members for select using (user_id = auth.uid() and role in ('owner', 'admin', 'member'));
  create policy own on profiles for select using (id = auth.uid());
  create policy own on organizations for select using (exists (select from members m where m.organization_id = organizations.id and m.user_id = auth.uid() and m.role in ('owner', 'admin')));
  comment on table docs is 'docs'; comment on column docs.organization_id is 'whose'; comment on column docs.kind is 'it''s "a" or b';
  comment on constraint kinds on docs is 'kinds'; comment on constraint docs_organization_id_fkey on docs is 'of whom'; comment on index docs_some is 'some';
  comment on trigger touched on docs is 'touched'; comment on policy team on docs is 'team'; comment on policy fit on docs is 'fit'; comment on policy own on members is 'own';
  comment on function docs_of(uuid) is 'of'; comment on function touch() is 'touch'; comment on view some_docs is 'some'; comment on column some_docs.organization_id is 'whose too'; comment on rule quiet on docs is 'quiet';`;

it('what PostgreSQL prints in another way when it is parsed again, and every comment, comes back as it was', async () => {
  const { reached, said, left } = await whole(server, app, { decisions: { trustProfiles: true } });
  expect({ reached, said, left }).toEqual({ reached: '1.7', said: '', left: [] });
});
