import { expect, test } from 'vitest';
import { bindings } from '../../src/wizard/keys.ts';
import { atOverview, atStep, shown } from './drive.ts';
import { type FakeStep, fakeRollout, sampleSteps, sampleTarget } from './fake-rollout.ts';

test('a key that does nothing now says why', async () => {
  const driven = await atStep('1.1');
  driven.press('u');
  expect(shown(driven.state())).toContain('Nothing to roll back: nothing of this is applied.');
  driven.press('v');
  expect(shown(driven.state())).toContain('Nothing to verify: the step is not applied yet.');
  driven.press('d');
  expect(shown(driven.state())).toContain('Nothing here waits for a decision.');
  const gated = await atStep('1.2');
  gated.press('a');
  expect(shown(gated.state())).toContain('Not yet: Step 1.1');
  const blocked = sampleSteps.map(
    (step): FakeStep =>
      step.id === '1.1'
        ? { ...step, blockers: [{ problem: 'A table is not yours.', remedy: 'Connect as its owner.' }] }
        : step,
  );
  const stuck = await atStep('1.1', { rollout: fakeRollout(blocked) });
  stuck.press('a');
  expect(shown(stuck.state())).toContain('Blocked: the preview says what to change by hand first.');
  driven.press('ctrl-c');
});

test('keys that do not fit the footer leave their number behind ?, at every width', async () => {
  const driven = await atStep('1.1');
  for (const columns of [50, 60, 80, 100, 160]) {
    driven.store.dispatch({ type: 'resize', size: { columns, rows: 24 } });
    const last = shown(driven.state()).split('\n').at(-1) ?? '';
    expect(last.length).toBeLessThanOrEqual(columns);
    expect(last).toContain('? keys');
    expect(last).toContain('q quit');
    expect(/\(\+\d+\)/.test(last)).toBe(columns < 160);
  }
  driven.press('ctrl-c');
});

test('every key that may be refused on a screen has one meaning there', async () => {
  const driven = await atOverview();
  for (const screen of ['overview', 'step', 'running', 'verification', 'rollback', 'findings', 'decide'] as const) {
    const here = bindings.filter((one) => one.on?.includes(screen));
    for (const one of here.filter((each) => each.why)) {
      const same = here.filter(
        (other) => other.action !== one.action && other.keys.some((key) => one.keys.includes(key)),
      );
      expect({ screen, action: one.action, same: same.map((each) => each.action) }).toMatchObject({ same: [] });
    }
  }
  driven.press('ctrl-c');
});

test('the list of keys scrolls by pages and to its ends, and says that another key closes it', async () => {
  const driven = await atOverview({ size: { columns: 80, rows: 24 } });
  driven.press('?');
  const last = (): string => shown(driven.state()).split('\n').at(-1) ?? '';
  expect(last()).toContain('any other key close');
  driven.press('page-down');
  expect(driven.state().help).toBeGreaterThan(10);
  driven.press('end');
  expect(shown(driven.state())).toContain(', 0 below');
  driven.press('home');
  expect(driven.state().help).toBe(0);
  driven.press('page-up', 'down', 'x');
  expect(driven.state().help).toBeNull();
});

test('no line of the list of keys is cut off', async () => {
  for (const columns of [60, 80, 100]) {
    const driven = await atOverview({ size: { columns, rows: 60 } });
    driven.press('?');
    expect(shown(driven.state()).split('\n').slice(2, -2).join('\n')).not.toContain('…');
  }
});

test('a key of the footer that may do nothing says why, and so do q and esc while a change runs', async () => {
  // Each of these stands beside another key, or another meaning of its own, that works then.
  const spoken = ['connect', 'open', 'findings', 'stop'];
  const silent = bindings.filter((one) => one.when && one.hint && !one.why && !spoken.includes(one.action));
  expect(silent.map((one) => `${one.action} on ${one.on?.join(', ')}`)).toEqual([]);
  const steps = sampleSteps.map(
    (step): FakeStep => (step.id === '1.1' ? { ...step, hangs: 'function public.org_of' } : step),
  );
  const local = { ...sampleTarget, environment: 'staging', production: false };
  const driven = await atStep('1.1', { rollout: fakeRollout(steps), session: { target: local } });
  driven.press('a', 'y');
  await driven.until((state) => state.job?.kind === 'apply');
  for (const key of ['q', 'escape']) {
    driven.press(key);
    expect(shown(driven.state())).toContain('Not now: a change is under way. Ctrl-C stops it in order.');
  }
  driven.press('ctrl-c');
  await driven.until((state) => state.job === null);
});

test('that a key has to wait is said no longer than it is true', async () => {
  const local = { ...sampleTarget, environment: 'staging', production: false };
  const driven = await atStep('1.1', { rollout: fakeRollout(sampleSteps), session: { target: local } });
  driven.press('a', 'y');
  await driven.until((state) => state.job?.kind === 'verify');
  driven.press('enter');
  expect(shown(driven.state())).toContain('Wait for what is under way');
  await driven.until((state) => state.job === null);
  expect(shown(driven.state())).not.toContain('Wait for what is under way');
});

test('a key that was pressed before the preview came is not lost without a word', async () => {
  const fake = fakeRollout(sampleSteps);
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const preview: typeof fake.preview = (step, signal) => held.then(() => fake.preview(step, signal));
  const driven = await atOverview({ rollout: { ...fake, preview } });
  driven.press('enter', 'a');
  expect(shown(driven.state())).toContain('Wait for what is under way');
  release();
  await driven.until((state) => state.step?.reading != null);
  expect(driven.state().dialog).toBeNull();
  expect(shown(driven.state())).toContain('The preview is here: press the key again.');
  driven.press('a');
  expect(driven.state()).toMatchObject({ notice: null, dialog: { kind: 'confirm' } });
});
