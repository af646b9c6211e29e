import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { type App, org, signUp, user, users } from '../sign-up/schemas.ts';
import { whole } from './whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** An app that lets no organization go without an owner. */
const app = `${users(3)}
  create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
  create table members (organization_id uuid not null references organizations on delete cascade, user_id uuid not null references auth.users on delete cascade, role text not null default 'member', primary key (organization_id, user_id));
  create table notes (id bigint generated always as identity primary key, organization_id uuid not null references organizations);
  insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');
  insert into members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(1)}', '${user(3)}', 'member'), ('${org(2)}', '${user(2)}', 'owner');
  insert into notes (organization_id) values ('${org(1)}'), ('${org(2)}');
  alter table members enable row level security; create policy own on members for select using (user_id = auth.uid());
  alter table notes enable row level security; create policy n on notes using (organization_id in (select m.organization_id from members m where m.user_id = auth.uid()));
  create function keep_owner() returns trigger language plpgsql security definer set search_path = public as $$ begin
    if old.role = 'owner' and (tg_op = 'DELETE' or new.role <> 'owner' or new.user_id <> old.user_id)
      and not exists (select from members m where m.organization_id = old.organization_id and m.role = 'owner' and m.user_id <> old.user_id) then
      raise exception 'an organization needs an owner';
    end if;
    return case when tg_op = 'DELETE' then old else new end; end $$;
  create trigger keep_owner before update or delete on members for each row execute function keep_owner();`;

/** The app makes an organization for everybody who signs up. */
const personal = `
  create function welcome() returns trigger language plpgsql security definer set search_path = public as $$
  begin with made as (insert into organizations (name) values (coalesce(new.email, 'somebody')) returning id) insert into members select made.id, new.id, 'owner' from made; return new; end $$;
  create trigger welcome after insert on auth.users for each row execute function welcome();`;

/** Where somebody belongs whom an admin creates in the first organization, and with which stamp. */
const created = async ({ all }: App): Promise<unknown> => {
  const rows = await all(
    ...signUp(user(9), 'nine@example.test'),
    `update auth.users set raw_app_meta_data = raw_app_meta_data || '{"org_id": "${org(1)}"}' where id = '${user(9)}'`,
    `select m.role, u.raw_app_meta_data ->> 'org_id' as stamp from members m join auth.users u on u.id = m.user_id where u.id = '${user(9)}' and m.org_id = '${org(1)}'`,
  );
  return rows;
};

it.each([
  ['gives everybody an organization', app, {}],
  ['gives nobody one', app, { newUsers: 'as-today' }],
  ['lets the app give everybody one', app + personal, { newUsers: 'as-today' }],
])('an app’s own rule for the last owner is in no one’s way where a sign-up %s', async (_, sql, decisions) => {
  let found: unknown;
  const { reached, left, said } = await whole(server, sql, { decisions }, async (one) => {
    found = await created(one);
  });
  expect({ reached, left, said }).toEqual({ reached: '1.7', left: [], said: '' });
  expect(found).toEqual([{ role: 'member', stamp: org(1) }]);
});

it('an app in another language says who runs an organization all the same', async () => {
  const tiendas = `${users(3)}
    create type rol_tienda as enum ('administrador', 'cajero');
    create table tiendas (id uuid primary key default gen_random_uuid(), nombre text not null);
    create table user_tiendas (id uuid primary key default gen_random_uuid(), tienda_id uuid not null references tiendas on delete cascade, user_id uuid not null references auth.users on delete cascade, rol rol_tienda not null default 'cajero', unique (user_id, tienda_id));
    create table productos (id bigint generated always as identity primary key, tienda_id uuid not null references tiendas on delete cascade, precio int not null default 1);
    insert into tiendas values ('${org(1)}', 'A'), ('${org(2)}', 'B');
    insert into user_tiendas (tienda_id, user_id, rol) values ('${org(1)}', '${user(1)}', 'administrador'), ('${org(1)}', '${user(3)}', 'cajero'), ('${org(2)}', '${user(2)}', 'administrador');
    insert into productos (tienda_id) values ('${org(1)}'), ('${org(2)}');
    alter table tiendas enable row level security; create policy t on tiendas for select using (id in (select u.tienda_id from user_tiendas u where u.user_id = auth.uid()));
    alter table user_tiendas enable row level security; create policy u on user_tiendas for select using (user_id = auth.uid());
    alter table productos enable row level security; create policy p on productos using (tienda_id in (select u.tienda_id from user_tiendas u where u.user_id = auth.uid()));
    create function cambiar(p_tienda_id uuid, p_precio int) returns void language plpgsql security definer set search_path = public as $$ begin
      if not exists (select from user_tiendas u where u.user_id = auth.uid() and u.tienda_id = p_tienda_id and u.rol = 'administrador') then raise exception 'solo el administrador'; end if;
      update productos set precio = p_precio where tienda_id = p_tienda_id; end $$;`;
  let made: unknown;
  const { reached, left, said, notes } = await whole(server, tiendas, {}, async ({ all }) => {
    made = await all(
      ...signUp(user(9), 'nueve@example.test'),
      `select t.nombre, m.rol from user_tiendas m join tiendas t on t.id = m.org_id where m.user_id = '${user(9)}'`,
    );
  });
  expect({ reached, left, said }).toEqual({ reached: '1.7', left: [], said: '' });
  expect(notes).toContain('Roles of members are administrador, cajero.');
  expect(made).toEqual([{ nombre: expect.stringContaining('nueve'), rol: 'administrador' }]);
});
