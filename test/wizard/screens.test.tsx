import { render as testRender } from 'ink-testing-library';
import { afterEach, describe, expect, test, vi } from 'vitest';

// Chalk reads this once, when it is loaded: here every frame is drawn with the sixteen colours or with none.
vi.hoisted(() => {
  process.env.FORCE_COLOR = '1';
});

import { answer } from '../../src/rollout/decision.ts';
import { App } from '../../src/wizard/app.tsx';
import { plainText, width } from '../../src/wizard/lines.ts';
import { frame } from '../../src/wizard/screens/frame.ts';
import type { Size, State } from '../../src/wizard/state/state.ts';
import { paint } from '../../src/wizard/terminal/paint.ts';
import { coloured, plain, type Theme } from '../../src/wizard/theme.ts';
import { asciiLook, atOverview, atStep, type Driven, type DriveOptions, drive, type } from './drive.ts';
import { type FakeStep, fakeRollout, sampleSteps, sampleTarget } from './fake-rollout.ts';
import { renderAt } from './render-at.tsx';

const ref = sampleTarget.project;
const confirm = (driven: Driven): void => {
  type(driven, ref);
  driven.press('enter');
};
const verifiedFirst = sampleSteps.map((step): FakeStep => (step.id === '1.1' ? { ...step, state: 'verified' } : step));

/** How to come to every screen. */
const screens: Readonly<Record<string, (options: DriveOptions) => Promise<Driven>>> = {
  connecting: async (options) => drive(options),
  'connection string': async (options) => {
    const driven = drive({ ...options, start: { needsUrl: true, project: null, host: null, environment: null } });
    type(driven, 'postgresql://postgres:secret@db.abc.supabase.co:5432/postgres');
    return driven;
  },
  start: async (options) => {
    const driven = drive(options);
    await driven.until((state) => state.steps !== null);
    return driven;
  },
  overview: atOverview,
  step: (options) => atStep('1.1', options),
  'step with files': (options) => atStep('2.1', options),
  confirmation: async (options) => {
    const driven = await atStep('1.1', options);
    driven.press('a');
    type(driven, 'wrong');
    driven.press('enter');
    return driven;
  },
  search: async (options) => {
    const driven = await atStep('1.1', options);
    driven.press('/');
    type(driven, 'org');
    driven.press('enter');
    return driven;
  },
  running: async (options) => {
    const rollout = fakeRollout(
      sampleSteps.map(
        (step): FakeStep =>
          step.id === '1.1'
            ? {
                ...step,
                hangs: 'rename public.profiles',
                during: {
                  'rename public.profiles': [
                    {
                      type: 'change-progress',
                      step: '1.1',
                      change: 'rename public.profiles',
                      done: 3,
                      total: 9,
                      perSecond: 2,
                    },
                    {
                      type: 'change-waiting',
                      step: '1.1',
                      change: 'rename public.profiles',
                      attempt: 2,
                      reason: 'lock timeout after 50 ms',
                      holders: [{ pid: 1, application: '', user: 'postgres', state: 'active', seconds: 2 }],
                    },
                  ],
                },
              }
            : step,
      ),
    );
    const driven = await atStep('1.1', { ...options, rollout });
    driven.press('a');
    confirm(driven);
    await driven.until((state) => state.run?.changes[0]?.waiting != null);
    driven.press('l');
    return driven;
  },
  verification: async (options) => {
    const driven = await atStep('1.2', { ...options, rollout: fakeRollout(verifiedFirst) });
    driven.press('a');
    confirm(driven);
    await driven.until((state) => state.verification?.outcome === 'failed' && state.job === null);
    return driven;
  },
  rollback: async (options) => {
    const driven = await atStep('1.1', { ...options, rollout: fakeRollout(verifiedFirst) });
    driven.press('u');
    await driven.until((state) => state.rollback?.reading != null);
    return driven;
  },
  'rolled back': async (options) => {
    const stayed = ['public.profiles: 3 rows that were added since', 'public.calls: 1 row'];
    const rollout = fakeRollout(verifiedFirst.map((step) => ({ ...step, stayed })));
    const driven = await atStep('1.1', { ...options, rollout });
    driven.press('u');
    await driven.until((state) => state.rollback?.reading != null);
    driven.press('u');
    confirm(driven);
    await driven.until((state) => state.run?.outcome === 'done');
    return driven;
  },
  findings: async (options) => {
    const driven = await atOverview(options);
    driven.press('f');
    await driven.until((state) => state.findings?.list != null);
    return driven;
  },
  decision: (options) => {
    const answers = [answer('decisions.orphans', 'leave', 'They stay without one.')];
    const blockers = [{ problem: '2 users belong to no organization.', remedy: 'Decide.', detail: 'ann, bo', answers }];
    const rollout = fakeRollout(sampleSteps.map((step) => (step.id === '1.1' ? { ...step, blockers } : step)));
    return atStep('1.1', { ...options, rollout, session: { decide: () => undefined } });
  },
  journey: async (options) => {
    const driven = await atStep('1.1', options);
    driven.press('T');
    await driven.until((state) => state.dialog?.kind === 'pick');
    driven.press('enter');
    await driven.until((state) => state.journey?.reading != null);
    return driven;
  },
  help: async (options) => {
    const driven = await atStep('1.1', options);
    driven.press('?');
    return driven;
  },
};

const sizes: readonly Size[] = [
  { columns: 80, rows: 24 },
  { columns: 100, rows: 30 },
  { columns: 160, rows: 50 },
  { columns: 60, rows: 20 },
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const escapes = /\u001b\[([\d;]*)m/g;
/** The characters alone: a styled space at the end of a row is one that Ink cuts when it is not. */
const bare = (text: string): string => text.replaceAll(escapes, '').replaceAll(/ +$/gm, '').trimEnd();
const drawn = (driven: Driven, theme: Theme): string =>
  renderAt(driven.state().size, <App store={driven.store} theme={theme} />);

const fits = (state: State): void => {
  const lines = frame(state);
  expect(lines.length).toBe(state.size.rows - 1);
  for (const row of lines) expect(width(row), plainText(row)).toBeLessThanOrEqual(state.size.columns);
};

afterEach(() => vi.restoreAllMocks());

for (const size of sizes)
  describe(`${size.columns}x${size.rows}`, () => {
    for (const [name, open] of Object.entries(screens))
      test(`${name} fits, and is the same with colours and without`, async () => {
        const driven = await open({ size });
        fits(driven.state());
        const inColour = drawn(driven, coloured);
        const without = drawn(driven, plain);
        // The frame that is shown before Ink is loaded: nothing is drawn twice, and nothing moves, when Ink takes over.
        expect(paint(frame(driven.state()), coloured)).toBe(inColour);
        expect(paint(frame(driven.state()), plain)).toBe(without);
        expect(without).not.toMatch(escapes);
        expect(bare(inColour)).toBe(bare(without));
        const rows = without.split('\n');
        expect(rows.length).toBeLessThan(size.rows);
        expect(inColour).toMatch(escapes);
        // Only the styles and the colours of the theme: no black, no white, no bright ones, no 256.
        for (const [, codes] of inColour.matchAll(escapes))
          for (const code of (codes ?? '').split(';').filter((one) => one !== ''))
            expect([0, 1, 2, 7, 22, 27, 31, 32, 35, 39]).toContain(Number(code));
        driven.press('ctrl-c');
      });

    test('every screen names project, host and environment', async () => {
      for (const [name, open] of Object.entries(screens)) {
        if (name === 'connection string') continue;
        const driven = await open({ size });
        const [head] = frame(driven.state()).map(plainText);
        expect(head, name).toContain(ref);
        expect(head, name).toContain('production');
        expect(head, name).toMatch(/db\.|…/);
        driven.press('ctrl-c');
      }
    });

    test('with ASCII signs nothing of our own is outside ASCII', async () => {
      for (const [name, open] of Object.entries(screens)) {
        const driven = await open({ size, look: asciiLook });
        fits(driven.state());
        const foreign = frame(driven.state())
          .map(plainText)
          .join('')
          .match(/[^\x20-\x7e]/g);
        expect(foreign, name).toBeNull();
        driven.press('ctrl-c');
      }
    });
  });

test('any size down to a few columns and rows draws something and breaks nothing', async () => {
  for (const [, open] of Object.entries(screens)) {
    const driven = await open({ size: { columns: 80, rows: 24 } });
    for (const [columns, rows] of [
      [20, 8],
      [1, 1],
      [40, 10],
      [200, 60],
    ] as const) {
      driven.store.dispatch({ type: 'resize', size: { columns, rows } });
      const lines = frame(driven.state());
      for (const row of lines) expect(width(row)).toBeLessThanOrEqual(columns);
      expect(lines.length).toBeLessThanOrEqual(Math.max(6, rows - 1));
    }
    driven.press('ctrl-c');
  }
});

describe('through Ink', () => {
  const wait = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));

  test('200 keys written at once all arrive, as characters and as arrows', async () => {
    const many = Array.from(
      { length: 450 },
      (_, index): FakeStep => ({ id: `1.${index + 1}`, title: `step ${index}`, why: 'why', changes: [] }),
    );
    const driven = await atOverview({ rollout: fakeRollout(many) });
    const { stdin, unmount } = testRender(<App store={driven.store} theme={plain} />);
    await wait();
    stdin.write('j'.repeat(200));
    await wait();
    expect(driven.state().cursor).toBe(200);
    stdin.write('\u001b[B'.repeat(200));
    await wait();
    expect(driven.state().cursor).toBe(400);
    for (let index = 0; index < 200; index += 1) stdin.write('k');
    await wait();
    expect(driven.state().cursor).toBe(200);
    unmount();
  });

  test('Escape, Backspace, Ctrl-C and a paste with a line end mean what they should', async () => {
    const driven = await atStep('1.1');
    const { stdin, lastFrame, unmount } = testRender(<App store={driven.store} theme={plain} />);
    await wait();
    stdin.write('a');
    await wait();
    stdin.write(`${ref}x\r`);
    await wait();
    expect(driven.state().dialog).toMatchObject({ text: `${ref}x` });
    stdin.write('\u007f');
    await wait();
    expect(driven.state().dialog).toMatchObject({ text: ref, choice: 'go' });
    stdin.write('\u001b');
    await wait();
    expect(driven.state().dialog).toBeNull();
    expect(lastFrame()).toContain('1.1 One name for the organization');
    stdin.write('\u0003');
    await wait();
    expect(driven.state().exit).toEqual({ code: 130, now: false });
    unmount();
  });

  test('an event that changes nothing on the screen costs no frame', async () => {
    const driven = await atStep('1.1');
    driven.press('?');
    const { frames, unmount } = testRender(<App store={driven.store} theme={plain} />);
    await wait();
    const before = frames.length;
    for (let index = 0; index < 20; index += 1) {
      driven.store.dispatch({ type: 'tick' });
      await wait();
    }
    expect(frames.length).toBe(before);
    driven.press('?');
    await wait();
    expect(frames.length).toBe(before + 1);
    unmount();
  });

  test('what a terminal reports by itself is not taken for keys', async () => {
    const driven = await atStep('1.1');
    const { stdin, unmount } = testRender(<App store={driven.store} theme={plain} />);
    await wait();
    stdin.write('\u001b[I\u001b[O\u001b[200~');
    await wait();
    expect(driven.state().screen).toBe('step');
    expect(driven.state().step?.reading?.top).toBe(0);
    unmount();
  });
});
