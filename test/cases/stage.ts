import { existsSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { phase } from '../../phases/1-database/phase.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import type { EmbeddedServer } from '../../src/demo/server.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import { RolloutError } from '../../src/rollout/errors.ts';
import type { StepId } from '../../src/rollout/step.ts';
import { makeTarget, type TestTarget } from '../helpers/target.ts';

const folder = new URL('../fixtures/cases/', import.meta.url);

/** How far phase 1 came on one case, and everything that was said on the way. */
export type Outcome = AsyncDisposable & {
  readonly at: TestTarget;
  /** The step that stopped, or null when 1.7 was verified. */
  readonly stopped: StepId | null;
  /** Notes, blockers, refusals, failed and skipped checks, a line each, in order. */
  readonly said: readonly string[];
  readonly checks: readonly CheckResult[];
  /** One value, asked as superuser in a transaction that is rolled back. */
  readonly ask: (...statements: readonly string[]) => Promise<unknown>;
  /** One value, asked as a signed-in user with this stamp, rolled back; the message where it fails. */
  readonly as: (user: string, organization: string | null, sql: string) => Promise<unknown>;
};

/** Loads a case as a database of its own: what only the platform may make, the schema as postgres, the rows. */
export async function loadCase(server: EmbeddedServer, name: string, database: string): Promise<void> {
  await loadDatabase(server, 'base', database);
  if (existsSync(new URL(`${name}/super.sql`, folder))) await run(server.adminUrl(database), read(`${name}/super.sql`));
  await run(server.url(database), read(`${name}/schema.sql`));
  await run(server.adminUrl(database), read(`${name}/seed.sql`));
}

/** Applies and verifies phase 1 as `--yes` does, with these settings, up to the first thing that stops it. */
export async function runCase(
  server: EmbeddedServer,
  name: string,
  settings: Readonly<Record<string, unknown>> = {},
  to: StepId = '1.7',
): Promise<Outcome> {
  const database = `case_${name.replaceAll('-', '_')}_${Math.random().toString(36).slice(2, 7)}`;
  await loadCase(server, name, database);
  const config = new URL(`${name}/config.json`, folder);
  const given = existsSync(config) ? JSON.parse(readFileSync(config, 'utf8')) : {};
  const at = await makeTarget(server, database, { ...given, ...settings });
  const rollout = at.rollout([phase]);
  const said: string[] = [];
  const checks: CheckResult[] = [];
  rollout.listen((event) => {
    if (event.type === 'planned') {
      for (const note of event.plan.notes) said.push(`note ${event.step}: ${note.text} ${note.detail ?? ''}`);
      for (const one of event.plan.blockers)
        said.push(`blocker ${event.step}: ${one.problem} ${one.remedy} ${one.detail ?? ''}`);
    }
    if (event.type !== 'check') return;
    checks.push(event.result);
    const { verdict, id, title, observed, advice = '' } = event.result;
    if (verdict !== 'passed') said.push(`${verdict} ${id}: ${title}: ${observed} ${advice}`);
  });
  const { signal } = new AbortController();
  let stopped: StepId | null = null;
  for (const step of phase.steps) {
    try {
      await rollout.apply(step.id, signal);
      if ((await rollout.verify(step.id, signal)).failed > 0) stopped = step.id;
    } catch (error) {
      if (!(error instanceof RolloutError)) throw error;
      said.push(`error ${step.id}: ${error.problem} ${error.remedy} ${error.detail ?? ''}`);
      stopped = step.id;
    }
    if (stopped !== null || step.id === to) break;
  }
  const side = new pg.Client({ connectionString: server.adminUrl(database) });
  await side.connect();
  const first = async (statements: readonly string[]): Promise<unknown> => {
    await side.query('begin');
    try {
      let value: unknown = null;
      for (const sql of statements) {
        const { rows } = await side.query<Record<string, unknown>>(sql);
        if (rows[0] !== undefined) value = Object.values(rows[0])[0];
      }
      return value;
    } catch (error) {
      return error instanceof Error ? `ERROR: ${error.message}` : String(error);
    } finally {
      await side.query('rollback');
    }
  };
  return {
    at,
    stopped,
    said,
    checks,
    ask: (...statements) => first(statements),
    as: (user, organization, sql) =>
      first([
        `select set_config('request.jwt.claims', ${pg.escapeLiteral(
          JSON.stringify({
            sub: user,
            role: 'authenticated',
            app_metadata: organization === null ? {} : { org_id: organization },
          }),
        )}, true)`,
        'set local role authenticated',
        sql,
      ]),
    [Symbol.asyncDispose]: async () => {
      await side.end();
      await at.close();
    },
  };
}

const read = (path: string): string => {
  const text = readFileSync(new URL(path, folder), 'utf8');
  return text.replace(/^\\ir \.\.\/(.*)$/gm, (_, file: string) => readFileSync(new URL(file, folder), 'utf8'));
};

/** Runs what psql would run: `\gexec`, and statements between the two settings of ON_ERROR_STOP that may fail. */
async function run(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const [index, part] of text.split(/^\\set ON_ERROR_STOP \w+$/m).entries()) {
      if (index % 2 === 0) await runPart(client, part);
      else await client.query(part).catch((error: Error) => error);
    }
  } finally {
    await client.end();
  }
}

async function runPart(client: pg.Client, text: string): Promise<void> {
  const lines = text.split('\n');
  const generated = lines.filter((line) => line.endsWith('\\gexec'));
  const rest = lines.filter((line) => !line.endsWith('\\gexec')).join('\n');
  for (const line of generated) {
    const { rows } = await client.query<Record<string, string>>(line.replace('\\gexec', ''));
    for (const row of rows) await client.query(Object.values(row)[0] ?? '');
  }
  if (rest.trim() !== '') await client.query(rest);
}
