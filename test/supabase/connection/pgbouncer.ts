import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { EmbeddedServer } from '../../../src/demo/server.ts';

const environment = { PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };

export function hasPgbouncer(): boolean {
  return spawnSync('pgbouncer', ['--version'], { env: environment }).status === 0;
}

export type Bouncer = { readonly url: (database: string) => string; readonly stop: () => Promise<void> };

/** A real pgbouncer in front of `server`, on a free loopback port, with settings of its own. */
export async function startPgbouncer(
  server: EmbeddedServer,
  mode: 'session' | 'transaction',
  settings: Readonly<Record<string, string | number>> = {},
): Promise<Bouncer> {
  const directory = mkdtempSync(join(tmpdir(), 'pgbouncer-test-'));
  const { password } = new URL(server.url('postgres'));
  const port = await freePort();
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: mode,
    default_pool_size: 10,
    ...settings,
  };
  const file = join(directory, 'pgbouncer.ini');
  writeFileSync(
    file,
    `[databases]\n* = host=127.0.0.1 port=${server.port} user=postgres password=${password}\n[pgbouncer]\n${Object.entries(
      all,
    )
      .map(([name, value]) => `${name} = ${value}`)
      .join('\n')}\n`,
    { mode: 0o600 },
  );
  // It refuses to run as root: it runs as whoever owns the server's data.
  const { uid, gid } = statSync(join(server.directory, 'data'));
  chownSync(file, uid, gid);
  chownSync(directory, uid, gid);
  chmodSync(directory, 0o700);
  const child = spawn('pgbouncer', [file], { env: environment, uid, gid, stdio: ['ignore', 'ignore', 'pipe'] });
  await ready(child);
  return {
    url: (database) => `postgresql://postgres:unused@127.0.0.1:${port}/${database}`,
    stop: async () => {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
      await rm(directory, { recursive: true });
    },
  };
}

async function ready(child: ChildProcess): Promise<void> {
  const said: string[] = [];
  if (child.stderr === null) throw new TypeError('pgbouncer has no stderr');
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    if (line.includes('process up')) {
      child.stderr.resume();
      return;
    }
  }
  throw new Error(`pgbouncer did not start:\n${said.join('\n')}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  return address.port;
}
