import { afterAll, expect, test } from 'vitest';
import { usersPassing } from '../../../src/database/access/passing.ts';
import { close, contents, withDatabase } from '../probes/setup.ts';

afterAll(close);

const id = (n: number): string => `b0000000-0000-4000-8000-00000000000${n}`;

test('who is let in is told as the app tells it, with its hook, also where a helper writes down who asked', async () => {
  const app = `
    create table platform_admins (user_id uuid primary key);
    create table asked (user_id uuid);
    insert into auth.users (id, email, raw_app_meta_data) select v::uuid, v, '{}' from unnest(array['${id(1)}', '${id(2)}']) v;
    insert into platform_admins values ('${id(1)}');
    create function is_admin() returns boolean language plpgsql security definer set search_path = public as $$ begin
      insert into asked values (auth.uid()); return exists (select from platform_admins where user_id = auth.uid()); end $$;
    create function token_hook(event jsonb) returns jsonb language plpgsql security definer set search_path = public as $$ begin
      insert into asked values ((event ->> 'user_id')::uuid);
      return jsonb_set(event, '{claims,staff}', to_jsonb(event ->> 'user_id' = '${id(2)}')); end $$;
    grant execute on function is_admin() to authenticated;`;
  await withDatabase('base', app, async (client) => {
    const before = await contents(client);
    const scope = { hooks: ['public.token_hook(jsonb)'], secondFactor: false };
    const conditions = ['is_admin()', `(auth.jwt() ->> 'staff')::boolean`, 'no_such_function()'];
    const { users, asked, all } = await usersPassing(client, scope, ['public'], conditions);
    expect({ users, asked, all }).toEqual({ users: [[id(1)], [id(2)], []], asked: 2, all: 2 });
    expect(await contents(client)).toEqual(before);
  });
});
