import { type Drift, lookForDrift } from '../../phases/guard/drift.ts';
import { keptOf } from '../../phases/guard/kept.ts';
import { createDatabaseExecutor } from '../database/executor.ts';
import { RolloutError } from '../rollout/errors.ts';
import type { Opened } from './open.ts';

/** What no longer holds of the rollout on an open target; an error where nothing is rolled out, or the journal is not ours. */
export async function lookAtDatabase(
  { target, rollout, session, config }: Opened,
  signal: AbortSignal,
): Promise<Drift> {
  const suspicion = await rollout.suspicion();
  if (suspicion !== null) throw suspicion;
  const kept = await keptOf(createDatabaseExecutor(session), rollout, (check) =>
    config.decisions.acceptNotChecked.includes(check),
  );
  if (kept.steps.length === 0)
    throw new RolloutError(
      'Nothing is rolled out on it, so there is nothing that could have changed since.',
      'Run voxanne-rollout --yes first; or look at the code alone with --only code.',
    );
  return lookForDrift(target, kept, signal);
}
