import { expect, test } from 'vitest';
import { painter } from '../../src/report/format.ts';
import { harmless, overwrite, toTerminal } from '../../src/report/terminal.ts';

const hostile = 'calls\u001b]0;owned\u0007\u001b[2J\u202egnp\u009b31m\r';

test('what a name holds is shown, never obeyed', () => {
  const shown = harmless(hostile);
  expect(shown).toBe('calls<U+001B>]0;owned<U+0007><U+001B>[2J<U+202E>gnp<U+009B>31m<U+000D>');
  expect(toTerminal(shown)).toBe(shown);
});

test('line ends and tabs stay', () => {
  expect(harmless('a\n\tb\r\nc')).toBe('a\n\tb\nc');
});

test('our own styles come through, also around a hostile text', () => {
  expect(toTerminal(painter(true)('bad', hostile))).toBe(`\u001b[31m${harmless(hostile)}\u001b[39m`);
  expect(toTerminal(painter(false)('bad', 'x'))).toBe('x');
  expect(toTerminal(`${overwrite}x`)).toBe('\r\u001b[2Kx');
});

test('nobody can imitate our marks', () => {
  expect(toTerminal('\uE000red\uE003x\uE001')).not.toContain('\u001b');
});
