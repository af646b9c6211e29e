import pg from 'pg';
import { expect } from 'vitest';
import { phase } from '../../phases/1-database/phase.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import type { EmbeddedServer } from '../../src/demo/server.ts';
import type { Answer } from '../../src/rollout/decision.ts';
import { RolloutError } from '../../src/rollout/errors.ts';
import { differences } from '../../src/rollout/fingerprint.ts';
import { rowChecksums } from '../helpers/round-trip.ts';
import { makeTarget, type TestTarget } from '../helpers/target.ts';
import { belongsTo, doorsOf, sqlOf, type WholeApp } from './whole-apps.ts';

let made = 0;

type Settings = {
  names: Record<string, string>;
  decisions: Record<string, unknown>;
  signUp: { values: Record<string, Record<string, string>> };
};

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
  for (const text of said) {
    for (const [, json = ''] of text.matchAll(/"signUp": (\{"values": \{".*?": \{.*?\}\}\})/g)) {
      const { values } = JSON.parse(json) as Settings['signUp'];
      for (const [table, columns] of Object.entries(values))
        settings.signUp.values[table] = { ...columns, ...settings.signUp.values[table] };
    }
    // A name is no decision: the operator types the one that the question offers.
    const [, setting, name] = /--(organizations|profiles|memberships) (.+?), or names\./.exec(text) ?? [];
    if (setting !== undefined && name !== undefined) settings.names[setting] ??= name.replace(/^'(.*)'$/, '$1');
  }
  return JSON.stringify(settings) !== before;
}

const user = (n: 1 | 2): string => `b0000000-0000-4000-8000-00000000000${n}`;

/** What a user reaches, by hand-written rules alone: relation, deed and the text of the row. */
type Reach = ReadonlySet<string>;

/** Reads and writes every door as a user with the token that they would get now, or as nobody. */
async function reachOf(at: TestTarget, app: WholeApp, who: 1 | 2 | 'anon'): Promise<Reach> {
  const [token] =
    who === 'anon'
      ? []
      : await at.sql<{ meta: unknown }>('select raw_app_meta_data as meta from auth.users where id = $1', [user(who)]);
  const ask = async (deed: string, relation: string, sql: string): Promise<readonly string[]> => {
    try {
      const rows =
        who === 'anon'
          ? await at.as<{ body: string }>('anon', {}, sql)
          : await at.as<{ body: string }>('authenticated', { sub: user(who), app_metadata: token?.meta ?? {} }, sql);
      return rows.map((one) => `${deed} ${relation}: ${one.body}`);
    } catch (error) {
      // What is refused is not reached; anything else is a fault of the app or of the rollout.
      return error instanceof Error && 'code' in error && error.code === '42501'
        ? []
        : [`error ${deed} ${relation}: ${String(error)}`];
    }
  };
  const reached = new Set<string>();
  for (const { relation, writes } of doorsOf(app)) {
    const said = [
      ...(await ask('read', relation, `select body from ${relation}`)),
      ...(writes ? await ask('update', relation, `update ${relation} set body = body returning body`) : []),
      ...(writes ? await ask('delete', relation, `delete from ${relation} returning body`) : []),
    ];
    for (const one of said) reached.add(one);
  }
  return reached;
}

type Everybody = { readonly 1: Reach; readonly 2: Reach; readonly anon: Reach; readonly newcomer: string };

/** Somebody signs up and reads, and all of it is rolled back: what of the two organizations they see, or why they cannot. */
async function signsUp(at: TestTarget, app: WholeApp): Promise<string> {
  const id = 'b0000000-0000-4000-8000-000000000077';
  await at.sql('begin');
  try {
    await at.sql(
      `insert into auth.users (id, email, raw_app_meta_data, raw_user_meta_data) values ('${id}', 'new@example.com', '{"provider": "email"}', '{"full_name": "N"}')`,
    );
    const [made] = await at.sql<{ meta: unknown }>('select raw_app_meta_data as meta from auth.users where id = $1', [
      id,
    ]);
    await at.sql(`select set_config('request.jwt.claims', $1, true)`, [
      JSON.stringify({ role: 'authenticated', sub: id, app_metadata: made?.meta ?? {} }),
    ]);
    await at.sql('set local role authenticated');
    const seen: string[] = [];
    for (const { relation } of doorsOf(app)) {
      await at.sql('savepoint door');
      const rows = await at.sql<{ body: string }>(`select body from ${relation}`).catch(() => []);
      await at.sql('rollback to door');
      seen.push(...rows.filter((one) => /^[ab12]/.test(one.body)).map((one) => `${relation}: ${one.body}`));
    }
    return `in: ${[...new Set(seen)].join(', ')}`;
  } catch (error) {
    return `out: ${String(error)} ${error instanceof pg.DatabaseError ? (error.where ?? '') : ''}`;
  } finally {
    await at.sql('rollback');
  }
}

const everybody = async (at: TestTarget, app: WholeApp): Promise<Everybody> => ({
  1: await reachOf(at, app, 1),
  2: await reachOf(at, app, 2),
  anon: await reachOf(at, app, 'anon'),
  newcomer: await signsUp(at, app),
});

/** Nobody reaches what is not theirs, and everybody goes on to reach what is: of several organizations at least the one that is open. */
function expectOwn(app: WholeApp, before: Everybody, after: Everybody, settings: Settings): void {
  const one =
    app.sees === 'open' || settings.decisions.isolation === 'one' || settings.decisions.isolation === 'active';
  const bodyOf = (reached: string): string => reached.slice(reached.lastIndexOf(': ') + 2);
  for (const n of [1, 2] as const) {
    const orgs: readonly string[] = belongsTo(app, n).map((org) => (org === 1 ? 'a' : 'b'));
    const whose = (reached: string): string => bodyOf(reached).charAt(0);
    const theirs = (reached: string): boolean => ['p', String(n), ...orgs].includes(whose(reached));
    const others = (reached: string): boolean => ['a', 'b', '1', '2'].includes(whose(reached)) && !theirs(reached);
    // A row of one's own in an organization may be a colleague's to see as well.
    const colleagues = (reached: string): boolean => ['1', '2'].includes(whose(reached)) && orgs.length > 1;
    // What names a user alone and everybody could read, colleagues read on.
    const shown = (reached: string): boolean => app.several && /^read .*\bbadges"?: [12]/.test(reached);
    const faults = [...after[n]].filter((reached) => reached.startsWith('error') && !before[n].has(reached));
    expect(faults, `new errors: user ${n}`).toEqual([]);
    expect(
      [...after[n]].filter((reached) => others(reached) && !colleagues(reached) && !shown(reached)),
      `leak: user ${n}`,
    ).toEqual([]);
    const had = [...before[n]].filter(theirs);
    if (one) {
      const doors = (from: readonly string[]): readonly string[] => [
        ...new Set(from.map((reached) => reached.slice(0, reached.lastIndexOf(': ')))),
      ];
      expect(doors([...after[n]].filter(theirs)), `lockout: user ${n}`).toEqual(
        expect.arrayContaining([...doors(had)]),
      );
    } else expect([...after[n]], `lockout: user ${n}`).toEqual(expect.arrayContaining(had));
  }
  expect(
    [...after.anon].filter((reached) => /^[ab12]/.test(bodyOf(reached))),
    'leak: without signing in',
  ).toEqual([]);
  if (before.newcomer.startsWith('in')) expect(after.newcomer, 'sign-up').toBe('in: ');
  const accepted = (settings.decisions.acceptAccess as string[] | undefined) ?? [];
  expect(accepted.filter((check) => check.includes('.things'))).toEqual([]);
}

/** Made as the platform lets `postgres` make it; what only its superuser may is in the text. */
async function make(server: EmbeddedServer, name: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.adminUrl(name) });
  await client.connect();
  try {
    await client.query(`set role postgres; ${sql}`);
  } finally {
    await client.end();
  }
}

/** To 1.7 with decisions alone, refused in 1.1 before anything changes until they are given, and back to what was there. */
export async function wholeOf(server: EmbeddedServer, app: WholeApp): Promise<number> {
  const name = `whole_${++made}`;
  await loadDatabase(server, 'base', name);
  const settings: Settings = { names: {}, decisions: {}, signUp: { values: {} } };
  try {
    for (let round = 1; ; round += 1) {
      await using at = await makeTarget(server, name, settings);
      if (round === 1) await make(server, name, sqlOf(app));
      const start = await at.executor.fingerprint();
      const rows = await rowChecksums(at);
      const before = await everybody(at, app);
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
        expectOwn(app, before, await everybody(at, app), settings);
        for (const { id } of [...phase.steps].reverse())
          expect((await rollout.rollback(id, signal)).differences, id).toEqual([]);
        expect(differences(start, await at.executor.fingerprint())).toEqual([]);
        expect(differences(rows, await rowChecksums(at))).toEqual([]);
        return round;
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
