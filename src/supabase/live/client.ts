import { createClient, type SupabaseClient, type SupabaseClientOptions } from '@supabase/supabase-js';
import { WebSocket } from 'ws';

export type Api = SupabaseClient;

type Transport = NonNullable<NonNullable<SupabaseClientOptions<'public'>['realtime']>['transport']>;

/**
 * A client that keeps nothing and refreshes nothing. `token` makes every request speak for that user; without one the
 * key speaks. Node 20 has no WebSocket of its own and supabase-js asks for one even where nothing is sent through it.
 */
export function createApi(
  url: string,
  key: string,
  options: { readonly fetch: typeof fetch; readonly token?: string },
): Api {
  const { token } = options;
  return createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    global: { fetch: options.fetch, headers: token === undefined ? {} : { Authorization: `Bearer ${token}` } },
    // The same interface, declared by one with the browser's types and by the other without.
    realtime: { transport: WebSocket as unknown as Transport },
  });
}
