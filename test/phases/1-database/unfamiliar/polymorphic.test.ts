import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { type App, org, user, users } from '../sign-up/schemas.ts';
import { whole } from './whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const mine = '(select m.organization_id from members m where m.user_id = auth.uid())';
const id = (n: number): string => `c0000000-0000-4000-8000-00000000000${n}`;

/** Comments of users at notes and at tasks, which no foreign key ties to them. */
const app = (type: 'uuid' | 'integer', reads: string, held: string = type): string => {
  const key = (n: number): string => (type === 'uuid' ? `'${id(n)}'` : String(n));
  // Numbers of notes and of tasks are the same, of the other organization.
  const task = (n: number): string => (type === 'uuid' ? key(n + 2) : key(3 - n));
  return `${users(3)}
  create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
  create table members (organization_id uuid not null references organizations, user_id uuid not null references auth.users, role text not null, primary key (organization_id, user_id));
  create table notes (id ${type} primary key, organization_id uuid not null references organizations);
  create table tasks (id ${type} primary key, organization_id uuid not null references organizations);
  create table comments (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users, commentable_type text not null, commentable_id ${held} not null);
  insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');
  insert into members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(1)}', '${user(3)}', 'member'), ('${org(2)}', '${user(2)}', 'owner');
  insert into notes values (${key(1)}, '${org(1)}'), (${key(2)}, '${org(2)}');
  insert into tasks values (${task(1)}, '${org(1)}'), (${task(2)}, '${org(2)}');
  insert into comments (user_id, commentable_type, commentable_id) values
    ('${user(1)}', 'note', ${key(1)}), ('${user(3)}', 'task', ${task(1)}), ('${user(2)}', 'note', ${key(2)}), ('${user(2)}', 'task', ${task(2)});
  alter table members enable row level security; create policy own on members for select using (user_id = auth.uid());
  alter table notes enable row level security; create policy n on notes using (organization_id in ${mine});
  alter table tasks enable row level security; create policy t on tasks using (organization_id in ${mine});
  alter table comments enable row level security;
  create policy reads on comments for select using (${reads});
  create policy writes on comments for insert with check (user_id = auth.uid() and (${reads}));
  create policy changes on comments for update using (user_id = auth.uid());
  create policy removes on comments for delete using (user_id = auth.uid());`;
};

const found = async ({ all }: App, who: number): Promise<number> =>
  (
    await all(
      `select set_config('request.jwt.claims', '${JSON.stringify({ role: 'authenticated', sub: user(who) })}', true)`,
      'set local role authenticated',
      'select * from public.comments',
    )
  ).length;

const inEither = 'commentable_id in (select id from notes) or commentable_id in (select id from tasks)';
const byType = `(commentable_type = 'note' and exists (select 1 from notes n where n.id = comments.commentable_id)) or exists (select 1 from tasks t where t.id = comments.commentable_id and comments.commentable_type = 'task')`;
const asText = inEither.replaceAll('select id', 'select id::text');

describe('comments belong to what they are about', () => {
  it.each([
    ['by ids that no other table has', app('uuid', inEither)],
    ['by ids as text', app('uuid', asText, 'text')],
    ['by numbers, with their type', app('integer', byType)],
  ])('%s', async (_, sql) => {
    const { reached, left, said } = await whole(server, sql, {}, async (one) => {
      expect([await found(one, 1), await found(one, 2), await found(one, 3)]).toEqual([2, 2, 2]);
    });
    expect({ reached, left, said }).toEqual({ reached: '1.7', left: [], said: '' });
  });

  it.each([
    ['a policy shows those of another organization', app('uuid', `${inEither} or commentable_type = 'note'`)],
    // Note 1 is of the first organization, task 1 of the second.
    ['numbers are taken for those of another table', app('integer', inEither)],
  ])('where %s, that is a leak', async (_, sql) => {
    const { reached, said } = await whole(server, sql);
    expect(reached).toBeNull();
    expect(said).toContain('public.comments: no user reaches another organization');
  });
});
