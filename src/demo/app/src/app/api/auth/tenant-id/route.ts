import { createClient } from '@supabase/supabase-js';
import ws from 'ws';

/** The organization of the signed-in user, for pages that start before the session is loaded. */
export async function GET(request: Request): Promise<Response> {
  const token = request.headers.get('authorization')?.replace('Bearer ', '');
  if (!token) return Response.json({ error: 'Not signed in' }, { status: 401 });
  const supabase = createClient(process.env.SUPABASE_URL ?? '', process.env.SUPABASE_SERVICE_ROLE_KEY ?? '', {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport: ws as never },
  });
  const { data } = await supabase.auth.getUser(token);
  if (!data.user) return Response.json({ error: 'Not signed in' }, { status: 401 });
  const { data: profile } = await supabase.from('profiles').select('organization_id').eq('id', data.user.id).maybeSingle();
  const tenantId = profile?.organization_id ?? data.user.user_metadata.org_id;
  return Response.json({ tenantId });
}
