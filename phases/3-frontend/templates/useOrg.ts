// #if client
'use client';

// #endif
// #if queries
import type { QueryClient } from '__QUERY_PACKAGE__';
// #endif
// #if swr
import { useEffect, useSyncExternalStore } from 'react';
import { SWRConfig, useSWRConfig } from 'swr';
// #else
import { useSyncExternalStore } from 'react';
// #endif
__CLIENT_IMPORT__

/**
 * The organization of the signed-in user. It comes from app_metadata.__COLUMN__ of the verified user, which only the
 * server can write: never from user_metadata, from storage, from an address or from a default. While it loads it is
 * null and `loading` is true, and nobody should be sent anywhere; null with `loading` false means that there is none.
 */
export type OrgState = {
  orgId: string | null;
  loading: boolean;
  error: string | null;
};

// #if uuid
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Says whether a value has the shape of an organization id. */
export function validateOrgId(value: unknown): value is string {
  return typeof value === 'string' && uuid.test(value);
}
// #else
/** Says whether a value can be the id of an organization; row security says whether it is the own one. */
export function validateOrgId(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= 200;
}
// #endif

/** An id that is a number may stand in the token as one. */
const idOf = (claim: unknown): unknown => (typeof claim === 'number' ? String(claim) : claim);

const start: OrgState = { orgId: null, loading: true, error: null };
const listeners = new Set<() => void>();
/** Users whose session was refreshed already: a token that still carries no organization then has none. */
const refreshed = new Set<string>();
let state = start;
let asked = 0;
/** The user of the session, to notice that another one has signed in. */
let holder: string | null = null;
// #if swr

type Config = ReturnType<typeof useSWRConfig>;

/** The cache that every app has, and those of providers above the components that use the hook. */
const swrCaches = new Map<Config['cache'], Config['mutate']>();
swrCaches.set(SWRConfig.defaultValue.cache, SWRConfig.defaultValue.mutate);
// #endif
// #if queries

const queryClients = new Set<QueryClient>();

/** Gives a client back whose queries are forgotten when somebody signs out or the organization changes. */
export function emptiedOnSignOut<Client extends QueryClient>(client: Client): Client {
  // On the server a client lives for one request.
  if (typeof window !== 'undefined') queryClients.add(client);
  return client;
}
// #endif
// #if caches

/** What was cached for one organization must not be shown in another one, or after signing out. */
function clearCaches(): void {
  // #if swr
  // By the keys that the cache itself knows, lists in pages included. Nothing is asked for again.
  for (const [cache, mutate] of swrCaches) {
    for (const key of Array.from(cache.keys())) void mutate(key, undefined, { revalidate: false });
  }
  // #endif
  // #if queries
  for (const queries of queryClients) {
    // Clearing tells nobody: what shows a query would go on showing it.
    for (const query of queries.getQueryCache().getAll()) query.reset();
    queries.clear();
  }
  // #endif
}
// #endif

function set(next: OrgState): void {
  if (next.orgId === state.orgId && next.loading === state.loading && next.error === state.error) return;
  // #if caches
  if (state.orgId !== null && next.orgId !== state.orgId) clearCaches();
  // #endif
  state = next;
  for (const listener of listeners) listener();
}

async function load(): Promise<void> {
  asked += 1;
  const own = asked;
  try {
    const orgId = await readOrgId();
    // An answer that was overtaken by signing in or out is of another session.
    if (own === asked) set({ orgId, loading: false, error: null });
  } catch (error) {
    if (own !== asked) return;
    set({ orgId: null, loading: false, error: error instanceof Error ? error.message : 'The session could not be read' });
  }
}

async function readOrgId(): Promise<string | null> {
  const { data } = await __CLIENT__.auth.getSession();
  if (!data.session) return null;
  const verified = await __CLIENT__.auth.getUser();
  if (verified.error) throw verified.error;
  const { user } = verified.data;
  const orgId = idOf(user.app_metadata?.__COLUMN__);
  // A token from before the organization was stamped does not carry it, and row security reads the token: the session
  // is refreshed once.
  if (orgId === idOf(data.session.user.app_metadata?.__COLUMN__) && validateOrgId(orgId)) return orgId;
  if (!refreshed.has(user.id)) {
    refreshed.add(user.id);
    const fresh = await __CLIENT__.auth.refreshSession();
    if (fresh.error) throw fresh.error;
    const stamped = idOf(fresh.data.user?.app_metadata?.__COLUMN__);
    return validateOrgId(stamped) ? stamped : null;
  }
  return validateOrgId(orgId) ? orgId : null;
}

/** Forgets the organization, what was cached for it, and what older versions of this app left in the browser. */
export function clearOrg(): void {
  forget(false);
}

function forget(loading: boolean): void {
  asked += 1;
  refreshed.clear();
  for (const storage of [localStorage, sessionStorage]) {
    for (const key of [__STORAGE_KEYS__]) storage.removeItem(key);
  }
  // #if caches
  clearCaches();
  // #endif
  set({ orgId: null, loading, error: null });
}

/** From the start, since a sign-out counts also where no component asks for the organization yet. */
function listen(): void {
  __CLIENT__.auth.onAuthStateChange((event, session) => {
    const before = holder;
    holder = session ? session.user.id : null;
    if (event === 'SIGNED_OUT') clearOrg();
    else if (before !== null && before !== holder) forget(holder !== null);
    // The client may not be called inside of this callback: it would wait for itself.
    // A tab that comes to the front is told SIGNED_IN again: with the same user nothing has changed.
    const taken = event === 'SIGNED_IN' && (before !== holder || state.error !== null);
    const changed = taken || event === 'USER_UPDATED' || event === 'TOKEN_REFRESHED';
    if (changed && asked > 0) setTimeout(load, 0);
  });
}

if (typeof window !== 'undefined') listen();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (asked === 0) void load();
  return () => {
    listeners.delete(listener);
  };
}

__EXPORT__function __HOOK__()__RETURN_TYPE__ {
  const current = useSyncExternalStore(
    subscribe,
    () => state,
    () => start,
  );
  // #if swr
  const { cache, mutate } = useSWRConfig();
  useEffect(() => {
    swrCaches.set(cache, mutate);
  }, [cache, mutate]);
  // #endif
  __RETURN__
}
