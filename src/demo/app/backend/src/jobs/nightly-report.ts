import { supabase } from '../config/supabase';
import { log } from '../utils/logger';

/** Counts yesterday's calls for the report. */
export async function nightlyReport(): Promise<{ organization: string; calls: number } | null> {
  const result = await supabase.from('organizations').select('id, name').limit(1);
  const target = result.data?.at(0);
  if (!target) return null;
  const { count } = await supabase.from('calls').select('id', { count: 'exact', head: true }).eq('org_id', target.id);
  log.info('report', `calls of ${target.name}`, { count });
  return { organization: target.name, calls: count ?? 0 };
}
