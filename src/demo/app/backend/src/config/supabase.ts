import { createClient } from '@supabase/supabase-js';
import ws from 'ws';
import { env } from './env';

if (!env.supabaseUrl || !env.serviceRoleKey) {
  throw new Error('SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY must be set');
}

// The service role: row level security does not apply to anything that goes through this client.
export const supabase = createClient(env.supabaseUrl, env.serviceRoleKey, {
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: { transport: ws as any },
});
