import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn } from '@lydell/node-pty';
import { build } from 'esbuild';
import { withoutHttpClient } from '../../scripts/without-http-client.js';
import { builtProgram } from '../helpers/build.ts';
import { buildFixture } from '../wizard/terminal.ts';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
const rounds = 9;

/** Milliseconds from the start of the process: to the first frame, and to the answer to a key pressed at once then. */
type Started = { readonly frame: number; readonly key: number; readonly megabytes: number | null };

type Watched = {
  readonly write: (keys: string) => void;
  /** Resolves when the text is in what was written since `from`; to the milliseconds that it took. */
  readonly seen: (text: string | RegExp, from?: number) => Promise<number>;
  readonly length: () => number;
  readonly text: () => string;
  readonly pid: number;
  readonly end: () => void;
};

/** A program in a pseudo-terminal without an emulator, which would measure itself. */
const watch = (program: string, args: readonly string[], cwd: string): Watched => {
  const { CI: _, NO_COLOR: __, SUPABASE_DB_URL: ___, DATABASE_URL: ____, ...env } = process.env;
  const began = performance.now();
  const child = spawn(process.execPath, [program, ...args], {
    cols: 80,
    rows: 24,
    cwd,
    name: 'xterm-256color',
    env: { ...env, NODE_ENV: 'production' } as Record<string, string>,
  });
  let text = '';
  let waiting: (() => void) | undefined;
  child.onData((data) => {
    text += data;
    waiting?.();
  });
  return {
    write: (keys) => child.write(keys),
    seen: (wanted, from = 0) =>
      new Promise((resolve, reject) => {
        const since = from === 0 ? began : performance.now();
        const timer = setTimeout(() => reject(new Error(`${String(wanted)} never came`)), 60_000);
        waiting = () => {
          const fresh = text.slice(from);
          if (typeof wanted === 'string' ? !fresh.includes(wanted) : !wanted.test(fresh)) return;
          waiting = undefined;
          clearTimeout(timer);
          resolve(performance.now() - since);
        };
        waiting();
      }),
    length: () => text.length,
    text: () => text,
    pid: child.pid,
    end: () => child.kill('SIGKILL'),
  };
};

/** The most memory that a process held so far; only Linux tells of another process. */
const peak = (pid: number): number | null => {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return null;
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(file, 'utf8'))?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) / 1024;
};

const start = async (program: string, first: string, answer: string, cwd: string): Promise<Started> => {
  const watched = watch(program, [], cwd);
  const frame = await watched.seen(first);
  watched.write('x');
  const key = await watched.seen(answer);
  const megabytes = peak(watched.pid);
  watched.end();
  return { frame, key, megabytes };
};

const hello = `import {render, Text, useInput} from 'ink';
import {createElement, useState} from 'react';
const Hello = () => {
  const [key, setKey] = useState('');
  useInput(setKey);
  return createElement(Text, {color: 'cyan'}, key === '' ? 'Ink is up' : 'Key ' + key);
};
render(createElement(Hello));
`;

/** The least that an Ink program is, bundled as the wizard is: what that is measured against. */
const buildHello = async (folder: string): Promise<string> => {
  const source = path.join(folder, 'hello.js');
  writeFileSync(source, hello);
  await build({
    entryPoints: [source],
    nodePaths: [path.join(root, 'node_modules')],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    // Else Ink's import of its development tools, which are not installed, is hoisted into the one file.
    splitting: true,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: true,
    define: { 'process.env.NODE_ENV': '"production"' },
    external: ['react-devtools-core'],
    plugins: [withoutHttpClient],
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
    logLevel: 'warning',
  });
  return path.join(folder, 'hello.mjs');
};

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const best = (values: readonly number[]): number => Math.min(...values);
const ms = (value: number): string => `${Math.round(value)} ms`;

/** Ten thousand check results while keys are pressed: what is written, and how soon a key shows. */
const stream = async (fixture: string, cwd: string) => {
  const wizard = watch(fixture, ['stream'], cwd);
  const key = async (keys: string, shows: string | RegExp): Promise<number> => {
    const from = wizard.length();
    wizard.write(keys);
    return wizard.seen(shows, from);
  };
  await wizard.seen('continues');
  await key('\r', /open/);
  await key('\r', 'apply');
  await key('a', 'on this target?');
  const from = wizard.length();
  const began = performance.now();
  await key('y', 'checking');
  const waits: number[] = [];
  while (!/not verified|✓ verified/.test(wizard.text().slice(from))) {
    // As fast as people press: without a pause the keys alone would be the load that is measured.
    for (const shows of ['Keys that work here', 'Verify 1.1']) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      waits.push(await key('?', shows));
    }
  }
  const milliseconds = performance.now() - began;
  const written = wizard.text().slice(from);
  const megabytes = peak(wizard.pid);
  wizard.end();
  return { milliseconds, frames: written.split('\u001b[?2026h').length - 1, bytes: written.length, waits, megabytes };
};

/** First frame and memory against an Ink hello, and a stream of check results against a person who presses keys. */
export const wizardBench = async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'voxanne-bench-'));
  const program = builtProgram();
  const fixture = await buildFixture();
  try {
    const least = await buildHello(folder);
    const plain: Started[] = [];
    const wizard: Started[] = [];
    // By turns, so that whatever else the machine does meets both.
    for (let round = 0; round < rounds; round += 1) {
      plain.push(await start(least, 'Ink is up', 'Key x', folder));
      wizard.push(await start(program.bin, 'Connection string', '•', folder));
    }
    const frames = (all: readonly Started[]) => all.map((one) => one.frame);
    const firstKeys = (all: readonly Started[]) => all.map((one) => one.key);
    const memory = (all: readonly Started[]) => median(all.flatMap((one) => one.megabytes ?? []));
    const ratio = best(frames(wizard)) / best(frames(plain));
    const keyRatio = best(firstKeys(wizard)) / best(firstKeys(plain));
    const streamed = await stream(fixture, folder);
    const slowest = Math.max(...streamed.waits);
    const row = (name: string, all: readonly Started[]): string =>
      `${name.padEnd(16)} first frame ${ms(median(frames(all)))} (best ${ms(best(frames(all)))}), first key ${ms(median(firstKeys(all)))} (best ${ms(best(firstKeys(all)))}), ${Math.round(memory(all))} MB`;
    return {
      title: 'The wizard on a terminal',
      lines: [
        row('Ink hello', plain),
        row('wizard', wizard),
        `10,000 check results in ${ms(streamed.milliseconds)}: ${streamed.frames} frames, ${Math.round(streamed.bytes / 1024)} KB written, ${Math.round(streamed.megabytes ?? 0)} MB at most`,
        `${streamed.waits.length} keys meanwhile: median ${ms(median(streamed.waits))}, slowest ${ms(slowest)} until the screen shows it`,
      ],
      goals: [
        {
          goal: `first frame within 1.3x of an Ink hello (best of ${rounds}: ${ratio.toFixed(2)}x)`,
          met: ratio <= 1.3,
        },
        // A frame that no key moves yet would be worth little.
        {
          goal: `first key answered within twice the time of an Ink hello (best of ${rounds}: ${keyRatio.toFixed(2)}x)`,
          met: keyRatio <= 2,
        },
        { goal: `a key shows within 100 ms (median ${ms(median(streamed.waits))})`, met: median(streamed.waits) < 100 },
      ],
    };
  } finally {
    program.remove();
    rmSync(path.dirname(fixture), { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
};
