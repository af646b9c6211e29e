import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { z } from 'zod';
import { jsonLineSchema } from '../../src/report/ndjson.ts';
import { builtProgram } from './build.ts';

export type CliOptions = {
  /** Exported as SUPABASE_DB_URL. */
  readonly url?: string | undefined;
  /** Beside a clean environment: nothing of the shell that runs the tests may change what a command does. */
  readonly env?: Readonly<Record<string, string>>;
  /** The folder it runs in and takes for the workspace; an empty one by default. */
  readonly cwd?: string;
  /** Options for node itself, in front of the program: `--import`, a hook. */
  readonly node?: readonly string[];
};

export type CliResult = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type RunningCli = {
  readonly child: ChildProcess;
  readonly ended: Promise<CliResult>;
  /** Resolves when either stream has shown the text; rejects, with all that was shown, when the program ends first. */
  readonly seen: (text: string | RegExp) => Promise<void>;
};

export type Cli = AsyncDisposable & {
  /** `bin/voxanne-rollout.js` of the build. */
  readonly bin: string;
  /** An empty folder, for what a test writes. */
  readonly folder: (name: string) => string;
  readonly start: (args: readonly string[], options?: CliOptions) => RunningCli;
  readonly run: (args: readonly string[], options?: CliOptions) => Promise<CliResult>;
};

/** What the sample clinic needs decided; on a real target the operator does. */
export const clinicDecisions = [
  '--orphans=own-organization',
  '--trust-profiles',
  '--ambiguous-memberships=owned',
  '--wrong-foreign-keys=repair',
  '--revoke-execute',
  '--isolation=one',
] as const;
/** The same for the tiny database. */
export const tinyDecisions = ['--orphans=own-organization', '--trust-profiles'] as const;
/** `--yes` for the database alone: later phases work on the app's code, and these tests have none. */
export const applyDatabase = ['--yes', '--to=1.7'] as const;

/** The command line of this run's build, run as a user would, in folders of its own. */
export async function buildCli(): Promise<Cli> {
  const { bin, remove } = builtProgram();
  const folder = mkdtempSync(join(tmpdir(), 'voxanne-cli-'));
  const running = new Set<ChildProcess>();
  const own = (name: string): string => {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  };

  const start: Cli['start'] = (args, options = {}) => {
    const child = spawn(process.execPath, [...(options.node ?? []), bin, ...args], {
      cwd: options.cwd ?? own('empty'),
      env: {
        PATH: process.env.PATH,
        HOME: own('home'),
        TZ: 'UTC',
        NO_COLOR: '1',
        ...(options.url === undefined ? {} : { SUPABASE_DB_URL: options.url }),
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    const text = { stdout: '', stderr: '' };
    const watchers = new Set<() => void>();
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
        text[name] += chunk;
        for (const watcher of watchers) watcher();
      });
    }
    const ended = once(child, 'close').then(([code, signal]: unknown[]): CliResult => {
      running.delete(child);
      for (const watcher of watchers) watcher();
      return { code: code as number | null, signal: signal as NodeJS.Signals | null, ...text };
    });
    const seen: RunningCli['seen'] = (wanted) =>
      new Promise((resolve, reject) => {
        const there = (): boolean =>
          [text.stdout, text.stderr].some((one) =>
            typeof wanted === 'string' ? one.includes(wanted) : wanted.test(one),
          );
        const look = (): void => {
          if (there()) resolve();
          else if (!running.has(child)) {
            reject(new Error(`It ended without showing ${wanted}:\n${text.stdout}\n${text.stderr}`));
          } else return;
          watchers.delete(look);
        };
        watchers.add(look);
        look();
      });
    return { child, ended, seen };
  };

  return {
    bin,
    folder: own,
    start,
    run: (args, options) => start(args, options).ended,
    [Symbol.asyncDispose]: async () => {
      for (const child of running) child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
      remove();
    },
  };
}

/** Every line of `--json`, each held against the documented schema. */
export function jsonLines(stdout: string): readonly z.output<typeof jsonLineSchema>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => jsonLineSchema.parse(JSON.parse(line)));
}

/** Prints a line past the reporter, which shows nothing of a test that passes. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
