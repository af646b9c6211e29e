import { expect, test } from 'vitest';
import type { Change, SqlChange } from '../../src/rollout/change.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import { impactOf } from '../../src/rollout/impact.ts';
import type { PreviewResult } from '../../src/rollout/preview.ts';
import { changeOf, check } from './stage.ts';

const sql = (id: string, up: string): SqlChange => ({ ...changeOf(id), up });
const ran = (change: Change, held: number, locks: PreviewResult['locks'] = lock): PreviewResult => ({
  change,
  outcome: 'ran',
  locks,
  held,
  milliseconds: held,
});
const lock = [{ relation: 'public.calls', level: 'AccessExclusive' }] as const;

const nothing = { changes: [], results: [], proofs: [], sizes: [], running: null };

test('of nothing is none', () => {
  expect(impactOf(nothing)).toEqual({
    risk: 'none',
    reason: 'nothing changes',
    hazards: [],
    tables: 0,
    rows: 0,
    bytes: 0,
    files: 0,
    locks: null,
    proof: { passed: 0, failed: 0, skipped: 0, unproven: [] },
    users: [],
    running: null,
  });
});

test('adds up what is touched, and counts the changes of each hazard', () => {
  const file: Change = { kind: 'file', id: 'f', title: 'F', path: 'a.ts', before: null, after: 'x' };
  const impact = impactOf({
    ...nothing,
    changes: [sql('a', 'create index a on public.calls (a);'), sql('b', 'create index b on public.calls (b);'), file],
    sizes: [
      { relation: 'public.calls', rows: 10, bytes: 100 },
      { relation: 'public.notes', rows: 5, bytes: 50 },
    ],
  });
  expect(impact).toMatchObject({ risk: 'low', tables: 2, rows: 15, bytes: 150, files: 1 });
  expect(impact.reason).toBe(impact.hazards[0]?.text);
  expect(impact.hazards.map((one) => [one.kind, one.changes])).toEqual([
    ['blocks writes', 2],
    ['changes source code', 1],
  ]);
});

test('the longest lock is that of a change that ran and held one', () => {
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((id) => sql(id, 'select 1;')) as [
    SqlChange,
    SqlChange,
    SqlChange,
    SqlChange,
  ];
  const failed: PreviewResult = { ...ran(c, 90), outcome: 'failed', reason: 'no' };
  const { locks } = impactOf({ ...nothing, results: [ran(a, 4), ran(b, 9), failed, ran(d, 50, [])] });
  expect(locks).toEqual({ longest: 9, change: 'B', total: 13 });
});

test('says what the checks said, what was not tested beforehand, and who was compared', () => {
  const access = Array.from({ length: 13 }, (_, index) =>
    check('passed', { id: `1.7/access/${index}`, title: `Kind ${index}`, observed: 'keeps all' }),
  );
  const impact = impactOf({
    ...nothing,
    proofs: [
      { title: 'Isolation', results: [...access, check('failed'), check('skipped')], reason: null, milliseconds: 1 },
      { title: 'public.calls', results: [], reason: 'others wait', milliseconds: 0 },
    ],
  });
  expect(impact.proof).toEqual({ passed: 13, failed: 1, skipped: 1, unproven: ['public.calls: others wait'] });
  expect(impact.users).toEqual([expect.stringMatching(/^13 comparisons .* passed/)]);
});

const kept = (id: string, more: Partial<CheckResult> = {}): CheckResult =>
  check('passed', { id: `1.7/access/${id}`, title: id, observed: '0 rows lost', ...more });

const usersOf = (results: readonly CheckResult[]): readonly string[] =>
  impactOf({
    changes: [],
    results: [],
    proofs: [{ title: 'whole', results, reason: null, milliseconds: 0 }],
    sizes: [],
    running: null,
  }).users;

test('of the comparison of users, the impact names who was compared and what a person has to read, and counts the rest', () => {
  const tables = Array.from({ length: 30 }, (_, index) => kept(`public.t${index}/kept`));
  expect(
    usersOf([
      ...tables,
      kept('users', { title: 'Access is compared for every kind of user', observed: '4 of 9 users' }),
      kept('public.z/kept', { title: 'public.z', verdict: 'failed', observed: 'a member loses 3 rows' }),
      kept('public.y/kept', { title: 'public.y', observed: 'a member loses 1 row; accepted by name' }),
    ]),
  ).toEqual([
    'Access is compared for every kind of user: 4 of 9 users',
    'public.z: a member loses 3 rows',
    'public.y: a member loses 1 row; accepted by name',
    '30 comparisons of tables, views and functions passed: no user loses rows of their own or reaches those of another organization',
  ]);
  expect(usersOf(Array.from({ length: 14 }, (_, index) => kept(`${index}`, { verdict: 'skipped' })))).toContain(
    'and 4 more like these',
  );
  expect(usersOf([{ ...kept('x'), id: '1.3/keys' }])).toEqual([]);
});
