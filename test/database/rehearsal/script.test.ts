import { describe, expect, test } from 'vitest';
import { statementsOf } from '../../../src/database/rehearsal/script.ts';

const turn = async (text: string): Promise<readonly string[]> => (await statementsOf('load.sql', text))();

describe('a load in the form of pgbench', () => {
  test('draws its variables anew in each turn, and leaves casts and what is not set alone', async () => {
    const next = await statementsOf(
      'load.sql',
      "\\set id random(1, 5)\n\\set twice :id * 2 + (7 - 3) / 2 % 5 - -1\nbegin;\nselect :id::int, :twice, ':other';\n\\sleep 5 ms\nend;\n",
    );
    const drawn = new Set<number>();
    for (let at = 0; at < 200; at++) {
      const [begin, select = '', sleep, end] = next();
      const [, id, twice] = /^select (\d)::int, (\d+), ':other'$/.exec(select) ?? [];
      expect(Number(twice)).toBe(Number(id) * 2 + 3);
      drawn.add(Number(id));
      expect([begin, sleep, end]).toEqual(['begin', 'select pg_catalog.pg_sleep(0.005)', 'end']);
    }
    expect([...drawn].sort()).toEqual([1, 2, 3, 4, 5]);
  });

  test('a statement of several lines, and one without an end', async () => {
    expect(await turn('select 1,\n  2;\nselect 3')).toEqual(['select 1,\n  2', 'select 3']);
  });

  test.each([
    ['\\gset\nselect 1;', /Line 1 of load\.sql is \\gset/],
    ['\\set id random(5, 1)\nselect :id;', /random\(5, 1\) is empty/],
    ['\\set id random_gaussian(1, 5, 2)\nselect :id;', /cannot be read at "random_gaussian"/],
    ['\\set id 1 +\nselect :id;', /cannot be read at "its end"/],
    ['\\set id 1 2\nselect :id;', /cannot be read at "2"/],
    ['\\set id 1 / 0\nselect :id;', /divides by zero/],
    ['\\set id :other\nselect :id;', /:other is not set before/],
    ['\\set id\nselect 1;', /of the commands of pgbench/],
    ['select 1;\n\\sleep 1\nselekt 1;', /from line 3 on, is not valid SQL/],
    ['-- nothing\n', /holds no statement/],
  ])('what it cannot read is named: %j', async (text, problem) => {
    await expect(turn(text)).rejects.toThrow(problem);
  });
});
