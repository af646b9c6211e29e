import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { phase } from '../../phases/1-database/phase.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { RolloutError } from '../../src/rollout/errors.ts';
import { differences } from '../../src/rollout/fingerprint.ts';
import { tell } from '../helpers/cli.ts';
import { rowChecksums } from '../helpers/round-trip.ts';
import { full, seed } from '../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { makeTarget } from '../helpers/target.ts';
import { nameOfFunction, type Schema, schemas, sqlOf } from './schemas.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
  await loadDatabase(server, 'base', 'warm');
});
afterAll(() => server?.stop());

const runs = full ? 300 : 5;
const reached = new Map<string, number>();
let made = 0;

/** Applies phase 1 as far as it goes, takes it all back, and compares with the start. */
async function roundTripOf(schema: Schema): Promise<void> {
  const name = `random_${++made}`;
  await loadDatabase(server, 'base', name);
  try {
    await using at = await makeTarget(server, name, {
      decisions: {
        orphans: 'own-organization',
        trustProfiles: true,
        ambiguousMemberships: 'owned',
        wrongForeignKeys: 'repair',
        revokeExecute: true,
      },
    });
    await at.sql(sqlOf(schema));
    const start = await at.executor.fingerprint();
    const rows = await rowChecksums(at);
    const { signal } = new AbortController();
    const rollout = at.rollout([phase]);
    let end = 'the end';
    for (const { id } of phase.steps) {
      const { plan } = await rollout.plan(id);
      if (plan.blockers.length > 0) {
        // Refusing is right, if it says why and what to do, and nothing of the step was done.
        for (const one of plan.blockers) {
          expect(one.problem).toMatch(/\.$/);
          expect(one.remedy.length).toBeGreaterThan(10);
        }
        const before = await at.executor.fingerprint();
        await expect(rollout.apply(id, signal)).rejects.toThrow(RolloutError);
        expect(differences(before, await at.executor.fingerprint())).toEqual([]);
        end = `blocked at ${id}: ${plan.blockers[0]?.problem.replace(/\S*\.\S+/g, '…').slice(0, 60)}`;
        break;
      }
      await rollout.apply(id, signal);
      const failed: string[] = [];
      const stop = rollout.listen((event) => {
        if (event.type === 'check' && event.result.verdict === 'failed')
          failed.push(`${event.result.id}: ${event.result.observed}`);
      });
      await rollout.verify(id, signal);
      stop();
      // What runs with its owner's rights and returns every row is a leak that only its author can close: it must be found.
      const leaks = schema.functions.flatMap((one, index) =>
        one.definer ? [`public.${nameOfFunction(one, index)}`] : [],
      );
      // Before anything is live the first step says what a later one would be refused for; it is a decision by name.
      const foreseen = id === '1.1' ? failed.filter((line) => line.startsWith('1.1/foreseen/')) : [];
      if (foreseen.length > 0 && foreseen.length === failed.length) {
        expect(differences(start, await at.executor.fingerprint())).toEqual([]);
        end = `foreseen: ${foreseen[0]?.replace(/\S*\.\S+|"[^"]*"/g, '…').slice(0, 70)}`;
        break;
      }
      expect(failed.filter((line) => !leaks.some((name) => line.includes(`/${name}(`)))).toEqual([]);
      if (failed.length > 0) {
        end = 'a leaking function found';
        break;
      }
      expect((await rollout.plan(id)).plan.changes.map((one) => one.id)).toEqual([]);
    }
    reached.set(end, (reached.get(end) ?? 0) + 1);
    for (const { id } of [...phase.steps].reverse()) {
      const { differences: left, stayed } = await rollout.rollback(id, signal);
      expect([...left, ...stayed]).toEqual([]);
    }
    expect(differences(start, await at.executor.fingerprint())).toEqual([]);
    expect(differences(rows, await rowChecksums(at))).toEqual([]);
  } finally {
    await server.dropDatabase(name);
  }
}

test(
  'whatever the schema: phase 1 is applied or says what blocks it, and a rollback brings back every object and row',
  async () => {
    let running: Promise<void> = Promise.resolve();
    const property = fc.asyncProperty(schemas, (schema) => {
      running = roundTripOf(schema);
      return running;
    });
    const outcome = await fc.check(property, {
      seed,
      numRuns: runs,
      endOnFailure: false,
      interruptAfterTimeLimit: full ? 6 * 3_600_000 : 60_000,
      ...(process.env.FC_PATH === undefined ? {} : { path: process.env.FC_PATH }),
    });
    // A time limit leaves the last one under way.
    await running.catch(() => undefined);
    tell(`random schemas: ${outcome.numRuns} of ${runs} tried, SEED=${seed}`);
    for (const [end, times] of [...reached].sort((a, b) => b[1] - a[1])) tell(`  ${String(times).padStart(4)} ${end}`);
    if (outcome.failed && outcome.counterexample !== null) {
      const error = outcome.errorInstance;
      throw new Error(
        `SEED=${seed} FC_PATH=${outcome.counterexamplePath}, after ${outcome.numShrinks} reductions:\n${sqlOf(outcome.counterexample[0])}\n\n${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  },
  full ? 7 * 3_600_000 : 120_000,
);
