import * as z from 'zod';
import type { Executor, Untouched } from '../rollout/executor.ts';
import {
  ensureJournal,
  insertState,
  ofJournal,
  readEntries,
  readOpenRows,
  readRows,
  readUntouched,
} from './journal.ts';
import type { Session } from './session.ts';
import { remembering } from './since.ts';
import {
  compareRows,
  measureRows,
  type RowState,
  restrictTo,
  rowStateSchema,
  type Written,
  without,
} from './untouched.ts';

const untouchedSchema: z.ZodType<Untouched> = z.object({
  tables: z.number(),
  rows: z.number(),
  columns: z.number(),
  changed: z.array(z.string()),
  unchecked: z.array(z.string()),
});

/** Guards the rows and the columns that a step does not name; what it sees is kept in the journal. */
export function createGuard(session: Session): Pick<Executor, 'guard' | 'untouched'> {
  const measure = remembering(measureRows);
  const exclude = session.settings.exclude ?? [];

  const entriesOf = async (step: string): Promise<readonly Written[]> =>
    (await readEntries(await session.work(), `step = $1 and change::jsonb ->> 'kind' = 'batches'`, [step])).map(
      ({ change, seq }) => ({ change, entry: seq }),
    );

  return {
    guard: async (step, run, changes) => {
      await session.lock();
      const client = await session.work();
      await ensureJournal(client);
      const planned = (changes ?? [])
        .filter((change) => change.kind === 'batches')
        .map((change) => ({ change, entry: null }));
      const open = await readOpenRows(client, step);
      const look = async (): Promise<RowState> => {
        const state = await measure(client, [...(await entriesOf(step)), ...planned], exclude);
        const origin = changes === null ? await readRows(client, step) : null;
        return origin === null ? state : restrictTo(rowStateSchema.parse(origin), state);
      };
      const before = without(open === null ? await look() : rowStateSchema.parse(open), exclude);
      if (open === null) await insertState(client, step, run, 'rows', before);
      return async () => {
        const now = await session.work();
        const written = await entriesOf(step);
        const result = await compareRows(now, before, await measure(now, written, exclude), written);
        await insertState(now, step, run, 'untouched', result);
        return result;
      };
    },
    untouched: async (step) => {
      const kept = await ofJournal(await session.work(), null, (client) => readUntouched(client, step));
      return kept === null ? null : untouchedSchema.parse(kept);
    },
  };
}
