import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type LiveOptions, probeLive } from '../../../src/supabase/live/index.ts';
import { rowChecksums } from '../../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { applyPhase, collect, liveOptions, of, openProject, type Project } from './setup.ts';

let server: EmbeddedServer;
let project: Project;
beforeAll(async () => {
  server = await startServer();
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  project = await openProject(server, 'tiny', 'live_kill');
  await applyPhase(project);
});
afterAll(async () => {
  await project[Symbol.asyncDispose]();
  await server.stop();
});

/** Runs the probe in a process of its own and kills it as `kill -9` does, right after the result with this id. */
async function killAfter(id: string, options: LiveOptions): Promise<void> {
  const { signal: _, database: __, ...given } = options;
  const script = fileURLToPath(new URL('run-until-killed.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ ...given, databaseUrl: server.url(project.database) }));
  let reached = false;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== id) continue;
    reached = true;
    child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(reached).toBe(true);
  expect(child.signalCode).toBe('SIGKILL');
}

test.each([
  ['live/sign-up', true],
  ['live/public.contacts/own', true],
  ['live/public.contacts/own', false],
] as const)(
  'killed after %s, journal %s: the next run finds what is left and removes it first',
  async (id, journalled) => {
    const before = await rowChecksums(project.at);
    const journalDir = mkdtempSync(join(tmpdir(), 'voxanne-live-'));
    const options = await liveOptions(project, journalled ? { journalDir } : {});
    await killAfter(id, options);
    expect(await rowChecksums(project.at)).not.toEqual(before);
    const results = await collect(probeLive(options));
    expect(results[0]).toMatchObject({ id: 'live/leftovers', verdict: 'passed' });
    expect(results[0]?.observed).toMatch(/^[23] users, [23] organizations and \d+ rows removed, 0 left$/);
    expect(of(results, 'failed')).toEqual([]);
    expect(readdirSync(journalDir)).toEqual([]);
    expect(await rowChecksums(project.at)).toEqual(before);
    rmSync(journalDir, { recursive: true });
  },
);
