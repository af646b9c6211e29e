import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withDecisions } from '../../src/config/write.ts';
import { type Answer, answer } from '../../src/rollout/decision.ts';
import type { Blocker } from '../../src/rollout/step.ts';
import { width } from '../../src/wizard/lines.ts';
import { frame } from '../../src/wizard/screens/frame.ts';
import { summary } from '../../src/wizard/summary.ts';
import { atStep, type DriveOptions, shown } from './drive.ts';
import { type FakeStep, fakeRollout, sampleSteps } from './fake-rollout.ts';

const own = answer('decisions.orphans', 'own-organization', 'Each gets a new organization of their own.');
const leave = answer('decisions.orphans', 'leave', 'They stay without one.');
const trust = answer('decisions.trustProfiles', true, 'Each becomes a member of what the profile names.');

const blockers: readonly Blocker[] = [
  {
    problem: '2 users belong to no organization.',
    remedy: 'Connect them by hand, or decide.',
    detail: Array.from({ length: 50 }, (_, index) => `user ${index}`).join('\n'),
    answers: [own, leave],
  },
  { problem: 'For 1 user only a profile names an organization.', remedy: 'Correct it.', answers: [trust] },
  { problem: 'A table belongs to another role.', remedy: 'Connect as its owner.' },
];

/** A step that is blocked until both of its questions are answered. */
const waiting = (): { readonly options: DriveOptions; readonly told: (readonly Answer[])[] } => {
  const told: (readonly Answer[])[] = [];
  const steps = sampleSteps.map((step): FakeStep => {
    const blocked = () => blockers.filter((one) => !one.answers?.some((each) => told.at(-1)?.includes(each)));
    return step.id === '1.1' ? { ...step, blockers: blocked } : step;
  });
  return {
    told,
    options: {
      rollout: fakeRollout(steps),
      session: { decide: (answers) => void told.push(answers), saveDecisions: async () => 'app/config.json' },
    },
  };
};

const sizes = [
  { columns: 60, rows: 20 },
  { columns: 80, rows: 24 },
  { columns: 100, rows: 30 },
  { columns: 160, rows: 50 },
];

describe('a step that needs a decision', () => {
  test.each(sizes)('asks at once, with everything to choose from on the screen at $columns x $rows', async (size) => {
    const { options } = waiting();
    const driven = await atStep('1.1', { ...options, size });
    expect(driven.state().screen).toBe('decide');
    const text = shown(driven.state());
    expect(text).toContain('Decision 1 of 2');
    expect(text).toContain('2 users belong to no organization.');
    expect(text).toContain('user 0');
    expect(text).toContain('1  Each gets a new organization');
    expect(text).toContain('--orphans own-organization');
    expect(text).toMatch(/› 3 {2}Not now/);
    for (const row of frame(driven.state())) expect(width(row)).toBeLessThanOrEqual(size.columns);
    driven.press('page-down');
    expect(shown(driven.state())).not.toContain('   user 0\n');
    driven.press('ctrl-c');
  });

  test('answers hold for the session, stand in the header, and the step is looked at again', async () => {
    const { options, told } = waiting();
    const driven = await atStep('1.1', options);
    driven.press('2');
    expect(shown(driven.state())).toContain('Decision 2 of 2');
    expect(told).toEqual([]);
    driven.press('up', 'enter');
    await driven.until((state) => state.screen === 'step' && state.step?.reading != null);
    expect(told).toEqual([[leave, trust]]);
    expect(driven.state().step?.planned?.plan.blockers.map((one) => one.problem)).toEqual([blockers[2]?.problem]);
    expect(shown(driven.state())).toContain('decided: orphans leave; trust-profiles');
    expect(shown(driven.state())).toContain('2 decisions hold for this session.');
    // Offered to be written down, with what would be written.
    driven.press('W');
    expect(shown(driven.state())).toMatch(/Write 2 decisions into the configuration file\?[\s\S]*--orphans leave/);
    driven.press('y');
    await driven.until((state) => state.decided.every((one) => one.saved));
    expect(shown(driven.state())).toContain('app/config.json');
    expect(summary(driven.state(), null).join('\n')).not.toContain('this session only');
  });

  test('a long detail is shown whole', async () => {
    const detail = `callers from outside may be meant, ${'and more, '.repeat(12)}so look first`;
    const steps = sampleSteps.map(
      (step): FakeStep =>
        step.id === '1.1'
          ? { ...step, blockers: () => [{ problem: 'A route.', remedy: '', detail, answers: [own] }] }
          : step,
    );
    const driven = await atStep('1.1', { rollout: fakeRollout(steps), session: { decide: () => undefined } });
    expect(shown(driven.state()).replace(/\s+/g, ' ')).toContain(detail);
  });

  test('nothing is decided by Enter alone, within a burst, or by leaving', async () => {
    const { options, told } = waiting();
    const driven = await atStep('1.1', options);
    driven.burst(['1', '1']);
    driven.press('enter', 'enter');
    expect(driven.state().screen).toBe('step');
    driven.press('d', 'escape');
    expect(driven.state().screen).toBe('step');
    expect(told).toEqual([]);
    driven.press('d', '1', 'escape');
    await driven.until((state) => state.screen === 'decide');
    expect(told).toEqual([[own]]);
    expect(summary(driven.state(), null).join('\n')).toMatch(/this session only.*--orphans own-organization/s);
  });
});

describe('the configuration file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'voxanne-config-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('keeps what is in it, its indentation too; lists grow and nothing is said twice', async () => {
    const file = join(folder, 'voxanne-rollout.config.json');
    const keep = (name: string) => answer('decisions.keepPolicy', [name], 'It stays.');
    await writeFile(file, '{\n\t"names": {"to": "org_id"},\n\t"decisions": {"keepPolicy": ["public.a: x"]}\n}\n');
    const { path, text } = await withDecisions({ workspace: folder, file }, [
      leave,
      keep('public.a: x'),
      keep('public.b: y'),
    ]);
    expect(path).toBe(file);
    expect(text).toMatch(/^\{\n\t"names"/);
    expect(JSON.parse(text)).toEqual({
      names: { to: 'org_id' },
      decisions: { keepPolicy: ['public.a: x', 'public.b: y'], orphans: 'leave' },
    });
    const fresh = await withDecisions({ workspace: folder, file: null }, [trust]);
    expect(JSON.parse(fresh.text)).toEqual({
      names: { to: 'org_id' },
      decisions: { keepPolicy: ['public.a: x'], trustProfiles: true },
    });
  });

  test('a file that cannot be read is not written over', async () => {
    const file = join(folder, 'voxanne-rollout.config.json');
    await writeFile(file, '{"names": ');
    await expect(withDecisions({ workspace: folder, file }, [leave])).rejects.toThrow(/cannot be written/);
    await writeFile(file, '{"naems": {}}');
    await expect(withDecisions({ workspace: folder, file }, [leave])).rejects.toThrow(/cannot be written/);
    expect(await readFile(file, 'utf8')).toBe('{"naems": {}}');
  });
});
