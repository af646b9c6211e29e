import type { ClientBase, QueryResultRow } from 'pg';
import { rolledBackAtOnce } from '../../../src/database/rolled-back.ts';

/** Asks the data one read-only question. Null: there was no answer in time, or no right to read. */
export type Ask = <T extends QueryResultRow>(sql: string) => Promise<readonly T[] | null>;

/** A question may not cost the running app anything: it ends by itself, and queues behind no lock. */
const limits = `set local statement_timeout = '4s'; set local lock_timeout = '300ms'; set local search_path = ''`;

const unanswered = new Set(['57014', '55P03', '42501']);

/** Questions in transactions of their own, or in savepoints of the one that the connection is in. */
export function asker(client: ClientBase): Ask {
  return async <T extends QueryResultRow>(sql: string): Promise<readonly T[] | null> => {
    try {
      return await rolledBackAtOnce<T>(client, [limits, sql], 'isolation level read committed read only');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (unanswered.has(code)) return null;
      throw error;
    }
  };
}
