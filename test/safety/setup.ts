import pg from 'pg';
import { expect } from 'vitest';
import { fingerprint } from '../../src/database/fingerprint.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { differences } from '../../src/rollout/fingerprint.ts';
import type { Fingerprint } from '../../src/rollout/journal.ts';
import { buildCli, type Cli, type CliResult, tinyDecisions } from '../helpers/cli.ts';
import { runHere } from '../helpers/in-process.ts';
import { rowChecksumsOf } from '../helpers/row-checksums.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';

export type State = {
  readonly catalog: Fingerprint;
  readonly rows: Readonly<Record<string, string>>;
  readonly journal: boolean;
};

/** An embedded server, the built command line, and the tiny database as often as a test wants it. */
export type Stage = {
  readonly server: EmbeddedServer;
  readonly cli: Cli;
  /** A fresh tiny database with what `prepare` adds to it as `postgres`; returns its connection string. */
  readonly tiny: (name: string, prepare?: string) => Promise<string>;
  /** A connection of its own; ended with the stage if the test does not. */
  readonly connect: (url: string) => Promise<pg.Client>;
  readonly sql: <T extends pg.QueryResultRow>(url: string, text: string) => Promise<T[]>;
  readonly stateOf: (url: string) => Promise<State>;
  /** Runs the command line and expects exit 0. */
  readonly succeed: (url: string, ...args: readonly string[]) => Promise<CliResult>;
  /** Goes to the end, all verified, and then back to exactly `start`. */
  readonly finishAndTakeBack: (url: string, start: State) => Promise<void>;
  /** What sessions of the tool run or hold on the server at this moment. */
  readonly sessions: (url: string) => Promise<readonly { readonly state: string; readonly query: string }[]>;
  readonly close: () => Promise<void>;
};

export async function openStage(): Promise<Stage> {
  const [server, cli] = await Promise.all([
    // A crash must lose nothing that was committed, as on a real server; the embedded one otherwise trades that for speed.
    startServer({ settings: { synchronous_commit: 'on' } }),
    buildCli(),
  ]);
  const open = new Set<pg.Client>();

  const connect: Stage['connect'] = async (url) => {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => open.delete(client));
    await client.connect();
    open.add(client);
    return client;
  };
  const within = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const sql: Stage['sql'] = (url, text) => within(url, async (client) => (await client.query(text)).rows);
  const stateOf: Stage['stateOf'] = (url) =>
    within(url, async (client) => ({
      catalog: await fingerprint(client),
      rows: await rowChecksumsOf(client),
      journal: (await client.query(`select to_regnamespace('voxanne_rollout') is not null as there`)).rows[0].there,
    }));
  const succeed: Stage['succeed'] = async (url, ...args) => {
    const result = await runHere(args, { url });
    expect(result.code, `${args.join(' ')}\n${result.stdout}\n${result.stderr}`).toBe(0);
    return result;
  };

  return {
    server,
    cli,
    connect,
    sql,
    stateOf,
    succeed,
    tiny: async (name, prepare) => {
      await loadDatabase(server, 'tiny', name);
      if (prepare !== undefined) await sql(server.url(name), prepare);
      return server.url(name);
    },
    finishAndTakeBack: async (url, start) => {
      // What the tests interrupt is over by then; the last step, the longest, would tell nothing more.
      await succeed(url, '--yes', '--to', '1.6', ...tinyDecisions);
      await succeed(url, 'rollback', '--all', '--yes');
      const now = await stateOf(url);
      expect(differences(start.catalog, now.catalog)).toEqual([]);
      expect(differences(start.rows, now.rows)).toEqual([]);
    },
    sessions: (url) =>
      sql(
        url,
        `select state, query from pg_stat_activity
         where application_name like 'voxanne-rollout%' and datname = current_database() and pid <> pg_backend_pid()`,
      ),
    close: async () => {
      await Promise.allSettled([...open].map((client) => client.end()));
      await server.stop();
      await cli[Symbol.asyncDispose]();
    },
  };
}
