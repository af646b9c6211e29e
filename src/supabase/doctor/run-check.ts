import { toRolloutError } from '../../database/errors.ts';
import type { CheckResult } from '../../rollout/check.ts';
import { RolloutError } from '../../rollout/errors.ts';

export type Outcome = Pick<CheckResult, 'verdict' | 'observed'> & Partial<Pick<CheckResult, 'advice' | 'evidence'>>;
export type Question = Pick<CheckResult, 'id' | 'title' | 'kind' | 'expected'>;

export const passed = (observed: string, advice?: string): Outcome => outcome('passed', observed, advice);
export const failed = (observed: string, advice: string): Outcome => outcome('failed', observed, advice);
export const skipped = (observed: string, advice: string): Outcome => outcome('skipped', observed, advice);

function outcome(verdict: CheckResult['verdict'], observed: string, advice?: string): Outcome {
  return { verdict, observed, ...(advice === undefined ? {} : { advice }) };
}

/** Runs one check and times it. An error is a failed check that says what to do, not the end of the others. */
export async function runCheck(question: Question, answer: () => Promise<Outcome> | Outcome): Promise<CheckResult> {
  const start = performance.now();
  const result = await Promise.resolve()
    .then(answer)
    .catch((error: unknown) => {
      const known = error instanceof RolloutError ? error : toRolloutError(error);
      return failed(known.detail === undefined ? known.problem : `${known.problem}\n${known.detail}`, known.remedy);
    });
  return { ...question, ...result, milliseconds: Math.round(performance.now() - start) };
}
