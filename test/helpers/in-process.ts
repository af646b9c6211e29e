import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import type { CliOptions, CliResult } from './cli.ts';

/** The command line without a process of its own: what it wrote, and its exit code. One at a time. */
export async function runMain(
  args: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const text = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk: unknown) => {
      text[name] += String(chunk);
      return true;
    }),
  );
  try {
    return { code: await main(['node', 'voxanne-rollout', ...args]), ...text };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/**
 * The same in the environment and the folder that `buildCli` gives to a process, for tests of what a command says and
 * does rather than of the program. Starting one costs more than most commands do.
 */
export async function runHere(args: readonly string[], options: Omit<CliOptions, 'node'> = {}): Promise<CliResult> {
  const folder = mkdtempSync(join(tmpdir(), 'voxanne-here-'));
  const before = { cwd: process.cwd(), env: { ...process.env } };
  const become = (env: NodeJS.ProcessEnv): void => {
    for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
    Object.assign(process.env, env);
  };
  try {
    become({
      PATH: before.env.PATH,
      HOME: folder,
      TZ: 'UTC',
      NO_COLOR: '1',
      ...(options.url === undefined ? {} : { SUPABASE_DB_URL: options.url }),
      ...options.env,
    });
    process.chdir(options.cwd ?? folder);
    return { ...(await runMain(args)), signal: null };
  } finally {
    process.chdir(before.cwd);
    become(before.env);
    rmSync(folder, { recursive: true, force: true });
  }
}
