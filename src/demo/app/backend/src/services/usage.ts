import { supabase } from '../config/supabase';
import type { UsageRow } from '../types/rows';

/** What the accounting export runs; `$1` is the clinic. */
export const usageReport = `
  select u.metric, sum(u.quantity) as quantity
  from usage_records u
  where u.organization_id = $1
  group by u.metric
`;

export async function usageOf(clinic: string): Promise<Record<string, number>> {
  const { data } = await supabase.from('usage_records').select('metric, quantity, organization_id').eq('organization_id', clinic);
  const total: Record<string, number> = {};
  for (const { metric, quantity } of (data ?? []) as UsageRow[]) total[metric] = (total[metric] ?? 0) + quantity;
  return total;
}

/** Which clinic a profile belongs to; the mail jobs ask. */
export async function clinicOf(email: string): Promise<string | null> {
  const { data } = await supabase.from('profiles').select('organization_id').eq('email', email).single();
  const { organization_id: clinic } = data;
  return clinic;
}

/** Agents made before the second migration know their clinic under the other name. */
export async function legacyAgents(clinic: string) {
  const { data } = await supabase.from('agents').select('id, name').eq('organization_id', clinic).is('org_id', null);
  return data ?? [];
}
