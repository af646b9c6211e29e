import type { CheckResult } from '../../src/rollout/check.ts';
import { checkIsolation } from '../1-database/checks.ts';
import { survey } from '../1-database/survey.ts';
import type { Target } from '../target.ts';

/** The two-org probe, narrowed to what the settings form reads and writes: the organizations themselves. */
export async function* probeOrganizations(
  target: Pick<Target, 'config' | 'session'>,
  signal: AbortSignal,
): AsyncIterable<CheckResult> {
  const whole: Target = { ...target, workspace: null };
  const found = await survey(whole);
  const { organizations } = found;
  let seen = false;
  for await (const result of checkIsolation(whole, found, signal)) {
    const mine = organizations === null || result.id.includes(`${organizations.schema}.${organizations.name}`);
    // Tables come one after the other: the rest of them was the business of step 1.7.
    if (!mine && seen) return;
    if (!mine) continue;
    seen = true;
    yield { ...result, id: result.id.replace(/^1\.7/, '4.2') };
  }
}
