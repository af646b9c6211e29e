import { createHash } from 'node:crypto';
import pg from 'pg';
import { checksum, entryInsert } from '../../database/journal.ts';
import { toolSessions } from '../../database/orphans.ts';
import type { Change, SqlChange } from '../../rollout/change.ts';
import type { StepId } from '../../rollout/step.ts';

/** Journalled changes of one step as the migration file that does the same. */
export type Migration = {
  /** Fourteen digits; what the history table is keyed by. */
  readonly version: string;
  /** `20261122180000_voxanne_1_3_add_foreign_keys_and_indexes.sql` */
  readonly fileName: string;
  readonly text: string;
};

export type JournalRow = {
  readonly id: string;
  readonly run: string;
  readonly change: SqlChange;
};

/** A step, or what of it is done so far, with its journal rows in the order in which they were made. */
export type StepRows = {
  readonly step: StepId;
  /** As people see it; absent where nobody knows it. */
  readonly title?: string | undefined;
  readonly rows: readonly JournalRow[];
};

export type FileSettings = { readonly lockTimeout: number; readonly statementTimeout: number };

/** One journal entry that a file does: known by its id in the journal that it was written for, elsewhere by its change. */
export type Mark = {
  readonly id: string;
  /** The checksum of the change; null in files of versions that did not say it. */
  readonly checksum: string | null;
};

export const migrationsFolder = 'supabase/migrations';

/**
 * Why a change cannot be in a migration file that is pushed, or null. The change is carried out within a `do` block, in
 * which PostgreSQL refuses savepoints.
 */
export function whyNotAFile(change: Change): string | null {
  if (change.kind === 'batches') return 'rows are written in batches, each committed on its own';
  if (change.kind === 'file') return 'it is a file of the app';
  if (change.mode === 'autocommit') return 'the statement must run outside a transaction';
  return /\bsavepoint\b/i.test(change.up)
    ? 'it needs savepoints, which a block of a migration file does not have'
    : null;
}

/**
 * The file of a step. Equal rows, settings and versions give equal bytes, so that a lost file can be written again.
 *
 * The Supabase CLI sends the statements of a file in one transaction, unless the file has a `begin` or a `commit`: then
 * it sends them one by one (seen with 2.122.1 and 3.1.0). Each change is one `do` block together with its journal row:
 * a transaction of its own that begins and ends on the server, so that its locks are held for the time of the work and
 * not for the trips between the statements, and so that nothing is left open when the CLI is killed between two.
 */
export function migrationOf(version: string, given: StepRows, settings: FileSettings): Migration {
  const { step, title, rows } = given;
  const blocks = rows.map((row, at) => {
    const before = rows[at - 1]?.change.mode ?? 'transaction';
    // What waits out older transactions by design would only fail by a limit.
    const { mode } = row.change;
    const limit = mode === before ? '' : mode === 'autocommit' ? unlimited : limits(settings);
    return `${limit}${block(step, row, nameOf(rows))}`;
  });
  const body = `${opening(rows, settings)}\n${blocks.join('\n')}\n${closing}`;
  const changes = rows.length === 1 ? '1 change' : `${rows.length} changes, each in a transaction of its own`;
  const head = [
    `-- Step ${step} of voxanne-rollout${title === undefined ? '' : `: ${oneLine(title)}`} (${changes})`,
    '-- Do not edit: "voxanne-rollout rollback" rolls it back and removes this file.',
    `-- voxanne-rollout sha256 ${hash(body)}`,
  ];
  return { version, fileName: `${version}_${migrationName(step, title)}.sql`, text: `${head.join('\n')}\n${body}` };
}

export const migrationName = (step: string, title: string | undefined): string =>
  ['voxanne', step.replaceAll('.', '_'), title === undefined ? '' : slug(title)]
    .filter((part) => part !== '')
    .join('_');

/** The step that the file of this name belongs to, or null. */
export function stepOfName(name: string): string | null {
  const [, phase, step] = /^voxanne_(\d+)_(\d+)(?:_|$)/.exec(name) ?? [];
  return phase === undefined ? null : `${phase}.${step}`;
}

/** What other sessions see while the file runs, and how its session is found when the run is cancelled. */
export const applicationNameOf = (entryId: string): string => `${toolSessions}${entryId.slice(0, 8)}`;

/** A line of a file that says which journal entry follows; a regular expression of PostgreSQL as well. */
export const markPattern =
  '^-- voxanne-rollout entry ([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?: [0-9a-f]{64})?)$';

/** The journal entries that a file does, in their order; none when it is not ours. */
export const marksIn = (text: string): readonly Mark[] =>
  [...text.replaceAll('\r\n', '\n').matchAll(new RegExp(markPattern, 'gm'))].map(([, mark = '']) => markOf(mark));

/** Reads what `markPattern` captures. */
export function markOf(mark: string): Mark {
  const [id = '', checksum = null] = mark.split(' ');
  return { id, checksum };
}

/** What stays the same of a change on every database. */
export const checksumOf = (change: Change): string => checksum(JSON.stringify(change));

/**
 * Whether a file does exactly these changes of this step: it is written again with the values that differ from one
 * database to the next, and compared byte by byte, so that nothing else can hide in it.
 */
export function doesExactly(file: Migration, given: Omit<StepRows, 'rows'>, changes: readonly SqlChange[]): boolean {
  const marks = marksIn(file.text);
  const lockTimeout = /^set lock_timeout = '(\d+)ms';$/m.exec(file.text)?.[1];
  const statementTimeout = /^set statement_timeout = '(\d+)ms';$/m.exec(file.text)?.[1];
  if (marks.length !== changes.length || lockTimeout === undefined || statementTimeout === undefined) return false;
  const runs = new Map(
    [...file.text.matchAll(/^values \('([0-9a-f-]{36})', '([0-9a-f-]{36})', /gm)].map(([, id = '', run = '']) => [
      id,
      run,
    ]),
  );
  const rows = changes.map((change, at) => {
    const id = marks[at]?.id ?? '';
    return { id, run: runs.get(id) ?? '', change };
  });
  const settings = { lockTimeout: Number(lockTimeout), statementTimeout: Number(statementTimeout) };
  const again = migrationOf(file.version, { ...given, rows }, settings);
  return again.text === file.text && again.fileName === file.fileName;
}

/** Whether a file is still what was written, whichever version and settings it was written with. */
export function isUnedited(content: string): boolean {
  // A checkout on Windows may have turned the line ends.
  const text = content.replaceAll('\r\n', '\n');
  const [, sum, body] = /^(?:--.*\n){2,3}-- voxanne-rollout sha256 ([0-9a-f]{64})\n([\s\S]*)$/.exec(text) ?? [];
  return sum !== undefined && body !== undefined && hash(body) === sum;
}

/**
 * The next version: now, in UTC, but after every version of the history, so that the order of the files is the order in
 * which they were applied, and none that a file of the app has.
 */
export function nextVersion(history: readonly string[], local: ReadonlySet<string>, now: Date = new Date()): string {
  const last =
    history
      .filter((one) => /^\d{14}$/.test(one))
      .sort()
      .at(-1) ?? '';
  let version = digits(now);
  if (last >= version) version = secondAfter(last);
  while (local.has(version)) version = secondAfter(version);
  return version;
}

function secondAfter(version: string): string {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(version) ?? [];
  return digits(new Date(Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s) + 1)));
}

const digits = (at: Date): string => at.toISOString().replace(/\D/g, '').slice(0, 14);

/** What holds for the whole file. The CLI resets all of it before the next one; another program may not. */
function opening(rows: readonly JournalRow[], settings: FileSettings): string {
  return `-- An empty transaction tells the Supabase CLI to send each statement by itself, which this file needs.
begin;
commit;
set application_name = ${pg.escapeLiteral(nameOf(rows))};
${limits(settings)}set search_path = '';
`;
}

const nameOf = (rows: readonly JournalRow[]): string => applicationNameOf(rows[0]?.id ?? '');

const limits = ({ lockTimeout, statementTimeout }: FileSettings): string =>
  `set lock_timeout = '${lockTimeout}ms';\nset statement_timeout = '${statementTimeout}ms';\n`;

const unlimited = 'set lock_timeout = 0;\nset statement_timeout = 0;\n';

const closing = `reset search_path;
reset statement_timeout;
reset lock_timeout;
reset application_name;
`;

/**
 * One change. Where the journal is not there (a local stack that is built from the files) only its row is left out.
 * What PostgreSQL refuses in a transaction went through pg, and is a statement of its own where the file is replayed.
 *
 * A CLI whose session ends between two statements opens another one and goes on (seen with 3.1.0): without the limits
 * that the file began with, and under a name by which nobody ends it. Each change looks whether it is where it began.
 */
function block(step: StepId, { id, run, change }: JournalRow, name: string): string {
  const head = `-- ${oneLine(change.title)}\n-- voxanne-rollout entry ${id} ${checksumOf(change)}\n`;
  if (change.mode === 'autocommit') return `${head}${statement(change.up)}`;
  const up = `\n${change.up.trim()}\n`;
  const upTag = tagFor('up', up);
  const work = `begin
  if pg_catalog.current_setting('application_name') is distinct from ${pg.escapeLiteral(name)} then
    raise exception 'The session in which this file began has ended; what is left of it is not run in another one.';
  end if;
  execute ${upTag}${up}${upTag};
  if pg_catalog.to_regclass('voxanne_rollout.entries') is not null then
    ${entryInsert({ id, run, step, state: 'applied', change })};
  end if;
end `;
  const tag = tagFor('change', work);
  return `${head}do ${tag}\n${work}${tag};\n`;
}

/** Ends with a semicolon that no comment swallows; a second one would only be an empty statement. */
function statement(sql: string): string {
  const text = sql.trim();
  const commented = text.slice(text.lastIndexOf('\n') + 1).includes('--');
  if (commented) return `${text}\n;\n`;
  return text.endsWith(';') ? `${text}\n` : `${text};\n`;
}

/** A dollar quote that the text does not hold. */
function tagFor(name: string, text: string): string {
  for (let number = 0; ; number++) {
    const tag = `$${name}${number === 0 ? '' : number}$`;
    if (!text.includes(tag)) return tag;
  }
}

const slug = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 48)
    .replace(/_+$/, '') || 'change';

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
