import { describe, expect, test } from 'vitest';
import type { SqlChange } from '../../src/rollout/change.ts';
import { filterChanges } from '../../src/rollout/filter.ts';
import { atOverview, atStep, shown, type } from './drive.ts';
import { type FakeStep, fakeRollout, sampleSteps } from './fake-rollout.ts';

const sql = (id: string, up: string, down = ''): SqlChange => ({
  kind: 'sql',
  id,
  title: id,
  mode: 'transaction',
  up,
  down,
});

const body = (text: string): string =>
  `create or replace function public.mine() returns int language sql as $$ ${text} $$;`;
const changes = [
  sql('rename', 'alter table public.calls rename column tenant_id to org_id;'),
  sql('own rows', 'create policy own on public.calls for select using (true);'),
  sql('index notes', 'create index notes_org on public.notes (org_id);'),
  sql('replace mine', body('select 2'), body('select 1')),
];
const steps = sampleSteps.map((step): FakeStep => (step.id === '1.1' ? { ...step, changes } : step));
const rollout = () => ({
  ...fakeRollout(steps),
  planAhead: async () => [
    { step: '1.1' as const, hash: '', plan: { changes, blockers: [], notes: [] } },
    { step: '1.2' as const, hash: '', plan: { changes: [changes[1] as SqlChange], blockers: [], notes: [] } },
  ],
});

describe('a preview', () => {
  test('shows what is replaced as old text against new, and what is new as it is', async () => {
    const driven = await atStep('1.1', { rollout: rollout(), size: { columns: 120, rows: 60 } });
    const text = shown(driven.state());
    expect(text).toMatch(/replaces function public\.mine\n.*- .*select 1.*\n.*\+ .*select 2/);
    expect(text).toMatch(/^ +create policy own/m);
    driven.press('ctrl-c');
  });

  test('folds the rows of its card below their values', async () => {
    const driven = await atStep('1.1', { rollout: rollout(), size: { columns: 60, rows: 60 } });
    const rows = shown(driven.state()).split('\n');
    const from = rows.findIndex((row) => /^ +Risk /.test(row));
    const card = rows.slice(
      from,
      rows.findIndex((row, at) => at > from && row.trim() === ''),
    );
    const value = /Risk +/.exec(card[0] ?? '');
    const column = (value?.index ?? 0) + (value?.[0].length ?? 0);
    expect(card.length).toBeGreaterThan(3);
    expect(card.some((row) => /^ +$/.test(row.slice(0, column)))).toBe(true);
    for (const row of card) expect(row[column - 1], card.join('\n')).toBe(' ');
    for (const row of card) expect(row[column], card.join('\n')).toMatch(/\S/);
    driven.press('ctrl-c');
  });

  test.each([
    ['risk:high', ['rename']],
    ['table:calls', ['rename', 'own rows']],
    ['table:public.notes', ['index notes']],
    ['table:call', []],
    ['org_id', ['rename', 'index notes']],
    ['table:calls org_id', ['rename']],
    ['', ['rename', 'own rows', 'index notes', 'replace mine']],
  ])('is filtered by %j', (filter, ids) => {
    expect(filterChanges(changes, filter).map((one) => one.id)).toEqual(ids);
  });

  test('a filter says how many changes are left, and an empty one shows all again', async () => {
    const driven = await atStep('1.1', { rollout: rollout(), size: { columns: 120, rows: 60 } });
    driven.press('F');
    type(driven, 'table:calls');
    driven.press('enter');
    expect(shown(driven.state())).toContain('2 with "table:calls"');
    expect(shown(driven.state())).not.toContain('index notes');
    driven.press('F', 'ctrl-u', 'enter');
    expect(shown(driven.state())).toContain('index notes');
    driven.press('ctrl-c');
  });

  test('the index goes to a part by a few letters of its name', async () => {
    const driven = await atStep('1.1', { rollout: rollout(), size: { columns: 80, rows: 20 } });
    driven.press('i');
    expect(shown(driven.state())).toContain('4 of 4');
    type(driven, 'index');
    expect(shown(driven.state())).toContain('1 of 4');
    driven.press('enter');
    expect(shown(driven.state())).toContain('index notes');
    expect(driven.state().step?.reading?.top).toBeGreaterThan(0);
    driven.press('ctrl-c');
  });
});

test.each([
  { columns: 60, rows: 20 },
  { columns: 160, rows: 50 },
])('the journey of a table shows all that phase 1 does to it, over all steps, at $columns x $rows', async (size) => {
  const driven = await atOverview({ rollout: rollout(), size });
  driven.press('T');
  await driven.until((state) => state.dialog?.kind === 'pick');
  expect(shown(driven.state())).toContain('public.calls');
  type(driven, 'calls');
  driven.press('enter');
  const text = shown(driven.state());
  expect(text).toContain('Journey of public.calls through phase 1');
  expect(text).toContain('3 changes in 2 steps of public.calls');
  expect(text).toMatch(/1\.1 One name.*2 changes[\s\S]*1\.2 .*1 change/);
  expect(text).not.toContain('notes_org');
  driven.press('escape');
  expect(driven.state().screen).toBe('overview');
});

test('the journey goes back to where it was opened', async () => {
  const driven = await atStep('1.1', { rollout: rollout() });
  const journey = async (): Promise<void> => {
    driven.press('T');
    await driven.until((state) => state.dialog?.kind === 'pick');
    driven.press('escape', 'escape');
  };
  await journey();
  expect(driven.state().screen).toBe('step');
  driven.press('escape');
  await journey();
  expect(driven.state().screen).toBe('overview');
});

test('while a step is tested the screen says whether its changes run or its checks', async () => {
  const fake = fakeRollout(sampleSteps);
  let release = (): void => undefined;
  const driven = await atOverview({
    rollout: {
      ...fake,
      preview: async (id, signal) => {
        const result = await fake.preview(id, signal);
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return result;
      },
    },
  });
  driven.press('enter');
  expect(shown(driven.state())).toContain('Testing in a transaction that is rolled back');
  await driven.until((state) => state.step?.loading?.done === 2);
  expect(shown(driven.state())).toMatch(/All changes ran; now their checks, in a transaction that is rolled back/);
  release();
  await driven.until((state) => state.step?.reading != null);
});
