import pg from 'pg';
import { phase } from '../../phases/1-database/phase.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import type { EmbeddedServer } from '../../src/demo/server.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import { RolloutError } from '../../src/rollout/errors.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import type { StepId } from '../../src/rollout/step.ts';
import { makeTarget, type TestTarget } from './target.ts';

let made = 0;

/** A database of its own: what the platform makes, then `sql`, run by its superuser with `postgres` as owner. */
export async function appOf(
  server: EmbeddedServer,
  name: string,
  sql: string,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<TestTarget> {
  const database = `${name}_${++made}`;
  await loadDatabase(server, 'base', database);
  const client = new pg.Client({ connectionString: server.adminUrl(database) });
  await client.connect();
  try {
    await client.query('set role postgres');
    await client.query(sql);
  } finally {
    await client.end();
  }
  return makeTarget(server, database, settings);
}

/** How far phase 1 came, what was said of it, and every check. */
export type Way = {
  readonly rollout: Rollout;
  readonly stopped: StepId | null;
  readonly said: readonly string[];
  readonly checks: readonly CheckResult[];
};

/** Applies and verifies phase 1 as `--yes` does, up to the first thing that stops it. */
export async function throughPhaseOne(at: TestTarget): Promise<Way> {
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
  for (const step of phase.steps) {
    try {
      await rollout.apply(step.id, signal);
      if ((await rollout.verify(step.id, signal)).failed > 0) return { rollout, stopped: step.id, said, checks };
    } catch (error) {
      if (!(error instanceof RolloutError)) throw error;
      said.push(`error ${step.id}: ${error.problem} ${error.remedy} ${error.detail ?? ''}`);
      return { rollout, stopped: step.id, said, checks };
    }
  }
  return { rollout, stopped: null, said, checks };
}
