import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { locateHook, renderHook } from '../../../phases/3-frontend/hook.ts';
import { readCode } from '../../../phases/code/code.ts';
import { copySample, removeCopy, targetOf } from '../sample.ts';

const own = '11111111-1111-4111-8111-111111111111';
const other = '22222222-2222-4222-8222-222222222222';

/** What the hook imports: as much of each package as it uses. */
const packages: Readonly<Record<string, string>> = {
  react: `export const useSyncExternalStore = (subscribe, get) => { subscribe(() => {}); return get(); };
export const useEffect = (run) => { run(); };`,
  swr: `const entries = () => new Map([['/api/calls', 1], ['@"/api/calls",2,', 2], ['$inf$/api/leads', 3]]);
const config = (cache) => ({ cache, mutate: (key, data, options) => { if (data === undefined && options.revalidate === false) cache.delete(key); } });
const provided = config(entries());
export const SWRConfig = { defaultValue: config(entries()) };
export const useSWRConfig = () => provided;
export const caches = [SWRConfig.defaultValue.cache, provided.cache];`,
  '@/lib/supabase': `let session = null;
let tell = () => {};
const answer = () => ({ data: { session, user: session?.user ?? null }, error: null });
export const supabase = { auth: {
  getSession: async () => answer(),
  getUser: async () => { asked.users += 1; return answer(); },
  refreshSession: async () => answer(),
  onAuthStateChange: (listener) => { tell = listener; },
} };
export const asked = { users: 0 };
export const become = (event, next) => { session = next; tell(event, next); };`,
};

type Running = {
  readonly useOrg: () => { readonly orgId: string | null; readonly loading: boolean };
  readonly clearOrg: () => void;
  readonly emptiedOnSignOut: <T>(client: T) => T;
  readonly caches: readonly Map<string, number>[];
  readonly asked: { readonly users: number };
  readonly become: (event: string, session: unknown) => void;
};

const session = (id: string, orgId: string) => ({ user: { id, app_metadata: { org_id: orgId } } });

let root: string;
let hook: Running;
const removed: string[] = [];

beforeEach(async () => {
  const store = { removeItem: (key: string) => removed.push(key) };
  vi.stubGlobal('window', {});
  vi.stubGlobal('localStorage', store);
  vi.stubGlobal('sessionStorage', store);
  root = await copySample();
  const manifest = path.join(root, 'package.json');
  const dependencies = '"dependencies": {\n    "swr": "^2.3.8",\n    "@tanstack/react-query": "^5.90.0",';
  await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('"dependencies": {', dependencies));
  const code = await readCode(targetOf(root));
  const { frontend } = code.workspace;
  if (frontend === null) throw new Error('no frontend');
  const text = await renderHook(code, frontend, await locateHook(code, frontend));
  const entry = path.join(root, 'src/hooks/useOrg.ts');
  await writeFile(entry, `${text}\nexport { caches } from 'swr';\nexport { asked, become } from '@/lib/supabase';\n`);
  const outfile = path.join(root, 'hook.mjs');
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    logLevel: 'error',
    plugins: [
      {
        name: 'packages',
        setup: (builder) => {
          builder.onResolve({ filter: /^(?:react|swr|@\/lib\/supabase)$/ }, ({ path: name }) => ({
            path: name,
            namespace: 'packages',
          }));
          builder.onLoad({ filter: /.*/, namespace: 'packages' }, ({ path: name }) => ({
            contents: packages[name] ?? '',
          }));
        },
      },
    ],
  });
  hook = await import(pathToFileURL(outfile).href);
});

afterEach(async () => {
  vi.unstubAllGlobals();
  await removeCopy(root);
});

/** A client of TanStack Query with one query, as far as the hook knows it. */
function client() {
  const query = { reset: vi.fn() };
  return { query, clear: vi.fn(), getQueryCache: () => ({ getAll: () => [query] }) };
}

it('asks the auth server again for another user or a new token, not when a tab comes to the front', async () => {
  hook.become('INITIAL_SESSION', session('a', own));
  hook.useOrg();
  await vi.waitFor(() => expect(hook.useOrg().orgId).toBe(own));
  const { users } = hook.asked;
  hook.become('SIGNED_IN', session('a', own));
  hook.become('SIGNED_IN', session('a', own));
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(hook.asked.users).toBe(users);
  hook.become('TOKEN_REFRESHED', session('a', own));
  await vi.waitFor(() => expect(hook.asked.users).toBe(users + 1));
  hook.become('SIGNED_IN', session('b', other));
  await vi.waitFor(() => expect(hook.useOrg().orgId).toBe(other));
});

describe('what the browser keeps of answers', () => {
  it('goes when somebody signs out, of every provider and of pages too', async () => {
    const queries = client();
    expect(hook.emptiedOnSignOut(queries)).toBe(queries);
    hook.become('INITIAL_SESSION', session('a', own));
    hook.useOrg();
    await vi.waitFor(() => expect(hook.useOrg()).toMatchObject({ orgId: own, loading: false }));
    expect(hook.caches.map((cache) => cache.size)).toEqual([3, 3]);
    expect(queries.clear).not.toHaveBeenCalled();
    hook.become('SIGNED_OUT', null);
    expect(hook.caches.map((cache) => cache.size)).toEqual([0, 0]);
    expect(queries.query.reset).toHaveBeenCalled();
    expect(queries.clear).toHaveBeenCalled();
    expect(hook.useOrg()).toMatchObject({ orgId: null, loading: false });
    expect(removed).toContain('currentTenant');
  });

  it('goes where no component asked for the organization, and where another user takes over', () => {
    const queries = client();
    hook.emptiedOnSignOut(queries);
    hook.become('SIGNED_IN', session('a', own));
    expect(queries.clear).not.toHaveBeenCalled();
    hook.become('TOKEN_REFRESHED', session('a', own));
    expect(queries.clear).not.toHaveBeenCalled();
    hook.become('SIGNED_IN', session('b', other));
    expect(queries.clear).toHaveBeenCalled();
    expect(hook.caches[0]?.size).toBe(0);
  });

  it('goes when the organization of the session is another one, and nobody is told that there is none', async () => {
    hook.become('SIGNED_IN', session('a', own));
    hook.useOrg();
    await vi.waitFor(() => expect(hook.useOrg().orgId).toBe(own));
    hook.become('SIGNED_IN', session('b', other));
    expect(hook.useOrg()).toMatchObject({ orgId: null, loading: true });
    expect(hook.caches[0]?.size).toBe(0);
    await vi.waitFor(() => expect(hook.useOrg()).toMatchObject({ orgId: other, loading: false }));
  });

  it('goes by a call as well', () => {
    hook.clearOrg();
    expect(hook.caches[0]?.size).toBe(0);
  });

  it('stays on the server, where a client lives for one request', () => {
    vi.stubGlobal('window', undefined);
    const queries = client();
    hook.emptiedOnSignOut(queries);
    hook.clearOrg();
    expect(queries.clear).not.toHaveBeenCalled();
  });
});
