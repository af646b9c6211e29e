import { expect, test } from 'vitest';
import type { SqlChange } from '../../../src/rollout/change.ts';
import {
  entryIdIn,
  isSameChange,
  isUnedited,
  migrationOf,
  nextVersion,
  whyNotAFile,
} from '../../../src/supabase/cli/migration-file.ts';
import { makeTable } from './setup.ts';

const id = '00000000-0000-4000-8000-00000000000a';
const run = '00000000-0000-4000-8000-00000000000b';
const settings = { lockTimeout: 50, statementTimeout: 120_000 };
const fileOf = (change: SqlChange) => migrationOf('20261122180000', { id, run, step: '1.10', change }, settings);

test('a file is named after its step and title, and knows its entry', () => {
  const file = fileOf(makeTable('calls', { title: 'Rename “organization_id” of public.calls!' }));
  expect(file.fileName).toBe('20261122180000_voxanne_1_10_rename_organization_id_of_public_calls.sql');
  expect(entryIdIn(file.text)).toBe(id);
});

test('an edit is noticed, other line ends are not', () => {
  const { text } = fileOf(makeTable('calls'));
  expect(isUnedited(text)).toBe(true);
  expect(isUnedited(text.replaceAll('\n', '\r\n'))).toBe(true);
  expect(isUnedited(`${text}select 1;`)).toBe(false);
  expect(isUnedited(text.replace('int primary key', 'int'))).toBe(false);
});

test('a file of another run does the same change only if nothing else is in it', () => {
  const change = makeTable('calls');
  const file = fileOf(change);
  expect(isSameChange(file, '1.10', change)).toBe(true);
  expect(isSameChange(file, '1.1', change)).toBe(false);
  expect(isSameChange(file, '1.10', { ...change, down: '' })).toBe(false);
  const body = `${file.text.replace(/^(?:--.*\n)*/, '')}drop table public.calls;\n`;
  expect(isSameChange({ ...file, text: file.text.slice(0, file.text.indexOf('set ')) + body }, '1.10', change)).toBe(
    false,
  );
});

test('the text of a change cannot end the quote that its journal row stands in', () => {
  const { text } = fileOf(makeTable('calls', { down: 'select $journal$x$journal$, $journal1$y$journal1$' }));
  expect(text).toContain('do $journal2$');
});

test('a last comment takes no semicolon with it', () => {
  const { text } = fileOf(makeTable('calls', { up: 'create table public.calls () -- open;' }));
  expect(text).toContain('-- open;\n;\n');
});

test('versions follow the history, across the end of a day, and avoid files of the app', () => {
  const now = new Date('2026-11-22T18:00:00.500Z');
  expect(nextVersion([], new Set(), now)).toBe('20261122180000');
  expect(nextVersion(['20261122180000', '0001'], new Set(['20261122180001']), now)).toBe('20261122180002');
  expect(nextVersion(['20271231235959'], new Set(), now)).toBe('20280101000000');
});

test('what needs a transaction block or batches is no file', () => {
  expect(whyNotAFile(makeTable('calls'))).toBeNull();
  expect(whyNotAFile(makeTable('calls', { up: 'lock table public.calls in share mode' }))).not.toBeNull();
  expect(whyNotAFile(makeTable('calls', { mode: 'autocommit' }))).not.toBeNull();
});
