import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { phase } from '../../../phases/1-database/phase.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../../src/demo/server.ts';
import { differences } from '../../../src/rollout/fingerprint.ts';
import { roundTrip, rowChecksums } from '../../helpers/round-trip.ts';
import { makeTarget } from '../../helpers/target.ts';

const decisions = {
  orphans: 'own-organization',
  ambiguousMemberships: 'owned',
  wrongForeignKeys: 'repair',
  revokeExecute: true,
};

const databases = {
  tiny: { decisions },
  clinic: { decisions },
  zoo: { decisions, exclude: ['public."Billing Accounts"'] },
} as const;

const zoo = readFileSync(new URL('../../fixtures/databases/zoo.sql', import.meta.url), 'utf8');

async function make(server: EmbeddedServer, name: keyof typeof databases, as: string): Promise<void> {
  await loadDatabase(server, name === 'zoo' ? 'base' : name, as);
  if (name !== 'zoo') return;
  const client = new pg.Client({ connectionString: server.url(as) });
  await client.connect();
  await client.query(zoo);
  await client.end();
}

describe.each([15, 17] as const)('PostgreSQL %i', (version) => {
  let server: EmbeddedServer;
  beforeAll(async () => {
    server = await startServer({ version });
  });
  afterAll(() => server.stop());

  describe.each(Object.keys(databases) as (keyof typeof databases)[])('%s', (name) => {
    test('every step of phase 1: preview, apply, check, nothing twice, back, again; then all of it back', async () => {
      await make(server, name, `trip_${name}`);
      await using at = await makeTarget(server, `trip_${name}`, databases[name]);
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
});
