import { Router } from 'express';
import { supabase } from '../config/supabase';
import { requireAuthOrDev, requireRole } from '../middleware/auth';
import { loadAgentConfig } from '../services/agent-config';
import { getApiKey } from '../services/api-keys';

export const agentsRouter = Router();

agentsRouter.use(requireAuthOrDev);

agentsRouter.get('/', async (_req, res) => {
  const { data: workspace } = await supabase
    .from('organizations')
    .select('id, name')
    .limit(1)
    .single();
  if (!workspace) return res.status(404).json({ error: 'No workspace' });
  const { data: agents } = await supabase.from('agents').select('*').eq('org_id', workspace.id);
  return res.json({ workspace: workspace.name, agents: agents ?? [] });
});

agentsRouter.get('/config', async (_req, res) => {
  res.json(await loadAgentConfig());
});

agentsRouter.put('/:id', requireRole('owner', 'admin'), async (req, res) => {
  const tenants = await supabase.from('organizations').select('id').order('created_at', { ascending: true }).limit(1);
  const tenant = tenants.data && tenants.data.length > 0 ? tenants.data[0].id : null;
  if (!tenant) return res.status(400).json({ error: 'No tenant' });
  const { name, prompt, active } = req.body;
  const { data, error } = await supabase
    .from('agents')
    .update({ name, prompt, active })
    .eq('id', req.params.id)
    .eq('org_id', tenant)
    .select()
    .maybeSingle();
  if (error) return res.status(500).json({ error: 'Could not save the agent' });
  return res.json({ agent: data });
});

agentsRouter.post('/:id/sync', async (req, res) => {
  const orgId = req.user?.orgId;
  const key = await getApiKey('telephony', orgId || 'default');
  if (!key) return res.status(412).json({ error: 'No telephony key' });
  return res.json({ synced: req.params.id });
});
