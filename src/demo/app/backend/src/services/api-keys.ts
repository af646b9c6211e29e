import { supabase } from '../config/supabase';

const cache = new Map<string, { key: string; until: number }>();

/** The clinic's key for an outside service. */
export async function getApiKey(service: string, orgId: string): Promise<string | null> {
  const slot = `${service}:${orgId}`;
  const held = cache.get(slot);
  if (held && held.until > Date.now()) return held.key;
  const { data } = await supabase
    .from('integrations')
    .select('config')
    .eq('provider', service)
    .eq('org_id', orgId)
    .limit(1)
    .maybeSingle();
  if (!data) return null;
  const key: string | null = data.config?.key ?? null;
  if (key) cache.set(slot, { key, until: Date.now() + 60_000 });
  return key;
}

export async function listApiKeys(orgId?: string) {
  const { data } = await supabase.from('integrations').select('provider, created_at').eq('org_id', orgId ?? '');
  return data ?? [];
}
