import type { StepRecord } from './journal.ts';
import type { StepState, StepStatus } from './rollout.ts';
import { isLive, isUnsettled, type Run } from './run.ts';
import type { StepId } from './step.ts';

/** Where every step of the target stands, as the journals and what is in force tell it together. */
export async function statusOf<T>({ phases, executors, missing, standing }: Run<T>): Promise<readonly StepStatus[]> {
  const counts = await standing();
  const records = [...(await executors.database.records()), ...((await executors.workspace?.records()) ?? [])];
  const rows: StepStatus[] = [];
  let open: string | null = null;
  for (const phase of phases) {
    const lacking = missing?.(phase) ?? null;
    for (const step of phase.steps) {
      const own = counts.filter((one) => one.step === step.id);
      const last = records.filter((record) => record.step === step.id).at(-1) ?? null;
      const moved =
        own
          .flatMap((one) => one.at ?? [])
          .sort()
          .at(-1) ?? '';
      const interrupted = own.some(isUnsettled) || leftOff(last, own.some(isLive), moved);
      const state: StepState = interrupted ? 'interrupted' : (last?.state ?? 'pending');
      rows.push({
        step: step.id,
        phase: phase.id,
        title: step.title,
        why: step.why,
        state,
        gate: lacking ?? open,
        last,
        applied: own.filter(isLive).reduce((sum, one) => sum + one.count, 0),
        interrupted,
      });
      if (open === null && state !== 'verified' && state !== 'skipped') {
        open = waitsFor(step, state);
      }
    }
  }
  return rows;
}

/** What a later step waits for, as its gate says it. */
export const waitsFor = ({ id, title }: { readonly id: StepId; readonly title: string }, state: OpenState): string =>
  `Step ${id} (${title}) ${stands[state]}; it must be verified first.`;

type OpenState = Exclude<StepState, 'verified' | 'skipped'>;
const stands: Readonly<Record<OpenState, string>> = {
  pending: 'is pending',
  applied: 'is applied but not verified',
  failed: 'has failed',
  'rolled back': 'was rolled back',
  interrupted: 'was stopped in the middle',
};

/** Changes that no record of the step tells of: a run ended, or was killed, before it came to write one. */
function leftOff(last: StepRecord | null, live: boolean, moved: string): boolean {
  if (last === null || last.state === 'rolled back') return live;
  return (last.state === 'applied' || last.state === 'verified') && moved > last.at;
}
