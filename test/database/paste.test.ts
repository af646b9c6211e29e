import { afterAll, beforeAll, expect, test } from 'vitest';
import { phase } from '../../phases/1-database/phase.ts';
import { pasteRollback, pasteScript } from '../../src/database/paste.ts';
import { differences } from '../../src/rollout/fingerprint.ts';
import { makeDatabase, settingsOf } from '../helpers/databases.ts';
import { rowChecksums } from '../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { makeTarget } from '../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const { signal } = new AbortController();

test('the script pasted as one query is the rollout: it verifies, and rolls back to where it began', async () => {
  await makeDatabase(server, 'tiny', 'pasted');
  await using at = await makeTarget(server, 'pasted', settingsOf('tiny'));
  const start = await at.executor.fingerprint();
  const rows = await rowChecksums(at);
  const rollout = at.rollout(phase.steps);
  await at.sql(await pasteScript(rollout, { psql: false }, signal));
  const status = await rollout.status();
  expect(status.filter((row) => row.applied > 0).map((row) => row.step)).toContain('1.7');
  for (const step of phase.steps) expect(await rollout.verify(step.id, signal)).toMatchObject({ failed: 0 });
  for (const step of [...phase.steps].reverse()) {
    const back = await rollout.rollback(step.id, signal);
    expect(back.differences).toEqual([]);
  }
  expect(differences(start, await at.executor.fingerprint())).toEqual([]);
  expect(await rowChecksums(at)).toEqual(rows);
});

test('a table whose name holds a statement runs none', async () => {
  await makeDatabase(server, 'tiny', 'hostile');
  await using at = await makeTarget(server, 'hostile', settingsOf('tiny'));
  const name = 'n\ndrop table public.contacts; --';
  await at.sql(
    `create table "${name}" (id uuid primary key default gen_random_uuid(), tenant_id uuid references organizations)`,
  );
  await at.sql(await pasteScript(at.rollout(phase.steps), { psql: false }, signal));
  expect(await at.sql(`select to_regclass('public.contacts') is not null as there`)).toEqual([{ there: true }]);
  expect(await at.sql(`select count(*)::int as n from pg_class where relname = $1`, [name])).toEqual([{ n: 1 }]);
});

test('a decision that nobody gave is asked for, and no script is written', async () => {
  await makeDatabase(server, 'tiny', 'undecided');
  await using at = await makeTarget(server, 'undecided');
  await expect(pasteScript(at.rollout(phase.steps), { psql: false }, signal)).rejects.toThrow(/needs a decision/);
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
  await expect(pasteRollback(rollout)).rejects.toThrow('which a script cannot tell');
});
