import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { knowTemplates, makeTemplates } from '../../src/demo/databases/load.ts';
import { dataFolder, postmasterPid } from '../../src/demo/server/lock.ts';
import { type EmbeddedServer, type ServerOptions, startServer as startNew } from '../../src/demo/server.ts';

export type { EmbeddedServer };

/** Where the files of one test run find the servers that the first of them made; `global-setup.ts` names it. */
export const sharedServers = 'VOXANNE_TEST_SERVERS';

const madeSchema = z.object({ password: z.string(), templates: z.array(z.string()) });

/**
 * A server of the file's own, like that of the demo. Making one and its templates costs three seconds of work, so each
 * test run makes one, and the files start copies of it. They share one system identifier: where two servers have to be
 * told apart by that, take the one of `src/demo`.
 */
export async function startServer(options: ServerOptions = {}): Promise<EmbeddedServer> {
  const shared = process.env[sharedServers];
  if (shared === undefined) return startNew(options);
  const version = options.version ?? 15;
  const folder = join(shared, String(version));
  await makeOnce(version, folder);
  const { password, templates } = madeSchema.parse(JSON.parse(readFileSync(join(folder, 'made.json'), 'utf8')));
  const server = await startNew({
    ...options,
    made: { password, fill: (data) => copy(join(folder, 'data'), data) },
  });
  knowTemplates(server, templates);
  return server;
}

/** Files that begin at the same moment wait for the one that was first. */
async function makeOnce(version: 15 | 17, folder: string): Promise<void> {
  const making = `${folder}.making`;
  while (!existsSync(folder)) {
    try {
      mkdirSync(making, { recursive: false });
    } catch {
      await sleep(50);
      continue;
    }
    try {
      if (!existsSync(folder)) await make(version, folder);
    } finally {
      rmdirSync(making);
    }
  }
}

async function make(version: 15 | 17, folder: string): Promise<void> {
  await using server = await startNew({ version, settings: { min_wal_size: '32MB' } });
  const templates = await makeTemplates(server);
  const pid = postmasterPid(server.directory);
  if (pid === undefined) throw new Error('The server that was just started has no process.');
  process.kill(pid, 'SIGINT');
  while (postmasterPid(server.directory) !== undefined) await sleep(20);
  const made = mkdtempSync(join(tmpdir(), 'voxanne-server-'));
  copy(dataFolder(server.directory), join(made, 'data'));
  const { password } = new URL(server.adminUrl());
  writeFileSync(join(made, 'made.json'), JSON.stringify({ password, templates }));
  renameSync(made, folder);
}

/** By the system's own program, since it has two thousand files. */
function copy(from: string, to: string): void {
  const copied = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' });
  if (copied.status !== 0) throw new Error(`The server could not be copied: ${copied.stderr}`);
}
