import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkIsolation } from '../../../phases/1-database/checks.ts';
import { survey } from '../../../phases/1-database/survey.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import { asAdmin } from '../../helpers/admin.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
let at: TestTarget;
const database = 'platform_doors';

beforeAll(async () => {
  server = await startServer();
  await loadDatabase(server, 'tiny', database);
  await asAdmin(
    server,
    database,
    `create function realtime.topic() returns text language sql stable as $$ select nullif(current_setting('realtime.topic', true), '') $$;
     create table realtime.messages (id uuid primary key default gen_random_uuid(), topic text not null, extension text not null, payload jsonb, inserted_at timestamptz default now());
     alter table realtime.messages enable row level security;
     grant all on realtime.messages to postgres, anon, authenticated;
     insert into storage.buckets (id, name, public) values ('files', 'files', false), ('logos', 'logos', true);`,
  );
  at = await makeTarget(server, database);
});
afterAll(async () => {
  await at?.close();
  await server?.stop();
});

const mine = `(storage.foldername(name))[1] = (select p.organization_id::text from public.profiles p where p.id = auth.uid())`;
const channel = `realtime.topic() = 'org:' || (select p.organization_id::text from public.profiles p where p.id = auth.uid())`;

/** With these policies, and no other: what the probe says of files and channels, by door and what was tried. */
async function probed(policies: string): Promise<readonly CheckResult[]> {
  await asAdmin(server, database, policies);
  try {
    const results: CheckResult[] = [];
    for await (const one of checkIsolation(at.target, await survey(at.target), new AbortController().signal)) {
      if (/\/(storage\.objects|realtime\.messages)/.test(one.id)) results.push(one);
    }
    return results;
  } finally {
    await asAdmin(
      server,
      database,
      `do $$ declare p record; begin for p in select * from pg_policies where schemaname in ('storage', 'realtime') loop
         execute format('drop policy %I on %I.%I', p.policyname, p.schemaname, p.tablename); end loop; end $$`,
    );
  }
}

const ids = (results: readonly CheckResult[], verdict: CheckResult['verdict']): readonly string[] =>
  results.filter((one) => one.verdict === verdict).map((one) => one.id.replace('1.7/two-org/', ''));

describe('files', () => {
  it('of another organization are out of reach where paths are bound, and nobody is let in without a policy', async () => {
    const bound = await probed(
      `create policy f on storage.objects to authenticated using (bucket_id = 'files' and ${mine})`,
    );
    expect(ids(bound, 'failed')).toEqual([]);
    expect(ids(bound, 'passed')).toContain('storage.objects/move/files');
    // Of a bucket whose files not even their owner reaches, nothing follows.
    expect(ids(bound, 'skipped')).toContain('storage.objects/insert/logos');
    // A file of one's own may lie anywhere, where paths say nothing about whose it is.
    const owned = await probed(
      `create policy f on storage.objects to authenticated using (bucket_id = 'files' and owner = auth.uid())`,
    );
    expect(ids(owned, 'failed')).toEqual([]);
    const closed = await probed('');
    expect([ids(closed, 'failed'), ids(closed, 'skipped')]).toEqual([[], []]);
  });

  it.each([
    ['for select to authenticated using (true)', ['read/files']],
    [`for insert to authenticated with check (bucket_id = 'files')`, ['insert/files']],
    [
      `to anon using (bucket_id = 'files')`,
      ['anon-read/files', 'anon-insert/files', 'anon-update/files', 'anon-delete/files'],
    ],
    [`for update to authenticated using (${mine}) with check (bucket_id = 'files')`, ['move/files']],
    [`for delete to authenticated using (bucket_id = 'files')`, ['delete/files']],
  ])('are reached by a policy %s', async (policy, wanted) => {
    const results = await probed(
      `create policy f on storage.objects to authenticated using (bucket_id = 'files' and ${mine}); create policy wide on storage.objects ${policy}`,
    );
    expect(ids(results, 'failed')).toEqual(wanted.map((one) => `storage.objects/${one}`));
  });
});

describe('private channels', () => {
  it('are bound by their topic, or reached', async () => {
    const bound = await probed(
      `create policy c on realtime.messages to authenticated using (${channel}) with check (${channel})`,
    );
    expect(ids(bound, 'failed')).toEqual([]);
    expect(ids(bound, 'passed')).toContain('realtime.messages/read');
    const wide = await probed(
      `create policy c on realtime.messages to authenticated using (${channel}); create policy wide on realtime.messages for select to authenticated using (realtime.topic() like 'org:%')`,
    );
    expect(ids(wide, 'failed')).toEqual(['realtime.messages/read']);
    const strange = await probed(
      `create policy c on realtime.messages to authenticated using (realtime.topic() = 'lobby of ' || auth.uid())`,
    );
    expect(ids(strange, 'skipped')).toContain('realtime.messages/read');
  });
});
