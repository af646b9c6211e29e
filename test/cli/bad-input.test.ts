import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/database/fingerprint.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { applyDatabase, buildCli, type Cli, type CliResult, jsonLines, tell, tinyDecisions } from '../helpers/cli.ts';
import { runHere } from '../helpers/in-process.ts';
import { rowChecksumsOf } from '../helpers/row-checksums.ts';
import { full } from '../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { type Bouncer, hasPgbouncer, startPgbouncer } from '../supabase/connection/pgbouncer.ts';

let server: EmbeddedServer;
let cli: Cli;
beforeAll(async () => {
  [server, cli] = await Promise.all([startServer(), buildCli()]);
  await loadDatabase(server, 'tiny', 'app');
});
afterAll(async () => {
  await server?.stop();
  await cli?.[Symbol.asyncDispose]();
});

/** Runs SQL in a database and leaves it. */
async function sql(database: string, text: string, url = server.adminUrl(database)): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Everything that a command could have changed; with `journal`, that too. */
async function stateOf(database: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: server.adminUrl(database) });
  await client.connect();
  try {
    const { rows } = await client.query(`select to_regnamespace('voxanne_rollout') is null as clean`);
    return { catalog: await fingerprint(client), rows: await rowChecksumsOf(client), noJournal: rows[0].clean };
  } finally {
    await client.end();
  }
}

/** One sentence on what is wrong, one on what to do, and nothing that only its makers understand. */
function expectError(result: CliResult, code: number, problem: RegExp, remedy: RegExp): void {
  const all = `${result.stdout}\n${result.stderr}`;
  expect(result.code, all).toBe(code);
  const [first = '', second = ''] = result.stderr.split('\n');
  expect(first).toMatch(/^Error: \S.*\.$/);
  expect(first).toMatch(problem);
  expect(second).toMatch(remedy);
  expect(second).toMatch(/^[A-Z].*[.;]$/);
  expect(all).not.toMatch(/^ {4}at /m);
  expect(all).not.toMatch(/\bundefined\b|\[object /);
}

/** The commands that look at a target, each with what it needs. */
const commands = [
  [...applyDatabase, ...tinyDecisions],
  ['plan'],
  ['status'],
  ['verify'],
  ['rollback', '--yes'],
] as const;

/** All of them with FULL=1, otherwise two for each case in turn, so that every command meets some of the cases. */
const commandsFor = (at: number): readonly (readonly string[])[] =>
  full ? commands : commands.filter((_, index) => [at % 5, (at + 2) % 5].includes(index));

describe('a database that cannot be entered or used ends every command with exit 4 and is left as it was', () => {
  const cases: Record<
    string,
    { url: () => string; problem: RegExp; remedy: RegExp; prepare?: () => Promise<unknown> }
  > = {
    'a port where nothing listens': {
      url: () => 'postgresql://postgres:secret@127.0.0.1:9/app',
      problem: /Nothing accepts connections at postgres@127\.0\.0\.1:9\/app/,
      remedy: /host and port/,
    },
    'a host name that does not exist': {
      url: () => 'postgresql://postgres:secret@db.example.invalid:5432/app',
      problem: /db\.example\.invalid/,
      remedy: /spelling|network/,
    },
    'a wrong password': {
      url: () => server.url('app').replace(/:[0-9a-f]+@/, ':wrong@'),
      problem: /The password of postgres is incorrect/,
      remedy: /connection string/,
    },
    'a database that does not exist': {
      url: () => server.url('nowhere'),
      problem: /There is no database nowhere/,
      remedy: /postgres/,
    },
    'a server without TLS where TLS is demanded': {
      url: () => `${server.url('app')}?sslmode=require`,
      problem: /does not offer an encrypted connection/,
      remedy: /host and port/,
    },
    'a database that is not of Supabase': {
      url: () => server.url('plain'),
      problem: /Database plain is not a Supabase database: schema auth is not there/,
      remedy: /connection string/,
      prepare: () => server.createDatabase('plain'),
    },
    'a role without the privileges': {
      url: () => server.url('app', 'authenticator'),
      problem: /Role authenticator may not /,
      remedy: /role postgres/,
    },
    'a database that only allows reading': {
      url: () => server.url('frozen'),
      problem: /only allows reading/,
      remedy: /primary/,
      prepare: async () => {
        await loadDatabase(server, 'tiny', 'frozen');
        await sql('postgres', 'alter database frozen set default_transaction_read_only = on');
      },
    },
  };
  for (const [at, [what, { url, problem, remedy, prepare }]] of Object.entries(cases).entries()) {
    test(what, async () => {
      await prepare?.();
      const before = await stateOf('app');
      for (const args of commandsFor(at)) expectError(await runHere(args, { url: url() }), 4, problem, remedy);
      expect(await stateOf('app')).toEqual(before);
      const json = await runHere(['plan', '--json'], { url: url() });
      expect(jsonLines(json.stdout).map((line) => line.type)).toEqual(['version', 'error', 'end']);
    });
  }
});

const installed = hasPgbouncer();
if (!installed) tell('skipped: the command line behind a pooler needs pgbouncer (Debian: apt-get install pgbouncer)');

describe.skipIf(!installed)('behind a pooler', () => {
  let bouncer: Bouncer | undefined;
  afterEach(async () => {
    await bouncer?.stop();
    bouncer = undefined;
  });

  test('in transaction mode it refuses and names the connection to use instead', async () => {
    bouncer = await startPgbouncer(server, 'transaction');
    const before = await stateOf('app');
    const result = await cli.run([...applyDatabase, ...tinyDecisions], { url: bouncer.url('app') });
    expectError(result, 4, /pooler in transaction mode/, /session|5432|direct/i);
    expect(await stateOf('app')).toEqual(before);
  });

  test('in session mode it rolls out and takes back', async () => {
    await loadDatabase(server, 'tiny', 'pooled');
    bouncer = await startPgbouncer(server, 'session');
    const url = bouncer.url('pooled');
    const applied = await cli.run([...applyDatabase, ...tinyDecisions], { url });
    expect(applied.code, applied.stderr).toBe(0);
    const reverted = await cli.run(['rollback', '--all', '--yes'], { url });
    expect(reverted.code, reverted.stderr).toBe(0);
  });
});

describe('a configuration file that is wrong ends with exit 2 and says file, key and what was expected', () => {
  const cases: readonly [string, string, RegExp][] = [
    [
      'a key that does not exist',
      '{"decisions": {"orphan": "own-organization"}}',
      /decisions\.orphan: no such key.*orphans/,
    ],
    ['a value of another type', '{"batchSize": "many"}', /batchSize: expected number, found string/],
    [
      'a value that is none of those allowed',
      '{"decisions": {"orphans": "first"}}',
      /decisions\.orphans: expected "own-organization"/,
    ],
    ['a secret', '{"dbUrl": "postgresql://x"}', /dbUrl: no such key.*secret/],
    ['text that is no JSON', '{"batchSize": 10,}', /not valid JSON at line 1/],
  ];
  for (const [at, [what, text, problem]] of cases.entries()) {
    test(what, async () => {
      const cwd = cli.folder('configured');
      writeFileSync(join(cwd, 'voxanne-rollout.config.json'), text);
      const before = await stateOf('app');
      for (const args of commandsFor(at)) {
        const result = await runHere(args, { url: server.url('app'), cwd });
        expectError(result, 2, problem, /Correct/);
        expect(result.stderr).toContain('voxanne-rollout.config.json');
      }
      expect(await stateOf('app')).toEqual(before);
    });
  }

  test('a file that was named and is not there', async () => {
    const result = await runHere(['plan', '--config', 'other.json'], { url: server.url('app') });
    expectError(result, 2, /other\.json is not there/, /--config/);
  });
});

describe('consent is never guessed', () => {
  test('--yes refuses a database that only a .env file names', async () => {
    const cwd = cli.folder('dotenv');
    writeFileSync(join(cwd, '.env'), `DATABASE_URL=${server.url('app')}\n`);
    const before = await stateOf('app');
    const result = await runHere([...applyDatabase, ...tinyDecisions], { cwd });
    expectError(result, 2, /--yes needs the database named.*\.env: DATABASE_URL/, /--db-url|SUPABASE_DB_URL/);
    const rollback = await runHere(['rollback', '--all', '--yes'], { cwd });
    expect([0, 2]).toContain(rollback.code);
    expect(await stateOf('app')).toEqual(before);
  });

  test('without a terminal and without --yes the plan is printed, nothing changes, exit 2', async () => {
    const before = await stateOf('app');
    const result = await runHere([], { url: server.url('app') });
    expect(result.code).toBe(2);
    // The first step that has something to do was tried, and what it means for the app stands before what it does.
    expect(result.stdout).toMatch(
      /^1\.2 Rename to org_id {2}.*\n {2}risk high: [\s\S]*?executed and rolled back: [\s\S]*?\n {2}\+ /m,
    );
    expect(result.stderr).toContain('--yes');
    expect(await stateOf('app')).toEqual(before);
  });

  test('no database named at all', async () => {
    expectError(await runHere(['plan']), 2, /No database URL given/, /SUPABASE_DB_URL/);
  });

  test('a rollback without --yes changes nothing, exit 2', async () => {
    await loadDatabase(server, 'tiny', 'asked');
    expect((await runHere(['--yes', '--to', '1.2', ...tinyDecisions], { url: server.url('asked') })).code).toBe(0);
    const before = await stateOf('asked');
    const result = await runHere(['rollback', '--all'], { url: server.url('asked') });
    expect(result.code).toBe(2);
    expect(result.stdout).toContain('Nothing was changed.');
    expect(result.stdout).toContain('nobody was asked: --yes rolls these steps back');
    expect(await stateOf('asked')).toEqual(before);
  });
});

describe('arguments that mean nothing end with exit 2 and connect to nothing', () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [['--frobnicate'], /Unknown option '--frobnicate'/],
    [['--ye'], /Unknown option '--ye'[\s\S]*--yes/],
    [['plan', '--batch-size', 'x'], /expected a whole number/],
    [['--yes', '--to', 'soon'], /expected a step such as 1\.4/],
    [['rollback', '--phase', '9'], /expected 1, 2, 3 or 4/],
    [['plan', '--orphans', 'first'], /the choices are own-organization/],
    [['applly'], /./],
  ];
  for (const [args, message] of cases) {
    test(args.join(' '), async () => {
      const result = await cli.run(args, { url: 'postgresql://postgres@127.0.0.1:9/app' });
      expect(result.code, result.stderr).toBe(2);
      expect(result.stderr).toMatch(message);
    });
  }

  test('a step that does not exist is answered with those that do', async () => {
    const before = await stateOf('app');
    for (const args of [
      ['--yes', '--to', '1.99'],
      ['rollback', '--yes', '--to', '1.99'],
    ]) {
      expectError(await runHere(args, { url: server.url('app') }), 2, /There is no step 1\.99/, /1\.1, 1\.2/);
    }
    expect(await stateOf('app')).toEqual(before);
  });
});

describe('data that only the operator can decide about stops its step before it changes anything, exit 1', () => {
  /** Runs `--yes` after `prepare` and returns the result; the catalog must be as after the last step that was verified. */
  const attempt = async (database: string, prepare: string, to: string): Promise<CliResult> => {
    await loadDatabase(server, 'tiny', database);
    await sql(database, prepare, server.url(database));
    const first = `1.${Number(to.slice(2)) - 1}`;
    const earlier = await runHere(['--yes', '--to', first], { url: server.url(database) });
    expect(earlier.code, earlier.stderr).toBe(0);
    const before = await stateOf(database);
    const result = await runHere(['--yes', '--to', to], { url: server.url(database) });
    expect(await stateOf(database)).toEqual(before);
    return result;
  };

  test('an old and a new column that disagree: how many rows, and a sample', async () => {
    const result = await attempt(
      'disagreeing',
      `alter table calls add column org_id uuid;
       update calls set org_id = 'a0000000-0000-4000-8000-000000000003' where organization_id = 'a0000000-0000-4000-8000-000000000001'`,
      '1.2',
    );
    expectError(result, 1, /2 rows of public\.calls/, /--disagreeing-columns/);
    expect(result.stderr).toContain('a0000000-0000-4000-8000-000000000001');
  });

  test('a TEXT id that is no uuid: the table, and a sample', async () => {
    const result = await attempt(
      'textual',
      `create table notes (id int primary key, org_id text);
       insert into notes values (1, 'acacia'), (2, 'a0000000-0000-4000-8000-000000000001')`,
      '1.3',
    );
    expectError(result, 1, /public\.notes/, /./);
    expect(result.stderr).toContain('acacia');
  });

  test('a user without any organization: how many, and the flag that decides', async () => {
    const result = await attempt('orphaned', 'select 1', '1.5');
    expectError(result, 1, /2 users belong to no organization/, /--orphans own-organization/);
  });

  test('a row that names an organization which is not there', async () => {
    const result = await attempt(
      'dangling',
      `create table notes (id int primary key, org_id uuid);
       insert into notes values (1, 'c0000000-0000-4000-8000-000000000009'), (2, 'a0000000-0000-4000-8000-000000000001')`,
      '1.3',
    );
    expectError(result, 1, /1 row of public\.notes/, /organization/);
  });
});
