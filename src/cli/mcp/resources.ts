import { reportText } from '../commands/report.ts';
import type { Opened } from '../open.ts';

export type Resource = {
  readonly uri: string;
  readonly name: string;
  readonly description: string;
  readonly mimeType: string;
  readonly read: (opened: Opened, signal: AbortSignal) => Promise<string | unknown>;
};

export const resources: readonly Resource[] = [
  {
    uri: 'voxanne-rollout://plan',
    name: 'plan',
    description: 'What every open step would do now',
    mimeType: 'application/json',
    read: async ({ rollout, target }) => {
      const plans = [];
      for (const row of await rollout.status()) {
        if (row.state === 'skipped' || (row.phase > 1 && target.workspace === null)) continue;
        const { plan, hash } = await rollout.plan(row.step);
        plans.push({
          step: row.step,
          title: row.title,
          state: row.state,
          hash,
          changes: plan.changes.map((one) => one.title),
          blockers: plan.blockers,
        });
      }
      return plans;
    },
  },
  {
    uri: 'voxanne-rollout://report',
    name: 'report',
    description: 'What was done, verified and left, with the evidence; its checks are run again and not recorded',
    mimeType: 'text/markdown',
    read: (opened, signal) => reportText(opened, 'markdown', signal),
  },
  {
    uri: 'voxanne-rollout://journal',
    name: 'journal',
    description: 'Every change that is in force, by step, oldest first',
    mimeType: 'application/json',
    read: async ({ rollout }) => {
      const journal = [];
      for (const row of await rollout.status()) {
        const { entries } = row.applied === 0 ? { entries: [] } : await rollout.rollbackPlan(row.step);
        journal.push({
          step: row.step,
          state: row.state,
          last: row.last,
          changes: [...entries]
            .reverse()
            .map(({ change, state, appliedAt }) => ({ id: change.id, title: change.title, state, appliedAt })),
        });
      }
      return journal;
    },
  },
];
