import { expect, test } from 'vitest';
import { type About, htmlReport, markdownReport } from '../../src/report/evidence.ts';
import type { SqlChange } from '../../src/rollout/change.ts';
import { check, type FakeStep, fakeRollout, sampleSteps } from '../wizard/fake-rollout.ts';

const sql = (id: string, up: string, down = 'select 1;'): SqlChange => ({
  kind: 'sql',
  id,
  title: `${id} <now>`,
  mode: 'transaction',
  up,
  down,
});
const body = (answer: number) =>
  `create or replace function public.f() returns int language sql as $$\n  select ${answer}\n$$;`;
const changes = [
  sql('function public.f', body(2), body(1)),
  ...Array.from({ length: 9 }, (_, at) =>
    sql(`index ${at}`, `create index i${at} on public.t${at} (org_id);`, `drop index public.i${at};`),
  ),
];
const [first] = sampleSteps;
const steps: readonly FakeStep[] =
  first === undefined ? [] : [{ ...first, state: 'verified', changes, checks: [check({ verdict: 'failed' })] }];
const about: About = {
  version: '1',
  label: 'clinic',
  project: null,
  environment: 'staging',
  at: '2026-01-15T10:00:00.000Z',
  remarks: [],
  comparison: null,
};
const { signal } = new AbortController();

test('the report groups many changes as plan does, and shows what each replaces as old text against new', async () => {
  const html = await htmlReport(about, fakeRollout(steps), signal);
  expect(html).toContain('<summary>9 changes: Create indexes, 9 tables</summary>');
  expect(html).toContain('<summary>1 change: Functions</summary>');
  expect(html).toMatch(/<del>-\s+select 1<\/del>\n<ins>\+\s+select 2<\/ins>/);
  expect(html).toContain('function public.f &lt;now&gt;');
  const markdown = await markdownReport(about, fakeRollout(steps), signal);
  expect(markdown).toContain('- 9 changes: Create indexes, 9 tables\n  - index 0');
});

test('its states are those that its checks left, and whoever waits is told the step that is looked at', async () => {
  const begun: string[] = [];
  const markdown = await markdownReport(about, fakeRollout(steps), signal, (row) => void begun.push(row.step));
  expect(begun).toEqual(['1.1']);
  expect(markdown).toMatch(/\| 1\.1 [^|]+\| failed \| 10 \| 0 \| 1 \| 0 \|/);
});

test('many passed checks stand under what they ask, each with its evidence; what did not pass stands alone and first', async () => {
  const passed = Array.from({ length: 15 }, (_, at) =>
    ['read', 'insert', 'update'].map((verb) =>
      check({ id: `1.7/two-org/public.t${at}/${verb}`, title: `t${at}: ${verb}`, evidence: `tried ${at} ${verb}` }),
    ),
  ).flat();
  const checks = [...passed, check({ id: '1.1/failed', title: 'a check', verdict: 'failed' })];
  const many: readonly FakeStep[] = first === undefined ? [] : [{ ...first, state: 'failed', changes, checks }];
  const markdown = await markdownReport(about, fakeRollout(many), signal);
  const headings = [...markdown.matchAll(/^###+ .*$/gm)].map(([line]) => line);
  expect(headings.slice(0, 3)).toEqual([
    '### failed: a check',
    '### 15 tables × read, insert, update · 45 checks passed',
    '#### passed: t0: read',
  ]);
  expect(headings).toHaveLength(47);
  expect(markdown).toContain('tried 14 update');
  const html = await htmlReport(about, fakeRollout(many), signal);
  expect(html.indexOf('failed: a check')).toBeLessThan(html.indexOf('<summary>15 tables × read, insert, update · 45'));
  expect(html.match(/<details class="passed">/g)).toHaveLength(46);
});
