import { createHash } from 'node:crypto';
import pg, { type ClientBase } from 'pg';
import * as z from 'zod';
import type { Change } from '../rollout/change.ts';
import { RolloutError } from '../rollout/errors.ts';
import type { Standing } from '../rollout/executor.ts';
import type { Entry, EntryState, Fingerprint, StepRecord } from '../rollout/journal.ts';
import { changeSchema, entryStateSchema, stepIdSchema, stepRecordSchema } from '../rollout/schemas.ts';
import type { StepId } from '../rollout/step.ts';
import { journalFormat, journalSchema } from './journal.sql.ts';
import { checkChain, edited, linkMoved } from './journal-chain.ts';
import { literal } from './quote.ts';
import { isInside } from './rolled-back.ts';

/** Creates the journal's schema where it is missing, and refuses one that a newer version wrote. */
export async function ensureJournal(client: ClientBase): Promise<void> {
  if (!(await journalExists(client))) await client.query(`begin; ${journalSchema} commit;`);
}

/** Connections on which a journal of this version was read: its format does not change while it is there. */
const readable = new WeakSet<ClientBase>();

/** True when a readable journal is there; a newer one is an error, because guessing at its meaning could lose data. */
export async function journalExists(client: ClientBase): Promise<boolean> {
  const present = await client.query<{ there: boolean }>(
    `select pg_catalog.to_regclass('voxanne_rollout.entries') is not null as there`,
  );
  if (present.rows[0]?.there !== true) {
    readable.delete(client);
    return false;
  }
  if (readable.has(client)) return true;
  const { rows } = await client.query<{ format: number }>('select format from voxanne_rollout.meta');
  const format = rows[0]?.format;
  if (format !== journalFormat) {
    throw new RolloutError(
      `The journal in schema voxanne_rollout has format ${format ?? 'unknown'}, and this version reads format ${journalFormat}.`,
      'Use the version of voxanne-rollout that wrote it.',
    );
  }
  // One that a transaction makes for a test goes with it.
  if (!isInside(client)) readable.add(client);
  return true;
}

/**
 * What is read of the journal, or `none` where there is none. On a connection that has read it before, nobody asks first
 * whether it is there: that it went meanwhile, the reading itself says.
 */
export async function ofJournal<T>(client: ClientBase, none: T, read: (client: ClientBase) => Promise<T>): Promise<T> {
  if (isInside(client) || !readable.has(client)) return (await journalExists(client)) ? read(client) : none;
  try {
    return await read(client);
  } catch (error) {
    const gone = error instanceof pg.DatabaseError && (error.code === '42P01' || error.code === '3F000');
    if (!gone || (await journalExists(client))) throw error;
    return none;
  }
}

const rowSchema = z.object({
  seq: z.number(),
  id: z.string(),
  run: z.string(),
  step: stepIdSchema,
  state: entryStateSchema,
  change: z.string(),
  checksum: z.string(),
  progress: z.string().nullable(),
  applied_at: z.string().nullable(),
  reverted_at: z.string().nullable(),
  milliseconds: z.number(),
});

const iso = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const columns = `seq::float8 as seq, id, run, step, state, change, checksum, progress, ${iso('applied_at')} as applied_at,
  ${iso('reverted_at')} as reverted_at, milliseconds`;

export async function readEntries(
  client: ClientBase,
  where = 'true',
  values: unknown[] = [],
): Promise<readonly Entry[]> {
  const { rows } = await client.query(
    `select ${columns} from voxanne_rollout.entries where ${where} order by seq`,
    values,
  );
  return rows.map(toEntry);
}

/** Counts by step and state, without the changes themselves: the server compares each with its checksum. */
export async function readStanding(client: ClientBase): Promise<readonly Standing[]> {
  const { rows } = await client.query(
    `select step, state, count(*)::float8 as count, ${iso('greatest(max(applied_at), max(reverted_at))')} as at,
       min(seq) filter (where encode(sha256(convert_to(change, 'UTF8')), 'hex') <> checksum)::float8 as edited
     from voxanne_rollout.entries group by step, state`,
  );
  await checkChain(client);
  return rows.map((row) => {
    const { edited: seq, ...standing } = standingSchema.parse(row);
    if (seq !== null) throw edited(`row ${seq}, step ${standing.step}`);
    return standing;
  });
}

const standingSchema = z.object({
  step: stepIdSchema,
  state: entryStateSchema,
  count: z.number(),
  at: z.string().nullable(),
  edited: z.number().nullable(),
});

/** Parses one journal row, and refuses one whose change is not what was written. */
export function toEntry(row: unknown): Entry {
  const raw = rowSchema.parse(row);
  if (checksum(raw.change) !== raw.checksum) throw edited(`row ${raw.seq}, step ${raw.step}`);
  const change = changeSchema.safeParse(JSON.parse(raw.change));
  if (!change.success) throw edited(`row ${raw.seq}, step ${raw.step}: ${z.prettifyError(change.error)}`);
  return {
    seq: raw.seq,
    run: raw.run,
    step: raw.step,
    state: raw.state,
    change: change.data as Change,
    appliedAt: raw.applied_at,
    revertedAt: raw.reverted_at,
    milliseconds: raw.milliseconds,
  };
}

/** What a row keeps of its change, to notice an edit by another hand. */
export const checksum = (text: string): string => createHash('sha256').update(text).digest('hex');

export type NewEntry = {
  readonly id: string;
  readonly run: string;
  readonly step: StepId;
  readonly state: EntryState;
  readonly change: Change;
};

/** Writes one row and returns it. Called before a change that shares no transaction with its row. */
export async function insertEntry(client: ClientBase, entry: NewEntry): Promise<Entry> {
  const { rows } = await client.query(insertEntrySql(entry));
  return toWritten(entry, rows[0]);
}

/** The statement that writes one row, for the transaction of the change itself, whose duration on the server it keeps. */
export const insertEntrySql = (entry: NewEntry): string =>
  `with moved as (${rowInsert(entry)}
  returning seq, id, state, checksum, applied_at, milliseconds), linked as (${linkMoved})
select seq::float8 as seq, ${iso('applied_at')} as applied_at, milliseconds from moved;`;

/** The same without an answer, as PL/pgSQL wants it, and without a semicolon. */
export const entryInsert = (entry: NewEntry): string =>
  `with moved as (${rowInsert(entry)}\n  returning id, state, checksum)\n${linkMoved}`;

function rowInsert(entry: NewEntry): string {
  const text = JSON.stringify(entry.change);
  const values = [entry.id, entry.run, entry.step, entry.state, text, checksum(text)].map(literal).join(', ');
  return `insert into voxanne_rollout.entries (id, run, step, state, change, checksum, applied_at, milliseconds)
values (${values}, ${entry.state === 'applied' ? 'pg_catalog.clock_timestamp()' : 'null'},
  extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.transaction_timestamp()) * 1000)`;
}

const writtenSchema = z.object({ seq: z.number(), applied_at: z.string().nullable(), milliseconds: z.number() });

/** What `insertEntrySql` answers, with what was written. */
export function toWritten({ run, step, state, change }: NewEntry, row: unknown): Entry {
  const { seq, applied_at: appliedAt, milliseconds } = writtenSchema.parse(row);
  return { seq, run, step, state, change, appliedAt, revertedAt: null, milliseconds };
}

/** The statement that marks a row as taken back, for the transaction of the inverse itself. */
export const markRevertedSql = (seq: number): string =>
  `with moved as (update voxanne_rollout.entries set state = 'reverted', reverted_at = pg_catalog.clock_timestamp()
  where seq = ${seq} returning id, state, checksum)
${linkMoved};`;

export async function markEntry(
  client: ClientBase,
  seq: number,
  state: EntryState,
  milliseconds?: number,
): Promise<void> {
  await client.query(
    `with moved as (update voxanne_rollout.entries set state = $2::text, milliseconds = coalesce($3, milliseconds),
       applied_at = case when $2::text = 'applied' then coalesce(applied_at, clock_timestamp()) else applied_at end,
       reverted_at = case when $2::text = 'reverted' then clock_timestamp() else reverted_at end
     where seq = $1 returning id, state, checksum)
     ${linkMoved}`,
    [seq, state, milliseconds ?? null],
  );
}

export async function entryById(client: ClientBase, id: string): Promise<Entry | null> {
  return (await readEntries(client, 'id = $1', [id]))[0] ?? null;
}

/** Those of the rows that are there, in the order in which they were written. */
export const entriesByIds = (client: ClientBase, ids: readonly string[]): Promise<readonly Entry[]> =>
  readEntries(client, 'id = any ($1::uuid[])', [ids]);

export async function readRecords(client: ClientBase): Promise<readonly StepRecord[]> {
  const { rows } = await client.query(
    `select seq::float8 as seq, run, step, state, detail, passed, failed, skipped, ${iso('at')} as at, milliseconds
     from voxanne_rollout.records order by seq`,
  );
  return rows.map((row) => stepRecordSchema.parse(row));
}

export async function insertRecord(client: ClientBase, record: Omit<StepRecord, 'seq' | 'at'>): Promise<void> {
  await client.query(
    `insert into voxanne_rollout.records (run, step, state, detail, passed, failed, skipped, milliseconds)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      record.run,
      record.step,
      record.state,
      record.detail,
      record.passed,
      record.failed,
      record.skipped,
      record.milliseconds,
    ],
  );
}

/**
 * `rows`: the rows before the changes of a step or of its rollback; `untouched`: what comparing them found;
 * `look`: what the step's checks compare with.
 */
type Moment = 'before' | 'after' | 'rows' | 'untouched' | 'look';

export async function insertState(
  client: ClientBase,
  step: string,
  run: string,
  moment: Moment,
  state: unknown,
): Promise<void> {
  await client.query(insertStateSql(step, run, moment, literal(JSON.stringify(state))));
}

/** The statement that keeps a state; `state` is SQL, so that one which the server computes need not travel. */
export const insertStateSql = (step: string, run: string, moment: Moment, state: string): string =>
  `insert into voxanne_rollout.fingerprints (step, run, moment, state)
values (${[step, run, moment].map(literal).join(', ')}, ${state}) returning seq::text as seq;`;

export async function readFingerprint(
  client: ClientBase,
  step: string,
  moment: 'before' | 'after',
): Promise<Fingerprint | null> {
  const { rows } = await client.query<{ state: unknown }>(
    // A state from after belongs to the apply whose state from before is the last one: an apply that was stopped has none.
    `select state from voxanne_rollout.fingerprints where step = $1 and moment = $2
       and ($2 = 'before' or seq > (select max(seq) from voxanne_rollout.fingerprints where step = $1 and moment = 'before'))
     order by seq desc limit 1`,
    [step, moment],
  );
  return rows[0] === undefined ? null : z.record(z.string(), z.string()).parse(rows[0].state);
}

/** The rows kept before what was begun last in the step, where that has not come to its end; else null. */
export async function readOpenRows(client: ClientBase, step: string): Promise<unknown> {
  const { rows } = await client.query<{ state: unknown }>(
    `select f.state from voxanne_rollout.fingerprints f where f.step = $1 and f.moment = 'rows' and not exists (
       select from voxanne_rollout.records r where r.step = $1 and r.at > f.at
         and r.state in ('applied', 'verified', 'rolled back', 'skipped'))
     order by f.seq limit 1`,
    [step],
  );
  return rows[0]?.state ?? null;
}

/** The rows kept last before anything of the step. */
export async function readRows(client: ClientBase, step: string): Promise<unknown> {
  const { rows } = await client.query<{ state: unknown }>(
    `select state from voxanne_rollout.fingerprints where step = $1 and moment = 'rows' order by seq desc limit 1`,
    [step],
  );
  return rows[0]?.state ?? null;
}

export async function readUntouched(client: ClientBase, step: string): Promise<unknown> {
  const { rows } = await client.query<{ state: unknown }>(
    `select state from voxanne_rollout.fingerprints where step = $1 and moment = 'untouched' order by seq desc limit 1`,
    [step],
  );
  return rows[0]?.state ?? null;
}

/** What the step's checks compare with, from before the first change of its last apply. */
export async function readLook(client: ClientBase, step: string): Promise<unknown> {
  const { rows } = await client.query<{ state: unknown }>(
    `select state from voxanne_rollout.fingerprints where step = $1 and moment = 'look' order by seq desc limit 1`,
    [step],
  );
  return rows[0]?.state ?? null;
}
