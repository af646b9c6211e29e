import { describe, expect, test } from 'vitest';
import type { SqlChange } from '../../src/rollout/change.ts';
import { changesOf, groupsOf } from '../../src/rollout/grouping.ts';
import { hazardsOf, riskOf } from '../../src/rollout/hazards.ts';

const sql = (up: string, down = 'select 1;'): SqlChange => ({
  kind: 'sql',
  id: up,
  title: up,
  mode: 'transaction',
  up,
  down,
});

describe('hazards', () => {
  test.each([
    [
      'alter table public.calls rename column tenant_id to org_id;',
      ['breaks deployed queries', 'blocks reads and writes'],
    ],
    ['drop policy "own" on public.calls;', ['takes rights away', 'blocks reads and writes']],
    ['create policy org_select on public.calls for select using (true);', ['gives rights', 'blocks reads and writes']],
    ['alter table public.calls enable row level security;', ['takes rights away', 'blocks reads and writes']],
    ['create index concurrently calls_org on public.calls (org_id);', ['reads whole tables']],
    ['create index calls_org on public.calls (org_id);', ['blocks writes']],
    ['alter table public.calls validate constraint calls_org_fkey;', ['reads whole tables']],
    [
      'create or replace trigger on_auth_user_created after insert on auth.users for each row execute function f();',
      ['runs at every sign-up', 'blocks writes', 'replaces code of the app'],
    ],
    [`create or replace function f() returns void language sql as $$ drop table x $$;`, ['replaces code of the app']],
    ['alter table public.calls drop column tenant_id;', ['removes data', 'blocks reads and writes']],
  ])('of %s', (up, kinds) => {
    expect(hazardsOf(sql(up))).toEqual(kinds);
  });

  test('a function that did not exist before replaces nothing', () => {
    expect(
      hazardsOf(
        sql('create or replace function f() returns int language sql as $$ select 1 $$;', 'drop function f();'),
      ),
    ).toEqual([]);
  });

  test('a right that is revoked is not what it would have allowed', () => {
    expect(hazardsOf(sql('revoke references, trigger, truncate on public.calls from anon, authenticated;'))).toEqual([
      'takes rights away',
    ]);
    expect(hazardsOf(sql('delete from public.calls; truncate public.notes;'))).toEqual(['removes data']);
    expect(hazardsOf(sql('truncate public.notes;'))).toEqual(['removes data']);
  });

  test('what the same transaction makes takes nothing from anybody', () => {
    const convert = (policy: string): string =>
      `drop policy "see own" on public.logs; alter table public.logs alter column org_id type uuid using org_id::uuid; create policy ${policy} on public.logs for select using (true);`;
    expect(hazardsOf(sql(convert('"see own"')))).not.toContain('takes rights away');
    expect(hazardsOf(sql(convert('"see own"')))).not.toContain('gives rights');
    expect(hazardsOf(sql(convert('"another one"')))).toContain('gives rights');
    expect(hazardsOf(sql(convert('"another one"')))).toContain('takes rights away');
    const made = `create or replace function public.f() returns int language sql as $$ select 1 $$; revoke execute on function public.f() from public, anon;`;
    expect(hazardsOf(sql(made, 'drop function if exists public.f();'))).not.toContain('takes rights away');
    expect(
      hazardsOf(sql(made, 'create or replace function public.f() returns int language sql as $$ select 0 $$;')),
    ).toContain('takes rights away');
    expect(
      hazardsOf(sql(`${made} revoke all on table public.calls from anon;`, 'drop function public.f();')),
    ).toContain('takes rights away');
  });

  test('the most serious kind decides the risk', () => {
    expect(riskOf([sql('create index i on t (a);'), sql('drop policy p on public.t;')])).toEqual({
      risk: 'high',
      kind: 'takes rights away',
    });
    expect(riskOf([])).toEqual({ risk: 'none', kind: null });
  });
});

describe('groups', () => {
  const changes = [
    sql('create policy org_select on public.calls for select to authenticated using (true);'),
    sql('create policy org_insert on public.calls for insert to authenticated with check (true);'),
    sql('create policy org_select on public."Odd name" for select to authenticated using (true);'),
    sql('drop policy "own rows" on public.calls;'),
  ];

  test('hold changes of a kind, with their tables and what they allow', () => {
    expect(groupsOf(changes).map(({ title, summary }) => [title, summary])).toEqual([
      ['Create policies', '2 tables × read, insert'],
      ['Drop policies', '1 table'],
    ]);
  });

  test('call a change by what it is for, not by the policies that it makes again', () => {
    const convert = sql(
      'drop policy a on public.logs; drop policy "b; c" on public.logs; alter table public.logs alter column org_id type uuid using org_id::uuid; create policy a on public.logs for select using (true); create policy "b; c" on public.logs for select using (true);',
    );
    expect(groupsOf([convert]).map(({ title }) => title)).toEqual(['Change tables']);
  });

  test('are told by words on lines of their own as well', () => {
    const kinds = groupsOf([
      sql('ALTER TABLE public.calls\n  RENAME COLUMN tenant_id TO org_id;'),
      sql('alter table\n  if exists only public.calls\n  enable row level security;'),
      sql('drop policy if exists own\n  on public.calls;'),
      sql('alter table public.calls\n  add column note text;'),
    ]).map(({ title, tables }) => [title, ...tables]);
    expect(kinds).toEqual([
      ['Rename columns', 'public.calls'],
      ['Turn on row level security', 'public.calls'],
      ['Drop policies', 'public.calls'],
      ['Change tables', 'public.calls'],
    ]);
  });

  test('give the journey of one table', () => {
    expect(changesOf(changes, 'public.calls')).toHaveLength(3);
    expect(changesOf(changes, 'public.Odd name')).toHaveLength(1);
  });
});
