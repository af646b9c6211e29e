import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import { appSchema } from '../catalog/platform.ts';
import { identifier } from '../quote.ts';

/** Milliseconds between two reads: often enough to meet a lock of some milliseconds, seldom enough to leave the server alone. */
const every = 2;

/** Reads before anything is changed: what an answer takes here when nobody is in the way. */
const quietReads = 100;

export type Reader = {
  /** Reads these tables in turn until the function is called that it returns, which tells the longest read meanwhile. */
  readonly watch: (tables: readonly string[]) => () => Promise<number | null>;
  readonly summary: () => {
    readonly reads: number;
    readonly longest: number;
    readonly errors: number;
    readonly quiet: number;
  };
  readonly close: () => Promise<void>;
};

/** Somebody who reads the tables that are being changed, on a connection of its own, and looks how long each answer takes. */
export async function openReader(connect: () => Promise<Client>): Promise<Reader> {
  const client = await connect();
  // A connection that the server ends is told by the next read.
  client.on('error', () => undefined);
  await client.query(`set statement_timeout = 0; set lock_timeout = 0; set search_path = ''`);
  const { rows } = await client.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name from pg_catalog.pg_class c
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and (${appSchema('n.nspname')} or (n.nspname = 'auth' and c.relname = 'users'))`,
  );
  const known = new Map(
    rows.map((row) => [`${row.schema}.${row.name}`, `${identifier(row.schema)}.${identifier(row.name)}`]),
  );
  const total = { reads: 0, longest: 0, errors: 0 };

  const read = async (table: string): Promise<number> => {
    const began = performance.now();
    try {
      await client.query(`select 1 from ${table} limit 1`);
    } catch {
      // What a reader of the app would meet as an error is counted as one.
      total.errors++;
    }
    const took = performance.now() - began;
    total.reads++;
    total.longest = Math.max(total.longest, took);
    return took;
  };

  let quiet = 0;
  const tables = [...known.values()];
  for (let turn = 0; turn < quietReads && tables.length > 0; turn++) {
    quiet = Math.max(quiet, await read(tables[turn % tables.length] ?? ''));
    await pause(every);
  }
  Object.assign(total, { reads: 0, longest: 0, errors: 0 });

  return {
    watch: (tables) => {
      const quoted = tables.flatMap((table) => known.get(table) ?? []);
      if (quoted.length === 0) return async () => null;
      let going = true;
      const reading = (async () => {
        let longest: number | null = null;
        for (let turn = 0; going; turn++) {
          longest = Math.max(longest ?? 0, await read(quoted[turn % quoted.length] ?? ''));
          await pause(every);
        }
        return longest;
      })();
      return () => {
        going = false;
        return reading;
      };
    },
    summary: () => ({ ...total, quiet }),
    close: () => client.end(),
  };
}
