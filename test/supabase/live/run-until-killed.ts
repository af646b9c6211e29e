/** Probes a live project until it is killed: prints the id of every result. Run by `kill.test.ts`, one per run. */
import { readFileSync, writeSync } from 'node:fs';
import pg from 'pg';
import type { LiveOptions } from '../../../src/supabase/live/index.ts';
import { probeLive } from '../../../src/supabase/live/index.ts';

type Given = Omit<LiveOptions, 'signal' | 'database'> & { readonly databaseUrl: string };

const given = JSON.parse(readFileSync(0, 'utf8')) as Given;
const client = new pg.Client({ connectionString: given.databaseUrl });
await client.connect();
const results = probeLive({
  ...given,
  signal: new AbortController().signal,
  database: async (work) => work(client),
});
for await (const result of results) writeSync(1, `${result.id}\n`);
await client.end();
