import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { org, user, users } from './sign-up/schemas.ts';
import { whole } from './unfamiliar/whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** A view with its owner's rights says who is calling, and the policies of the table that it reads ask it as well. */
const schema = `${users(3)}
  create table schools (id uuid primary key default gen_random_uuid(), name text not null);
  create table profiles (id uuid primary key references auth.users on delete cascade, school_id uuid references schools, role text not null default 'teacher');
  create table classes (id int primary key, school_id uuid not null references schools, name text);
  insert into schools values ('${org(1)}', 'A'), ('${org(2)}', 'B');
  insert into profiles values ('${user(1)}', '${org(1)}', 'owner'), ('${user(2)}', '${org(1)}', 'teacher'), ('${user(3)}', '${org(2)}', 'owner');
  insert into classes values (1, '${org(1)}', 'a'), (2, '${org(2)}', 'b');
  create view me as select p.id, p.school_id, p.role from profiles p where p.id = auth.uid();
  revoke all on me from anon, authenticated; grant select on me to authenticated;
  alter table profiles enable row level security; alter table classes enable row level security;
  create policy school on profiles for select to authenticated using (exists (select from me where me.school_id = profiles.school_id));
  create policy school on classes for select to authenticated using (exists (select from me where me.school_id = classes.school_id and me.role in ('owner', 'teacher')));`;

it('a view that is asked by the policies of what it reads is a decision, and works where it stays', async () => {
  const refused = await whole(server, schema);
  expect(refused.reached).toBeNull();
  expect(refused.said).toMatch(
    /The view public\.me is asked by policies of public\.profiles.*--accept-view public\.me/s,
  );
  const keepPolicy = ['public.classes: school', 'public.profiles: school'];
  const decisions = { acceptView: ['public.me'], keepPolicy };
  const { reached, said, left } = await whole(server, schema, { decisions }, async ({ at }) => {
    const read = (n: number, what: string) => at.as('authenticated', { sub: user(n) }, what);
    expect(await read(1, 'select id from classes')).toEqual([{ id: 1 }]);
    expect(await read(3, 'select name from classes')).toEqual([{ name: 'b' }]);
    expect(await read(2, 'select role from profiles order by role')).toEqual([{ role: 'owner' }, { role: 'teacher' }]);
  });
  expect({ reached, said, left }).toEqual({ reached: '1.7', said: '', left: [] });
});
