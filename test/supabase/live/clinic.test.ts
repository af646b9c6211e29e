/**
 * Two organizations against each other through the data API, with tokens as the auth server signs them, on the sample of
 * the target app's shape: what leaks before the rollout, and that nothing does after phase 1.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { probeLive } from '../../../src/supabase/live/index.ts';
import { rowChecksums } from '../../helpers/round-trip.ts';
import { full } from '../../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { applyPhase, collect, liveOptions, of, openProject } from './setup.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
  // The data API writes every refusal of the database to the console.
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterAll(() => server.stop());

/** The app's own sign-up with its one wrong column name put right: users get organizations, and policies stay as they are. */
const working = `create or replace function public.handle_new_user() returns trigger language plpgsql security definer as $$
declare
  new_org uuid;
begin
  insert into public.organizations (name, email)
  values (coalesce(new.raw_user_meta_data ->> 'clinic', 'My clinic'), new.email) returning id into new_org;
  insert into public.profiles (id, organization_id, email) values (new.id, new_org, new.email);
  update auth.users set raw_app_meta_data = raw_app_meta_data || jsonb_build_object('org_id', new_org) where id = new.id;
  return new;
end $$`;

/** Tables of each kind by how they leak before the rollout. */
const failedActs = (failed: readonly string[], table: string): readonly string[] =>
  failed.filter((one) => one.startsWith(`live/public.${table}/`)).map((one) => one.split('/')[2]?.split(':')[0] ?? '');

test.runIf(full)('before the rollout every kind of leak is seen, and nothing is left behind', async () => {
  await using project = await openProject(server, 'clinic', 'matrix_before');
  await project.at.sql(working);
  const before = await rowChecksums(project.at);
  const results = await collect(probeLive(await liveOptions(project, { serviceKey: project.gateway.serviceKey })));
  const failed = of(results, 'failed');
  // No row security; no row security and a trigger against moving; policies that work; policies that fail.
  expect(failedActs(failed, 'payments')).toEqual(['read', 'anon', 'insert', 'update', 'delete']);
  expect(failedActs(failed, 'surveys')).toContain('own');
  expect(failedActs(failed, 'business_hours')).toEqual(['read', 'anon', 'insert', 'update', 'move', 'take', 'delete']);
  expect(failedActs(failed, 'invoices')).toEqual([]);
  expect(failedActs(failed, 'call_logs')).toEqual(['read', 'anon', 'insert', 'update', 'delete']);
  for (const view of ['call_stats', 'upcoming_appointments', 'billing_overview']) {
    expect(failedActs(failed, view)).toEqual(['read']);
  }
  expect(failed).toContain('live/token/admin: no org_id');
  expect(failed.length).toBeGreaterThan(300);
  expect(results.at(-1)).toMatchObject({ id: 'live/removed', verdict: 'passed' });
  expect(await rowChecksums(project.at)).toEqual(before);
});

// The same is looked at on a small database in tiny.test.ts.
test.runIf(full)('after phase 1 nothing leaks, own data works, and nothing is left behind', async () => {
  await using project = await openProject(server, 'clinic', 'matrix_after');
  expect(await applyPhase(project)).toContain('1.7');
  const before = await rowChecksums(project.at);
  const results = await collect(probeLive(await liveOptions(project, { serviceKey: project.gateway.serviceKey })));
  expect(of(results, 'failed')).toEqual([]);
  // Tables that belong to nobody, and functions that write: both are for the probes inside the database.
  const reasons = new Set(results.filter(({ verdict }) => verdict === 'skipped').map(({ advice }) => advice));
  expect([...reasons].sort()).toEqual([
    'It may write; step 1.7 calls it in a transaction that is rolled back.',
    'Nothing says whose its rows are; step 1.7 judges who may write it.',
  ]);
  expect(results.filter(({ id, verdict }) => id.endsWith('/own') && verdict === 'passed').length).toBeGreaterThan(60);
  expect(results.at(-1)?.observed).toMatch(/0 left$/);
  expect(await rowChecksums(project.at)).toEqual(before);
});
