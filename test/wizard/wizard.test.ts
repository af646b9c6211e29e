import { describe, expect, test } from 'vitest';
import { RolloutError } from '../../src/rollout/errors.ts';
import type { StepId } from '../../src/rollout/step.ts';
import { plainText } from '../../src/wizard/lines.ts';
import { frame } from '../../src/wizard/screens/frame.ts';
import { kept } from '../../src/wizard/state/run.ts';
import { summary } from '../../src/wizard/summary.ts';
import { atOverview, atStep, type Driven, drive, shown, type } from './drive.ts';
import { check, type FakeStep, fakeRollout, fakeSession, sampleSteps, sampleTarget } from './fake-rollout.ts';

const ref = sampleTarget.project;
const staging = { target: { ...sampleTarget, environment: 'staging', production: false } };

const hanging = (): readonly FakeStep[] =>
  sampleSteps.map((step) => (step.id === '1.1' ? { ...step, hangs: 'function public.org_of' } : step));

/** At the point where the second change of 1.1 runs and does not come back. */
const atHang = async (): Promise<Driven> => {
  const driven = await atStep('1.1', { rollout: fakeRollout(hanging()), session: staging });
  driven.press('a', 'y');
  await driven.until((state) => state.run?.changes[1]?.state === 'running');
  return driven;
};

const idle = (driven: Driven) => driven.until((state) => state.job === null && state.steps !== null);

describe('consent', () => {
  test('a reversible step outside production asks for a plain y', async () => {
    const driven = await atStep('1.1', { session: staging });
    driven.press('a');
    expect(driven.state().dialog).toMatchObject({ kind: 'confirm', word: null, choice: 'cancel' });
    driven.press('y');
    await driven.until((state) => state.verification?.outcome === 'verified');
    expect(driven.rollout.calls).toEqual(['preview 1.1', 'apply 1.1 hash 1.1', 'verify 1.1']);
  });

  test('what is applied is what was shown: the hash of the preview goes with it', async () => {
    const driven = await atStep('1.1', { session: staging });
    driven.press('a', 'y');
    await driven.until((state) => state.screen === 'verification');
    expect(driven.rollout.calls).toContain('apply 1.1 hash 1.1');
  });

  test('the key that opens the question never answers it', async () => {
    const driven = await atStep('1.1', { session: staging });
    driven.press('a', 'a', 'a');
    expect(driven.state().dialog).toMatchObject({ complaint: 'Press y to apply, n to cancel.' });
    expect(driven.rollout.calls).toEqual(['preview 1.1']);
  });

  test('the cursor starts on Cancel, so Enter cancels', async () => {
    const driven = await atStep('1.1', { session: staging });
    driven.press('a', 'enter');
    expect(driven.state().dialog).toBeNull();
    driven.press('a', 'right', 'enter');
    await driven.until((state) => state.screen === 'verification');
  });

  test('a y within a burst or a paste is not consent', async () => {
    const driven = await atStep('1.1', { session: staging });
    driven.burst(['a', 'y', 'enter']);
    expect(driven.rollout.calls).toEqual(['preview 1.1']);
    driven.press('a');
    driven.burst(['y', 'e', 's']);
    expect(driven.rollout.calls).toEqual(['preview 1.1']);
  });

  test('production asks for the project ref', async () => {
    const driven = await atStep('1.1');
    driven.press('a', 'y', 'enter');
    expect(driven.state().dialog).toMatchObject({ word: ref, complaint: `"y" is not ${ref}. Nothing was done.` });
    expect(shown(driven.state())).toContain(`"y" is not ${ref}. Nothing was done.`);
    driven.press('ctrl-u');
    type(driven, ref);
    expect(driven.state().dialog).toMatchObject({ choice: 'go' });
    driven.press('enter');
    await driven.until((state) => state.verification?.outcome === 'verified');
  });

  test('a pasted ref with a line end fills the field and confirms nothing', async () => {
    const driven = await atStep('1.1');
    driven.press('a');
    driven.burst([...ref, 'enter']);
    expect(driven.state().dialog).toMatchObject({ text: ref, choice: 'go' });
    expect(driven.rollout.calls).toEqual(['preview 1.1']);
    driven.press('enter');
    await driven.until((state) => state.screen === 'verification');
  });

  test('the question names project, host and environment', async () => {
    const driven = await atStep('1.1');
    driven.press('a');
    const lines = shown(driven.state()).split('\n');
    expect(lines.some((row) => row.includes(`${ref} · ${sampleTarget.host} · production`))).toBe(true);
  });

  test('a rollback has a preview and a question of its own', async () => {
    const driven = await atStep('1.1');
    driven.press('a');
    type(driven, ref);
    driven.press('enter');
    await driven.until((state) => state.verification?.outcome === 'verified' && (state.steps?.[0]?.applied ?? 0) > 0);
    driven.press('u');
    await driven.until((state) => state.rollback?.reading != null);
    expect(shown(driven.state())).toContain('roll back: replace function');
    expect(driven.rollout.calls).not.toContain('rollback 1.1');
    driven.press('u', 'u');
    type(driven, ref);
    expect(driven.rollout.calls).not.toContain('rollback 1.1');
    driven.press('ctrl-u');
    type(driven, ref);
    driven.press('enter');
    await driven.until((state) => state.run?.operation === 'rollback' && state.run.outcome === 'done');
    expect(shown(driven.state())).toContain('Rolled back: the target is proven to be as it was');
  });

  test('a rollback that is not proven is not called rolled back', async () => {
    const rollout = fakeRollout(
      sampleSteps.map((step) => (step.id === '1.1' ? { ...step, state: 'verified', differences: ['public.x'] } : step)),
    );
    const driven = await atStep('1.1', { rollout, session: staging });
    driven.press('u');
    await driven.until((state) => state.rollback?.reading != null);
    driven.press('u', 'y');
    await driven.until((state) => state.run?.outcome === 'done');
    const text = shown(driven.state());
    expect(text).toContain('not proven');
    expect(text).not.toContain('Rolled back');
    driven.press('q');
    expect(driven.state().exit).toEqual({ code: 1, now: false });
  });
});

describe('keys', () => {
  const many: readonly FakeStep[] = Array.from({ length: 300 }, (_, index) => ({
    id: `1.${index + 1}` as StepId,
    title: `step ${index + 1}`,
    why: 'because',
    changes: [],
  }));

  test('a burst of 200 keys loses none', async () => {
    const driven = await atOverview({ rollout: fakeRollout(many) });
    driven.burst(Array.from({ length: 200 }, () => 'down'));
    expect(driven.state().cursor).toBe(200);
    for (let index = 0; index < 150; index += 1) driven.press('k');
    expect(driven.state().cursor).toBe(50);
  });

  test('200 characters of a field all arrive', () => {
    const driven = drive({ start: { needsUrl: true } });
    const text = `postgresql://${'abc'.repeat(70)}`;
    driven.burst([...text]);
    expect(driven.state().dialog).toMatchObject({ text });
  });

  test('a step behind the gate says so and cannot be applied', async () => {
    const driven = await atStep('2.1');
    driven.press('a');
    expect(driven.state().dialog).toBeNull();
    expect(shown(driven.state())).toContain('waits: Step 1.1');
    // Only planned: trying what builds on something absent would fail for no reason.
    expect(driven.rollout.calls).toEqual(['plan 2.1']);
  });

  test('the footer and the overlay name only keys that do something now', async () => {
    const driven = await atStep('2.1');
    expect(shown(driven.state())).not.toContain('a apply');
    driven.press('?');
    expect(shown(driven.state())).toContain('Keys that work here');
    expect(shown(driven.state())).not.toContain('apply what the preview shows');
    driven.press('?');
    expect(shown(driven.state())).not.toContain('Keys that work here');
  });

  test('going back while a preview runs abandons it, and its answer disturbs nothing', async () => {
    const driven = await atOverview();
    driven.press('enter');
    expect(driven.state().job?.kind).toBe('preview');
    driven.press('escape');
    expect(driven.state()).toMatchObject({ screen: 'overview', job: null });
    driven.press('enter');
    await driven.until((state) => state.step?.reading != null);
    expect(driven.state().screen).toBe('step');
  });

  test('a change that runs cannot be walked away from', async () => {
    const driven = await atHang();
    driven.press('escape', 'q');
    expect(driven.state()).toMatchObject({ screen: 'running', exit: null });
    driven.rollout.release();
    await driven.until((state) => state.verification?.outcome === 'verified');
  });
});

describe('Ctrl-C', () => {
  test('once: the change is cancelled, and the screen says what the server did', async () => {
    const driven = await atHang();
    driven.press('ctrl-c');
    expect(shown(driven.state())).toContain('Stopping: the change that runs is finished or rolled back first.');
    await idle(driven);
    const text = shown(driven.state());
    expect(text).toContain('1 of 2 changes applied');
    expect(text.replaceAll(/\s+/g, ' ')).toContain(
      'The change under way was cancelled on the server; what it left is looked at first. esc and then a go on; u rolls back.',
    );
    expect(driven.state().exit).toBeNull();
    driven.press('q');
    expect(driven.state().exit).toEqual({ code: 130, now: false });
  });

  test('twice: leaves at once and says what state is left', async () => {
    const driven = await atHang();
    driven.press('ctrl-c', 'ctrl-c');
    expect(driven.state().exit).toEqual({ code: 130, now: true });
    expect(summary(driven.state(), null).join('\n')).toMatch(/was\s+still running when you left/);
  });

  test('with nothing under way it leaves with 130', async () => {
    const driven = await atOverview();
    driven.press('ctrl-c');
    expect(driven.state().exit).toEqual({ code: 130, now: false });
  });

  test('within a burst it still stops', async () => {
    const driven = await atHang();
    driven.burst(['j', 'j', 'ctrl-c']);
    expect(driven.state().job?.stopping).toBe(true);
    await idle(driven);
  });

  test('SIGTERM ends the change in order and then leaves', async () => {
    const driven = await atHang();
    driven.store.dispatch({ type: 'signal', name: 'SIGTERM' });
    expect(driven.state().exit).toBeNull();
    await driven.until((state) => state.exit !== null);
    expect(driven.state().exit).toEqual({ code: 130, now: false });
  });

  test('a later success makes a stop good', async () => {
    const driven = await atHang();
    driven.press('ctrl-c');
    await idle(driven);
    driven.press('v');
    await driven.until((state) => state.verification?.outcome === 'verified');
    driven.press('q');
    expect(driven.state().exit).toEqual({ code: 0, now: false });
  });
});

describe('what is seen while it runs', () => {
  test('progress, rate, retries and who blocks', async () => {
    const steps = sampleSteps.map((step): FakeStep => {
      if (step.id !== '1.2') return { ...step, state: 'verified' };
      const on = { step: '1.2' as const, change: 'backfill public.calls' };
      return {
        ...step,
        hangs: 'backfill public.calls',
        during: {
          'backfill public.calls': [
            { type: 'change-progress', ...on, done: 12_000, total: 60_000, perSecond: 1850 },
            {
              type: 'change-waiting',
              ...on,
              attempt: 3,
              reason: 'lock timeout after 50 ms',
              holders: [
                { pid: 4242, application: 'psql', user: 'postgres', state: 'idle in transaction', seconds: 31 },
              ],
            },
          ],
        },
      };
    });
    const driven = await atStep('1.2', {
      rollout: fakeRollout(steps),
      session: staging,
      size: { columns: 100, rows: 30 },
    });
    driven.press('a', 'y');
    await driven.until((state) => state.run?.changes[0]?.waiting != null);
    const text = shown(driven.state());
    expect(text).toContain('20%  12,000 of 60,000 rows  1,850/s');
    expect(text).toContain('try 3: lock timeout after 50 ms');
    expect(text).toContain('blocked by psql, pid 4242, user postgres, idle in transaction for 31 s');
    driven.press('ctrl-c');
    await idle(driven);
  });

  test('a failed change shows what is wrong, what to do, and what stays', async () => {
    const steps = sampleSteps.map(
      (step): FakeStep =>
        step.id === '1.1'
          ? {
              ...step,
              fails: {
                'function public.org_of': new RolloutError(
                  'The function is owned by somebody else.',
                  'Run as its owner.',
                  {
                    detail: 'LINE 1: CREATE OR REPLACE\n        ^',
                  },
                ),
              },
            }
          : step,
    );
    const driven = await atStep('1.1', { rollout: fakeRollout(steps), session: staging });
    driven.press('a', 'y');
    await driven.until((state) => state.run?.outcome === 'failed');
    const text = shown(driven.state());
    expect(text).toContain('The function is owned by somebody else.');
    expect(text).toContain('Run as its owner.');
    expect(text).toContain('1 of 2 changes applied. They stay, and can be rolled back.');
    await idle(driven);
    driven.press('q');
    expect(driven.state().exit).toEqual({ code: 1, now: false });
  });

  test('failed checks come first, with expected and observed side by side and evidence on demand', async () => {
    const steps = sampleSteps.map((step): FakeStep => ({ ...step, state: step.id === '1.1' ? 'verified' : 'pending' }));
    const driven = await atStep('1.2', { rollout: fakeRollout(steps), session: staging });
    driven.press('a', 'y');
    await driven.until((state) => state.verification?.outcome === 'failed');
    const rows = shown(driven.state()).split('\n');
    const at = (text: string) => rows.findIndex((row) => row.includes(text));
    expect(at('org A cannot read')).toBeLessThan(at('phone sign-ups'));
    expect(at('phone sign-ups')).toBeLessThan(at('no call without'));
    expect(rows.some((row) => /0 rows of org B +│ 3 rows of org B/.test(row))).toBe(true);
    driven.press('e');
    expect(shown(driven.state())).toContain('FROM information_schema.columns');
  });

  test('ten thousand results: bounded memory, exact counts, keys answered within 100 ms', async () => {
    const checks = Array.from({ length: 10_000 }, (_, index) =>
      check({ id: `c${index}`, title: `check ${index}`, verdict: index % 5 === 0 ? 'failed' : 'passed' }),
    );
    let slowest = 0;
    const stream = async function* () {
      for (const [index, result] of checks.entries()) {
        yield result;
        if (index % 500 !== 499) continue;
        await new Promise((resolve) => setTimeout(resolve, 5));
        const began = performance.now();
        driven.press('down');
        frame(driven.state());
        slowest = Math.max(slowest, performance.now() - began);
      }
    };
    const rollout = fakeRollout([
      { id: '1.1', title: 'many', why: 'many', changes: [], state: 'applied', checks: stream },
    ]);
    const driven = await atStep('1.1', { rollout, session: staging });
    driven.press('v');
    await idle(driven);
    const { verification } = driven.state();
    expect(verification?.counts).toEqual({ passed: 8000, failed: 2000, skipped: 0 });
    expect(verification?.failed.length).toBe(kept.failed);
    expect(verification?.passed.length).toBe(kept.passed);
    expect(slowest).toBeLessThan(100);
    expect(shown(driven.state())).toContain('only in the report');
  });

  test('a check that nobody could make is called not checked, as everywhere: skipped is what a person does to a step', async () => {
    const stream = async function* () {
      yield check({ id: 'c1', title: 'phone sign-ups', verdict: 'skipped', observed: 'not tried' });
    };
    const rollout = fakeRollout([
      { id: '1.1', title: 'one', why: 'one', changes: [], state: 'applied', checks: stream },
    ]);
    const driven = await atStep('1.1', { rollout, session: staging });
    driven.press('v');
    await idle(driven);
    expect(shown(driven.state())).toContain('1 not checked');
    expect(shown(driven.state())).toContain('– not checked phone sign-ups');
    expect(shown(driven.state())).not.toContain('skipped');
  });

  test('the command log is bounded, says what it let go, and can be kept in a file', async () => {
    let saved = '';
    const driven = await atStep('1.1', {
      session: {
        ...staging,
        saveLog: async (text) => {
          saved = text;
          return 'log.sql';
        },
      },
    });
    for (let index = 0; index < 10_500; index += 1) driven.rollout.emit({ type: 'command', text: `SELECT ${index}` });
    await driven.until((state) => state.log.dropped > 0);
    driven.press('l');
    expect(shown(driven.state())).toContain('Command log  10,500 lines');
    expect(shown(driven.state())).toContain('SELECT 10499');
    driven.press('L');
    await driven.until((state) => state.notice !== null);
    expect(saved).toMatch(/^-- 500 earlier lines were not kept\nSELECT 500\n/);
    expect(shown(driven.state())).toContain('The command log is in log.sql');
  });
});

describe('reading a preview', () => {
  const long: readonly FakeStep[] = [
    {
      id: '1.1',
      title: 'long',
      why: 'long',
      changes: Array.from({ length: 20 }, (_, index) => ({
        kind: 'sql' as const,
        id: `c${index}`,
        title: `change number ${index}`,
        mode: 'transaction' as const,
        up: Array.from({ length: 10 }, (__, row) => `SELECT ${index}, ${row}, 'needle ${index}';`).join('\n'),
        down: '',
      })),
    },
  ];

  test('says how much is hidden, pages, and comes to an end', async () => {
    const driven = await atStep('1.1', { rollout: fakeRollout(long) });
    expect(shown(driven.state())).toMatch(/↓ \d+ hidden below · 1 of 20/);
    driven.press('end');
    expect(shown(driven.state())).toMatch(/↑ \d+ hidden above · 20 of 20/);
    expect(shown(driven.state()).match(/20 SQL changes/g)).toHaveLength(2);
    const { top } = driven.state().step?.reading ?? {};
    driven.press('down', 'page-down');
    expect(driven.state().step?.reading?.top).toBe(top);
    driven.press('home');
    expect(driven.state().step?.reading?.top).toBe(0);
  });

  test('jumps between changes', async () => {
    const driven = await atStep('1.1', { rollout: fakeRollout(long) });
    driven.press(']', ']', ']', ']');
    const first = () =>
      shown(driven.state())
        .split('\n')
        .find((row) => row.includes('/20'));
    expect(first()).toContain('4/20  change number 3');
    driven.press('[');
    expect(first()).toContain('3/20  change number 2');
  });

  test('finds, goes on finding, and back', async () => {
    const driven = await atStep('1.1', { rollout: fakeRollout(long) });
    driven.press('/');
    type(driven, 'NEEDLE 7');
    driven.press('enter');
    expect(shown(driven.state())).toContain('match 1 of 10');
    expect(shown(driven.state())).toMatch(/» SELECT 7, 0/);
    driven.press('n', 'n');
    expect(shown(driven.state())).toContain('match 3 of 10');
    driven.press('N');
    expect(shown(driven.state())).toContain('match 2 of 10');
    driven.press('/');
    type(driven, 'nowhere');
    driven.press('enter');
    expect(shown(driven.state())).toContain('No match for "nowhere".');
  });

  test('a resize keeps the line that is at the top', async () => {
    const driven = await atStep('1.1', { rollout: fakeRollout(long) });
    driven.press(']', ']', ']', ']', ']');
    const first = () =>
      shown(driven.state())
        .split('\n')
        .find((row) => row.includes('change number'));
    expect(first()).toContain('5/20');
    driven.store.dispatch({ type: 'resize', size: { columns: 60, rows: 20 } });
    expect(first()).toContain('5/20');
    driven.store.dispatch({ type: 'resize', size: { columns: 120, rows: 40 } });
    expect(first()).toContain('5/20');
  });

  test('can be kept in a file, whole', async () => {
    let saved = '';
    const driven = await atStep('1.1', {
      rollout: fakeRollout(long),
      session: {
        savePreview: async (step, text) => {
          saved = text;
          return `${step}.txt`;
        },
      },
    });
    driven.press('w');
    await driven.until((state) => state.notice !== null);
    expect(saved).toContain("SELECT 19, 9, 'needle 19';");
    expect(shown(driven.state())).toContain('The preview is in 1.1.txt');
  });

  test('shows diffs with a list of files and their counts', async () => {
    const driven = await atStep('2.1');
    const text = shown(driven.state());
    expect(text).toContain('2 files  +2 -2');
    expect(text).toContain('backend/src/routes/calls.ts  changed  +1 -2');
    expect(text).toContain('backend/src/routes/tenant.ts  new file  +1 -0');
  });

  test('shows what must be decided first, with its flag', async () => {
    const blocked = sampleSteps.map((step) =>
      step.id === '1.1'
        ? {
            ...step,
            blockers: [{ problem: '3 users have no organization.', remedy: 'Give --orphans own-org, or assign them.' }],
          }
        : step,
    );
    const driven = await atStep('1.1', { rollout: fakeRollout(blocked) });
    expect(shown(driven.state())).toContain('1 decision needed first');
    expect(shown(driven.state())).toContain('Give --orphans own-org');
    driven.press('a');
    expect(driven.state().dialog).toBeNull();
  });
});

describe('connecting', () => {
  test('the connection string is never shown and not kept', async () => {
    const secret = 'postgresql://postgres:hunter2@db.abc.supabase.co:5432/postgres';
    let given: string | undefined;
    const driven = drive({
      start: { needsUrl: true, project: null, host: null, environment: null },
      connect: async (url) => {
        given = url;
        return fakeSession(fakeRollout(sampleSteps));
      },
    });
    driven.burst([...secret, 'enter']);
    expect(given).toBeUndefined();
    expect(shown(driven.state())).not.toContain('hunter2');
    expect(shown(driven.state())).toContain('host db.abc.supabase.co/postgres');
    driven.press('enter');
    await driven.until((state) => state.steps !== null);
    expect(given).toBe(secret);
    expect(JSON.stringify(driven.state())).not.toContain('hunter2');
  });

  test.each([
    ['6543', '6543'],
    ['65/hunter2', 'hunter2'],
    ['p@ss/hunter2', 'hunter2'],
  ])('a password like %s is at no moment taken for a part of the host', (password, secret) => {
    const driven = drive({ start: { needsUrl: true, project: null, host: null, environment: null } });
    for (const character of `postgresql://postgres:${password}@db.abc.supabase.co/postgres`) {
      type(driven, character);
      expect(shown(driven.state())).not.toContain(secret);
    }
  });

  test('what is no connection string is told at once', () => {
    const driven = drive({ start: { needsUrl: true } });
    type(driven, 'hello');
    driven.press('enter');
    expect(shown(driven.state())).toContain('begins with postgresql://');
  });

  test('a string is taken as it is copied: in quotes, after its variable, with a line end', async () => {
    const url = 'postgresql://postgres:secret@db.abc.supabase.co/postgres';
    for (const pasted of [`"${url}"`, `'${url}'`, ` ${url} `, `export SUPABASE_DB_URL="${url}"`]) {
      const seen: (string | undefined)[] = [];
      const driven = drive({
        start: { needsUrl: true },
        connect: async (given) => {
          seen.push(given);
          return fakeSession(fakeRollout(sampleSteps));
        },
      });
      driven.burst([...[...pasted].map((character) => (character === ' ' ? 'space' : character)), 'enter']);
      expect(seen).toEqual([]);
      driven.press('enter');
      await driven.until((state) => state.steps !== null);
      expect(seen).toEqual([url]);
    }
  });

  test('the placeholder of the dashboard has a sentence of its own, and a paste that is cut says so', () => {
    const driven = drive({ start: { needsUrl: true }, size: { columns: 60, rows: 20 } });
    type(driven, 'postgresql://postgres:[YOUR-PASSWORD]@db.abc.supabase.co/postgres');
    driven.press('enter');
    expect(shown(driven.state())).toMatch(/It still says \[YOUR-PASSWORD\]: [\s\S]*there,\s+without brackets\./);
    driven.press('ctrl-u');
    driven.burst(Array.from({ length: 4100 }, () => 'x'));
    expect(shown(driven.state())).toContain('Only the first 4000 characters were taken');
  });

  test('a refusal is shown, can be tried again, and leaves with its exit code', async () => {
    let tries = 0;
    const driven = drive({
      connect: async () => {
        tries += 1;
        throw new RolloutError('The password is wrong.', 'Give the right one.', { exitCode: 4 });
      },
    });
    await driven.until((state) => state.connectProblem !== null);
    expect(shown(driven.state())).toContain('The password is wrong.');
    driven.press('enter');
    await driven.until((state) => tries === 2 && state.job === null);
    driven.press('q');
    expect(driven.state().exit).toEqual({ code: 4, now: false });
  });

  test('a later run shows what the earlier one left and goes on there', async () => {
    const steps = sampleSteps.map(
      (step): FakeStep =>
        step.id === '1.1'
          ? { ...step, state: 'verified' }
          : step.id === '1.2'
            ? { ...step, state: 'interrupted', interrupted: true }
            : step,
    );
    const driven = drive({ rollout: fakeRollout(steps) });
    await driven.until((state) => state.steps !== null);
    const text = shown(driven.state());
    expect(text).toContain('An earlier run got to 1 of 3 steps verified.');
    expect(text).toContain('half-way; recovered first');
    driven.press('enter');
    expect(driven.state().cursor).toBe(1);
  });

  test('a server that never answers leaves the keys alive', async () => {
    const driven = drive({ connect: () => new Promise(() => undefined) });
    driven.press('?');
    expect(shown(driven.state())).toContain('Keys that work here');
    driven.press('?', 'ctrl-c');
    expect(driven.state().exit).toEqual({ code: 130, now: true });
  });
});

describe('what does not fit or will not work', () => {
  test('the question repeats that the preview failed', async () => {
    const rollout = fakeRollout(
      sampleSteps.map((step) =>
        step.id === '1.1'
          ? { ...step, results: [{ outcome: 'failed' as const, reason: 'permission denied' }, {}] }
          : step,
      ),
    );
    const driven = await atStep('1.1', { rollout, session: staging });
    expect(shown(driven.state())).toContain('applying would fail: permission denied');
    driven.press('a');
    expect(shown(driven.state())).toContain('The preview says that 1 change would fail.');
  });

  test('many findings of doctor: the worst first, and the rest by scrolling', async () => {
    const findings = Array.from({ length: 30 }, (_, index) => ({
      title: `looked at ${index}`,
      verdict: index === 29 ? ('failed' as const) : index % 2 === 0 ? ('warning' as const) : ('passed' as const),
      observed: 'something',
      ...(index === 29 ? { advice: 'Do this about it.' } : {}),
    }));
    const driven = drive({ session: { findings } });
    await driven.until((state) => state.steps !== null);
    expect(shown(driven.state())).toContain('looked at 29');
    expect(shown(driven.state())).not.toContain('looked at 28');
    driven.press('end');
    expect(shown(driven.state())).toContain('looked at 28');
    expect(shown(driven.state())).toMatch(/passed +looked at 1, looked at 3/);
    expect(shown(driven.state())).toContain('Nothing is changed without a question.');
    driven.press('home');
    expect(shown(driven.state())).toContain('Voxanne rollout');
  });
});

describe('what is found out beside the connection', () => {
  test('is shown as it comes, and the connection does not wait for it', async () => {
    const driven = drive({
      start: { looking: true, workspace: null },
      session: { target: { ...sampleTarget, workspace: null } },
      discover: async (tell) => {
        tell({ kind: 'finding', finding: { title: 'Supabase CLI', verdict: 'warning', observed: 'too old' } });
        await new Promise((resolve) => setTimeout(resolve, 5));
        tell({ kind: 'workspace', workspace: { root: '/srv/app', branch: 'main', dirty: 2 } });
        throw new Error('no part of the rollout');
      },
    });
    expect(shown(driven.state())).toMatch(/Workspace +looking/);
    await driven.until((state) => state.steps !== null && state.target?.workspace?.branch === 'main');
    expect(shown(driven.state())).toMatch(/warning +Supabase CLI +too old/);
    expect(shown(driven.state())).toMatch(/Branch +main +2 files not committed/);
  });
});

describe('what a step has to offer', () => {
  test('an empty plan of a verified step is not offered to be applied again', async () => {
    const done = sampleSteps.map((step): FakeStep => (step.id === '1.1' ? { ...step, state: 'verified' } : step));
    const driven = await atStep('1.1', { rollout: fakeRollout(done), session: staging });
    expect(shown(driven.state())).toContain('Nothing to change');
    driven.press('a');
    expect(driven.state().dialog).toBeNull();
  });

  test('an empty plan of a step that was not done yet says how that is recorded', async () => {
    const empty = sampleSteps.map((step): FakeStep => (step.id === '1.1' ? { ...step, changes: [] } : step));
    const driven = await atStep('1.1', { rollout: fakeRollout(empty), session: staging });
    expect(shown(driven.state())).toContain('Nothing to change. Press a to mark this step done');
  });

  test('a step on the code whose checks failed leads to the places for a person, and back', async () => {
    const failed = sampleSteps.map(
      (step): FakeStep => ({
        ...step,
        state: step.id === '2.1' ? 'failed' : 'verified',
        ...(step.id === '2.1' ? { checks: [check({ id: '2.1/scan', verdict: 'failed', kind: 'scan' })] } : {}),
      }),
    );
    const driven = await atStep('2.1', { rollout: fakeRollout(failed), session: staging });
    const told = shown(driven.state());
    expect(told).toContain('its checks failed · nothing is left that this step could change');
    expect(told).not.toContain('Nothing to change');
    expect(told).toMatch(/f findings +v verify/);
    driven.press('f');
    await driven.until((state) => state.findings?.list != null);
    driven.press('escape');
    expect(driven.state().screen).toBe('step');
    driven.press('v');
    await driven.until((state) => state.verification?.outcome === 'failed' && state.job === null);
    expect(shown(driven.state())).toContain('f findings');
    driven.press('f');
    await driven.until((state) => state.findings?.list != null);
    driven.press('r');
    await driven.until((state) => state.job === null && state.findings?.list != null);
    driven.press('escape');
    expect(driven.state().screen).toBe('verification');
  });

  test('a change that would fail is named before everything else', async () => {
    const reason = 'relation "calls" is busy\n  select 1\n  ^';
    const steps = sampleSteps.map(
      (step): FakeStep =>
        step.id === '1.1'
          ? { ...step, results: step.changes.map(() => ({ outcome: 'failed' as const, reason })) }
          : step,
    );
    const driven = await atStep('1.1', { rollout: fakeRollout(steps), session: staging });
    const text = shown(driven.state());
    expect(text).toMatch(/✗ 1\/2 would fail: rename public\.profiles/);
    expect(text.indexOf('1/2 would fail')).toBeLessThan(text.indexOf('Note:'));
  });
});

describe('deciding otherwise', () => {
  test('leaving a step out needs a reason, which is recorded', async () => {
    const driven = await atStep('1.1');
    driven.press('s', 'enter');
    expect(shown(driven.state())).toContain('A reason is needed: it is recorded.');
    type(driven, 'done by hand');
    driven.press('enter');
    await driven.until((state) => state.steps?.[0]?.state === 'skipped');
    expect(driven.rollout.calls).toContain('skip 1.1 done by hand');
  });

  test('a finding can be opened in the editor or waived with a reason', async () => {
    const waived: string[] = [];
    const driven = await atOverview({
      session: {
        waive: async (ids, reason) => {
          waived.push(`${ids.join(' ')} ${reason}`);
        },
      },
    });
    driven.press('f');
    await driven.until((state) => state.findings?.list != null);
    expect(shown(driven.state())).toContain('The first organization of the table');
    driven.press('o');
    await driven.until((state) => !state.suspended);
    expect(driven.edited).toEqual(['backend/src/routes/calls.ts:4']);
    driven.press('x');
    expect(shown(driven.state())).toContain('Nothing to waive: step 2.1 fixes this place when it is applied.');
    driven.press('down', 'x');
    expect(shown(driven.state())).toContain('1 more is fixed by the step when it is applied, and is not waived.');
    driven.press('1');
    type(driven, 'a health probe');
    driven.press('enter');
    await driven.until((state) => state.findings?.list?.[1]?.waived != null);
    expect(waived).toEqual(['f2 a health probe']);
    expect(shown(driven.state())).toContain('1 waived');
  });
});

describe('a narrow terminal', () => {
  test('keeps the name of a step that was verified, and shows a check in full below the list', async () => {
    const title = 'every table of the app answers for the organization of the caller and for nobody else';
    const steps = sampleSteps.map(
      (step): FakeStep => (step.id === '1.1' ? { ...step, checks: [check({ id: '1.1/long', title })] } : step),
    );
    const size = { columns: 60, rows: 20 };
    const driven = await atStep('1.1', { rollout: fakeRollout(steps), session: staging, size });
    driven.press('a', 'y');
    await driven.until((state) => state.verification?.outcome === 'verified');
    const text = shown(driven.state());
    expect(text).toMatch(/Verify 1\.1 One name for the organization +checked in/);
    expect(text).toMatch(/every table of the app [^\n]*…/);
    expect(text.replaceAll(/\s+/g, ' ')).toContain(title);
  });
});

describe('the summary', () => {
  test('says what was done, what is left, where the report is and what comes next', async () => {
    const driven = await atStep('1.1', { session: staging });
    driven.press('a', 'y');
    await driven.until((state) => state.verification?.outcome === 'verified');
    await idle(driven);
    driven.press('q');
    expect(driven.state().exit).toEqual({ code: 0, now: false });
    const report = await driven.finish(false);
    expect(summary(driven.state(), report)).toEqual([
      `voxanne-rollout: ${ref} · ${sampleTarget.host} · staging`,
      '  ✓ applied, verified 1.1 One name for the organization  (2 changes; 2 checks passed)',
      '',
      '1 of 3 steps verified, 2 left.',
      'Report: .voxanne-rollout/report.md',
      'Next: voxanne-rollout   goes on with 1.2 Every user has an organization',
    ]);
  });

  test('of a session that only looked says that nothing was changed', async () => {
    const driven = await atOverview();
    driven.press('q');
    expect(summary(driven.state(), null).join('\n')).toContain('Nothing was changed.');
    expect(frame(driven.state()).map(plainText).join('')).toContain('production');
  });
});

describe('what a step does to the app', () => {
  const big = sampleSteps.map((step) =>
    step.id === '1.1'
      ? {
          ...step,
          changes: Array.from({ length: 60 }, (_, index) => ({
            kind: 'sql' as const,
            id: `policy ${index}`,
            title: `Read public.t${index}`,
            mode: 'transaction' as const,
            up: `create policy org_select on public.t${index} for select to authenticated using (true);`,
            down: `drop policy org_select on public.t${index};`,
          })),
        }
      : step,
  );

  test('stands above its preview: the risk, and what was tested', async () => {
    const driven = await atStep('1.1', { rollout: fakeRollout(big) });
    expect(shown(driven.state())).toMatch(/Risk +medium: policies or grants are added/);
    expect(shown(driven.state())).toContain('Tested');
  });

  test('many changes are shown by kind, and z shows every statement', async () => {
    const driven = await atStep('1.1', { rollout: fakeRollout(big) });
    expect(shown(driven.state())).toContain('60 changes  Create policies  60 tables × read');
    expect(shown(driven.state())).not.toContain('1/60');
    driven.press('z');
    expect(shown(driven.state())).toContain('1/60  Read public.t0');
    driven.press('z');
    expect(shown(driven.state())).not.toContain('1/60');
  });
});

test('a step that is verified opens the next one at once, before the target was asked again', async () => {
  const fake = fakeRollout(sampleSteps);
  let asked = 0;
  const driven = await atStep('1.1', {
    rollout: { ...fake, status: () => (asked++ < 2 ? fake.status() : new Promise(() => undefined)) },
  });
  driven.press('a');
  type(driven, sampleTarget.project);
  driven.press('enter');
  await driven.until((state) => state.verification?.outcome === 'verified');
  expect(driven.state().steps?.slice(0, 2)).toMatchObject([{ state: 'verified' }, { gate: null }]);
  driven.press('ctrl-c');
});

test('what a key was told while the target was still looked at goes when that is over', async () => {
  const fake = fakeRollout(sampleSteps);
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const driven = drive({ rollout: { ...fake, status: () => held.then(fake.status) } });
  await driven.until((state) => state.target !== null);
  driven.press('enter');
  expect(driven.state().notice?.text).toBe('Still looking at the target.');
  release();
  await driven.until((state) => state.steps !== null);
  expect(driven.state().notice).toBeNull();
});
