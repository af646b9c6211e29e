import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import type { EmbeddedServer } from '../../src/demo/server.ts';
import type { Cli } from '../helpers/cli.ts';

export type BenchContext = { readonly server: EmbeddedServer; readonly cli: Cli; readonly full: boolean };

/** One measured thing beside what it is measured against. */
export type BenchResult = {
  readonly title: string;
  readonly lines: readonly string[];
  readonly goals: readonly { readonly goal: string; readonly met: boolean }[];
};

export const median = (values: readonly number[]): number => percentile(values, 0.5);

export function percentile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? 0;
}

export async function timed<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly value: T }> {
  const began = performance.now();
  const value = await work();
  return { ms: performance.now() - began, value };
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export const sql = (url: string, text: string): Promise<unknown> => withClient(url, (client) => client.query(text));

export const rowsOf = <T extends pg.QueryResultRow>(url: string, text: string): Promise<T[]> =>
  withClient(url, async (client) => (await client.query<T>(text)).rows);

/** Runs a script as psql would: statement by statement, each answered before the next; stops at the first error. */
export async function runScript(url: string, script: string): Promise<void> {
  await withClient(url, async (client) => {
    for (const statement of statementsOf(script)) await client.query(statement);
  });
}

/** Splits at semicolons outside of strings, quoted names, dollar quotes and comments. */
export function statementsOf(script: string): readonly string[] {
  const parts = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$|;|[^-/'"$;]+|./g;
  const statements: string[] = [];
  let present = '';
  for (const [part] of script.matchAll(parts)) {
    if (part.startsWith('--') || part.startsWith('/*')) continue;
    if (part !== ';') present += part;
    else {
      if (present.trim() !== '') statements.push(present.trim());
      present = '';
    }
  }
  if (present.trim() !== '') statements.push(present.trim());
  return statements;
}

export async function expectDone(cli: Cli, url: string, args: readonly string[]): Promise<string> {
  const result = await cli.run(args, { url });
  if (result.code !== 0)
    throw new Error(`${args.join(' ')} ended with ${result.code}:\n${result.stdout}\n${result.stderr}`);
  return result.stdout;
}

/** A bare process, to compare start-up with. */
export async function runNode(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, args, {
    stdio: 'ignore',
    env: { PATH: process.env.PATH, ...env },
  });
  await once(child, 'exit');
}

export const ms = (value: number): string => (value < 10 ? `${value.toFixed(2)} ms` : `${Math.round(value)} ms`);
export const times = (value: number): string => `${value.toFixed(2)}x`;
