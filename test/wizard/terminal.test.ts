import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleTarget } from './fake-rollout.ts';
import { buildFixture, openTerminal as openFixture, type RealTerminal } from './terminal.ts';

let fixture = '';
beforeAll(async () => {
  fixture = await buildFixture();
});
afterAll(() => rm(path.dirname(fixture), { recursive: true }));
const openTerminal = (...rest: Parameters<typeof openFixture> extends [string, ...infer R] ? R : never): RealTerminal =>
  openFixture(fixture, ...rest);

const overview = async (terminal: RealTerminal): Promise<void> => {
  await terminal.wait('Nothing is changed without a question');
  await terminal.press('\r');
  await terminal.wait('0 of 2 verified');
};

const step = async (terminal: RealTerminal): Promise<void> => {
  await overview(terminal);
  await terminal.press('\r');
  await terminal.wait('hidden below');
};

const running = async (terminal: RealTerminal): Promise<void> => {
  await step(terminal);
  await terminal.press('a');
  await terminal.wait('on this target?');
  await terminal.press('y');
  await terminal.wait(/running +replace function/);
};

/** The terminal as it was found, with nothing of the wizard left on it but what it says at the end. */
const restored = (terminal: RealTerminal): void => {
  expect(terminal.buffer()).toBe('normal');
  expect(terminal.cursorShown()).toBe(true);
  expect(terminal.screen()).not.toContain('? keys');
};

describe('in a real terminal', () => {
  test('from the first frame to the summary, resized on the way', async () => {
    const terminal = openTerminal(['production']);
    await step(terminal);
    expect(terminal.buffer()).toBe('alternate');
    for (const [columns, rows] of [
      [60, 20],
      [120, 40],
      [70, 12],
      [80, 24],
    ] as const) {
      terminal.resize(columns, rows);
      await terminal.wait(new RegExp(`^─{${columns}}$[\\s\\S]*^─{${columns}}\\n a apply`, 'm'));
      const lines = terminal.screen().split('\n');
      expect(lines[0]).toContain(sampleTarget.project);
      expect(lines[1]).toBe('─'.repeat(columns));
      expect(lines[2]).toContain('1.1 One name for the organization');
      expect(lines[rows - 2]).toContain('a apply');
      expect(lines[rows - 1]).toBe('');
    }
    await terminal.press('a');
    await terminal.wait('Type abcdefghijklmnopqrst to apply');
    await terminal.press('wrong\r');
    await terminal.wait('to apply: wrong');
    await terminal.press('\r');
    await terminal.wait('"wrong" is not');
    await terminal.press('\u0015');
    await terminal.press(`${sampleTarget.project}\r`);
    await terminal.wait('enter apply');
    await terminal.press('\r');
    await terminal.wait('verified   0 failed');
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 0 });
    restored(terminal);
    expect(terminal.screen()).toContain('applied, verified 1.1 One name for the organization');
    expect(terminal.screen().trim().split('\n')[0]).toMatch(/^voxanne-rollout: abcdefghijklmnopqrst/);
  });

  test('Ctrl-C once: stopped in order, told, and 130 on leaving', async () => {
    const terminal = openTerminal(['hang']);
    await running(terminal);
    await terminal.press('\u0003');
    await terminal.wait('Stopped.');
    expect(terminal.screen().match(/changes? applied and journalled/g)).toHaveLength(1);
    expect(terminal.screen()).toMatch(/esc and then a go on/);
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 130 });
    restored(terminal);
    expect(terminal.screen()).toContain('stopped     1.1');
  });

  test.each(['SIGTERM', 'SIGHUP', 'SIGINT'])(
    '%s while a change runs ends it in order and gives the terminal back',
    async (signal) => {
      const terminal = openTerminal(['hang']);
      await running(terminal);
      terminal.kill(signal);
      if (signal === 'SIGINT') {
        await terminal.wait('Stopped.');
        terminal.kill(signal);
      }
      expect(await terminal.exit).toMatchObject({ code: 130 });
      restored(terminal);
    },
  );

  test('a crash leaves the error on the main screen', async () => {
    const terminal = openTerminal(['crash']);
    expect((await terminal.exit).code).not.toBe(0);
    restored(terminal);
    expect(terminal.screen()).toContain('crashed on purpose');
  });

  test('inline: what was on the screen stays, and the summary follows', async () => {
    const terminal = openTerminal(['inline']);
    await step(terminal);
    expect(terminal.buffer()).toBe('normal');
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 0 });
    expect(terminal.cursorShown()).toBe(true);
    expect(terminal.screen()).toContain('Nothing was changed.');
    expect(terminal.screen().match(/Keys|\? keys/g)).toHaveLength(1);
  });

  test('200 keys at once, and arrows after them, all arrive', async () => {
    const terminal = openTerminal([]);
    await overview(terminal);
    await terminal.press('jk'.repeat(100));
    await terminal.press('\u001b[B'.repeat(101) + '\u001b[A'.repeat(1));
    await terminal.wait(/› ◌ blocked +1\.2/);
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 0 });
  });

  test('the first frame comes before Ink, and keys pressed from the very start are neither shown nor lost', async () => {
    const terminal = openTerminal(['url']);
    const before = Date.now();
    while (!terminal.written().includes('Connection string')) {
      if (Date.now() - before > 30_000) throw new Error('there is no first frame');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // Without the pause of `press`: Ink is still being loaded.
    terminal.type('postgresql://postgres:hunter2');
    await terminal.wait('29 characters');
    expect(terminal.written()).not.toContain('hunter2');
    // Nor was the frame drawn again when Ink took over: only rows of the question were.
    expect(terminal.written().match(/Voxanne rollout 0/g)).toHaveLength(1);
    await terminal.press('\u0003');
    expect(await terminal.exit).toMatchObject({ code: 130 });
    restored(terminal);
  });

  test('the editor gets the screen and gives it back', async () => {
    const script = 'process.stdout.write("EDITING "+process.argv.slice(1).join(" "));setTimeout(()=>{},400)';
    const terminal = openTerminal([], {
      env: { EDITOR: `${process.execPath} -e ${script.replaceAll(' ', '\u00a0')}`, VISUAL: '' },
    });
    await overview(terminal);
    await terminal.press('f');
    await terminal.wait('fixed by 2.1');
    await terminal.press('o');
    await terminal.wait(/EDITING/);
    await terminal.wait('2 findings');
    expect(terminal.buffer()).toBe('alternate');
    await terminal.press('j');
    await terminal.wait(/› ✗ backend\/src\/routes\/hooks/);
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 0 });
    restored(terminal);
  });

  test.each([
    ['of sixteen colours', {}],
    ['of sixteen million colours', { COLORTERM: 'truecolor' }],
  ])('with colour by default, the same ones on a terminal %s', async (_, env) => {
    const terminal = openTerminal([], { env });
    await step(terminal);
    await terminal.press('q');
    await terminal.exit;
    expect(terminal.written()).toContain('\u001b[32m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
    const styles = new Set(terminal.written().match(/\u001b\[[\d;]*m/g));
    expect(
      [...styles].filter((style) => !['31', '32', '35', '39', '1', '2', '22'].includes(style.slice(2, -1))),
    ).toEqual([]);
  });

  test('without colour not one colour is written', async () => {
    const terminal = openTerminal([], { env: { NO_COLOR: '1', FORCE_COLOR: '0' } });
    await step(terminal);
    await terminal.press('q');
    await terminal.exit;
    expect(terminal.screen()).toContain('Nothing was changed.');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
    expect(terminal.written()).not.toMatch(/\u001b\[[\d;]*m/);
  });

  test('for a screen reader: the normal buffer, lines only, keys with Enter, the connection string unseen', async () => {
    const terminal = openTerminal(['url'], { env: { ACCESSIBLE: '1' }, rows: 50 });
    await terminal.wait('Connection string of the database');
    await terminal.press('postgresql://postgres:hunter2@db.abc.supabase.co/postgres\r');
    await terminal.wait('Nothing is changed without a question');
    await terminal.press('\r');
    await terminal.wait('0 of 2 verified');
    await terminal.press('\r');
    await terminal.wait('RENAME COLUMN');
    await terminal.press('a\r');
    await terminal.wait('on this target?');
    await terminal.press('y\r');
    await terminal.wait('passed: public.profiles says org_id');
    await terminal.press('q\r');
    expect(await terminal.exit).toMatchObject({ code: 0 });
    expect(terminal.buffer()).toBe('normal');
    expect(terminal.screen()).not.toContain('hunter2');
    expect(terminal.screen()).toContain('1 of 3 steps verified, 2 left.');
  });

  test('while something runs only what moves is written', async () => {
    const terminal = openTerminal(['hang']);
    await running(terminal);
    const before = terminal.written().length;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    // About eight frames of three short rows each; whole frames would be fifteen thousand bytes.
    expect(terminal.written().length - before).toBeLessThan(6000);
    await terminal.press('\u0003');
    await terminal.press('\u0003');
    expect(await terminal.exit).toMatchObject({ code: 130 });
  });
});
