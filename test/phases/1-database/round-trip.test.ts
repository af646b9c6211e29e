import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { phase } from '../../../phases/1-database/phase.ts';
import { differences } from '../../../src/rollout/fingerprint.ts';
import { type FixtureName, makeDatabase, type OwnApp, ownApps, settingsOf } from '../../helpers/databases.ts';
import { expectationOf, expectRights, expectRightsBack } from '../../helpers/oracles.ts';
import { roundTrip, rowChecksums } from '../../helpers/round-trip.ts';
import { full, inCi } from '../../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget } from '../../helpers/target.ts';
import { livesOn } from './own-apps.ts';

/** Each on one version, so that either has small and large ones; all on both with FULL=1. */
const databasesOf: Readonly<Record<15 | 17, readonly FixtureName[]>> = {
  15: full ? ['tiny', 'clinic', 'zoo', ...ownApps] : ['clinic', 'switcher'],
  17: full ? ['tiny', 'clinic', 'zoo', ...ownApps] : ['tiny', 'zoo', 'agency', 'guarded'],
};

/** What the summary of 1.7 says of the doors that nobody could try: they need what only a person has. */
const notTried: Readonly<Record<OwnApp, RegExp>> = {
  agency: /^doors tried: \d+, not tried: 1 \(public\.accept_invitation\(text\): /,
  switcher: /^doors tried: \d+, not tried: 0$/,
  guarded: /^doors tried: \d+, not tried: 1 \(public\.public_page\(uuid,text\): /,
};

/** Of the apps of their own one takes every step back and forth (SEED says which); the others go there and back once. */
const tripped: ReadonlySet<OwnApp> = new Set(inCi(ownApps, 1));

/** Of that one, and of the largest database, these steps; tiny and zoo take all of them. */
const there: ReadonlySet<string> = new Set(
  inCi(
    phase.steps.slice(1).map((one) => one.id),
    2,
  ),
);

const ownApp = (name: FixtureName): OwnApp | null => ownApps.find((one) => one === name) ?? null;

describe.each([15, 17] as const)('PostgreSQL %i', (version) => {
  let server: EmbeddedServer;
  beforeAll(async () => {
    server = await startServer({ version });
  });
  afterAll(() => server.stop());

  describe.each(databasesOf[version])('%s', (name) => {
    test('every step of phase 1: preview, apply, check, nothing twice, back, again; then all of it back', async () => {
      const database = `trip_${name}`;
      await makeDatabase(server, name, database);
      const app = ownApp(name);
      const expected = app === null ? null : await expectationOf(server, database, app);
      await using at = await makeTarget(server, database, settingsOf(name));
      const start = await at.executor.fingerprint();
      const rows = await rowChecksums(at);
      const rollout = at.rollout([phase]);
      const said = new Map<string, string>();
      const untried = new Set<string>();
      rollout.listen((event) => {
        if (event.type !== 'check') return;
        said.set(event.result.id, event.result.observed);
        if (event.result.verdict === 'skipped') untried.add(event.result.id);
      });
      for (const step of phase.steps) {
        const trips = app === null ? name !== 'clinic' || there.has(step.id) : tripped.has(app) && there.has(step.id);
        if (step.id === '1.1' || !trips) await rollout.apply(step.id, new AbortController().signal);
        else await roundTrip(at, rollout, step.id);
        const verified = await rollout.verify(step.id, new AbortController().signal);
        expect(verified.failed).toBe(0);
      }
      if (name === 'clinic') expect([...untried]).toEqual([]);
      if (app !== null) expect(said.get('1.7/doors')).toMatch(notTried[app]);
      if (app !== null && expected !== null) {
        await expectRights(server, database, app, expected);
        await livesOn(server, database, app);
      }
      for (const step of [...phase.steps].reverse()) {
        const result = await rollout.rollback(step.id, new AbortController().signal);
        expect(result.differences, step.id).toEqual([]);
        expect(result.stayed, step.id).toEqual([]);
      }
      expect(differences(start, await at.executor.fingerprint())).toEqual([]);
      expect(await rowChecksums(at)).toEqual(rows);
      if (app !== null && expected !== null) await expectRightsBack(server, database, app, expected);
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
