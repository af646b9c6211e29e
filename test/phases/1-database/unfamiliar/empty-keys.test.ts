import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { org, user, users } from '../sign-up/schemas.ts';
import { whole } from './whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** An app that writes an empty text for "no organization". */
const app = (id: string, a: string, b: string): string => `${users(3)}
  create table companies (id ${id} primary key, name text not null);
  create table profiles (id uuid primary key references auth.users on delete cascade, full_name text, company_id text not null default '');
  create table notes (id bigint generated always as identity primary key, company_id text default '', body text);
  insert into companies values ('${a}', 'A'), ('${b}', 'B');
  insert into profiles values ('${user(1)}', 'one', '${a}'), ('${user(2)}', 'two', '${b}'), ('${user(3)}', 'three', '');
  insert into notes (company_id, body) values ('${a}', 'a'), ('${b}', 'b'), ('', 'of nobody'), (null, 'null before');
  create function my_company() returns text language sql stable security definer set search_path = public as
    $$ select nullif(company_id, '') from profiles where id = auth.uid() $$;
  alter table notes enable row level security;
  create policy mine on notes using (company_id = my_company() or company_id = '');`;

const decided = { decisions: { emptyKeys: 'null', orphans: 'leave', trustProfiles: true } };

it('an empty text in an organization column stops 1.1, with the decision that gets past it and what compares with it', async () => {
  const { reached, said } = await whole(server, app('text', 'acme', 'beta'), {
    decisions: { ...decided.decisions, emptyKeys: null },
  });
  expect(reached).toBeNull();
  expect(said).toMatch(
    /1 row of public\.notes holds an empty text in (company_id|org_id), which names no organization/,
  );
  expect(said).toMatch(/compare with an empty text, and have to ask for NULL then: policy 'mine' .*--empty-keys null/s);
});

it('becomes NULL with it, also when it is written later, and comes back on rollback', async () => {
  const schema = app('text', 'acme', 'beta').replace(` or company_id = ''`, '');
  const { reached, said, left } = await whole(server, schema, decided, async ({ all, one }) => {
    expect(await one(`select string_agg(coalesce(org_id, 'NULL'), ', ' order by id) from notes`)).toBe(
      'acme, beta, NULL, NULL',
    );
    await all(`insert into notes (org_id, body) values ('', 'later')`);
    expect(await one(`select count(*)::int from notes where body = 'later' and org_id is null`)).toBe(1);
    await all(`delete from notes where body = 'later'`);
  });
  expect({ reached, said, left }).toEqual({ reached: '1.7', said: '', left: [] });
});

it('goes before the column becomes uuid, and rows that everybody saw are asked about before the first change', async () => {
  const schema = app('uuid default gen_random_uuid()', org(1), org(2))
    .replace(` or company_id = ''`, '')
    .replaceAll('company_id = my_company()', 'true');
  const asked = await whole(server, schema, decided);
  expect([asked.reached, asked.left]).toEqual([null, []]);
  expect(asked.said).toContain('1.7/access/public.notes/kept');
  const accepted = { decisions: { ...decided.decisions, acceptAccess: ['1.7/access/public.notes/kept'] } };
  const { reached, left, notes } = await whole(server, schema, accepted);
  expect(notes).toContain('becomes uuid, which takes no empty text');
  expect({ reached, left }).toEqual({ reached: '1.7', left: [] });
});
