import { describe, expect, test } from 'vitest';
import { phases } from '../../phases/index.ts';
import { explained, glossary } from '../../src/wizard/screens/glossary.ts';
import { asciiLook, atOverview, atStep, type Driven, shown } from './drive.ts';
import { type FakeStep, fakeRollout, sampleFinding, sampleSteps } from './fake-rollout.ts';

/** Everything that `?` shows, read to its end as a person does. */
const allHelp = (driven: Driven): string => {
  driven.press('?');
  const pages: string[] = [];
  for (;;) {
    const page = shown(driven.state());
    pages.push(page);
    driven.press('page-down');
    if (shown(driven.state()) === page) break;
  }
  driven.press('escape');
  return pages.join('\n').replace(/\s+/g, ' ');
};

describe('the words behind ?', () => {
  const sizes = [
    { columns: 80, rows: 24 },
    { columns: 100, rows: 30 },
    { columns: 60, rows: 20 },
  ];
  test.each(sizes)('can all be read at $columns x $rows, from every screen', async (size) => {
    for (const open of [
      () => atOverview({ size }),
      () => atStep('1.1', { size }),
      () => atStep('2.1', { size, look: asciiLook }),
    ]) {
      const driven = await open();
      const help = allHelp(driven);
      for (const [term, meaning] of glossary) {
        expect(help).toContain(term);
        // Lines are wrapped, and each row of a meaning has to be there.
        for (const word of meaning.split(' ')) expect(help, `${term}: ${meaning}`).toContain(word);
      }
      expect(shown(driven.state())).not.toContain(' Words');
      driven.press('ctrl-c');
    }
  });

  test.each([
    'stamp',
    'claim',
    'two organizations',
    'finding',
    'waiver',
    'decision',
    'probe',
    'proven',
    'journal',
    'skip',
  ])('explain %s in a sentence that does not need the word itself', (term) => {
    const [, meaning = ''] = glossary.find(([one]) => one === term) ?? [];
    expect(meaning.split(' ').length).toBeGreaterThan(5);
    expect(meaning).not.toMatch(new RegExp(`\\b${term}\\b`));
  });
});

describe('a term that a screen uses first', () => {
  const step = (title: string): FakeStep[] =>
    sampleSteps.map((one) => (one.id === '1.1' ? { ...one, state: 'applied', checks: [{ ...check, title }] } : one));
  const check = {
    id: '1.1/x',
    kind: 'probe',
    verdict: 'passed',
    expected: '0 rows',
    observed: '0 rows',
    milliseconds: 3,
  } as const;

  test.each([
    ["A user of A cannot read B's rows of public.calls", 'A, B: users of two organizations, made up and rolled back'],
    ['The stamp goes with the membership', 'stamp: org_id in app metadata, written by the server alone'],
    ['A claim that names nothing lets nobody in', 'claim: what a token says about its user; a hint, no proof'],
    ['Row security is on for all 4 tables', ''],
  ])('is explained above the checks: %s', async (title, line) => {
    const driven = await atStep('1.1', { rollout: fakeRollout(step(title)), size: { columns: 60, rows: 20 } });
    driven.press('v');
    await driven.until((state) => state.verification?.outcome === 'verified');
    const rows = shown(driven.state()).split('\n');
    const counts = rows.findIndex((row) => row.includes('0 failed'));
    expect(rows[counts + 1]?.trim()).toBe(line);
    driven.press('ctrl-c');
  });

  test('of the code is explained above the findings', async () => {
    const driven = await atOverview({
      size: { columns: 60, rows: 20 },
      session: { codeFindings: async () => [sampleFinding('a')] },
    });
    driven.press('f');
    await driven.until((state) => state.findings?.list != null);
    expect(shown(driven.state())).toContain('\n finding: a place that breaks isolation; waive: leave it\n');
    driven.press('ctrl-c');
  });

  test('in the reason of a step is explained there', () => {
    const reasons = phases.flatMap((phase) => phase.steps.map((one) => one.why));
    for (const why of reasons.filter((one) => /\bstamp/.test(one)))
      expect(why).toContain('metadata that tokens are made from');
  });

  test('fits the narrowest screen', () => {
    for (const text of ['rows of B', 'a stamp', 'a claim', 'a finding']) {
      expect(explained([text])).not.toBe('');
      expect(explained([text]).length).toBeLessThan(60);
    }
  });
});
