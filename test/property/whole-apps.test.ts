import fc from 'fast-check';
import { afterAll, beforeAll, test } from 'vitest';
import { tell } from '../helpers/cli.ts';
import { full, seed } from '../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { wholeOf } from './whole-app-run.ts';
import { sqlOf, wholeApps } from './whole-apps.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

const rounds = new Map<number, number>();

test(
  'whatever the app: phase 1 is verified with decisions alone, refuses before the first change until they are given, and leaves nothing behind',
  async () => {
    const outcome = await fc.check(
      fc.asyncProperty(wholeApps, async (app) => {
        const round = await wholeOf(server, app);
        rounds.set(round, (rounds.get(round) ?? 0) + 1);
      }),
      {
        seed,
        numRuns: Number(process.env.RUNS ?? (full ? 300 : 2)),
        endOnFailure: !full,
        ...(process.env.FC_PATH === undefined ? {} : { path: process.env.FC_PATH }),
      },
    );
    tell(`whole apps: ${outcome.numRuns} tried, SEED=${seed}, verified in round ${JSON.stringify([...rounds])}`);
    if (outcome.failed && outcome.counterexample !== null) {
      const error = outcome.errorInstance;
      throw new Error(
        `SEED=${seed} FC_PATH=${outcome.counterexamplePath}\n${sqlOf(outcome.counterexample[0])}\n\n${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  },
  full ? 7_200_000 : 300_000,
);
