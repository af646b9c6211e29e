import { supabase } from '../config/supabase';

export type AgentConfig = { name: string; prompt: string; active: boolean };

const fallback: AgentConfig = { name: 'Receptionist', prompt: 'You answer the phone of a clinic.', active: true };

/** The configuration of the clinic's receptionist. */
export async function loadAgentConfig(): Promise<AgentConfig> {
  const owner = await (async () => {
    const result = await supabase.from('organizations').select('id').limit(1).maybeSingle();
    return result.data?.id as string | undefined;
  })();
  if (!owner) return fallback;
  const { data } = await supabase.from('agents').select('name, prompt, active').eq('org_id', owner).limit(1).maybeSingle();
  return data ? { ...fallback, ...data } : fallback;
}
