import { describe, expect, test } from 'vitest';
import type { SqlChange } from '../../src/rollout/change.ts';
import { byOwner, readsOfChange } from '../../src/rollout/plan-reads.ts';
import { changeHash } from '../../src/rollout/saved-plan.ts';

const change = (up: string, down = ''): SqlChange => ({
  kind: 'sql',
  id: 'one',
  title: 'One (3 rows)',
  mode: 'transaction',
  up,
  down,
});

test('objects are given to what they belong to, whatever its name holds', () => {
  const state = {
    'schema public': '1',
    'table public.calls': '1',
    'column public.calls.id': '2',
    'policy public.calls.rows of one. own': '3',
    'table public.calls.old': '4',
    'column public.calls.old.id': '5',
    'index public.calls_pkey': '6',
    'view public.totals': '7',
    'column public.totals.n': '8',
    'function public.f(uuid)': '9',
    'trigger auth.users.on_sign_up': '10',
    'policy storage.objects.read': '11',
    'publication supabase_realtime public.calls': '12',
    'type public.mood': '13',
  };
  const owners = byOwner(state, { 'index public.calls_pkey': 'public.calls' });
  expect(Object.fromEntries(Object.entries(owners).map(([owner, own]) => [owner, Object.values(own)]))).toEqual({
    'schema public': ['1'],
    'public.calls': ['1', '2', '3', '6', '12'],
    'public.calls.old': ['4', '5'],
    'public.totals': ['7', '8'],
    'public.f(uuid)': ['9'],
    'auth.users': ['10'],
    'storage.objects': ['11'],
    'public.mood': ['13'],
  });
});

describe('what a change was computed from', () => {
  const owners = [
    'public.calls',
    'public.Calls',
    'public.f(uuid)',
    'public."F"()',
    'public.mood',
    'app.calls',
    'public.call',
  ];
  test.each([
    ['alter table public.calls rename tenant_id to org_id', ['public.calls']],
    ['alter table public."calls" rename a to b', ['public.calls']],
    ['alter table PUBLIC.Calls rename a to b', ['public.calls']],
    ['alter table public."Calls" rename a to b', ['public.Calls']],
    ['create policy a on app.calls using (public.f(id))', ['public.f(uuid)', 'app.calls']],
    ['select public."F"()', ['public."F"()']],
    // A body relies on its search path; a statement never does.
    ['create function public.g() returns int as $fn$ select 1 from calls $fn$', ['public.calls', 'app.calls']],
    ['select calls from nowhere', []],
    ['alter table public.x add column m public.mood', ['public.mood']],
  ])('%s', (up, reads) => {
    expect(readsOfChange(change(up), owners)).toEqual(reads);
    expect(readsOfChange(change('select 1', up), owners)).toEqual(reads);
  });
});

test('a title may count rows; everything else makes another change', () => {
  const one = change('select 1');
  expect(changeHash({ ...one, title: 'One (4 rows)' })).toBe(changeHash(one));
  expect(changeHash({ ...one, down: 'select 2' })).not.toBe(changeHash(one));
});
