import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { phase } from '../../../phases/1-database/phase.ts';
import { type EmbeddedServer, startServer } from '../../../src/demo/server.ts';
import { differences } from '../../../src/rollout/fingerprint.ts';
import { type FixtureName, makeDatabase, settingsOf } from '../../helpers/databases.ts';
import { roundTrip, rowChecksums } from '../../helpers/round-trip.ts';
import { full } from '../../helpers/seeded.ts';
import { makeTarget } from '../../helpers/target.ts';

/** The two large ones take turns: one version each, both with FULL=1. */
const databasesOf: Readonly<Record<15 | 17, readonly FixtureName[]>> = {
  15: ['tiny', 'clinic', 'zoo'],
  17: full ? ['tiny', 'clinic', 'zoo'] : ['tiny', 'zoo'],
};

describe.each([15, 17] as const)('PostgreSQL %i', (version) => {
  let server: EmbeddedServer;
  beforeAll(async () => {
    server = await startServer({ version });
  });
  afterAll(() => server.stop());

  describe.each(databasesOf[version])('%s', (name) => {
    test('every step of phase 1: preview, apply, check, nothing twice, back, again; then all of it back', async () => {
      await makeDatabase(server, name, `trip_${name}`);
      await using at = await makeTarget(server, `trip_${name}`, settingsOf(name));
      const start = await at.executor.fingerprint();
      const rows = await rowChecksums(at);
      const rollout = at.rollout([phase]);
      for (const step of phase.steps) {
        if (step.id === '1.1') {
          await rollout.apply(step.id, new AbortController().signal);
          await rollout.verify(step.id, new AbortController().signal);
          continue;
        }
        await roundTrip(at, rollout, step.id);
        const verified = await rollout.verify(step.id, new AbortController().signal);
        expect(verified.failed).toBe(0);
      }
      for (const step of [...phase.steps].reverse()) {
        const result = await rollout.rollback(step.id, new AbortController().signal);
        expect(result.differences, step.id).toEqual([]);
        expect(result.stayed, step.id).toEqual([]);
      }
      expect(differences(start, await at.executor.fingerprint())).toEqual([]);
      expect(await rowChecksums(at)).toEqual(rows);
    });
  });

  test.runIf(full || version === 17)(
    'a database where all of it is done: every step is a no-op that verifies, and a rollback says that nothing tells what there was before',
    async () => {
      await makeDatabase(server, 'done', 'trip_done');
      await using at = await makeTarget(server, 'trip_done', settingsOf('done'));
      const start = await at.executor.fingerprint();
      const rows = await rowChecksums(at);
      const rollout = at.rollout([phase]);
      const { signal } = new AbortController();
      for (const step of phase.steps) {
        expect((await rollout.plan(step.id)).plan).toMatchObject({ changes: [], blockers: [] });
        expect(await rollout.apply(step.id, signal)).toBe(0);
        expect(await rollout.verify(step.id, signal)).toMatchObject({ failed: 0 });
      }
      for (const step of [...phase.steps].reverse()) {
        // Nobody can say what there was before: a rollback says so instead of "nothing to do".
        await expect(rollout.rollback(step.id, signal)).rejects.toThrow(/a rollout that no journal describes/);
      }
      expect(differences(start, await at.executor.fingerprint())).toEqual([]);
      expect(await rowChecksums(at)).toEqual(rows);
    },
  );
});
