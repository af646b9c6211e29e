import * as z from 'zod';
import { entryStates, stepStates } from './journal.ts';

/** The zod border of everything a journal holds: what was written by another version or another hand is not trusted. */
export const stepIdSchema = z.templateLiteral([z.literal([1, 2, 3, 4]), '.', z.number().int().positive()]);

export const sqlChangeSchema = z.strictObject({
  kind: z.literal('sql'),
  id: z.string(),
  title: z.string(),
  mode: z.enum(['transaction', 'autocommit']),
  up: z.string(),
  down: z.string(),
  applied: z.string().exactOptional(),
  clean: z.string().exactOptional(),
  after: z.array(z.string()).exactOptional(),
});

export const batchChangeSchema = z.strictObject({
  kind: z.literal('batches'),
  id: z.string(),
  title: z.string(),
  table: z.string(),
  key: z.strictObject({ column: z.string(), type: z.string() }),
  write: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('update'),
      column: z.string(),
      type: z.string(),
      jsonKey: z.string().exactOptional(),
      clears: z.literal(true).exactOptional(),
      where: z.string(),
      value: z.string(),
    }),
    z.strictObject({
      kind: z.literal('insert'),
      columns: z.array(z.string()),
      source: z.string(),
      cursor: z.string().exactOptional(),
    }),
  ]),
  quiet: z.boolean(),
  after: z.array(z.string()).exactOptional(),
});

export const fileChangeSchema = z.strictObject({
  kind: z.literal('file'),
  id: z.string(),
  title: z.string(),
  path: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
});

export const changeSchema = z.discriminatedUnion('kind', [sqlChangeSchema, batchChangeSchema, fileChangeSchema]);

export const entryStateSchema = z.enum(entryStates);

export const stepRecordSchema = z.strictObject({
  seq: z.number(),
  run: z.string(),
  step: stepIdSchema,
  state: z.enum(stepStates),
  detail: z.string(),
  passed: z.number(),
  failed: z.number(),
  skipped: z.number(),
  at: z.string(),
  milliseconds: z.number(),
});
