import { describe, expect, test } from 'vitest';
import type { CodeFinding } from '../../src/wizard/session.ts';
import { orderedFindings, waiveChoices } from '../../src/wizard/state/findings.ts';
import type { FindingsView } from '../../src/wizard/state/views.ts';
import { atOverview, atStep, shown, type } from './drive.ts';
import { type FakeStep, fakeRollout, sampleFinding as finding, sampleSteps } from './fake-rollout.ts';

const list = [
  finding('a'),
  finding('b', { file: 'backend/a.ts', line: 2, kind: 'request-org' }),
  finding('c', { file: 'backend/jobs/c.ts' }),
  finding('fixed', { file: 'backend/a.ts', line: 3, fix: 'y' }),
  finding('other', { step: '3.2', file: 'src/page.tsx' }),
];
const view: FindingsView = { list, step: '2.1', by: 'kind', cursor: 0, problem: null, from: 'step' };

describe('findings', () => {
  test('of a step are those that it answers for', () => {
    expect(orderedFindings(view).map((one) => one.id)).toEqual(['a', 'fixed', 'c', 'b']);
    expect(orderedFindings({ ...view, step: null })).toHaveLength(list.length);
  });

  test('one reason may cover a kind, a file or a folder, and never what a step fixes', () => {
    expect(waiveChoices(view, list[0] as CodeFinding)).toEqual([
      { label: 'backend/a.ts:1', ids: ['a'] },
      { label: 'of kind first-org', ids: ['a', 'c'] },
      { label: 'in backend/a.ts', ids: ['a', 'b'] },
      { label: 'in backend/', ids: ['a', 'c', 'b'] },
    ]);
    expect(waiveChoices(view, list[3] as CodeFinding).map((one) => one.ids)).not.toContainEqual(['fixed']);
  });

  test('several are waived with one question and one reason', async () => {
    const waived: string[] = [];
    const driven = await atOverview({
      session: {
        codeFindings: async () => list,
        waive: async (ids, reason) => void waived.push(`${ids.join(' ')}: ${reason}`),
      },
    });
    driven.press('f');
    await driven.until((state) => state.findings?.list != null);
    expect(shown(driven.state())).toContain('5 findings  1 fixed by their steps, 4 need a manual change');
    driven.press('x', '2');
    expect(shown(driven.state())).toContain('Waive 3 findings of kind first-org: the code stays as it is. Reason?');
    type(driven, 'internal jobs');
    driven.press('enter');
    await driven.until((state) => state.deeds.length === 3);
    expect(waived).toEqual(['a c other: internal jobs']);
    expect(shown(driven.state())).toContain('3 findings are waived: internal jobs');
  });

  test('from a step there are no findings of other steps, and skipping a step reads otherwise than waiving', async () => {
    const failed = sampleSteps.map((step): FakeStep => ({ ...step, state: step.id === '2.1' ? 'failed' : 'verified' }));
    const driven = await atStep('2.1', { rollout: fakeRollout(failed), session: { codeFindings: async () => list } });
    driven.press('s');
    expect(shown(driven.state())).toContain('Skip step 2.1: nothing of it is applied');
    driven.press('escape', 'f');
    await driven.until((state) => state.findings?.list != null);
    expect(shown(driven.state())).toContain('4 findings of step 2.1  1 fixed by the step, 3 need a manual change');
    expect(shown(driven.state())).not.toContain('page.tsx');
  });

  test('while the editor is open no key does anything, and it is opened once', async () => {
    const driven = await atOverview({ session: { codeFindings: async () => list } });
    driven.press('f');
    await driven.until((state) => state.findings?.list != null);
    driven.burst(['o', 'o', 'q', 'x', 'j']);
    expect(driven.state()).toMatchObject({ suspended: true, dialog: null, exit: null, findings: { cursor: 0 } });
    await driven.until((state) => !state.suspended);
    expect(driven.edited).toEqual(['backend/a.ts:1']);
  });
});
