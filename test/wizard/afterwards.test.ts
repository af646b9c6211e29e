import { expect, test } from 'vitest';
import { phases } from '../../phases/index.ts';
import { afterwards } from '../../src/rollout/afterwards.ts';
import { atOverview, shown } from './drive.ts';
import { type FakeStep, fakeRollout, sampleSteps } from './fake-rollout.ts';

const [like] = sampleSteps;
if (like === undefined) throw new Error('no sample step');
const done = phases.flatMap(({ steps }) =>
  steps.map(({ id, title, why }): FakeStep => ({ ...like, id, title, why, state: 'verified' })),
);
const flat = (text: string): string => text.replaceAll(/\s+/g, ' ');

test.each([
  [80, 24],
  [100, 30],
  [160, 50],
])('once every step is verified the overview says what comes next, at %i x %i', async (columns, rows) => {
  const driven = await atOverview({ rollout: fakeRollout(done), session: { phases }, size: { columns, rows } });
  const seen = flat(shown(driven.state()));
  for (const text of afterwards) expect(seen).toContain(text);
  expect(seen).toContain('Leaving writes the report to .voxanne-rollout/report.md in the workspace.');
  // The steps stay in sight.
  expect(seen).toContain('4.2');
});

test('as long as a step is left, it says what that one is for', async () => {
  const driven = await atOverview({ rollout: fakeRollout(sampleSteps) });
  expect(shown(driven.state())).not.toContain('What comes next');
});
