import { expect, test } from 'vitest';
import type { Entry, StepRecord } from '../../../src/rollout/journal.ts';
import type { StepId } from '../../../src/rollout/step.ts';
import { desiredOf, itemsOf } from '../../../src/supabase/cli/desired.ts';
import type { HistoryRow } from '../../../src/supabase/cli/history.ts';
import { makeTable } from './setup.ts';

const at = (second: number): string => new Date(Date.UTC(2026, 10, 22, 18, 0, second)).toISOString();
const idOf = (seq: number): string => `00000000-0000-4000-8000-${String(seq).padStart(12, '0')}`;
const sumOf = (seq: number): string => `sum of ${seq}`;

/** Entries of step 1.2, by number, applied at that second. */
const entry = (seq: number, more: Partial<Entry> = {}): Entry => ({
  seq,
  run: 'run',
  step: '1.2',
  state: 'applied',
  change: makeTable(`t${seq}`),
  appliedAt: at(seq),
  revertedAt: null,
  milliseconds: 1,
  ...more,
});
const record = (second: number, step: StepId = '1.2', state: StepRecord['state'] = 'applied'): StepRecord => ({
  seq: second,
  run: 'run',
  step,
  state,
  detail: '',
  passed: 0,
  failed: 0,
  skipped: 0,
  at: at(second),
  milliseconds: 1,
});
/** A row of the history with these entries. */
const row = (version: string, seqs: readonly number[], step: string | null = '1.2'): HistoryRow => ({
  version,
  name: step === null ? 'app' : 'voxanne_1_2',
  step,
  marks: seqs.map((seq) => ({ id: idOf(seq), checksum: sumOf(seq) })),
});

function desired(
  entries: readonly Entry[],
  history: readonly HistoryRow[],
  { records = [], own = [] }: { readonly records?: readonly StepRecord[]; readonly own?: readonly string[] } = {},
) {
  const marks = new Map(entries.map(({ seq }) => [seq, { id: idOf(seq), checksum: sumOf(seq) }]));
  const { files, gone } = desiredOf(itemsOf(entries, marks, records), history, new Set(own));
  return {
    files: files.map(({ items, version, stale }) => ({ holds: items.map((one) => one.seq), version, stale })),
    gone,
  };
}

test('what nobody recorded becomes one file for each step, in the order in which they were applied', () => {
  const entries = [entry(1), entry(2), entry(3, { step: '1.3' }), entry(4, { step: '1.3' })];
  expect(desired(entries, [])).toEqual({
    files: [
      { holds: [1, 2], version: null, stale: true },
      { holds: [3, 4], version: null, stale: true },
    ],
    gone: [],
  });
});

test('parts of a step that is under way become one; only a version that nobody has seen comes to hold more', () => {
  const entries = [entry(1), entry(2), entry(3)];
  const history = [row('100', [1]), row('101', [3])];
  expect(desired(entries, history, { own: ['101'] })).toEqual({
    files: [{ holds: [1, 2, 3], version: '101', stale: true }],
    gone: ['100'],
  });
  expect(desired(entries, history)).toEqual({
    files: [{ holds: [1, 2, 3], version: null, stale: true }],
    gone: ['101', '100'],
  });
});

test('a run that ended between the record of the whole and the removal of its parts goes on with the removal', () => {
  const history = [row('100', [1]), row('101', [2]), row('102', [1, 2])];
  expect(desired([entry(1), entry(2)], history)).toEqual({
    files: [{ holds: [1, 2], version: '102', stale: false }],
    gone: ['101', '100'],
  });
});

test('what a finished step left stays as it is, also file by file from an older version', () => {
  const old = [1, 2].map((seq) => ({ ...row(`10${seq}`, [seq]), marks: [{ id: idOf(seq), checksum: null }] }));
  const records = [record(5), record(6, '1.2', 'verified')];
  const asItIs = [
    { holds: [1], version: '101', stale: false },
    { holds: [2], version: '102', stale: false },
  ];
  expect(desired([entry(1), entry(2)], old, { records })).toEqual({ files: asItIs, gone: [] });
  // What is missing of it, or was added later, is a file of its own.
  expect(desired([entry(1), entry(2), entry(3), entry(7)], old, { records }).files).toEqual([
    ...asItIs,
    { holds: [3], version: null, stale: true },
    { holds: [7], version: null, stale: true },
  ]);
});

test('a migration of the app between two parts keeps them apart', () => {
  const history = [row('100', [1]), row('101', [], null), row('102', [2])];
  expect(desired([entry(1), entry(2), entry(3)], history, { own: ['102'] })).toEqual({
    files: [
      { holds: [1], version: '100', stale: false },
      { holds: [2, 3], version: '102', stale: true },
    ],
    gone: [],
  });
});

test('what was rolled back goes, and what is left of a file stays under its version', () => {
  const reverted = { state: 'reverted' } as const;
  const history = [row('100', [1, 2]), row('101', [3])];
  const records = [record(4)];
  expect(desired([entry(1), entry(2, reverted), entry(3, reverted)], history, { records })).toEqual({
    files: [{ holds: [1], version: '100', stale: true }],
    gone: ['101'],
  });
  // One that was being rolled back when the run ended is neither taken out nor put in.
  const reverting = { state: 'reverting' } as const;
  expect(
    desired([entry(1), entry(2, reverting), entry(3, reverted), entry(4, reverting)], history, { records }),
  ).toEqual({
    files: [{ holds: [1, 2], version: '100', stale: false }],
    gone: ['101'],
  });
});

test('a file of another database is known by its change, and its ids are not taken for those of this journal', () => {
  const foreign = { ...row('100', []), marks: [{ id: idOf(99), checksum: sumOf(1) }] };
  expect(desired([entry(1)], [foreign]).files).toEqual([{ holds: [1], version: '100', stale: false }]);
  // The same change was made, rolled back, and made again: each row is its own.
  const again = [entry(1, { state: 'reverted' }), entry(2)];
  const marks = new Map(again.map(({ seq }) => [seq, { id: idOf(seq), checksum: sumOf(1) }]));
  const { files, gone } = desiredOf(itemsOf(again, marks, []), [{ ...row('100', [1]) }], new Set());
  expect(files.map(({ items, version }) => ({ holds: items.map((one) => one.seq), version }))).toEqual([
    { holds: [2], version: null },
  ]);
  expect(gone).toEqual(['100']);
});

test('migrations of the app, and those of a journal that this one knows nothing of, are not touched', () => {
  const unknown = { ...row('101', []), marks: [{ id: idOf(98), checksum: 'of another' }] };
  expect(desired([entry(1)], [row('100', [], null), unknown])).toEqual({
    files: [{ holds: [1], version: null, stale: true }],
    gone: [],
  });
});
