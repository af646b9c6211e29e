import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { findNative, prepareBinaries, serverAccount } from '../../src/demo/server/binaries.ts';
import { folderPrefix, postmasterPid, reapServers, writeLock } from '../../src/demo/server/lock.ts';
import { startServer } from '../../src/demo/server.ts';

const isRoot = process.getuid?.() === 0;
const serverModule = fileURLToPath(new URL('../../src/demo/server.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A temporary folder that every account can enter, gone after the test. */
const folder = (prefix = 'voxanne-test-') => {
  const path = mkdtempSync(join(tmpdir(), prefix));
  chmodSync(path, 0o755);
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

const isRunning = (pid: number) => {
  try {
    process.kill(pid, 0);
    // A process that nobody has waited for yet has ended all the same.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

/** A Node process that starts a server, says where, and then does what `after` says. */
const startElsewhere = async (after: string, options: { uid?: number; gid?: number } = {}) => {
  const script = `const { startServer } = await import(${JSON.stringify(serverModule)});
    const server = await startServer();
    process.stdout.write(server.directory + '\\n');
    ${after}`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    ...options,
    cwd: root,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [directory] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const pid = postmasterPid(directory);
  return { child, directory, pid };
};

const exit = async (child: ChildProcess) => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.signalCode ?? child.exitCode;
};

const ask = async (connectionString: string, sql: string): Promise<Record<string, unknown>> => {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows[0] ?? {};
  } finally {
    await client.end();
  }
};

describe.each([15, 17] as const)('a server of version %i', (version) => {
  it('starts, serves role postgres, makes databases, restarts, and leaves nothing', async () => {
    const lines: string[] = [];
    const server = await startServer({ version, onLog: (line) => lines.push(line), settings: { work_mem: '5MB' } });
    try {
      const facts = `select current_setting('server_version_num')::int / 10000 as major, current_user as name,
        (select rolsuper from pg_roles where rolname = current_user) as super, current_setting('work_mem') as memory,
        current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets`;
      expect(await ask(server.url('postgres'), facts)).toEqual({
        major: version,
        name: 'postgres',
        super: false,
        memory: '5MB',
        addresses: '127.0.0.1',
        sockets: '',
      });
      expect(await ask(server.adminUrl(), facts)).toMatchObject({ name: 'supabase_admin', super: true });

      await server.createDatabase('Quo"ted');
      await ask(server.url('Quo"ted'), 'create table kept as select 7 as n');
      await server.createDatabase('copy', 'Quo"ted');
      await server.restart('immediate');
      expect(await ask(server.url('copy'), 'select n from kept')).toEqual({ n: 7 });
      await server.dropDatabase('copy');
      await server.dropDatabase('copy');
      await expect(ask(server.url('copy'), 'select')).rejects.toMatchObject({ code: '3D000' });

      expect(lines.filter((line) => line.includes('ready to accept connections'))).toHaveLength(2);
    } finally {
      await server.stop();
    }
    await server.stop();
    expect(existsSync(server.directory)).toBe(false);
  });

  it('asks for a password, and for the right one', async () => {
    await using server = await startServer({ version });
    const url = new URL(server.url('postgres'));
    expect(url.hostname).toBe('127.0.0.1');
    url.password = 'wrong';
    await expect(ask(url.href, 'select')).rejects.toMatchObject({ code: '28P01' });
  });
});

it('says what PostgreSQL said when it does not start, and leaves nothing', async () => {
  const before = new Set(spawnSync('ls', [tmpdir()], { encoding: 'utf8' }).stdout.split('\n'));
  await expect(startServer({ settings: { shared_buffers: 'much' } })).rejects.toMatchObject({
    name: 'RolloutError',
    kind: 'outside',
    detail: expect.stringContaining('shared_buffers'),
  });
  const owned = spawnSync('ls', [tmpdir()], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((name) => name.startsWith(folderPrefix) && !before.has(name))
    .filter((name) => readFileSync(join(tmpdir(), name, 'lock.json'), 'utf8').includes(`"pid":${process.pid},`));
  expect(owned).toEqual([]);
});

describe('the end of the process that owns a server', () => {
  it('does not wait for a server that nobody stopped, and takes it along', async () => {
    const { child, directory, pid } = await startElsewhere('');
    expect(await exit(child)).toBe(0);
    expect(existsSync(directory)).toBe(false);
    expect(isRunning(pid ?? 0)).toBe(false);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('takes the server along on %s', async (signal) => {
    const { child, directory, pid } = await startElsewhere('setInterval(() => {}, 1000);');
    child.kill(signal);
    expect(await exit(child)).toBe(signal);
    expect(existsSync(directory)).toBe(false);
    expect(isRunning(pid ?? 0)).toBe(false);
  });

  it('ends with a signal although Ink and execa listen to it too', async () => {
    const { child, directory } = await startElsewhere(`
      const { render, Text } = await import('ink');
      const { execa } = await import('execa');
      const { createElement } = await import('react');
      render(createElement(Text, null, 'busy'), { stdout: process.stderr });
      execa('sleep', ['5'], { reject: false });
      setInterval(() => {}, 1000);
      process.stdout.write('rendered\\n');`);
    if (child.stdout) await once(createInterface({ input: child.stdout }), 'line');
    child.kill('SIGTERM');
    expect(await exit(child)).toBe('SIGTERM');
    expect(existsSync(directory)).toBe(false);
  });

  it('leaves a signal to whoever else listens to it', async () => {
    const { child, directory } = await startElsewhere(`
      process.on('SIGINT', () => process.stdout.write('heard\\n'));
      setInterval(() => {}, 1000);`);
    child.kill('SIGINT');
    if (child.stdout) await once(createInterface({ input: child.stdout }), 'line');
    expect(postmasterPid(directory)).toBeGreaterThan(0);
    child.kill('SIGTERM');
    await exit(child);
    expect(existsSync(directory)).toBe(false);
  });
});

describe('what a killed process left', () => {
  it('is stopped and deleted by the next start', async () => {
    const { child, directory, pid = 0 } = await startElsewhere('setInterval(() => {}, 1000);');
    child.kill('SIGKILL');
    await exit(child);
    expect(isRunning(pid)).toBe(true);

    await using server = await startServer();
    expect(existsSync(directory)).toBe(false);
    expect(isRunning(pid)).toBe(false);
    expect(await ask(server.url('postgres'), 'select 1 as n')).toEqual({ n: 1 });
  });

  it('is left alone while its process lives', async () => {
    await using server = await startServer();
    expect(await reapServers()).not.toContain(server.directory);
    expect(await ask(server.url('postgres'), 'select 1 as n')).toEqual({ n: 1 });
  });

  it('never costs a process that merely has the id', async () => {
    const directory = folder(folderPrefix);
    const bystander = spawn('sleep', ['60']);
    cleanups.push(() => bystander.kill('SIGKILL'));
    mkdirSync(join(directory, 'data'));
    writeFileSync(join(directory, 'data', 'postmaster.pid'), `${bystander.pid}\n`);
    // The right id and start time, but no data folder of ours on the command line; the owner is long gone.
    writeLock(directory, bystander.pid);
    const lock = JSON.parse(readFileSync(join(directory, 'lock.json'), 'utf8'));
    writeFileSync(join(directory, 'lock.json'), JSON.stringify({ ...lock, owner: { pid: process.pid, start: '1' } }));

    expect(await reapServers()).toContain(directory);
    expect(isRunning(bystander.pid ?? 0)).toBe(true);
  });

  it.each(['host', 'namespace'])('is left alone when it belongs to another %s', async (field) => {
    const directory = folder(folderPrefix);
    writeLock(directory, undefined);
    const lock = JSON.parse(readFileSync(join(directory, 'lock.json'), 'utf8'));
    const foreign = { ...lock, owner: { pid: 1, start: 'gone' }, [field]: 'elsewhere' };
    writeFileSync(join(directory, 'lock.json'), JSON.stringify(foreign));
    await reapServers();
    expect(existsSync(directory)).toBe(true);
  });

  it('is left alone while its lock is not written yet', async () => {
    const directory = folder(folderPrefix);
    await reapServers();
    expect(existsSync(directory)).toBe(true);
  });
});

describe('a package installed without its install script', () => {
  /** What the registry ships: the files without the library links. */
  const pack = (into: string) => {
    const native = join(into, 'native');
    cpSync(findNative(15), native, { recursive: true, filter: (from) => !from.endsWith('.a') });
    const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
    for (const { target } of links) rmSync(join(into, target), { force: true });
    return { native, link: join(into, links.at(-1)?.target ?? '') };
  };

  it('gets its links where it lies', () => {
    const { native, link } = pack(folder());
    expect(existsSync(link)).toBe(false);
    const binaries = prepareBinaries(native, folder(), serverAccount());
    expect(binaries.postgres).toBe(join(native, 'bin', 'postgres'));
    expect(readlinkSync(link)).toMatch(/^lib/);
  });

  // Only root may run the server as somebody who cannot enter root's folders.
  it.runIf(isRoot)('is copied when the account of the server cannot enter its folder', () => {
    const closed = folder();
    const { native } = pack(closed);
    chmodSync(closed, 0o700);
    const directory = folder();
    const binaries = prepareBinaries(native, directory, serverAccount());
    expect(binaries.postgres).toBe(join(directory, 'native', 'bin', 'postgres'));
    const asAccount = { ...serverAccount(), encoding: 'utf8' } as const;
    expect(spawnSync(binaries.initdb, ['--version'], asAccount).stdout).toMatch(/^initdb \(PostgreSQL\) 15\./);
  });

  it.runIf(isRoot)('is not usable from a temporary folder that the account cannot enter either', () => {
    const closed = folder();
    const { native } = pack(closed);
    chmodSync(closed, 0o700);
    expect(() => prepareBinaries(native, closed, serverAccount())).toThrow(/TMPDIR/);
  });

  // Root's write goes through where a plain user's is refused, so only a process of another user can show this.
  it.runIf(isRoot)('starts as a plain user', async () => {
    const { child, directory, pid = 0 } = await startElsewhere('setInterval(() => {}, 1000);', serverAccount());
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toContain(`Uid:\t${serverAccount()?.uid}`);
    child.kill('SIGTERM');
    await exit(child);
    expect(existsSync(directory)).toBe(false);
  });
});
