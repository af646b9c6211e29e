import { Router } from 'express';
import { supabase } from '../config/supabase';
import { requireAuth } from '../middleware/auth';
import { getApiKey } from '../services/api-keys';

export const dashboardRouter = Router();

dashboardRouter.use(requireAuth);

dashboardRouter.get('/overview', async (req, res) => {
  const shown = (req.query.orgId as string) ?? req.user.orgId;
  const [calls, appointments] = await Promise.all([
    supabase.from('calls').select('id', { count: 'exact', head: true }).eq('org_id', shown),
    supabase.from('appointments').select('id', { count: 'exact', head: true }).eq('org_id', shown),
  ]);
  res.json({ calls: calls.count ?? 0, appointments: appointments.count ?? 0 });
});

/** The same for one clinic of the address; only the user's own. */
dashboardRouter.get('/clinics/:orgId/overview', async (req, res) => {
  const { orgId } = req.params;
  if (orgId !== req.user.orgId) return res.status(403).json({ error: 'Not your clinic' });
  const { count } = await supabase.from('calls').select('id', { count: 'exact', head: true }).eq('org_id', orgId);
  return res.json({ calls: count ?? 0 });
});

dashboardRouter.get('/telephony', async (req, res) => {
  const clinicId = req.user?.orgId ?? 'default';
  res.json({ connected: (await getApiKey('telephony', clinicId)) !== null });
});

dashboardRouter.get('/members/:orgId', async (req, res) => {
  const { data } = await supabase.from('user_org_roles').select('user_id, role').eq('org_id', req.params.orgId);
  res.json({ members: data ?? [] });
});
