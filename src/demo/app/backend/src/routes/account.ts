import { Router } from 'express';
import { z } from 'zod';
import { supabase } from '../config/supabase';
import { requireAuth, requireRole } from '../middleware/auth';
import { usageOf } from '../services/usage';

export const accountRouter = Router();

accountRouter.use(requireAuth);

const teamRow = z.object({ id: z.guid(), name: z.string(), organization_id: z.guid() });

accountRouter.get('/teams', async (req, res) => {
  const { data } = await supabase.from('teams').select('*').match({ organization_id: req.user.orgId });
  const teams = z.array(teamRow).parse(data ?? []);
  res.json({ teams: teams.map(({ id, name }) => ({ id, name })) });
});

accountRouter.get('/subscription', async (req, res) => {
  const { data } = await supabase
    .from('subscriptions')
    .select('plan, renews_at')
    .or(`organization_id.eq.${req.user.orgId},plan.eq.free`)
    .order('organization_id', { nullsFirst: false })
    .limit(1)
    .maybeSingle();
  res.json({ subscription: data });
});

accountRouter.post('/api-keys', requireRole('owner'), async (req, res) => {
  const { name, hash } = req.body;
  const row = { name, key_hash: hash, organization_id: req.user.orgId };
  const { error } = await supabase.from('api_keys').insert(row);
  res.status(error ? 400 : 201).json({ created: !error });
});

accountRouter.get('/preferences', async (req, res) => {
  const { data } = await supabase.from('tenant_settings').select('name, value').eq('tenant_id', req.user.orgId);
  res.json(Object.fromEntries((data ?? []).map((row) => [row.name, row.value])));
});

accountRouter.put('/preferences/:name', async (req, res) => {
  const { error } = await supabase
    .from('tenant_settings')
    .upsert({ tenant_id: req.user.orgId, name: req.params.name, value: req.body.value }, { onConflict: 'tenant_id,name' });
  res.status(error ? 400 : 204).end();
});

accountRouter.get('/templates', async (req, res) => {
  const { data } = await supabase.from('email_templates').select('name, body').filter('tenant_id', 'eq', req.user.orgId);
  res.json({ templates: data ?? [] });
});

accountRouter.get('/usage', async (req, res) => {
  res.json({ usage: await usageOf(req.user.orgId) });
});
