import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { phase } from '../../phases/1-database/phase.ts';
import { pasteRollback, pasteScript } from '../../src/database/paste.ts';
import { differences } from '../../src/rollout/fingerprint.ts';
import { makeDatabase, ownApps, settingsOf } from '../helpers/databases.ts';
import { rowChecksums } from '../helpers/round-trip.ts';
import { inCi } from '../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { makeTarget, type TestTarget } from '../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const { signal } = new AbortController();

const scriptOf = (at: TestTarget, psql = false): Promise<string> =>
  pasteScript(
    at.rollout(phase.steps),
    { psql, ask: async (sql) => (await (await at.session.work()).query(sql)).rows },
    signal,
  );

type Row = { readonly step: string; readonly check: string; readonly result: string; readonly detail: string };
/** Sends a script as an SQL editor does, as one query, and gives what the editor shows: the rows of the last statement. */
async function paste(database: string, text: string): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: server.url(database) });
  await client.connect();
  try {
    const answers: unknown = await client.query(text);
    return ([answers].flat() as readonly pg.QueryResult<Row>[]).at(-1)?.rows ?? [];
  } finally {
    await client.end();
  }
}
/** The part of a script that asks the checks: somebody may run it again later. */
const checksOf = (script: string): string => script.slice(script.indexOf('-- The checks, as one table.'));

/** The three that the planning documents name, and what the rest hangs on. */
const asDocumented = [
  'public.profiles.org_id exists and is uuid',
  'The trigger on_auth_user_created exists on auth.users',
  'Row security is on for profiles and organizations',
  'No app table still uses organization_id or tenant_id',
  'Every org_id has a validated foreign key to organizations',
  'Every user has an org_id in app metadata',
  'public.contacts.org_id is NOT NULL',
  'Row security is on for all 4 tables',
];

/** What somebody may have broken since, and what the table then says first. */
const broken: readonly (readonly [how: string, sql: string, check: string, detail: string])[] = [
  [
    'no row security',
    'alter table public.calls disable row level security',
    'Row security is on for all 4 tables',
    '"name": "public.calls"',
  ],
  [
    'another policy',
    'create policy "all read" on public.calls for select to authenticated using (true)',
    'Every policy for API roles',
    'expected 0 other policies; got ',
  ],
  [
    'a policy less',
    'do $$ begin execute (select format($q$drop policy %I on public.calls$q$, policyname) from pg_policies where tablename = $q$calls$q$ limit 1); end $$',
    'Every policy for API roles',
    'got ',
  ],
  [
    'no trigger',
    'drop trigger on_auth_user_created on auth.users',
    'The trigger on_auth_user_created exists',
    'expected 1 row; got []',
  ],
  [
    'a user without a stamp',
    `set local session_replication_role = replica; update auth.users set raw_app_meta_data = '{}' where id = (select id from public.profiles order by id limit 1)`,
    'Every user has an org_id in app metadata',
    '"count": 1',
  ],
  [
    'an old name again',
    'alter table public.calls rename column org_id to organization_id',
    'No app table still uses organization_id or tenant_id',
    '"column_name": "organization_id"',
  ],
  [
    'a column that may be empty',
    'alter table public.contacts alter column org_id drop not null',
    'public.contacts.org_id is NOT NULL',
    'expected 1 row: true; got [{"notNull": false}]',
  ],
  [
    'a column that is gone, so that a query ends in an error',
    'alter table public.profiles drop column org_id cascade',
    'Every profile of a user has an organization',
    'p.org_id does not exist',
  ],
];

test('the script pasted as one query is the rollout: it verifies, and rolls back to where it began', async () => {
  await makeDatabase(server, 'tiny', 'pasted');
  await using at = await makeTarget(server, 'pasted', settingsOf('tiny'));
  const start = await at.executor.fingerprint();
  const rows = await rowChecksums(at);
  const rollout = at.rollout(phase.steps);
  const script = await scriptOf(at);
  const shown = await paste('pasted', script);
  expect(shown[0]).toMatchObject({ step: '1', check: 'Phase 1 was applied as tested', result: 'ok' });
  expect(shown.map((row) => row.result)).toEqual(shown.map(() => 'ok'));
  const status = await rollout.status();
  expect(status.filter((row) => row.applied > 0).map((row) => row.step)).toContain('1.7');
  expect(shown.map((row) => row.check)).toEqual(expect.arrayContaining(asDocumented));
  for (const [how, sql, check, detail] of broken) {
    const [first, failed] = await paste('pasted', `begin;\n${sql};\n${checksOf(script)}`);
    expect(first, how).toMatchObject({ step: '1', result: 'failed', detail: expect.stringContaining('checks failed') });
    expect(failed, how).toMatchObject({
      check: expect.stringContaining(check),
      result: 'failed',
      detail: expect.stringContaining(detail),
    });
  }
  expect((await paste('pasted', checksOf(script))).every((row) => row.result === 'ok')).toBe(true);
  for (const step of phase.steps) expect(await rollout.verify(step.id, signal)).toMatchObject({ failed: 0 });
  for (const step of [...phase.steps].reverse()) {
    const back = await rollout.rollback(step.id, signal);
    expect(back.differences).toEqual([]);
  }
  expect(differences(start, await at.executor.fingerprint())).toEqual([]);
  expect(await rowChecksums(at)).toEqual(rows);
});

test.each(inCi(['clinic', ...ownApps] as const, 1))(
  'on the %s the checks find after the script what the tested run left',
  async (name) => {
    await makeDatabase(server, name, name);
    await using at = await makeTarget(server, name, settingsOf(name));
    const shown = await paste(name, await scriptOf(at));
    expect(shown.filter((row) => row.result !== 'ok')).toEqual([]);
    expect(shown.length).toBeGreaterThan(10);
  },
);

test('a table whose name holds a statement runs none', async () => {
  await makeDatabase(server, 'tiny', 'hostile');
  await using at = await makeTarget(server, 'hostile', settingsOf('tiny'));
  const name = 'n\ndrop table public.contacts; --';
  await at.sql(
    `create table "${name}" (id uuid primary key default gen_random_uuid(), tenant_id uuid references organizations)`,
  );
  await at.sql(await scriptOf(at));
  expect(await at.sql(`select to_regclass('public.contacts') is not null as there`)).toEqual([{ there: true }]);
  expect(await at.sql(`select count(*)::int as n from pg_class where relname = $1`, [name])).toEqual([{ n: 1 }]);
});

test('a decision that nobody gave is asked for, and no script is written', async () => {
  await makeDatabase(server, 'tiny', 'undecided');
  await using at = await makeTarget(server, 'undecided');
  await expect(scriptOf(at)).rejects.toThrow(/needs a decision/);
});

test('the inverse pasted as one query is the rollback, and what is not as before is not called that', async () => {
  await makeDatabase(server, 'tiny', 'inverse');
  await using at = await makeTarget(server, 'inverse', settingsOf('tiny'));
  const start = await at.executor.fingerprint();
  const rollout = at.rollout(phase.steps);
  const upTo = async (last: string): Promise<void> => {
    for (const { id } of phase.steps) {
      if (id > last) return;
      await rollout.apply(id, signal);
      await rollout.verify(id, signal);
    }
  };
  const states = async (): Promise<readonly unknown[]> =>
    (await rollout.status()).slice(1, 4).map((row) => [row.step, row.state, row.applied, row.interrupted]);
  await upTo('1.4');
  await at.sql(await pasteRollback(rollout));
  expect(differences(start, await at.executor.fingerprint())).toEqual([]);
  expect(await states()).toEqual(['1.2', '1.3', '1.4'].map((step) => [step, 'rolled back', 0, false]));
  // Somebody changed what the step had made: its inverse does not bring back what was there.
  await upTo('1.2');
  const text = await pasteRollback(rollout);
  await at.sql('alter table public.calls alter column org_id set default gen_random_uuid()');
  await at.sql(text);
  expect((await states())[0]).toEqual(['1.2', 'failed', 0, false]);
  expect((await rollout.status())[1]?.last?.detail).toContain('not as before the step: ');
  await at.sql('alter table public.calls alter column organization_id drop default');
  // Once rows were written, only the tool can tell which of them to restore.
  await upTo('1.5');
  await expect(pasteRollback(rollout)).rejects.toMatchObject({
    problem: expect.stringMatching(
      /^Step 1\.5 wrote rows \(.+\), and they are restored only where nobody changed them since, which a script cannot tell\.$/,
    ),
    remedy:
      'Run "voxanne-rollout rollback --all" instead, or "voxanne-rollout rollback --to 1.5" for the steps after it alone.',
  });
});
