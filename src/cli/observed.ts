import { journalExists, readEntries, readRecords } from '../database/journal.ts';
import { type Comparison, compareTimes } from '../rollout/compare-times.ts';
import type { SavedPlan } from '../rollout/saved-plan.ts';
import type { Opened } from './open.ts';

/** The plan's predictions beside what the journal of this database holds. */
export async function observedOf(opened: Opened, plan: SavedPlan): Promise<Comparison> {
  const client = await opened.session.work();
  return compareTimes(plan, (await journalExists(client)) ? await readEntries(client, `state = 'applied'`) : []);
}

/** By which plan, and without which rehearsal, steps were applied: `1.2: plan 0123; without rehearsal`. */
export async function remarksOf(opened: Opened): Promise<readonly string[]> {
  const client = await opened.session.work();
  if (!(await journalExists(client))) return [];
  return (await readRecords(client)).flatMap(({ step, state, detail, at }) => {
    const at16 = at.slice(0, 16).replace('T', ' ');
    const remark = state === 'applied' ? detail.split('; ').slice(1).join('; ') : '';
    return remark === '' ? [] : [`${step} applied ${at16} UTC: ${remark}`];
  });
}
