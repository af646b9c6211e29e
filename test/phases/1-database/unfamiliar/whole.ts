import { phase } from '../../../../phases/1-database/phase.ts';
import type { EmbeddedServer } from '../../../../src/demo/server.ts';
import { RolloutError } from '../../../../src/rollout/errors.ts';
import { differences } from '../../../../src/rollout/fingerprint.ts';
import { rowChecksums } from '../../../helpers/round-trip.ts';
import { type App, makeApp } from '../sign-up/schemas.ts';

export type Whole = {
  /** The last step that was applied and verified: 1.7 where all went well, null where nothing was changed. */
  readonly reached: string | null;
  /** Everything that was refused or failed, with what to do about it. */
  readonly said: string;
  readonly notes: string;
  /** What differs after all of it was rolled back. */
  readonly left: readonly string[];
};

/** Runs phase 1 on an app with these settings, looks at it while it stands, and rolls all of it back. */
export async function whole(
  server: EmbeddedServer,
  sql: string,
  settings: Readonly<Record<string, unknown>> = {},
  look?: (app: App) => Promise<void>,
): Promise<Whole> {
  await using app = await makeApp(server, sql, settings);
  const { at } = app;
  const { signal } = new AbortController();
  const start = await at.executor.fingerprint();
  const rows = await rowChecksums(at);
  const rollout = at.rollout([phase]);
  const said: string[] = [];
  const notes: string[] = [];
  rollout.listen((event) => {
    if (event.type === 'planned') {
      notes.push(...event.plan.notes.map((one) => `${one.text} ${one.detail ?? ''}`));
      said.push(...event.plan.blockers.map((one) => `${one.problem} ${one.remedy} ${one.detail ?? ''}`));
    }
    if (event.type === 'check' && event.result.verdict === 'failed')
      said.push(`${event.result.id}: ${event.result.title}: ${event.result.observed} ${event.result.advice ?? ''}`);
  });
  let reached: string | null = null;
  for (const { id } of phase.steps) {
    try {
      await rollout.apply(id, signal);
      const verified = await rollout.verify(id, signal);
      if (verified.failed > 0) break;
      reached = id;
    } catch (error) {
      if (!(error instanceof RolloutError)) throw error;
      said.push(`${error.problem} ${error.remedy} ${error.detail ?? ''}`);
      break;
    }
  }
  await look?.(app);
  const left: string[] = [];
  for (const step of [...phase.steps].reverse()) {
    const back = await rollout.rollback(step.id, signal);
    left.push(...back.differences.map((one) => `${step.id}: ${one}`));
  }
  left.push(...differences(start, await at.executor.fingerprint()));
  // What `look` did stays, as what users do does.
  if (look === undefined) {
    const after = await rowChecksums(at);
    left.push(...Object.keys(rows).filter((name) => rows[name] !== after[name]));
  }
  return { reached, said: said.join('\n'), notes: notes.join('\n'), left };
}
