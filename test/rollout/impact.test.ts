import { expect, test } from 'vitest';
import type { CheckResult } from '../../src/rollout/check.ts';
import { impactOf } from '../../src/rollout/impact.ts';

const check = (id: string, more: Partial<CheckResult> = {}): CheckResult => ({
  id: `1.7/access/${id}`,
  title: id,
  kind: 'probe',
  verdict: 'passed',
  expected: '',
  observed: '0 rows lost',
  milliseconds: 0,
  ...more,
});

const usersOf = (results: readonly CheckResult[]): readonly string[] =>
  impactOf({
    changes: [],
    results: [],
    proofs: [{ title: 'whole', results, reason: null, milliseconds: 0 }],
    sizes: [],
    running: null,
  }).users;

test('of the comparison of users, the impact names who was compared and what a person has to read, and counts the rest', () => {
  const tables = Array.from({ length: 30 }, (_, index) => check(`public.t${index}/kept`));
  expect(
    usersOf([
      ...tables,
      check('users', { title: 'Access is compared for every kind of user', observed: '4 of 9 users' }),
      check('public.z/kept', { title: 'public.z', verdict: 'failed', observed: 'a member loses 3 rows' }),
      check('public.y/kept', { title: 'public.y', observed: 'a member loses 1 row; accepted by name' }),
    ]),
  ).toEqual([
    'Access is compared for every kind of user: 4 of 9 users',
    'public.z: a member loses 3 rows',
    'public.y: a member loses 1 row; accepted by name',
    '30 comparisons of tables, views and functions passed: no user loses rows of their own or reaches those of another organization',
  ]);
  expect(usersOf(Array.from({ length: 14 }, (_, index) => check(`${index}`, { verdict: 'skipped' })))).toContain(
    'and 4 more like these',
  );
  expect(usersOf([{ ...check('x'), id: '1.3/keys' }])).toEqual([]);
});
