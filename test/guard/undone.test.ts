import { expect, test } from 'vitest';
import type { Since } from '../../phases/guard/changed.ts';
import { fromPlan } from '../../phases/guard/steps.ts';
import type { SqlChange } from '../../src/rollout/change.ts';

const change: SqlChange = {
  kind: 'sql',
  id: 'function public.switch_org',
  title: 'Create function public.switch_org(uuid)',
  mode: 'transaction',
  up: 'create function public.switch_org(uuid) returns void language sql as $$ select 1 $$;',
  down: 'drop function public.switch_org(uuid);',
};
const since = (changes: Since['changes']): Since => ({ now: {}, changes, own: new Set(), closed: new Set() });
const reasonOf = (given: Since): string => fromPlan('1.4', { blockers: [], changes: [change] }, given)[0]?.reason ?? '';

test('what a step would do is called undone only where something of it changed', () => {
  expect(reasonOf(since([]))).toMatch(/^Step 1\.4 would do this now, although nothing that it is about changed/);
  expect(reasonOf(since([{ object: 'function public.switch_org(uuid)', how: 'gone' }]))).toMatch(
    /^Step 1\.4 is no longer in force; it would do this again/,
  );
  expect(reasonOf(since(null))).toMatch(/no longer in force/);
});
