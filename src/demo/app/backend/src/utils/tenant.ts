import { supabase } from '../config/supabase';

/** The organization that this installation works for. */
export async function currentOrganization(): Promise<{ id: string; name: string }> {
  const { data, error } = await supabase.from('organizations').select('id, name').limit(1).single();
  if (error) throw new Error(`No organization found: ${error.message}`);
  return data;
}

/** What a clinic may use; one on trial gets less. */
export function planLimits(plan?: string) {
  return { seats: plan === 'active' ? 50 : 5, minutes: plan === 'active' ? 10_000 : 500 };
}
