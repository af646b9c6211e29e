import { expect, it } from 'vitest';
import { diffOf, summarizeDiffs } from '../../../src/workspace/diff.ts';

const change = (before: string | null, after: string | null) => ({
  kind: 'file' as const,
  id: 'x',
  title: 'x',
  path: 'src/a.ts',
  before,
  after,
});

it('shows a change as git would, with counts', () => {
  const diff = diffOf(change('a\nb\nc\n', 'a\nB\nc\nd\n'));
  expect(diff.patch).toBe('--- a/src/a.ts\n+++ b/src/a.ts\n@@ -1,3 +1,4 @@\n a\n-b\n+B\n c\n+d\n');
  expect([diff.added, diff.removed]).toEqual([2, 1]);
  expect(summarizeDiffs([diff, diffOf(change('x', 'x'))])).toBe('+2 −1 in 1 file');
});

it('shows a new and a removed file against nothing', () => {
  expect(diffOf(change(null, 'a\n')).patch).toContain('--- /dev/null\n+++ b/src/a.ts\n@@ -0,0 +1,1 @@\n+a\n');
  expect(diffOf(change('a\n', null)).patch).toContain('+++ /dev/null');
});

it('says nothing where nothing changes', () => {
  expect(diffOf(change('a', 'a'))).toEqual({ path: 'src/a.ts', patch: '', added: 0, removed: 0 });
});

it('keeps the difference between line ends visible', () => {
  const diff = diffOf(change('a\r\n', 'a\n'));
  expect([diff.added, diff.removed]).toEqual([1, 1]);
});
