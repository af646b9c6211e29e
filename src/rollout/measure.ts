import type { Change } from './change.ts';
import type { Context, Executor } from './executor.ts';
import { groupsOf } from './grouping.ts';
import { hazardsOf } from './hazards.ts';
import type { Measured } from './saved-plan.ts';

export type Meters = {
  /** How many bytes of write-ahead log the server has written so far. */
  readonly walBytes: () => Promise<number>;
  /** Reads these tables, as `schema.name`, until it is stopped; answers the longest wait of a read in milliseconds. */
  readonly watch?: (tables: readonly string[]) => () => Promise<number | null>;
};

/** The executor, with what each applied change took told to `tell`: one by one, since only so each has a measure. */
export const measuring = (
  { applyAll: _, ...inner }: Executor,
  meters: Meters,
  tell: (measured: Measured) => void,
): Executor => ({
  ...inner,
  apply: async (change, context) => {
    let retries = 0;
    let rows = 0;
    const listening: Context = {
      ...context,
      emit: (event) => {
        if (event.type === 'change-waiting' && event.attempt !== null) retries++;
        if (event.type === 'change-progress') rows = event.done;
        context.emit(event);
      },
    };
    const before = await meters.walBytes();
    const stop = meters.watch?.(groupsOf([change]).flatMap((group) => group.tables));
    let longestRead: number | null = null;
    try {
      const entry = await inner.apply(change, listening);
      longestRead = (await stop?.()) ?? null;
      tell({
        step: context.step,
        change: change.id,
        milliseconds: entry.milliseconds,
        held: holdsLocks(change) ? entry.milliseconds : null,
        retries,
        rows,
        walBytes: Math.max(0, (await meters.walBytes()) - before),
        longestRead,
      });
      return entry;
    } catch (error) {
      await stop?.();
      throw error;
    }
  },
});

/** A transaction that makes readers or writers of a whole table wait for as long as it is open. */
const holdsLocks = (change: Change): boolean =>
  change.kind === 'sql' &&
  change.mode === 'transaction' &&
  hazardsOf(change).some((kind) => kind === 'blocks reads and writes' || kind === 'blocks writes');
