import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { phase } from '../../phases/1-database/phase.ts';
import { fingerprint } from '../../src/database/fingerprint.ts';
import { differences } from '../../src/rollout/fingerprint.ts';
import type { Fingerprint } from '../../src/rollout/journal.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import type { StepId } from '../../src/rollout/step.ts';
import { buildCli, type Cli, tell } from '../helpers/cli.ts';
import { type FixtureName, flagsOf, makeDatabase, ownApps, settingsOf } from '../helpers/databases.ts';
import { rowChecksumsOf } from '../helpers/row-checksums.ts';
import { full, inCi, inParallel, sample, seed, seededRandom } from '../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { makeTarget } from '../helpers/target.ts';

/**
 * kill -9 at the journal's boundaries (see kill-hook.ts) of a fixture's rollout and of its rollback. From the database
 * that each kill leaves, and from a copy of it, both ways must still be open: going on to the same end that an
 * undisturbed run has, and going back to exactly the start.
 *
 * A seeded sample (SEED) in CI, of half of the steps, all of it through the command line. FULL=1 takes every state that a kill can leave on the
 * server: what is killed after one boundary and before the next leaves the same, and what is killed while an answer is
 * awaited leaves one of the two, so that the boundaries `after` are all of them; of those without an answer every tenth
 * is tried too. Its second half then goes through the same runner in this process, which saves hours of start-ups; that
 * the end is the verified one is told by its catalog and rows.
 */
const named = ['clinic', ...ownApps] as const satisfies readonly FixtureName[];
/** The clinic with FULL=1, else the agency, whose run is a tenth as long; `FIXTURE=guarded` takes another one. */
const fixture = named.find((one) => one === process.env.FIXTURE) ?? (full ? 'clinic' : 'agency');
const steps = ['1.2', '1.3', '1.4', '1.5', '1.6', '1.7'] as const;
/** In these it is killed. */
const tried: readonly StepId[] = inCi(steps, 3);
const sampleSize = 4;

type State = { readonly catalog: Fingerprint; readonly rows: Readonly<Record<string, string>> };
type Direction = 'apply' | 'rollback';
/** `number` counts all boundaries of a run, `nth` those of the same name; both from 1. */
type Point = {
  readonly step: StepId;
  readonly direction: Direction;
  readonly number: number;
  readonly name: string;
  readonly nth: number;
};

let server: EmbeddedServer;
let cli: Cli;
let hook: string;
const before = new Map<string, State>();
const after = new Map<string, State>();
const points: Point[] = [];

const args = (direction: Direction, step: string): readonly string[] =>
  direction === 'apply'
    ? ['--yes', '--to', step, ...flagsOf(fixture)]
    : ['rollback', '--yes', '--to', `1.${Number(step.slice(2)) - 1}`];

async function stateOf(database: string): Promise<State> {
  const client = new pg.Client({ connectionString: server.url(database) });
  await client.connect();
  try {
    return { catalog: await fingerprint(client), rows: await rowChecksumsOf(client) };
  } finally {
    await client.end();
  }
}

/** Waits until the sessions of a killed process are gone; what they were doing, the server does to its end. */
async function idle(database: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.adminUrl() });
  await client.connect();
  try {
    await expect
      .poll(
        async () => (await client.query('select 1 from pg_stat_activity where datname = $1', [database])).rows.length,
        { timeout: 30_000, interval: 20 },
      )
      .toBe(0);
  } finally {
    await client.end();
  }
}

async function succeed(direction: Direction, step: string, database: string): Promise<void> {
  const result = await cli.run(args(direction, step), { url: server.url(database) });
  expect(result.code, `${args(direction, step).join(' ')}\n${result.stdout}\n${result.stderr}`).toBe(0);
}

/** Runs one direction undisturbed and returns its boundaries. */
async function count(direction: Direction, step: string, database: string): Promise<readonly string[]> {
  const file = join(cli.folder('points'), `${direction}-${step}`);
  writeFileSync(file, '');
  const result = await cli.run(args(direction, step), {
    url: server.url(database),
    node: ['--import', hook],
    env: { KILL_POINTS: file },
  });
  expect(result.code, `${result.stdout}\n${result.stderr}`).toBe(0);
  // A step that has nothing to do meets none.
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

beforeAll(
  async () => {
    cli = await buildCli();
    hook = join(cli.folder('hook'), 'kill-hook.mjs');
    const source = readFileSync(join(import.meta.dirname, 'kill-hook.ts'), 'utf8');
    writeFileSync(hook, transformSync(source, { loader: 'ts', format: 'esm' }).code);
    server = await startServer();
    await makeDatabase(server, fixture, 'before_1_2');
    for (const step of steps) {
      const [from, to] = [`before_${step.replace('.', '_')}`, `after_${step.replace('.', '_')}`];
      const next = `before_1_${Number(step.slice(2)) + 1}`;
      await server.createDatabase(to, from);
      if (!tried.includes(step)) {
        await succeed('apply', step, to);
        await server.createDatabase(next, to);
        continue;
      }
      before.set(step, await stateOf(from));
      const applied = await count('apply', step, to);
      after.set(step, await stateOf(to));
      await server.createDatabase('back', to);
      const reverted = await count('rollback', step, 'back');
      expect(differences(before.get(step)?.catalog ?? {}, (await stateOf('back')).catalog)).toEqual([]);
      await server.dropDatabase('back');
      for (const [direction, names] of [
        ['apply', applied],
        ['rollback', reverted],
      ] as const) {
        const met = new Map<string, number>();
        for (const [index, name] of names.entries()) {
          met.set(name, (met.get(name) ?? 0) + 1);
          points.push({ step, direction, number: index + 1, name, nth: met.get(name) ?? 1 });
        }
      }
      await server.createDatabase(next, to);
    }
  },
  full ? 1_800_000 : 180_000,
);
afterAll(async () => {
  await server?.stop();
  await cli?.[Symbol.asyncDispose]();
});

/** The two ways on from what a kill left. */
type Ways = {
  readonly finish: (database: string) => Promise<void>;
  readonly back: (database: string) => Promise<void>;
};

const waysOfCli = (step: string): Ways => ({
  finish: (database) => succeed('apply', step, database),
  back: (database) => succeed('rollback', step, database),
});

const waysInProcess = (step: StepId): Ways => {
  const within = async (database: string, work: (rollout: Rollout) => Promise<unknown>): Promise<void> => {
    await using at = await makeTarget(server, database, settingsOf(fixture));
    await work(at.rollout([phase]));
  };
  const { signal } = new AbortController();
  return {
    finish: (database) =>
      within(database, async (rollout) => {
        for (const earlier of await rollout.status()) {
          if (earlier.step === step) break;
          if (earlier.state === 'verified') continue;
          await rollout.apply(earlier.step, signal);
          await rollout.verify(earlier.step, signal);
        }
        await rollout.apply(step, signal);
      }),
    back: (database) =>
      within(database, async (rollout) => {
        const { proven, differences: left, stayed } = await rollout.rollback(step, signal);
        // A kill before the first change leaves nothing to prove.
        expect({ left, stayed }).toEqual({ left: [], stayed: [] });
        if (!proven) expect((await rollout.rollbackPlan(step)).entries).toEqual([]);
      }),
  };
};

/** Kills at one boundary, then goes both ways. Returns what is wrong, null when nothing is. */
async function kill(point: Point, database: string, ways: Ways): Promise<string | null> {
  const { step, direction } = point;
  const from = `${direction === 'apply' ? 'before' : 'after'}_${step.replace('.', '_')}`;
  const copy = `${database}_copy`;
  await server.createDatabase(database, from);
  try {
    // Two runs meet a name a different number of times (a test that gave way begins again); the first is met in both.
    for (const nth of new Set([point.nth, 1])) {
      const killed = await cli.run(args(direction, step), {
        url: server.url(database),
        node: ['--import', hook],
        env: { KILL_AT: point.name, KILL_NTH: String(nth) },
      });
      if (killed.signal === 'SIGKILL') break;
      expect(nth, `not met: ${point.name}\n${killed.stdout}`).toBeGreaterThan(1);
      await server.dropDatabase(database);
      await server.createDatabase(database, from);
    }
    await idle(database);
    await server.createDatabase(copy, database);

    await ways.finish(database);
    expect(differences(after.get(step)?.catalog ?? {}, (await stateOf(database)).catalog).join('\n')).toBe('');
    for (const one of [copy, database]) {
      await ways.back(one);
      const now = await stateOf(one);
      expect(differences(before.get(step)?.catalog ?? {}, now.catalog).join('\n')).toBe('');
      expect(differences(before.get(step)?.rows ?? {}, now.rows).join('\n')).toBe('');
    }
    return null;
  } catch (error) {
    return `${step} ${direction} #${point.number} ${point.name}: ${error instanceof Error ? error.message : error}`;
  } finally {
    await server.dropDatabase(database);
    await server.dropDatabase(copy);
  }
}

/** Every state that a kill can leave, once; and some of the kills that may leave either of two. */
const statesOf = (all: readonly Point[]): readonly Point[] => {
  let unanswered = seed;
  return all.filter(
    ({ number, name }) =>
      number === 1 || name.startsWith('after ') || (name.startsWith('unanswered ') && unanswered++ % 10 === 0),
  );
};

/** Boundaries of one kind differ only in the object: `1.7 apply: before commit policy`. */
const kindOf = (point: Point): string =>
  `${point.step} ${point.direction}: ${point.name
    .replace(/ ?(?:public|auth|voxanne_rollout)\b.*/, '')
    .replace(/ \d+$/, '')
    .replace(/ (?:if exists|concurrently) .*/, '')}`;

test(
  'a rollout or rollback that is killed at a boundary of the journal can be finished and can be taken back',
  async () => {
    const kinds = new Map<string, Point[]>();
    for (const point of points) kinds.set(kindOf(point), [...(kinds.get(kindOf(point)) ?? []), point]);
    const random = seededRandom(seed);
    const chosen = full
      ? statesOf(points)
      : sample([...kinds.values()], sampleSize, random).flatMap((ofOneKind) => sample(ofOneKind, 1, random));
    tell(
      `kill -9: ${points.length} boundaries of ${kinds.size} kinds (${points.filter((one) => one.direction === 'apply').length} in the rollout, ${points.filter((one) => one.direction === 'rollback').length} in the rollback); ${chosen.length} tried, SEED=${seed}`,
    );
    if (full) for (const [kind, list] of kinds) tell(`  ${String(list.length).padStart(5)} ${kind}`);
    const wrong = await inParallel(2, chosen, async (point, index) => {
      if (full && index % 100 === 99) tell(`kill -9: ${index + 1} of ${chosen.length} begun`);
      const ways = full ? waysInProcess(point.step) : waysOfCli(point.step);
      const wrong = await kill(point, `killed_${index}`, ways);
      if (full && wrong !== null) tell(wrong);
      return wrong;
    });
    expect(wrong.filter((one) => one !== null)).toEqual([]);
  },
  full ? 12 * 3_600_000 : 300_000,
);
