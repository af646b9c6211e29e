import type { ClientBase } from 'pg';
import { expect, test } from 'vitest';
import type { TableFacts } from '../../../src/database/probes/facts.ts';
import { isLasting, solve } from '../../../src/database/probes/solve.ts';

test.each([
  [
    `(select array["probe 0"] from (values (0, 1)) as c0("probe 0", level) where ((level >= 0) AND (level <= 2)))`,
    true,
  ],
  [`(select array["probe 0"] from (values (0, 'public.f(')) as c0("probe 0", note) where (length(note) > 2))`, true],
  [`(select array["probe 0"] from (values (0, 1)) as c0("probe 0", level) where public.fine(level))`, false],
  [`(select array["probe 0"] from (values (0, 1)) as c0("probe 0", level) where "My App"."is fine"(level))`, false],
  [
    `(select array["probe 0"] from (values (0, (select id from public.plans))) as c0("probe 0", plan) where (plan > 0))`,
    false,
  ],
  [
    `(select array["probe 0"] from (values (0, 1)) as c0("probe 0", level) where (level OPERATOR(public.~~~) 2))`,
    false,
  ],
])('an answer is kept where nothing of the app has a part in it: %s', (question, kept) => {
  expect(isLasting(`select ${question} as g0`)).toBe(kept);
});

test.each([
  ['(level >= 2)', 1],
  ['public.fine(level)', 2],
])('%s is asked of the server %i times for two rows', async (expression, times) => {
  const asked: string[] = [];
  const client = {
    query: async (sql: string) => {
      asked.push(sql);
      return { rows: [{ g0: [1] }] };
    },
  } as unknown as ClientBase;
  const table = { checks: [{ columns: ['level'], expression }], columns: [], bounds: [] } as unknown as TableFacts;
  const choices = new Map([
    [
      'level',
      [
        { sql: '1', given: true },
        { sql: '2', given: true },
      ],
    ],
  ]);
  for (let row = 0; row < 2; row++) expect((await solve(client, table, choices)).get('level')?.sql).toBe('2');
  expect(asked).toHaveLength(times);
});
