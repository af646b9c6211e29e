// #if client
'use client';

// #endif
import { useSyncExternalStore } from 'react';
// #if swr
import { mutate } from 'swr';
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

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Says whether a value has the shape of an organization id. */
export function validateOrgId(value: unknown): value is string {
  return typeof value === 'string' && uuid.test(value);
}

const start: OrgState = { orgId: null, loading: true, error: null };
const listeners = new Set<() => void>();
/** Users whose session was refreshed already: a token that still carries no organization then has none. */
const refreshed = new Set<string>();
let state = start;
let begun = false;
let asked = 0;

function set(next: OrgState): void {
  if (next.orgId === state.orgId && next.loading === state.loading && next.error === state.error) return;
  // #if swr
  // What was cached for one organization must not be shown in another one, or after signing out.
  if (state.orgId !== null && next.orgId !== state.orgId) void mutate(() => true, undefined, { revalidate: false });
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
  const orgId: unknown = user.app_metadata?.__COLUMN__;
  // A token from before the organization was stamped does not carry it, and row security reads the token: the session
  // is refreshed once.
  if (orgId === data.session.user.app_metadata?.__COLUMN__ && validateOrgId(orgId)) return orgId;
  if (!refreshed.has(user.id)) {
    refreshed.add(user.id);
    const fresh = await __CLIENT__.auth.refreshSession();
    if (fresh.error) throw fresh.error;
    const stamped: unknown = fresh.data.user?.app_metadata?.__COLUMN__;
    return validateOrgId(stamped) ? stamped : null;
  }
  return validateOrgId(orgId) ? orgId : null;
}

/** Forgets the organization, and what older versions of this app left in the browser. Called when somebody signs out. */
export function clearOrg(): void {
  asked += 1;
  refreshed.clear();
  for (const storage of [localStorage, sessionStorage]) {
    for (const key of [__STORAGE_KEYS__]) storage.removeItem(key);
  }
  set({ orgId: null, loading: false, error: null });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (!begun) {
    begun = true;
    void load();
    __CLIENT__.auth.onAuthStateChange((event) => {
      if (event === 'SIGNED_OUT') clearOrg();
      // The client may not be called inside of this callback: it would wait for itself.
      else if (event === 'SIGNED_IN' || event === 'USER_UPDATED' || event === 'TOKEN_REFRESHED') setTimeout(load, 0);
    });
  }
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
  __RETURN__
}
