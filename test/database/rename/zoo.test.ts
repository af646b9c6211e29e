import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadCatalog } from '../../../src/database/catalog/load.ts';
import { planLegacyReads, type RenamePlan } from '../../../src/database/rename/index.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { database, down, inTransaction, plan, renamed, rows, state, up } from './setup.ts';

const zoo = readFileSync(new URL('../../fixtures/databases/zoo.sql', import.meta.url), 'utf8');
const renames = [
  ...['profiles', 'memberships', 'calls', 'events', 'documents', 'Billing Accounts'].map((table) => renamed(table)),
  renamed('contacts', 'tenant_id'),
  renamed('deals', 'tenant_id', 'org_id', 'crm'),
];
const acacia = `'a0000000-0000-4000-8000-000000000001'::uuid`;
const ann = `'b0000000-0000-4000-8000-000000000001'::uuid`;

/** What the app asks. JSON of whole rows is left out: its keys change, as the plan says. */
const questions: readonly string[] = [
  `select (r).id from (select calls_of(${acacia}) r) x`,
  `select (r).id from (select calls_of_atomic(${acacia}) r) x`,
  `select call_count(${acacia}), call_count_pl(${acacia}), count_column_first(${acacia}), natural_count(), dynamic_count(${acacia})`,
  `select (r).id from (select my_calls(${ann}) r) x`,
  `select * from people(${ann})`,
  'select walk_calls()',
  `select join_organization(${ann}, ${acacia})`,
  'select row_tenant(c), c.row_tenant from calls c order by id',
  'select * from listed_callers()',
  'select call_json()',
  'select order_note(7)',
  'select crm.deal_total(1)',
  `select is_member(${acacia})`,
  `select access_token_hook('{"user_id": "b0000000-0000-4000-8000-000000000003", "claims": {}}')`,
  `select access_token_hook('{"user_id": "b0000000-0000-4000-8000-000000000001", "claims": {"a": 1}}')`,
  'select count(*) from call_list_again',
  'select calls from call_counts order by 1',
  `insert into contact_entry (name, COLUMN) values ('Zoe', ${acacia}) returning name`,
  `insert into calls (COLUMN_CALLS, caller) values (${acacia}, '+1') returning caller`,
  `insert into documents (COLUMN_CALLS, title) values (${acacia}, 'x') returning title`,
  `insert into events (COLUMN_CALLS, at, kind) values (${acacia}, '2026-01-01', 'call') returning kind`,
  `insert into auth.users (id, email, raw_user_meta_data) values ('b0000000-0000-4000-8000-000000000009', 'z@example.test',
    '{"organization_id": "a0000000-0000-4000-8000-000000000001"}') returning email`,
];

/** The answer with everything that the question's triggers wrote; nothing is kept. */
async function ask(client: pg.Client, question: string, names: { contact: string; calls: string }): Promise<unknown> {
  const sql = question.replace('COLUMN_CALLS', names.calls).replace('COLUMN', names.contact);
  await client.query('begin');
  try {
    await client.query(
      `set local request.jwt.claims = '{"sub": "b0000000-0000-4000-8000-000000000001", "tenant_id": "a0000000-0000-4000-8000-000000000001"}'`,
    );
    const answer = await rows(client, sql);
    const written = await rows(client, 'select table_name, tenant from audit_log order by id');
    return { answer, written };
  } finally {
    await client.query('rollback');
  }
}

const old = { contact: 'tenant_id', calls: 'organization_id' };
const now = { contact: 'org_id', calls: 'org_id' };

let server: EmbeddedServer;
let client: pg.Client;
let made: RenamePlan;
let start: unknown;
const before = new Map<string, unknown>();

beforeAll(async () => {
  server = await startServer();
  client = await database(server, zoo);
  start = await state(client);
  for (const item of questions) before.set(item, await ask(client, item, old));
  made = await plan(client, renames);
  await up(client, made);
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
});

test('nothing blocks', () => {
  expect(made.blockers).toEqual([]);
});

test('the questions reach what they are meant to', () => {
  expect(before.get(questions.at(-1) ?? '')).toMatchObject({
    written: expect.arrayContaining([['welcome', expect.stringContaining('a0')]]),
  });
  expect(before.get(questions[18] ?? '')).toMatchObject({
    written: expect.arrayContaining([['calls', expect.stringContaining('a0')]]),
  });
});

test.each(questions)('%s', async (question) => {
  expect(await ask(client, question, now)).toEqual(before.get(question));
});

test('tables tied by a function, a view or a trigger move together; the others on their own', () => {
  expect(made.groups.map((group) => group.id)).toEqual([
    'rename crm.deals',
    'rename public."Billing Accounts"',
    'rename public.calls public.documents public.events public.memberships public.profiles',
    'rename public.contacts',
  ]);
});

test('bodies that swallow errors are named', () => {
  expect(made.groups.flatMap((group) => group.swallowing)).toEqual([
    'public.access_token_hook(jsonb)',
    'public.welcome()',
  ]);
});

test('view columns and trigger arguments are renamed', async () => {
  expect(
    await rows(
      client,
      `select attrelid::regclass::text from pg_attribute where attname = 'org_id' and attrelid::regclass::text ~ '^(call_|contact_)' order by 1`,
    ),
  ).toEqual([['call_counts'], ['call_list'], ['call_list_again'], ['call_people'], ['contact_entry']]);
  expect(
    await rows(client, `select tgname from pg_trigger where encode(tgargs, 'escape') ~ 'tenant_id|organization_id'`),
  ).toEqual([]);
});

test('a second plan of the new state finds no body left with the old column', async () => {
  const catalog = await loadCatalog(client);
  const left = catalog.functions.filter((item) =>
    /\b(c|m|p|calls|memberships|profiles|contacts)\.(organization_id|tenant_id)\b/.test(item.body),
  );
  expect(left.map((item) => item.signature)).toEqual([]);
});

test('a user of one organization still sees its rows, and only these', async () => {
  await client.query('begin');
  try {
    await client.query(
      `set local request.jwt.claims = '{"sub": "b0000000-0000-4000-8000-000000000001", "tenant_id": "a0000000-0000-4000-8000-000000000001", "role": "authenticated"}'`,
    );
    await client.query('set local role authenticated');
    expect(await rows(client, 'select caller from public.calls')).toEqual([['+15550100001']]);
    expect(await rows(client, 'select name from public.contacts')).toEqual([['Ida']]);
    expect(await rows(client, 'select caller from public.call_list')).toEqual([['+15550100001']]);
  } finally {
    await client.query('rollback');
  }
});

test('a legacy read answers under the old name and goes away', async () => {
  const without = await state(client);
  const reads = planLegacyReads(await loadCatalog(client), renames);
  expect(reads.map((item) => item.table)).toEqual(renames.map((item) => item.table));
  for (const item of reads) await inTransaction(client, item.up);
  expect(await rows(client, 'select c.organization_id = c.org_id from calls c limit 1')).toEqual([[true]]);
  await client.query('begin');
  await client.query('set local role authenticated');
  await client.query('select d.organization_id from public.documents d');
  await client.query('rollback');
  for (const item of reads) await inTransaction(client, item.down);
  expect(await state(client)).toEqual(without);
});

test('the way back restores every definition and every answer', async () => {
  await down(client, made);
  expect(await state(client)).toEqual(start);
  for (const item of questions) expect(await ask(client, item, old), item).toEqual(before.get(item));
});

test('claims change only when asked to, each policy in a change of its own', async () => {
  const claims = await plan(client, renames, true);
  const ofPolicies = claims.groups.filter((group) => group.id.startsWith('claims of policy'));
  expect(ofPolicies.map((group) => group.id)).toEqual([
    'claims of policy calls_by_claim on public.calls',
    'claims of policy calls_by_setting on public.calls',
  ]);
  await up(client, claims);
  expect(
    await rows(
      client,
      `select polname, pg_get_expr(polqual, polrelid) from pg_policy where polname ~ 'claim|setting' order by 1`,
    ),
  ).toEqual([
    ['calls_by_claim', expect.stringContaining(`'org_id'::text`)],
    ['calls_by_setting', expect.stringContaining(`'app.org_id'::text`)],
  ]);
  expect(await rows(client, `select prosrc ~ 'org_id' from pg_proc where proname = 'claimed_tenant'`)).toEqual([
    [true],
  ]);
  await down(client, claims);
  expect(await state(client)).toEqual(start);
});
