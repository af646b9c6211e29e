/**
 * A database as phase 1 leaves it, with two organizations and a member of each, and sample apps of several frameworks on
 * it: each is copied, started in this process from its own sources, cured by phase 2 and started again.
 */
import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createChunks } from '@supabase/ssr';
import { build, type Plugin } from 'esbuild';
import pg from 'pg';
import { phase } from '../../phases/2-backend/phase.ts';
import type { Target } from '../../phases/target.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { createRollout } from '../../src/rollout/runner.ts';
import type { StepId } from '../../src/rollout/step.ts';
import { discoverWorkspace } from '../../src/workspace/discover.ts';
import { createWorkspaceExecutor } from '../../src/workspace/executor.ts';
import { takeBaselines } from '../../src/workspace/type-check.ts';
import { startGateway } from '../helpers/gateway.ts';
import { startServer } from '../helpers/server.ts';
import { noDatabase, targetOf } from '../phases/sample.ts';

export const acacia = 'a0000000-0000-4000-8000-000000000001';
export const birch = 'a0000000-0000-4000-8000-000000000002';

const schema = `
create table organizations (id uuid primary key, name text not null);
create table memberships (user_id uuid not null references auth.users, org_id uuid not null references organizations, role text not null default 'agent', primary key (user_id, org_id));
create table calls (id bigint generated always as identity primary key, org_id uuid not null references organizations, note text not null);
alter table organizations enable row level security;
alter table memberships enable row level security;
alter table calls enable row level security;
create policy own on memberships for select to authenticated using (user_id = (select auth.uid()));
create policy own on organizations for select to authenticated using (id in (select org_id from memberships where user_id = (select auth.uid())));
create policy own on calls for all to authenticated using (org_id in (select org_id from memberships where user_id = (select auth.uid())));
insert into organizations values ('${acacia}', 'Acacia'), ('${birch}', 'Birch');
insert into calls (org_id, note) values ('${acacia}', 'of Acacia'), ('${birch}', 'of Birch');
`;

export type Stage = {
  readonly url: string;
  readonly anonKey: string;
  readonly serviceKey: string;
  /** Tokens of a member of Acacia, of a member of Birch, of somebody without an organization, and of one who was put out of Acacia. */
  readonly tokens: Readonly<Record<'acacia' | 'birch' | 'nobody' | 'former', string>>;
  /** The cookies that a browser with the session of a token sends, as @supabase/ssr keeps them. */
  readonly cookies: (token: string | undefined) => string;
  readonly sql: (text: string) => Promise<readonly Record<string, unknown>[]>;
  readonly close: () => Promise<void>;
};

export async function openStage(): Promise<Stage> {
  const server = await startServer();
  await loadDatabase(server, 'base', 'app');
  const client = new pg.Client({ connectionString: server.url('app') });
  await client.connect();
  await client.query(schema);
  const gateway = await startGateway({
    databaseUrls: { auth: server.url('app', 'supabase_auth_admin'), rest: server.adminUrl('app') },
    jwtSecret: randomBytes(32).toString('hex'),
  });
  const signIn = async (name: string, org: string | null, member: boolean) => {
    const given = { email: `${name}@example.test`, password: 'correct horse' };
    const { user } = await gateway.signUp('admin', {
      ...given,
      confirm: true,
      appMetadata: org === null ? {} : { org_id: org },
    });
    if (member) await client.query('insert into memberships (user_id, org_id) values ($1, $2)', [user.id, org]);
    return gateway.signIn(given);
  };
  const sessions = {
    acacia: await signIn('acacia', acacia, true),
    birch: await signIn('birch', birch, true),
    nobody: await signIn('nobody', null, false),
    former: await signIn('former', acacia, false),
  };
  return {
    url: gateway.url,
    anonKey: gateway.anonKey,
    serviceKey: gateway.serviceKey,
    tokens: {
      acacia: sessions.acacia.access_token,
      birch: sessions.birch.access_token,
      nobody: sessions.nobody.access_token,
      former: sessions.former.access_token,
    },
    cookies: (token) => {
      const session = Object.values(sessions).find((one) => one.access_token === token);
      if (session === undefined) return '';
      const value = `base64-${Buffer.from(JSON.stringify(session)).toString('base64url')}`;
      return createChunks('sb-127-auth-token', value)
        .map((one) => `${one.name}=${one.value}`)
        .join('; ');
    },
    sql: async (text) => (await client.query(text)).rows,
    close: async () => {
      await client.end();
      await gateway.stop();
      await server.stop();
    },
  };
}

export type SampleApp = {
  readonly root: string;
  readonly rollout: Rollout;
  readonly checks: ReadonlyMap<string, CheckResult>;
  readonly notes: readonly string[];
  /** Applies and verifies the steps of phase 2. */
  readonly cure: () => Promise<void>;
  /** Takes them back, newest first. */
  readonly undo: () => Promise<void>;
  /** The exports of a module of the app as it is now; `beside`: further modules of the same bundle, by name. */
  readonly load: (entry: string, beside?: Readonly<Record<string, string>>) => Promise<Record<string, unknown>>;
  /** Copies the app as it is now into a folder, under its name. */
  readonly keep: (folder: string) => Promise<void>;
  readonly remove: () => Promise<void>;
};

const steps: readonly StepId[] = ['2.1', '2.2', '2.3'];
const { signal } = new AbortController();
let builds = 0;

/** A copy of a sample app. `stands`: modules that stand in for packages which are not installed here, by their names. */
export async function copyOf(
  name: string,
  config: Parameters<typeof targetOf>[2] = {},
  stands: Readonly<Record<string, string>> = {},
): Promise<SampleApp> {
  const folder = await mkdtemp(path.join(tmpdir(), 'voxanne-apps-'));
  const root = path.join(folder, name);
  await cp(fileURLToPath(new URL(`../fixtures/apps/${name}`, import.meta.url)), root, { recursive: true });
  // Above the app, so that each step does without a type check of its own: one at the end sees all of it.
  await symlink(path.resolve('node_modules'), path.join(folder, 'node_modules'));
  const target: Target = targetOf(
    root,
    {
      memberships: {
        schema: 'public',
        table: 'memberships',
        userColumn: 'user_id',
        orgColumn: 'org_id',
        roleColumn: 'role',
      },
      profiles: null,
      tenants: ['calls', 'memberships'],
      renames: [],
    },
    config,
  );
  const executor = createWorkspaceExecutor({
    root,
    beforeFirst: async (abort) => takeBaselines(await discoverWorkspace(root), abort),
  });
  const rollout = createRollout({ phases: [phase], target, executors: { database: noDatabase, workspace: executor } });
  const checks = new Map<string, CheckResult>();
  const notes: string[] = [];
  rollout.listen((event) => {
    if (event.type === 'check') checks.set(event.result.id, event.result);
    if (event.type === 'planned') notes.push(...event.plan.notes.map(({ text }) => text));
  });
  return {
    root,
    rollout,
    checks,
    notes,
    cure: async () => {
      for (const step of steps) {
        await rollout.apply(step, signal);
        await rollout.verify(step, signal);
        const told = [...checks.values()].filter(({ verdict, matters }) => verdict === 'failed' || matters === true);
        if (told.length > 0)
          throw new Error(told.map((one) => `${one.id} ${one.observed} ${one.evidence ?? ''}`).join('\n'));
      }
    },
    undo: async () => {
      const applied = (await rollout.status()).filter((row) => row.applied > 0);
      for (const { step } of applied.reverse()) {
        const { proven, differences } = await rollout.rollback(step, signal);
        if (!proven) throw new Error(`${step}: ${differences.join(', ')}`);
      }
    },
    load: async (entry, beside = {}) => {
      builds += 1;
      const outfile = path.join(root, `bundle-${builds}.mjs`);
      await build({
        stdin: {
          resolveDir: root,
          loader: 'ts',
          contents: [
            `export * from './${entry}';`,
            ...Object.entries(beside).map(([as, file]) => `export * as ${as} from '${file}';`),
          ].join('\n'),
        },
        ...(name === 'sveltekit' ? { alias: { $lib: path.join(root, 'src/lib') } } : {}),
        outfile,
        bundle: true,
        platform: 'node',
        format: 'esm',
        packages: 'external',
        plugins: [standIns(stands)],
        logLevel: 'error',
      });
      const loaded: Record<string, unknown> = await import(pathToFileURL(outfile).href);
      await rm(outfile);
      return loaded;
    },
    keep: (to) => cp(root, path.join(to, name), { recursive: true }),
    remove: async () => {
      await executor.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const standIns = (stands: Readonly<Record<string, string>>): Plugin => ({
  name: 'stand-ins',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /.*/ }, ({ path: name }) =>
      stands[name] === undefined ? null : { path: name, namespace: 'stand-in' },
    );
    onLoad({ filter: /.*/, namespace: 'stand-in' }, ({ path: name }) => ({
      contents: stands[name] ?? '',
      loader: 'js',
      resolveDir: path.resolve('.'),
    }));
  },
});

export type Answer = { readonly status: number; readonly body: unknown };

export type Running = {
  readonly ask: (
    address: string,
    given?: {
      readonly token?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: unknown;
      readonly form?: Readonly<Record<string, string>>;
    },
  ) => Promise<Answer>;
  readonly stop: () => Promise<void>;
};

/** A server of Node on a free port. */
export async function listen(server: Server): Promise<Running> {
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return asking(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
}

/** A handler of web requests behind a server of Node. */
export const serve = (handler: (request: Request) => Promise<Response> | Response): Promise<Running> => {
  const answer: RequestListener = (incoming, outgoing) => {
    respond(handler, incoming, outgoing).catch((error: unknown) => {
      outgoing.statusCode = 500;
      outgoing.end(JSON.stringify({ error: String(error) }));
    });
  };
  return listen(createServer(answer));
};

async function respond(
  handler: (request: Request) => Promise<Response> | Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value));
  const { method = 'GET', url = '/' } = incoming;
  const body = chunks.length === 0 ? null : Buffer.concat(chunks);
  const response = await handler(new Request(new URL(url, 'http://app.test'), { method, headers, body }));
  outgoing.statusCode = response.status;
  for (const [name, value] of response.headers) outgoing.setHeader(name, value);
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

export const asking = (url: string, stop: () => Promise<void>): Running => ({
  ask: async (address, { token, headers = {}, body, form } = {}) => {
    const sent =
      form === undefined ? (body === undefined ? null : JSON.stringify(body)) : `${new URLSearchParams(form)}`;
    const response = await fetch(url + address, {
      method: sent === null ? 'GET' : 'POST',
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: sent,
      redirect: 'manual',
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text };
  },
  stop,
});

/** The organizations of the rows in an answer, wherever in it they are. */
export function organizationsIn({ body }: Answer): readonly string[] {
  const found = new Set<string>();
  JSON.stringify(body, (key, value: unknown) => {
    if (key === 'org_id' && typeof value === 'string') found.add(value);
    return value;
  });
  return [...found].sort();
}
