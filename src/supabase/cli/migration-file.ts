import { createHash } from 'node:crypto';
import pg from 'pg';
import { entryInsert } from '../../database/journal.ts';
import type { Change, SqlChange } from '../../rollout/change.ts';
import type { StepId } from '../../rollout/step.ts';

/** A journalled change as the migration file that does the same. */
export type Migration = {
  /** Fourteen digits; what the history table is keyed by. */
  readonly version: string;
  /** `20261122180000_voxanne_1_3_rename_public_calls.sql` */
  readonly fileName: string;
  readonly text: string;
};

export type JournalRow = {
  readonly id: string;
  readonly run: string;
  readonly step: StepId;
  readonly change: SqlChange;
};

export type FileSettings = { readonly lockTimeout: number; readonly statementTimeout: number };

export const migrationsFolder = 'supabase/migrations';

/**
 * Why a change cannot be a migration file, or null. The CLI runs the statements of a file in one implicit transaction,
 * in which PostgreSQL refuses `LOCK TABLE` and savepoints and lets `SET LOCAL` pass with a warning.
 */
export function whyNotAFile(change: Change): string | null {
  if (change.kind === 'batches') return 'rows are written in batches, each committed on its own';
  if (change.kind === 'file') return 'it is a file of the app';
  if (change.mode === 'autocommit') return 'the statement must run outside a transaction';
  return /\b(?:lock\s+table|savepoint|set\s+local|set\s+constraints)\b/i.test(change.up)
    ? 'it needs a transaction block, which a migration file does not have'
    : null;
}

/** The file of a change. Equal rows, settings and versions give equal bytes, so that a lost file can be written again. */
export function migrationOf(version: string, row: JournalRow, settings: FileSettings): Migration {
  const body = row.change.mode === 'autocommit' ? statement(row.change.up) : transaction(row, settings);
  const head = [
    `-- Step ${row.step} of voxanne-rollout: ${oneLine(row.change.title)}`,
    '-- Do not edit: "voxanne-rollout rollback" rolls it back and removes this file.',
    `-- voxanne-rollout entry ${row.id}`,
    `-- voxanne-rollout sha256 ${hash(body)}`,
  ];
  return {
    version,
    fileName: `${version}_${migrationName(row.step, row.change)}.sql`,
    text: `${head.join('\n')}\n${body}`,
  };
}

export const migrationName = (step: string, change: SqlChange): string =>
  `voxanne_${step.replaceAll('.', '_')}_${slug(change.title)}`;

export const applicationNamePrefix = 'voxanne-rollout supabase-cli ';

/** What other sessions see while the file runs, and how its session is found when the run is cancelled. */
export const applicationNameOf = (entryId: string): string => `${applicationNamePrefix}${entryId.slice(0, 8)}`;

/** The journal entry that a file or the statements of a history row belong to, or null when they are not ours. */
export const entryIdIn = (text: string): string | null =>
  /-- voxanne-rollout entry ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/.exec(text)?.[1] ?? null;

/**
 * Whether a file does exactly this change of this step: it is written again with the values that differ from one
 * database to the next, and compared byte by byte, so that nothing else can hide in it.
 */
export function isSameChange(file: Migration, step: StepId, change: SqlChange): boolean {
  const id = entryIdIn(file.text);
  const run = /\nvalues \('[0-9a-f-]{36}', '([0-9a-f-]{36})', /.exec(file.text)?.[1];
  const lockTimeout = /^set lock_timeout = '(\d+)ms';$/m.exec(file.text)?.[1];
  const statementTimeout = /^set statement_timeout = '(\d+)ms';$/m.exec(file.text)?.[1];
  if (id === null || run === undefined || lockTimeout === undefined || statementTimeout === undefined) return false;
  const settings = { lockTimeout: Number(lockTimeout), statementTimeout: Number(statementTimeout) };
  const again = migrationOf(file.version, { id, run, step, change }, settings);
  return again.text === file.text && again.fileName === file.fileName;
}

/** Whether a file is still what was written, whichever version and settings it was written with. */
export function isUnedited(content: string): boolean {
  // A checkout on Windows may have turned the line ends.
  const text = content.replaceAll('\r\n', '\n');
  const [, sum, body] = /^(?:--.*\n){3}-- voxanne-rollout sha256 ([0-9a-f]{64})\n([\s\S]*)$/.exec(text) ?? [];
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

/**
 * Settings first, the journal row last. All share the one implicit transaction of the file with the CLI's own history
 * row. Where the journal is not there (a local stack built from the files) only its row is left out.
 */
function transaction(row: JournalRow, { lockTimeout, statementTimeout }: FileSettings): string {
  const insert = `${entryInsert({ ...row, state: 'applied' })};`;
  const quote = dollarQuote(insert);
  return `set application_name = ${pg.escapeLiteral(applicationNameOf(row.id))};
set lock_timeout = '${lockTimeout}ms';
set statement_timeout = '${statementTimeout}ms';
set search_path = '';

${statement(row.change.up)}
do ${quote}
begin
  if pg_catalog.to_regclass('voxanne_rollout.entries') is not null then
    ${insert}
  end if;
end ${quote};
reset search_path;
reset statement_timeout;
reset lock_timeout;
reset application_name;
`;
}

/** Ends with a semicolon that no comment swallows; a second one would only be an empty statement. */
function statement(sql: string): string {
  const text = sql.trim();
  const commented = text.slice(text.lastIndexOf('\n') + 1).includes('--');
  if (commented) return `${text}\n;\n`;
  return text.endsWith(';') ? `${text}\n` : `${text};\n`;
}

function dollarQuote(text: string): string {
  for (let number = 0; ; number++) {
    const tag = `$journal${number === 0 ? '' : number}$`;
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
