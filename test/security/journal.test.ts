import { afterAll, beforeAll, expect, test } from 'vitest';
import { phase } from '../../phases/1-database/phase.ts';
import { makeDatabase, settingsOf } from '../helpers/databases.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { makeTarget } from '../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
  await makeDatabase(server, 'tiny', 'rolled_out');
  await using at = await makeTarget(server, 'rolled_out', settingsOf('tiny'));
  const rollout = at.rollout(phase.steps);
  const { signal } = new AbortController();
  for (const step of phase.steps) {
    await rollout.apply(step.id, signal);
    await rollout.verify(step.id, signal);
  }
});
afterAll(() => server.stop());

/** A copy of the rolled-out database whose journal somebody edited, and what a rollback of the last step says. */
async function rollbackAfter(name: string, edit: string): Promise<unknown> {
  await server.createDatabase(name, 'rolled_out');
  await using at = await makeTarget(server, name, settingsOf('tiny'));
  await at.sql(edit);
  const rollout = at.rollout(phase.steps);
  return await rollout.rollback('1.7', new AbortController().signal).then(
    (result) => result,
    (error: unknown) => error,
  );
}

const changed = 'The journal in schema voxanne_rollout was changed outside this tool.';

test.each([
  ['a step was set to reverted', `update voxanne_rollout.entries set state = 'reverted' where step = '1.7'`],
  ['one row was set to reverted', `update voxanne_rollout.entries set state = 'reverted' where seq = 3`],
  ['rows were deleted', `delete from voxanne_rollout.entries where step = '1.7'`],
  [
    'a row and its link were deleted',
    `delete from voxanne_rollout.links where n = 2; delete from voxanne_rollout.entries where seq = 2`,
  ],
  [
    'a state was set with a link of its own',
    `update voxanne_rollout.entries set state = 'reverted' where seq = 3;
     insert into voxanne_rollout.links (entry, state, hash) select id, 'reverted', md5('x') from voxanne_rollout.entries where seq = 3`,
  ],
])('%s: nothing is rolled back, and it is said', async (name, edit) => {
  const said = await rollbackAfter(`edited_${name.replaceAll(' ', '_').slice(0, 40)}`, edit);
  expect(said).toMatchObject({ problem: changed });
});

test('the journal was dropped: a rollout that no journal describes is there', async () => {
  const said = await rollbackAfter('dropped', 'drop schema voxanne_rollout cascade');
  expect(said).toMatchObject({ problem: expect.stringContaining('carries a rollout that no journal describes') });
});

test('a journal that nobody touched is rolled back and proven', async () => {
  expect(await rollbackAfter('untouched', 'select 1')).toMatchObject({ proven: true });
});

test('the whole journal was put back to an earlier day: the workspace remembers more', async () => {
  await server.createDatabase('earlier', 'rolled_out');
  await using at = await makeTarget(server, 'earlier', settingsOf('tiny'));
  const head = await at.executor.head();
  await at.sql(`delete from voxanne_rollout.kept; delete from voxanne_rollout.links where n > 5;
    delete from voxanne_rollout.entries e where not exists (select from voxanne_rollout.links l where l.entry = e.id)`);
  expect(await at.executor.suspicion(head === null ? [] : [head])).toContain('that the database no longer holds');
});
