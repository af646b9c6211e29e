import { expect, test } from 'vitest';
import type { SqlChange } from '../../../src/rollout/change.ts';
import {
  checksumOf,
  doesExactly,
  isUnedited,
  marksIn,
  migrationOf,
  nextVersion,
  stepOfName,
  whyNotAFile,
} from '../../../src/supabase/cli/migration-file.ts';
import { makeTable } from './setup.ts';

const run = '00000000-0000-4000-8000-00000000000b';
const settings = { lockTimeout: 50, statementTimeout: 120_000 };
const step = { step: '1.10', title: 'Rename “organization_id” to org_id!' } as const;
const ids = ['00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000c'] as const;
const fileOf = (...changes: readonly SqlChange[]) =>
  migrationOf(
    '20261122180000',
    { ...step, rows: changes.map((change, at) => ({ id: ids[at] ?? '', run, change })) },
    settings,
  );

test('a file is named after its step, and knows its entries', () => {
  const changes = [makeTable('calls'), makeTable('contacts')];
  const file = fileOf(...changes);
  expect(file.fileName).toBe('20261122180000_voxanne_1_10_rename_organization_id_to_org_id.sql');
  expect(stepOfName('voxanne_1_10_rename_organization_id_to_org_id')).toBe('1.10');
  expect(stepOfName('add_voxanne_1_1')).toBeNull();
  expect(marksIn(file.text)).toEqual(changes.map((change, at) => ({ id: ids[at], checksum: checksumOf(change) })));
  expect(file.text).toContain('(2 changes, each in a transaction of its own)');
});

test('a file of a version that made one for each change is known by its entry', () => {
  const text = `-- Step 1.1 of voxanne-rollout: Create x\n-- Do not edit\n-- voxanne-rollout entry ${ids[0]}\n-- voxanne-rollout sha256 0\n`;
  expect(marksIn(text)).toEqual([{ id: ids[0], checksum: null }]);
});

test('an edit is noticed, other line ends are not', () => {
  const { text } = fileOf(makeTable('calls'));
  expect(isUnedited(text)).toBe(true);
  expect(isUnedited(text.replaceAll('\n', '\r\n'))).toBe(true);
  expect(marksIn(text.replaceAll('\n', '\r\n'))).toEqual(marksIn(text));
  expect(isUnedited(`${text}select 1;`)).toBe(false);
  expect(isUnedited(text.replace('int primary key', 'int'))).toBe(false);
});

test('a file of another run does the same changes only if nothing else is in it', () => {
  const changes = [makeTable('calls'), makeTable('contacts', { mode: 'autocommit' })];
  const [first, second] = changes as [SqlChange, SqlChange];
  const file = fileOf(...changes);
  expect(doesExactly(file, step, changes)).toBe(true);
  expect(doesExactly(file, { ...step, step: '1.1' }, changes)).toBe(false);
  expect(doesExactly(file, step, [first])).toBe(false);
  expect(doesExactly(file, step, [second, first])).toBe(false);
  expect(doesExactly(file, step, [first, { ...second, down: '' }])).toBe(false);
  const added = file.text.replace('reset search_path;', 'drop table public.calls;\nreset search_path;');
  expect(added).not.toBe(file.text);
  expect(doesExactly({ ...file, text: added }, step, changes)).toBe(false);
});

test('the text of a change cannot end the quotes that it stands in', () => {
  const { text } = fileOf(
    makeTable('calls', { up: 'select $up$x$up$', down: 'select $change$x$change$, $change1$y$change1$' }),
  );
  expect(text).toContain('execute $up1$');
  expect(text).toContain('do $change2$');
});

test('what waits out older transactions has no limit, and what follows has one again', () => {
  const index = makeTable('index', {
    mode: 'autocommit',
    up: 'create index concurrently i on public.calls (id) -- open;',
  });
  const { text } = fileOf(index, makeTable('calls'));
  const at = (part: string) => text.indexOf(part);
  expect(at('set lock_timeout = 0;')).toBeLessThan(at('create index'));
  expect(text.lastIndexOf("set lock_timeout = '50ms';")).toBeGreaterThan(at('create index'));
  // A last comment takes no semicolon with it.
  expect(text).toContain('-- open;\n;\n');
});

test('versions follow the history, across the end of a day, and avoid files of the app', () => {
  const now = new Date('2026-11-22T18:00:00.500Z');
  expect(nextVersion([], new Set(), now)).toBe('20261122180000');
  expect(nextVersion(['20261122180000', '0001'], new Set(['20261122180001']), now)).toBe('20261122180002');
  expect(nextVersion(['20271231235959'], new Set(), now)).toBe('20280101000000');
});

test('what needs savepoints, batches or no transaction is not pushed in a file', () => {
  expect(whyNotAFile(makeTable('calls'))).toBeNull();
  expect(whyNotAFile(makeTable('calls', { up: 'lock table public.calls in share mode' }))).toBeNull();
  expect(whyNotAFile(makeTable('calls', { up: 'savepoint one' }))).not.toBeNull();
  expect(whyNotAFile(makeTable('calls', { mode: 'autocommit' }))).not.toBeNull();
});
