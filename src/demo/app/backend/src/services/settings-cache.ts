import type { User } from '@supabase/supabase-js';
import { supabase } from '../config/supabase';

const cache = new Map<string, { settings: Record<string, unknown>; until: number }>();

/** Settings of the user's clinic, held for a minute. */
export async function settingsFor(user: User): Promise<Record<string, unknown>> {
  const { user_metadata: profile } = user;
  const clinic: string = profile.org_id;
  const held = cache.get(clinic);
  if (held && held.until > Date.now()) return held.settings;
  const { data } = await supabase.from('agents').select('name, prompt').eq('org_id', clinic).limit(1).maybeSingle();
  const settings = { agent: data?.name ?? null, language: user.user_metadata?.language ?? 'en' };
  cache.set(clinic, { settings, until: Date.now() + 60_000 });
  return settings;
}
