import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { phase } from '../../phases/1-database/phase.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../src/demo/server.ts';
import type { Answer } from '../../src/rollout/decision.ts';
import { RolloutError } from '../../src/rollout/errors.ts';
import { differences } from '../../src/rollout/fingerprint.ts';
import { tell } from '../helpers/cli.ts';
import { rowChecksums } from '../helpers/round-trip.ts';
import { full, seed } from '../helpers/seeded.ts';
import { makeTarget, type TestTarget } from '../helpers/target.ts';
import { belongsTo, sqlOf, type WholeApp, wholeApps } from './whole-apps.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

let made = 0;
const rounds = new Map<number, number>();

type Settings = { decisions: Record<string, unknown>; signUp: { values: Record<string, Record<string, string>> } };

/** What an operator adds who takes the first answer of every question, and the value that a refusal shows. */
function decide(settings: Settings, answers: readonly Answer[], said: readonly string[]): boolean {
  const before = JSON.stringify(settings);
  const first = new Map<string, Answer['value']>();
  for (const { setting, value } of answers) {
    const name = setting.replace('decisions.', '');
    if (name === 'revokeFunction' || (name === 'newUsers' && said.some((text) => text.includes('"signUp"')))) continue;
    if (Array.isArray(value)) {
      const present = (settings.decisions[name] as string[] | undefined) ?? [];
      settings.decisions[name] = [...new Set([...present, ...value])];
    } else if (!first.has(name)) first.set(name, value);
  }
  // What was answered before and is asked again is answered otherwise.
  for (const [name, value] of first) settings.decisions[name] = value;
  for (const text of said)
    for (const [, json = ''] of text.matchAll(/"signUp": (\{"values": \{"\w+": \{.*?\}\}\})/g)) {
      const { values } = JSON.parse(json) as Settings['signUp'];
      for (const [table, columns] of Object.entries(values))
        settings.signUp.values[table] = { ...columns, ...settings.signUp.values[table] };
    }
  return JSON.stringify(settings) !== before;
}

const user = (n: 1 | 2): string => `b0000000-0000-4000-8000-00000000000${n}`;

/** Bodies of rows that each of the two users reads, acting with the token that they would get now: `a` is of the first organization. */
async function readBy(at: TestTarget, app: WholeApp): Promise<Readonly<Record<1 | 2, string>>> {
  const of = async (n: 1 | 2): Promise<string> => {
    const [token] = await at.sql<{ meta: unknown }>('select raw_app_meta_data as meta from auth.users where id = $1', [
      user(n),
    ]);
    const all = Array.from({ length: app.app.tables }, (_, table) => `select body from public.things${table}`);
    const rows = await at.as<{ body: string }>(
      'authenticated',
      { sub: user(n), app_metadata: token?.meta ?? {} },
      `${all.join(' union ')} order by 1`,
    );
    return rows.map((one) => one.body).join('');
  };
  return { 1: await of(1), 2: await of(2) };
}

/** Nobody reads what is not theirs, and everybody goes on to read what is: of several organizations at least the one that is open. */
function expectOwn(
  app: WholeApp,
  before: Readonly<Record<1 | 2, string>>,
  after: Readonly<Record<1 | 2, string>>,
  settings: Settings,
): void {
  const one =
    app.sees === 'open' || settings.decisions.isolation === 'one' || settings.decisions.isolation === 'active';
  for (const n of [1, 2] as const) {
    const theirs: readonly string[] = belongsTo(app, n).map((org) => (org === 1 ? 'a' : 'b'));
    const had = [...before[n]].filter((body) => theirs.includes(body));
    const has = [...after[n]];
    expect(
      has.filter((body) => !theirs.includes(body)),
      `leak: user ${n}`,
    ).toEqual([]);
    if (one) expect(has.length > 0, `lockout: user ${n} reads none of ${had.join()}`).toBe(had.length > 0);
    else expect(has, `lockout: user ${n}`).toEqual(expect.arrayContaining(had));
  }
  const accepted = (settings.decisions.acceptAccess as string[] | undefined) ?? [];
  expect(accepted.filter((check) => check.includes('.things'))).toEqual([]);
}

/** To 1.7 with decisions alone, refused in 1.1 before anything changes until they are given, and back to what was there. */
async function wholeOf(app: WholeApp): Promise<void> {
  const name = `whole_${++made}`;
  await loadDatabase(server, 'base', name);
  const settings: Settings = { decisions: {}, signUp: { values: {} } };
  try {
    for (let round = 1; ; round += 1) {
      await using at = await makeTarget(server, name, settings);
      if (round === 1) await at.sql(sqlOf(app));
      const start = await at.executor.fingerprint();
      const rows = await rowChecksums(at);
      const before = await readBy(at, app);
      const { signal } = new AbortController();
      const rollout = at.rollout([phase]);
      const said: string[] = [];
      const answers: Answer[] = [];
      rollout.listen((event) => {
        if (event.type === 'planned')
          for (const one of event.plan.blockers) {
            said.push(`${one.problem} ${one.remedy} ${one.detail ?? ''}`);
            answers.push(...(one.answers ?? []));
          }
        if (event.type === 'check' && (event.result.verdict === 'failed' || event.result.matters === true)) {
          said.push(`${event.result.id}: ${event.result.observed} ${event.result.advice ?? ''}`);
          answers.push(...(event.result.answers ?? []));
        }
      });
      let reached = '1.0';
      for (const { id } of phase.steps) {
        try {
          await rollout.apply(id, signal);
          if ((await rollout.verify(id, signal)).failed > 0) break;
          reached = id;
        } catch (error) {
          if (!(error instanceof RolloutError)) throw error;
          said.push(`${error.problem} ${error.remedy} ${error.detail ?? ''}`);
          break;
        }
      }
      if (reached === '1.7') {
        rounds.set(round, (rounds.get(round) ?? 0) + 1);
        expectOwn(app, before, await readBy(at, app), settings);
        for (const { id } of [...phase.steps].reverse())
          expect((await rollout.rollback(id, signal)).differences, id).toEqual([]);
        expect(differences(start, await at.executor.fingerprint())).toEqual([]);
        expect(differences(rows, await rowChecksums(at))).toEqual([]);
        return;
      }
      const words = said.map((one) => one.slice(0, 900)).join('\n');
      expect(reached, `refused after 1.1, with changes live:\n${words}`).toBe('1.0');
      expect(differences(start, await at.executor.fingerprint())).toEqual([]);
      if (round > 7 || !decide(settings, answers, said))
        throw new Error(`no way on after ${round} rounds with ${JSON.stringify(settings)}:\n${words}`);
    }
  } finally {
    await server.dropDatabase(name);
  }
}

test(
  'whatever the app: phase 1 is verified with decisions alone, refuses before the first change until they are given, and leaves nothing behind',
  async () => {
    const outcome = await fc.check(fc.asyncProperty(wholeApps, wholeOf), {
      seed,
      numRuns: full ? 300 : 2,
      endOnFailure: !full,
      ...(process.env.FC_PATH === undefined ? {} : { path: process.env.FC_PATH }),
    });
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
