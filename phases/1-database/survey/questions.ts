import { decide } from '../../../src/config/answers.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import { plural } from '../../../src/rollout/text.ts';
import type { Survey } from './types.ts';

/** What a user of several organizations sees with each answer. */
const sees = {
  one: 'Every user has one organization and sees its rows alone',
  all: 'Such a user sees the rows of all their organizations at once',
  active: 'Such a user sees the rows of the organization that is active, and switches between them',
} as const;

/** What stops step 1.7 where policies, functions and data disagree about what a user of several organizations sees. */
export function modelQuestions(found: Survey): readonly Blocker[] {
  const { modelConflict } = found;
  if (modelConflict === null) return [];
  const { reason, users, answers } = modelConflict;
  const people = (n: number): string => `${plural(n, 'user')}`;
  const loses = answers.map(({ model, users: losing, rows }) => {
    const what = rows === null ? 'rows (not counted)' : `${plural(rows, 'row')}`;
    return losing === 0 || rows === 0
      ? `${model}: takes nothing away from anyone`
      : `${model}: ${people(losing)} ${losing === 1 ? 'loses' : 'lose'} sight of ${what} of their other organizations${model === 'active' ? ' until they switch' : ''}`;
  });
  return [
    {
      problem: `The app contradicts itself about ${people(users)} with several organizations: ${reason}.`,
      remedy: 'Choose what such a user sees with --isolation one, all or active (decisions.isolation).',
      detail: loses.join('\n'),
      answers: answers.map(({ model }, index) =>
        decide('isolation', model, `${sees[model]} (${(loses[index] ?? '').replace(/^\w+: /, '')}).`),
      ),
    },
  ];
}
