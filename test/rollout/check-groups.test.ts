import { expect, test } from 'vitest';
import type { CheckResult } from '../../src/rollout/check.ts';
import { groupsOfChecks, tallied } from '../../src/rollout/check-groups.ts';

const passed = (id: string, title = id): CheckResult => ({
  id,
  title,
  kind: 'probe',
  verdict: 'passed',
  expected: '',
  observed: '',
  milliseconds: 1,
});
const verbs = ['read', 'insert', 'update', 'delete'];
const tables = Array.from({ length: 71 }, (_, index) => `public.t${index}`);
const lines = (...checks: readonly CheckResult[]): readonly string[] =>
  groupsOfChecks(tallied(new Map(), checks)).map(({ label, checks: all }) => `${label}: ${all}`);

test('what is asked of the same tables stands on one line, with the number of checks', () => {
  const checks = tables.flatMap((table) => verbs.map((verb) => passed(`1.7/two-org/${table}/${verb}`)));
  expect(lines(...checks)).toEqual(['71 tables × read, insert, update, delete: 284']);
});

test('a table whose insert did not pass is not counted among those whose insert did', () => {
  const checks = tables.flatMap((table, index) =>
    verbs.filter((verb) => index > 0 || verb !== 'insert').map((verb) => passed(`1.7/two-org/${table}/${verb}`)),
  );
  expect(lines(...checks)).toEqual(['71 tables × read, update, delete: 213', '70 tables × insert: 70']);
});

test('tables, views and functions are told apart, and what asks without a login says so', () => {
  expect(
    lines(
      passed('1.7/two-org/public.calls/anon-read'),
      passed('1.7/two-org/public.notes/anon-read'),
      passed('1.7/two-org/public.totals/anon-view'),
      passed('1.7/two-org/public.totals/view'),
      passed('1.7/two-org/public.sums/read', 'public.sums: nothing of an organization can be read through the view'),
      passed('1.7/two-org/public.f(uuid,text)'),
      passed('1.7/two-org/public.f(uuid,text)/anon-call'),
      passed('1.6/not-null/public.calls'),
    ),
  ).toEqual([
    '2 tables × read without a login: 2',
    '1 view × view without a login, view: 2',
    '1 view × read: 1',
    '1 function × call, call without a login: 2',
    '1 table × not null: 1',
  ]);
});

test('what was foreseen is grouped as what it foresees', () => {
  expect(
    lines(passed('1.1/foreseen/1.7/two-org/public.a/read'), passed('1.1/foreseen/1.7/two-org/public.b/read')),
  ).toEqual(['2 tables × read: 2']);
});

test('other checks are named by their area and their first names; a dot in the name of a file makes no table', () => {
  expect(
    lines(...['email', 'phone', 'oauth', 'sso', 'anonymous'].map((kind) => passed(`1.4/sign-up/${kind}`))),
  ).toEqual(['sign-ups × email, phone, oauth, sso and 1 more: 5']);
  expect(lines(...['server.ts', 'a.ts', 'b.ts', 'c.ts', 'd.ts'].map((file) => passed(`2.2/token/${file}`)))).toEqual([
    'token × server.ts, a.ts, b.ts, c.ts and 1 more: 5',
  ]);
});

test('a few of them stand for themselves, in their own words', () => {
  expect(lines(passed('1.7/plan/row-security', 'Row security is on'), passed('1.7/plan/views', 'Views ask'))).toEqual([
    'Row security is on: 1',
    'Views ask: 1',
  ]);
});

test('what is asked with a token is said in words', () => {
  const asked = ['token-forged', 'token-without-claim', 'own-read', 'not-tenant-scoped'];
  expect(lines(...asked.map((one) => passed(`1.7/two-org/public.a/${one}`)))).toEqual([
    '1 table × forged token, token without a claim, own read, not of an organization: 4',
  ]);
});

test('counts go on over batches, and ten thousand of anything else hold a few names', () => {
  let tally = tallied(new Map(), []);
  for (let batch = 0; batch < 10; batch += 1)
    tally = tallied(
      tally,
      Array.from({ length: 1000 }, (_, index) => passed(`2.1/many/${batch * 1000 + index}`)),
    );
  const [only] = groupsOfChecks(tally);
  expect(only?.checks).toBe(10_000);
  expect(only?.label).toBe('many × 0, 1, 2, 3 and 9,996 more');
  expect(only?.names.length).toBeLessThan(20);
});
