import { Router } from 'express';
import { supabase } from '../config/supabase';
import { requireAuth } from '../middleware/auth';
import { currentOrganization, planLimits } from '../utils/tenant';

export const assistantsRouter = Router();

assistantsRouter.get('/', requireAuth, async (_req, res) => {
  const { data: firm } = await supabase
    .from('organizations')
    .select('id, status')
    .order('created_at', { ascending: true })
    .limit(1)
    .single();
  const { data: agents } = await supabase.from('agents').select('id, name').eq('org_id', firm?.id);
  res.json({ assistants: agents ?? [], limits: planLimits(firm?.status) });
});

assistantsRouter.get('/limits', requireAuth, async (_req, res) => {
  const own = await currentOrganization();
  res.json({ organization: own.name, limits: planLimits() });
});

assistantsRouter.post('/test-call', async (req, res) => {
  const clinicId: string = req.body?.tenantId ?? req.headers['x-tenant-id'];
  const { data: agent } = await supabase.from('agents').select('id').eq('org_id', clinicId).limit(1).maybeSingle();
  res.json({ started: agent?.id ?? null });
});
