import type { Session } from '@supabase/supabase-js';

/**
 * Answers held for this tab, by organization: the key is the organization of the token, so another session never sees
 * them. The organization itself is never read back from here.
 */
export function sessionCache(session: Session) {
  const orgId: string = session.user.app_metadata.org_id;
  const prefix = `cache:${orgId}:`;
  return {
    get: <T>(name: string): T | null => {
      const held = sessionStorage.getItem(`${prefix}${name}`);
      return held ? (JSON.parse(held) as T) : null;
    },
    set: (name: string, value: unknown) => sessionStorage.setItem(`${prefix}${name}`, JSON.stringify(value)),
  };
}

export function clearCaches(): void {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith('cache:')) sessionStorage.removeItem(key);
  }
}
