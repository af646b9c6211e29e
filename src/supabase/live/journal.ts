import { appendFileSync, closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { JsonRow, LiveTable } from './types.ts';

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const entryShape = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('user'), id: z.string() }),
  z.object({ kind: z.literal('row'), schema: z.string(), table: z.string(), key: z.record(z.string(), scalar) }),
]);

export type JournalEntry = z.output<typeof entryShape>;

/** What a run makes, written down so that it can be removed by the next one. Holds ids and keys of rows, no secret. */
export type LiveJournal = {
  readonly entries: () => readonly JournalEntry[];
  readonly user: (id: string) => void;
  /** Before the row is sent, where its key is known by then. */
  readonly row: (table: LiveTable, key: JsonRow) => void;
  /** Everything is proven to be gone: so is the file. */
  readonly done: () => void;
};

const fileName = /^live-probe-[0-9a-f]{12}\.jsonl$/;

export function openJournal(folder: string | undefined, nonce: string): LiveJournal {
  const entries: JournalEntry[] = [];
  const path = folder === undefined ? null : join(folder, `live-probe-${nonce}.jsonl`);
  if (folder !== undefined) mkdirSync(folder, { recursive: true });
  const add = (entry: JournalEntry): void => {
    entries.push(entry);
    if (path !== null) append(path, `${JSON.stringify(entry)}\n`);
  };
  return {
    entries: () => entries,
    user: (id) => add({ kind: 'user', id }),
    row: (table, key) => {
      const parsed = entryShape.safeParse({ kind: 'row', schema: table.schema, table: table.table, key });
      if (parsed.success) add(parsed.data);
    },
    done: () => {
      if (path !== null) rmSync(path, { force: true });
    },
  };
}

/** The journals that killed runs left behind. A half-written last line is a row that was never sent. */
export function leftJournals(
  folder: string | undefined,
): readonly { path: string; entries: readonly JournalEntry[] }[] {
  if (folder === undefined) return [];
  return filesOf(folder)
    .filter((name) => fileName.test(name))
    .map((name) => {
      const path = join(folder, name);
      const entries = readFileSync(path, 'utf8')
        .split('\n')
        .flatMap((line) => {
          const parsed = entryShape.safeParse(parse(line));
          return parsed.success ? [parsed.data] : [];
        });
      return { path, entries };
    });
}

/** Synchronous and flushed: the line has to survive a kill that comes right after the request. */
function append(path: string, line: string): void {
  const file = openSync(path, 'a', 0o600);
  try {
    appendFileSync(file, line);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function filesOf(folder: string): readonly string[] {
  try {
    // A link would lead to a file of somebody else.
    return readdirSync(folder, { withFileTypes: true }).flatMap((one) => (one.isFile() ? [one.name] : []));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
