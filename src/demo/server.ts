import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { onExit } from 'signal-exit';
import { RolloutError } from '../rollout/errors.ts';
import { readSql } from './databases/files.ts';
import {
  type Account,
  type Binaries,
  findNative,
  prepareBinaries,
  type ServerVersion,
  serverAccount,
} from './server/binaries.ts';
import { dataFolder, folderPrefix, postmasterPid, reapServers, writeLock } from './server/lock.ts';

export type ServerOptions = {
  /** The major version. 15 is what most hosted projects run, 17 what new ones get. */
  readonly version?: ServerVersion;
  /** Every line that the server writes. */
  readonly onLog?: (line: string) => void;
  /** Server settings (`-c name=value`), in place of or beside ours. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Fills the data folder in place of initdb, with a copy of a stopped server that has our roles and this password. */
  readonly made?: { readonly password: string; readonly fill: (folder: string) => void };
};

export type EmbeddedServer = AsyncDisposable & {
  readonly version: ServerVersion;
  readonly port: number;
  /** The temporary folder that holds everything; gone after `stop`. */
  readonly directory: string;
  /** A connection string of the superuser, `supabase_admin`. */
  readonly adminUrl: (database?: string) => string;
  /** A connection string of a role of `roles.sql` that may log in; `postgres`, which is no superuser, by default. */
  readonly url: (database: string, role?: string) => string;
  /** A database owned by `postgres`. From a template it takes some 20 to 50 ms. */
  readonly createDatabase: (name: string, template?: string) => Promise<void>;
  /** Ends its sessions and drops it; a database that is not there is no error. */
  readonly dropDatabase: (name: string) => Promise<void>;
  /** Stops and starts the server on the same port and data. `immediate` is a crash: sessions die in mid-statement. */
  readonly restart: (mode?: 'fast' | 'immediate') => Promise<void>;
  /** Ends the server and deletes its folder. A second call does nothing. */
  readonly stop: () => Promise<void>;
};

const superuser = 'supabase_admin';

/** Small, quick and throw-away, but nothing that changes what a statement does or locks. */
const ourSettings = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  shared_buffers: '64MB',
  max_connections: '80',
  max_wal_size: '512MB',
  // Hosted projects replicate logically; a publication warns without it.
  wal_level: 'logical',
  log_checkpoints: 'off',
  timezone: 'UTC',
};

/**
 * Starts a PostgreSQL of its own in a temporary folder, on a free port of the loopback address, with the roles of a
 * Supabase project. It takes about a second, most of it `initdb`. What an earlier, killed process left running is
 * stopped and deleted first.
 *
 * It ends with `stop()` or with this process, and does not keep the process alive.
 *
 * @throws RolloutError if PostgreSQL is not installed for this platform, or does not start.
 */
export const startServer = async (options: ServerOptions = {}): Promise<EmbeddedServer> => {
  const { version = 15, onLog, settings = {}, made } = options;
  await reapServers();
  const native = findNative(version);
  const account = serverAccount();
  const directory = mkdtempSync(join(tmpdir(), folderPrefix));
  writeLock(directory, undefined);

  let postmaster: Postmaster | undefined;
  // A signal that the program itself listens to is its own to decide (the command line cancels a step on Ctrl-C and goes
  // on). Ink and execa ask the same package, which tells their listeners from the program's; listeners of our own would
  // make each side wait for the other. Only kill -9 escapes; the lock file is for that.
  const forget = onExit(() => {
    postmaster?.stopNow();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  });

  try {
    const password = made?.password ?? randomPassword();
    // The account must pass through to its data; the lock in the folder stays ours.
    chmodSync(directory, 0o711);
    const binaries = prepareBinaries(native, directory, account);
    if (made === undefined) await initialize({ binaries, directory, account, password });
    else made.fill(dataFolder(directory));
    const launch: Launch = { binaries, directory, account, settings: { ...ourSettings, ...settings }, onLog };
    postmaster = await startOnFreePort(launch);
    const { port } = postmaster;

    const urlOf = (database: string, role: string) =>
      `postgresql://${encodeURIComponent(role)}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
    const adminUrl = (database = 'postgres') => urlOf(database, superuser);
    if (made === undefined) {
      await runSql(adminUrl(), readSql('roles.sql').replaceAll(':password', pg.escapeLiteral(password)));
    }

    let stopped: Promise<void> | undefined;
    const stop = () => {
      stopped ??= (async () => {
        await postmaster?.stop('fast');
        await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
        forget();
      })();
      return stopped;
    };

    return {
      version,
      port,
      directory,
      adminUrl,
      url: (database, role = 'postgres') => urlOf(database, role),
      createDatabase: (name, template) =>
        runSql(
          adminUrl(),
          `create database ${pg.escapeIdentifier(name)} owner postgres${template === undefined ? '' : ` template ${pg.escapeIdentifier(template)}`}`,
        ),
      dropDatabase: async (name) => {
        await runSql(adminUrl(), `drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
      },
      restart: async (mode = 'fast') => {
        await postmaster?.stop(mode);
        postmaster = await launchPostmaster(launch, port);
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await postmaster?.stop('immediate');
    await rm(directory, { recursive: true, force: true });
    forget();
    throw error;
  }
};

/** Runs statements in a session of their own; several in one text are one transaction. */
const runSql = async (connectionString: string, sql: string): Promise<void> => {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
};

/** Hexadecimal, so that it needs no quoting in a URL, a file or a statement. */
const randomPassword = (): string => Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('hex');

/** Nothing of ours that PostgreSQL reads (PGDATA, PGOPTIONS, a locale) may change what it does. */
const cleanEnvironment = (): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  SystemRoot: process.env.SystemRoot,
  LC_ALL: 'C',
  TZ: 'UTC',
});

const initialize = async (cluster: {
  binaries: Binaries;
  directory: string;
  account: Account | undefined;
  password: string;
}): Promise<void> => {
  const { binaries, directory, account, password } = cluster;
  const data = dataFolder(directory);
  const passwordFile = join(directory, 'password');
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account) {
    for (const path of [data, passwordFile]) chownSync(path, account.uid, account.gid);
  }
  const child = spawn(
    binaries.initdb,
    ['-D', data, '-U', superuser, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '-E', 'UTF8', '--locale=C']
      // The folder never survives the machine, so waiting for the disk would only cost time.
      .concat('--no-sync'),
    { ...account, cwd: directory, env: cleanEnvironment(), stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  writeLock(directory, child.pid);
  const tail = new Tail(child);
  const failure = await ended(child);
  rmSync(passwordFile, { force: true });
  if (failure !== null) throw notStarted('initdb', failure, tail.text);
};

type Launch = {
  readonly binaries: Binaries;
  readonly directory: string;
  readonly account: Account | undefined;
  readonly settings: Readonly<Record<string, string>>;
  readonly onLog: ((line: string) => void) | undefined;
};

type Postmaster = {
  readonly port: number;
  readonly stop: (mode: 'fast' | 'immediate') => Promise<void>;
  /** The same without an event loop, for the end of the process. */
  readonly stopNow: () => void;
};

const startOnFreePort = async (launch: Launch): Promise<Postmaster> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launchPostmaster(launch, await freePort());
    } catch (error) {
      // Somebody else took the port between our look and PostgreSQL's.
      const taken = error instanceof RolloutError && /could not bind|already in use/i.test(error.detail ?? '');
      if (!taken || attempt === 5) throw error;
    }
  }
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new TypeError('A TCP server has a port.');
  return address.port;
};

const launchPostmaster = async (launch: Launch, port: number): Promise<Postmaster> => {
  const { binaries, directory, account, settings, onLog } = launch;
  const all = { ...settings, port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '' };
  const child = spawn(
    binaries.postgres,
    ['-D', dataFolder(directory), ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    // A process group of its own: Ctrl-C in the terminal is for us to handle; PostgreSQL would shut down on it.
    { ...account, cwd: directory, env: cleanEnvironment(), stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  writeLock(directory, child.pid);
  const exit = ended(child);
  const tail = new Tail(child, onLog);
  const failure = await Promise.race([tail.seen(/ready to accept connections/), exit]);
  if (failure !== null) throw notStarted('postgres', failure, tail.text);
  child.unref();
  tail.unref();

  const signal = (mode: 'fast' | 'immediate') => {
    // Windows has no such signals; there pg_ctl speaks to the server through a pipe.
    if (process.platform === 'win32') {
      spawnSync(binaries.pgCtl, ['stop', '-W', '-D', dataFolder(directory), '-m', mode], {
        env: cleanEnvironment(),
      });
    } else {
      child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    }
  };
  const running = () => child.exitCode === null && child.signalCode === null;

  return {
    port,
    stop: async (mode) => {
      if (!running()) return;
      child.ref();
      signal(mode);
      const late = new AbortController();
      await Promise.race([exit, sleep(10_000, undefined, { signal: late.signal }).catch(() => undefined)]);
      late.abort();
      if (running()) {
        child.kill('SIGKILL');
        await exit;
      }
    },
    stopNow: () => {
      if (!running()) return;
      signal('fast');
      // Node cannot notice the end of a child here; PostgreSQL removes its pid file as the last thing it does.
      const pause = new Int32Array(new SharedArrayBuffer(4));
      for (let waited = 0; waited < 5_000 && postmasterPid(directory) === child.pid; waited += 10) {
        Atomics.wait(pause, 0, 0, 10);
      }
      if (postmasterPid(directory) === child.pid) child.kill('SIGKILL');
    },
  };
};

/** Null after a success, else what happened to the program in words. */
const ended = (child: ChildProcess): Promise<string | null> =>
  new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code === 0 ? null : `ended with ${signal ?? `code ${code}`}`));
  });

/** The last lines that a program wrote to its standard error, for the error that may need them. */
class Tail {
  #lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #listeners = new Set<(line: string) => void>();

  constructor(child: ChildProcess, onLine?: (line: string) => void) {
    this.#child = child;
    if (onLine) this.#listeners.add(onLine);
    if (!child.stderr) return;
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.#lines = [...this.#lines.slice(-19), line];
      for (const listener of this.#listeners) listener(line);
    });
  }

  get text(): string {
    return this.#lines.join('\n');
  }

  /** Resolves, with null, when a line matches. */
  seen(pattern: RegExp): Promise<null> {
    return new Promise((resolve) => {
      const listener = (line: string) => {
        if (!pattern.test(line)) return;
        this.#listeners.delete(listener);
        resolve(null);
      };
      this.#listeners.add(listener);
    });
  }

  /** Lets the process end although the program still runs. */
  unref(): void {
    const stream = this.#child.stderr;
    if (stream && 'unref' in stream && typeof stream.unref === 'function') stream.unref();
  }
}

const notStarted = (program: string, failure: string, detail: string): RolloutError =>
  new RolloutError(
    `The embedded PostgreSQL did not start: ${program} ${failure}.`,
    'Read its last lines below; usually the temporary folder (TMPDIR) is full or forbids programs.',
    { kind: 'outside', detail },
  );
