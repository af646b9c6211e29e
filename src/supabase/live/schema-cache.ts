import { setTimeout as pause } from 'node:timers/promises';
import type { CheckResult } from '../../rollout/check.ts';
import { createApi } from './client.ts';
import { createFetch } from './http.ts';
import { type Outcome, perform, refusal } from './outcome.ts';
import { type LiveOptions, type LiveTable, nameOf } from './types.ts';

/** The API has not read the schema since the change, or the column is not there at all. */
const unknown = ({ code, status }: Outcome): boolean =>
  ['42703', '42P01', 'PGRST200', 'PGRST204', 'PGRST205'].includes(code ?? '') || status === 0 || status >= 502;

export type WaitOptions = Pick<LiveOptions, 'supabaseUrl' | 'anonKey' | 'serviceKey' | 'signal'> & {
  readonly table: Pick<LiveTable, 'schema' | 'table'>;
  readonly column: string;
  /** A column that is never NULL, the primary key as a rule: no row meets `is null` on it. */
  readonly key?: string;
  /** Milliseconds for which the API is asked again; 30,000 unless said. */
  readonly patience?: number;
};

/**
 * Asks the API for a column until it knows it: after a rename its cache of the schema is read again some seconds later,
 * and until then requests fail that are right. Reading asks the database; a PATCH that meets no row also asks the cache,
 * by which the API casts what it writes. A refusal for want of rights is an answer: the column was known by then.
 */
export async function waitForColumn(options: WaitOptions): Promise<CheckResult> {
  const { table, column, key, signal, patience = 30_000 } = options;
  const api = createApi(options.supabaseUrl, options.serviceKey ?? options.anonKey, {
    fetch: createFetch({ signal, timeout: 10_000 }),
  });
  const began = performance.now();
  const from = () => api.schema(table.schema).from(table.table);
  for (let wait = 200; ; wait = Math.min(wait * 1.6, 3000)) {
    signal.throwIfAborted();
    let outcome = await perform(from().select(column).limit(0));
    if (!unknown(outcome) && key !== undefined) {
      outcome = await perform(
        from()
          .update({ [column]: null })
          .is(key, null),
      );
    }
    const elapsed = performance.now() - began;
    const known = !unknown(outcome);
    if (known || elapsed + wait > patience) {
      return {
        id: `live/schema/${nameOf(table)}.${column}`,
        title: `The API knows ${nameOf(table)}.${column}`,
        kind: 'http',
        verdict: known ? 'passed' : 'failed',
        expected: 'an answer that knows the column',
        observed: known ? `known after ${Math.round(elapsed)} ms` : refusal(outcome),
        ...(known ? {} : { advice: "Run notify pgrst, 'reload schema' in the database, then verify again." }),
        milliseconds: elapsed,
      };
    }
    await pause(wait, undefined, { signal });
  }
}
