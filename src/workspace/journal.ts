import { open, truncate } from 'node:fs/promises';
import * as z from 'zod';
import { RolloutError } from '../rollout/errors.ts';
import type { StepRecord } from '../rollout/journal.ts';
import { entryStateSchema, stepIdSchema, stepRecordSchema } from '../rollout/schemas.ts';
import { sha256 } from './hash.ts';
import { resolveState, stateFolder } from './paths.ts';
import { createFolders, readBytes, writeAtomically } from './write.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** A change of a file as the journal holds it: contents by their hash, so that no line holds code. */
const entryRowSchema = z.strictObject({
  type: z.literal('entry'),
  seq: z.number(),
  run: z.string(),
  step: stepIdSchema,
  id: z.string(),
  title: z.string(),
  path: z.string(),
  before: hash.nullable(),
  after: hash.nullable(),
  /** Permission bits of the file before, for one that has to be made again; absent where there was none. */
  mode: z.number().int().min(0).max(0o7777).exactOptional(),
  /** Folders that the change creates, deepest first. */
  folders: z.array(z.string()),
  at: z.string(),
});

/** What became of an entry. `from` and `to`, for `reverting`: the content found and the one that is written. */
const stateRowSchema = z.strictObject({
  type: z.literal('state'),
  seq: z.number(),
  state: entryStateSchema,
  milliseconds: z.number(),
  at: z.string(),
  from: hash.nullable().exactOptional(),
  to: hash.nullable().exactOptional(),
});

const rowSchema = z.discriminatedUnion('type', [
  entryRowSchema,
  stateRowSchema,
  z.strictObject({ type: z.literal('record'), record: stepRecordSchema }),
  z.strictObject({
    type: z.literal('fingerprint'),
    step: stepIdSchema,
    run: z.string(),
    when: z.enum(['before', 'after']),
    state: hash,
  }),
  z.strictObject({ type: z.literal('head'), journal: z.string(), links: z.number(), hash, at: z.string() }),
  z.strictObject({ type: z.literal('commit'), step: stepIdSchema, commit: z.string(), at: z.string() }),
]);

export type EntryRow = z.infer<typeof entryRowSchema>;
export type StateRow = z.infer<typeof stateRowSchema>;
export type Row = z.infer<typeof rowSchema>;

/** An entry with what became of it. */
export type Journalled = EntryRow & { readonly states: readonly StateRow[] };

export type Journal = {
  readonly rows: () => Promise<readonly Row[]>;
  readonly entries: () => Promise<readonly Journalled[]>;
  readonly records: () => Promise<readonly StepRecord[]>;
  /** Appends a row; it is on the disk when this resolves. */
  readonly append: (row: Row) => Promise<void>;
};

/**
 * The journal of a workspace, `.voxanne-rollout/journal.ndjson`: one row a line, appended and flushed. Each line
 * carries a checksum over the one before and itself, so that a line that was changed, lost or moved is noticed. A last
 * line without its end is the write that a crash cut off: it never happened.
 */
export function openJournal(root: string): Journal {
  const place = (): Promise<string> => resolveState(root, 'journal.ndjson');

  const read = async (): Promise<{ rows: readonly Row[]; sum: string; whole: number; length: number }> => {
    const bytes = await readBytes(await place());
    if (bytes === null) return { rows: [], sum: '', whole: 0, length: 0 };
    const whole = bytes.lastIndexOf(0x0a) + 1;
    const lines = bytes.subarray(0, whole).toString('utf8').split('\n').slice(0, -1);
    let sum = '';
    const rows: Row[] = [];
    for (const [index, line] of lines.entries()) {
      const [, found, json] = /^\{"sum":"([0-9a-f]{16})","row":(.*)\}$/.exec(line) ?? [];
      const expected = json === undefined ? null : checksum(sum, json);
      if (json === undefined || found !== expected) throw damaged(index + 1, 'is not what was written');
      const row = rowSchema.safeParse(JSON.parse(json));
      if (!row.success) throw damaged(index + 1, 'was written by another version of this tool');
      // A folder that was not made for this file is not this tool's to remove.
      if (row.data.type === 'entry' && !row.data.folders.every(isAbove(row.data.path))) {
        throw damaged(index + 1, 'names a folder that is not above its file');
      }
      rows.push(row.data);
      sum = expected;
    }
    return { rows, sum, whole, length: bytes.length };
  };

  const entriesOf = (rows: readonly Row[]): readonly Journalled[] => {
    const entries = new Map<number, EntryRow & { states: StateRow[] }>();
    for (const row of rows) {
      if (row.type === 'entry') entries.set(row.seq, { ...row, states: [] });
      else if (row.type === 'state') entries.get(row.seq)?.states.push(row);
    }
    return [...entries.values()];
  };

  return {
    rows: async () => (await read()).rows,
    entries: async () => entriesOf((await read()).rows),
    records: async () => (await read()).rows.flatMap((row) => (row.type === 'record' ? [row.record] : [])),
    append: async (row) => {
      const folder = await resolveState(root);
      const file = await place();
      await createFolders(folder);
      const ignore = await resolveState(root, '.gitignore');
      if ((await readBytes(ignore)) === null) await writeAtomically(ignore, Buffer.from('*\n'));
      const { sum, whole, length } = await read();
      if (length > whole) await truncate(file, whole);
      const json = JSON.stringify(row);
      const created = length === 0;
      const handle = await open(file, 'a', 0o600);
      try {
        await handle.appendFile(`{"sum":"${checksum(sum, json)}","row":${json}}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      if (created) await createFolders(folder);
    },
  };
}

const isAbove =
  (file: string) =>
  (folder: string): boolean =>
    folder !== '' && file.startsWith(`${folder}/`);

const checksum = (before: string, json: string): string => sha256(`${before}\n${json}`).slice(0, 16);

const damaged = (line: number, what: string): RolloutError =>
  new RolloutError(
    `Line ${line} of ${stateFolder}/journal.ndjson ${what}.`,
    'Restore the file from a backup. Without it the tool does not know what it did, and changes nothing.',
  );
