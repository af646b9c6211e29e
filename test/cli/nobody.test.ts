import { afterEach, expect, test, vi } from 'vitest';
import { whyNobody } from '../../src/cli/nobody.ts';

const tty = { in: process.stdin.isTTY, out: process.stdout.isTTY };
afterEach(() => {
  vi.unstubAllEnvs();
  process.stdin.isTTY = tty.in;
  process.stdout.isTTY = tty.out;
});

test.each([
  [true, true, undefined, false, null],
  [true, false, undefined, false, 'This is not a terminal'],
  [false, true, undefined, false, 'This is not a terminal'],
  [true, true, '1', false, 'CI is set'],
  [true, true, '', false, 'CI is set'],
  [true, true, undefined, true, '--json was given'],
] as const)('input %s, output %s, CI %s, --json %s: %s', (input, output, ci, json, why) => {
  process.stdin.isTTY = input;
  process.stdout.isTTY = output;
  vi.stubEnv('CI', ci);
  expect(whyNobody(json)).toBe(why);
});
