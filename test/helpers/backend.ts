import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Gateway } from './gateway.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));

export type AppCopy = {
  /** The folder of the copy: a workspace that a rollout may change. */
  readonly directory: string;
  readonly remove: () => void;
};

/**
 * The sample app in a temporary folder, with the packages of this repository in place of its own, so that it runs and
 * type-checks without an installation.
 */
export function copyApp(): AppCopy {
  const directory = mkdtempSync(join(tmpdir(), 'voxanne-app-'));
  cpSync(join(repository, 'src/demo/app'), directory, { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(directory, 'node_modules'), 'dir');
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

export type Backend = {
  readonly url: string;
  /** The status and the parsed body of one request. */
  readonly request: (
    path: string,
    given?: BackendRequest,
  ) => Promise<{ readonly status: number; readonly body: unknown }>;
  /** What it wrote to its standard error so far. */
  readonly log: () => string;
  readonly stop: () => Promise<void>;
};

export type BackendRequest = {
  readonly method?: string;
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

/** Starts the Express backend of a copy as its own process, on a free port. */
export async function startBackend(
  directory: string,
  gateway: Gateway,
  environment: Readonly<Record<string, string>> = {},
): Promise<Backend> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/server.ts'], {
    cwd: join(directory, 'backend'),
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      PORT: '0',
      CORS_ORIGIN: '*',
      SUPABASE_URL: gateway.url,
      SUPABASE_SERVICE_ROLE_KEY: gateway.serviceKey,
      SUPABASE_JWT_SECRET: randomBytes(32).toString('hex'),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => written.push(line));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const address = /listening on (http:\S+)/.exec(line)?.[1];
      if (address) resolve(address);
    });
    child.once('exit', (code) => reject(new Error(`the backend ended with ${code}:\n${written.join('\n')}`)));
  });
  return {
    url,
    request: async (path, { method = 'GET', token, headers = {}, body } = {}) => {
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        body: body === undefined ? null : JSON.stringify(body),
        // Express 4 never answers when a handler's promise is rejected: a test should say so, not hang.
        signal: AbortSignal.timeout(15_000),
      });
      const text = await response.text();
      return { status: response.status, body: parse(text) };
    },
    log: () => written.join('\n'),
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
