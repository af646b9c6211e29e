import { afterAll, beforeAll, expect, it } from 'vitest';
import { step } from '../../../phases/1-database/7-isolation.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../../src/demo/server.ts';
import { renamedKeys } from '../../helpers/renames.ts';
import { makeTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

it('a table without an organization is nobody’s to read where its texts, lists or JSON say whose its rows are', async () => {
  await loadDatabase(server, 'tiny', 'pointing_tables');
  await using at = await makeTarget(server, 'pointing_tables', {});
  await renamedKeys(at);
  await at.sql(`
    create table public.comments (id serial primary key, subject_id text, body text);
    create table public.events (id serial primary key, payload jsonb);
    create table public.tags (id serial primary key, label text, contact_ids uuid[]);
    create table public.reminders (id serial primary key, recipient text);
    create table public.plans (code text primary key, label text, features jsonb, contact text);
    create table public.stickers (id uuid primary key default gen_random_uuid(), parts jsonb);
    insert into public.comments (subject_id, body) select id::text, 'x' from public.organizations limit 1;
    insert into public.events (payload) select jsonb_build_object('deep', jsonb_build_array(jsonb_build_object('user', id))) from auth.users limit 1;
    insert into public.tags (label, contact_ids) select 'vip', array[id] from public.organizations limit 1;
    insert into public.reminders (recipient) select upper(email) from auth.users limit 1;
    insert into public.plans values ('pro', 'Pro', '{"seats": 5}', 'sales@shop.example');
    insert into public.stickers (parts) select jsonb_build_array(gen_random_uuid());`);
  const { plan } = await at.rollout([step]).plan('1.7');
  const whose = plan.blockers.map((one) => one.problem).filter((text) => text.startsWith('Nothing says whose'));
  expect(
    whose.map((text) => /rows public\.(\w+) holds: .* and (\w+) holds ids/.exec(text)?.slice(1).join('.')),
  ).toEqual(['comments.subject_id', 'events.payload', 'reminders.recipient', 'tags.contact_ids']);
  expect(plan.blockers.find(({ problem }) => problem.includes('comments'))?.remedy).toContain(
    '--shared-table public.comments',
  );
});
