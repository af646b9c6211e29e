import { expect, test } from 'vitest';
import { mentions } from '../../src/database/words.ts';

test('a name is a word of its own, in capitals or not, whatever it is made of', () => {
  expect(mentions('select Org_id from calls', 'org_id')).toBe(true);
  expect(mentions('select my_org_id, org_id2, $org_id from calls', 'org_id')).toBe(false);
  expect(mentions('select * from "calls (old)"', 'calls (old)')).toBe(true);
  expect(mentions('select * from calls_old', 'calls(old')).toBe(false);
});
