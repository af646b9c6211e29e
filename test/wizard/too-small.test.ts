import { describe, expect, test } from 'vitest';
import { capabilities } from '../../src/wizard/terminal/capabilities.ts';
import { atStep, shown } from './drive.ts';

describe('a terminal in which nothing can be read', () => {
  test('says so, agrees to nothing, and goes on where it was when there is room again', async () => {
    const driven = await atStep('1.1');
    for (const size of [
      { columns: 40, rows: 12 },
      { columns: 30, rows: 8 },
    ]) {
      driven.store.dispatch({ type: 'resize', size });
      expect(shown(driven.state())).toContain(`${size.columns}x${size.rows}`);
      driven.press('a', 'y', 'enter');
      expect(driven.state()).toMatchObject({ dialog: null, screen: 'step', job: null });
    }
    driven.store.dispatch({ type: 'resize', size: { columns: 80, rows: 24 } });
    expect(shown(driven.state())).toContain('1.1 One name');
    driven.press('a');
    expect(driven.state().dialog).not.toBeNull();
    // A question that was open stays open, and no key answers it unseen.
    driven.store.dispatch({ type: 'resize', size: { columns: 40, rows: 12 } });
    driven.press('y', 'enter');
    expect(driven.state().dialog).not.toBeNull();
    driven.press('ctrl-c');
  });
});

test('Ctrl-Z suspends, and not while something runs', async () => {
  const driven = await atStep('1.1');
  driven.press('ctrl-z');
  expect(driven.state().suspended).toBe(true);
  await driven.until((state) => !state.suspended);
  driven.press('r', 'ctrl-z');
  expect(driven.state().suspended).toBe(false);
  expect(shown(driven.state())).toContain('Not suspended');
  driven.press('ctrl-c');
});

test('Ctrl-Z suspends in a field as well, which keeps what was typed', async () => {
  const driven = await atStep('1.1');
  driven.press('a');
  const { dialog } = driven.state();
  expect(dialog).not.toBeNull();
  driven.press('ctrl-z');
  expect(driven.state().suspended).toBe(true);
  await driven.until((state) => !state.suspended);
  expect(driven.state().dialog).toEqual(dialog);
  driven.press('escape', 'ctrl-c');
});

test.each([
  [{ LC_ALL: 'C' }, true],
  [{ LC_ALL: '', LANG: 'POSIX' }, true],
  [{ LC_ALL: 'C.UTF-8' }, false],
  [{ LANG: 'de_DE.utf8' }, false],
  [{ LC_CTYPE: 'C', LANG: 'en_US.UTF-8' }, true],
  [{}, false],
] as const)('with %j the signs are ASCII: %s', (env, ascii) => {
  const { look } = capabilities({}, { TERM: 'xterm', ...env }, 'linux');
  expect(look.glyphs.ok === '+').toBe(ascii);
});
