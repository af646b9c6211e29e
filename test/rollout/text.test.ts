import { expect, test } from 'vitest';
import { checkText } from '../../src/rollout/check.ts';
import { bytes, count, duration, plural, seconds, speaksUtf8 } from '../../src/rollout/text.ts';

test.each([
  [0.4, '0 ms'],
  [1, '1 ms'],
  [999.4, '999 ms'],
  [999.6, '1.0 s'],
  [9_940, '9.9 s'],
  [9_960, '10 s'],
  [59_400, '59 s'],
  [59_600, '1 min 00 s'],
  [185_000, '3 min 05 s'],
  [3_600_000, '1 h 00 min'],
  [3_900_000, '1 h 05 min'],
])('%d ms is %s', (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text);
});

test.each([
  [999, ''],
  [1_000, '1 s'],
  [2_900, '2 s'],
  [61_500, '1 min 01 s'],
])('a clock shows %d ms as "%s"', (milliseconds, text) => {
  expect(seconds(milliseconds)).toBe(text);
});

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [1_023, '1,023 bytes'],
  [1_024, '1.0 kB'],
  [10_240, '10 kB'],
  [35_651_584, '34 MB'],
  [1024 ** 5, '1024 TB'],
])('%d bytes are %s', (value, text) => {
  expect(bytes(value)).toBe(text);
});

test('numbers have their thousands apart, and nouns agree with them', () => {
  expect([999, 1_000, 1_234_567].map(count)).toEqual(['999', '1,000', '1,234,567']);
  expect([plural(0, 'change'), plural(1, 'change'), plural(2_000, 'change')]).toEqual([
    '0 changes',
    '1 change',
    '2,000 changes',
  ]);
  expect([plural(1, 'index', 'indexes'), plural(2, 'index', 'indexes')]).toEqual(['1 index', '2 indexes']);
});

test.each([
  [{}, true],
  [{ LANG: 'en_US.UTF-8' }, true],
  [{ LANG: 'en_US.utf8' }, true],
  [{ LANG: 'C' }, false],
  [{ LANG: 'C', LC_CTYPE: 'C.UTF-8' }, true],
  [{ LANG: 'C.UTF-8', LC_CTYPE: 'C.UTF-8', LC_ALL: 'C' }, false],
  [{ LANG: 'C.UTF-8', LC_ALL: '' }, true],
  [{ LANG: '' }, true],
])('a terminal with %o shows more than ASCII: %s', (env, shows) => {
  expect(speaksUtf8(env)).toBe(shows);
});

test('a check whose title is a sentence ends in one mark, not in two', () => {
  expect(checkText({ title: 'a.ts:3: It takes the first one.', observed: 'rows[0]' })).toBe(
    'a.ts:3: It takes the first one: rows[0]',
  );
  expect(checkText({ title: 'Nobody else reads it', observed: '2 rows' })).toBe('Nobody else reads it: 2 rows');
});
