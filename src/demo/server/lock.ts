import { spawnSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { childEnvironment } from '../../child-environment.ts';

/** A process as it can be told from a later one that got the same id. */
type Identity = { readonly pid: number; readonly start: string };

type Lock = {
  /** Process ids mean something only here: a folder may be shared with another machine or container. */
  readonly host: string;
  readonly namespace: string;
  readonly boot: string;
  /** The Node process that owns the server. */
  readonly owner: Identity;
  /** The postmaster, or initdb before it. */
  readonly server: Identity | null;
};

export const folderPrefix = 'voxanne-rollout-pg-';

/** The data folder inside a server's own folder. It is the one word on the command line that names the server. */
export const dataFolder = (directory: string): string => join(directory, 'data');

/** Says who owns `directory`, and which process serves it, for the start after a crash. Written atomically. */
export const writeLock = (directory: string, serverPid: number | undefined): void => {
  const lock: Lock = {
    ...place(),
    owner: identify(process.pid),
    server: serverPid === undefined ? null : identify(serverPid),
  };
  const file = join(directory, 'lock.json');
  writeFileSync(`${file}.new`, JSON.stringify(lock), { mode: 0o600 });
  renameSync(`${file}.new`, file);
};

/**
 * Stops the servers whose Node process is gone (kill -9 leaves a postmaster running) and deletes their folders.
 * Nothing is signalled unless its id, its start time and the data folder on its command line are all those of the lock,
 * and the folder is our own user's. Returns the folders that were deleted.
 */
export const reapServers = async (): Promise<readonly string[]> => {
  const reaped: string[] = [];
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(folderPrefix)) continue;
    const directory = join(tmpdir(), name);
    try {
      if (await reap(directory)) reaped.push(directory);
    } catch {
      // Another start is reaping the same folder, or the system forbids it: it costs disk, never a start.
    }
  }
  return reaped;
};

const reap = async (directory: string): Promise<boolean> => {
  const folder = lstatSync(directory);
  if (!folder.isDirectory() || (process.getuid && folder.uid !== process.getuid())) return false;
  const lock = readLock(directory);
  // Between a folder's birth and its lock lies one system call; ten minutes is no longer that.
  if (!lock) return Date.now() - folder.ctimeMs > 600_000 && remove(directory);
  const here = place();
  if (lock.host !== here.host) return false;
  if (lock.boot === here.boot) {
    if (lock.namespace !== here.namespace || isAlive(lock.owner)) return false;
    for (const pid of new Set([lock.server?.pid, postmasterPid(directory)])) {
      if (pid !== undefined && !(await end(pid, directory, lock))) return false;
    }
  }
  return remove(directory);
};

const remove = (directory: string): true => {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  return true;
};

/** True once no process `pid` serves `directory` any more. */
const end = async (pid: number, directory: string, lock: Lock): Promise<boolean> => {
  const serves = () => {
    const seen = look(pid);
    // The lock is written right after the process started; a crash in between leaves only PostgreSQL's own pid file,
    // and then the data folder, whose name is random, has to be proof enough.
    const same = lock.server?.pid === pid ? seen?.start === lock.server.start : true;
    return seen !== null && same && seen.command.includes(dataFolder(directory));
  };
  // SIGQUIT is PostgreSQL's immediate shutdown: its folder is thrown away, so nothing needs to be written.
  for (const signal of ['SIGQUIT', 'SIGKILL'] as const) {
    if (!serves()) return true;
    process.kill(pid, signal);
    for (let waited = 0; waited < 6_000 && serves(); waited += 20) await new Promise((go) => setTimeout(go, 20));
  }
  return !serves();
};

const readLock = (directory: string): Lock | null => {
  try {
    return JSON.parse(readFileSync(join(directory, 'lock.json'), 'utf8')) as Lock;
  } catch {
    return null; // not there, or half of it: the folder's age decides
  }
};

/** PostgreSQL's own word for who serves the data folder; undefined if nobody does. */
export const postmasterPid = (directory: string): number | undefined => {
  try {
    const pid = Number.parseInt(readFileSync(join(dataFolder(directory), 'postmaster.pid'), 'utf8'), 10);
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
};

const isAlive = (process: Identity): boolean => look(process.pid)?.start === process.start;

const identify = (pid: number): Identity => ({ pid, start: look(pid)?.start ?? '' });

/** The start time and the command line of a process, in whatever form the system tells them; null if it is gone. */
const look = (pid: number): { start: string; command: string } | null => {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name in parentheses may hold spaces; after it come field 3 (state) and, at field 22, the start time.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (fields[0] === 'Z') return null;
      return { start: fields[19] ?? '', command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') };
    } catch {
      return null;
    }
  }
  const [program, args]: [string, string[]] =
    process.platform === 'win32'
      ? [
          'powershell',
          [
            '-NoProfile',
            '-Command',
            `Get-CimInstance Win32_Process -Filter 'ProcessId=${pid}' | ForEach-Object { $_.CreationDate.Ticks.ToString().PadRight(24) + $_.CommandLine }`,
          ],
        ]
      : ['ps', ['-ww', '-o', 'lstart=,command=', '-p', String(pid)]];
  // Both print the start in 24 characters: `ps` as `Mon Nov 23 10:00:00 2026`.
  const line = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...childEnvironment(), LC_ALL: 'C' },
  }).stdout?.trim();
  return line ? { start: line.slice(0, 24), command: line.slice(24) } : null;
};

const place = (): Pick<Lock, 'host' | 'namespace' | 'boot'> => ({
  host: hostname(),
  namespace: attempt(() => readlinkSync('/proc/self/ns/pid')),
  boot: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
});

/** What only Linux tells is the empty string elsewhere, equal on both sides. */
const attempt = (read: () => string): string => {
  try {
    return read();
  } catch {
    return '';
  }
};
