import { describe, expect, test } from 'vitest';
import { replacedBy, statements } from '../../src/rollout/replaced.ts';

describe('what a change replaces', () => {
  test('a function, by its old text in the inverse', () => {
    const before = `CREATE OR REPLACE FUNCTION public.a(x uuid)\n RETURNS int\nAS $function$ select 1; $function$;`;
    const after = before.replace('select 1', "select ';' || 2");
    const { replaced, rest } = replacedBy({ up: `lock table public.t;\n${after}`, down: before });
    expect(replaced).toEqual([{ name: 'function public.a', before, after }]);
    expect(rest).toEqual(['lock table public.t;']);
  });

  test('a policy that goes is told with its old text; one that is new replaces nothing', () => {
    const old = `create policy "Own; rows" on public.calls for select using (true);`;
    expect(replacedBy({ up: 'drop policy "Own; rows" on public.calls;', down: old }).replaced).toEqual([
      { name: 'policy Own; rows on public.calls', before: old, after: null },
    ]);
    const fresh = replacedBy({ up: old, down: 'drop policy "Own; rows" on public.calls;' });
    expect(fresh).toEqual({ replaced: [], rest: [old] });
  });

  test('dropped and made again in one change is one replacement; the same name on another table is another policy', () => {
    const was = 'create policy p on public.a using (x = 1);';
    const is = 'create policy p on public.a using (x = 2);';
    const { replaced } = replacedBy({
      up: `drop policy p on public.a;\n${is}`,
      down: `drop policy p on public.a;\n${was}`,
    });
    expect(replaced).toEqual([{ name: 'policy p on public.a', before: was, after: is }]);
    expect(replacedBy({ up: is.replace('.a', '.b'), down: was }).replaced).toEqual([]);
  });

  test('views and triggers; the way in which a view runs is no text', () => {
    const view = (body: string) => `create or replace view public.v as ${body};`;
    expect(replacedBy({ up: view('select 2'), down: view('select 1') }).replaced).toHaveLength(1);
    const invoker = {
      up: 'alter view public.v set (security_invoker = true);',
      down: 'alter view public.v reset (security_invoker);',
    };
    expect(replacedBy(invoker).replaced).toEqual([]);
    const trigger = (fn: string) =>
      `create or replace trigger t after insert on auth.users for each row execute function ${fn}();`;
    expect(replacedBy({ up: trigger('b'), down: trigger('a') }).replaced[0]?.name).toBe('trigger t on auth.users');
  });

  test('statements end at their own semicolons only', () => {
    expect(statements(`select ';'; -- a; b\nselect $x$ ; $x$ as "a;b"; /* ; */ select 1`)).toEqual([
      `select ';';`,
      `-- a; b\nselect $x$ ; $x$ as "a;b";`,
      '/* ; */ select 1',
    ]);
  });
});
