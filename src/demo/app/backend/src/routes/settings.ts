import { Router } from 'express';
import { env } from '../config/env';
import { supabase } from '../config/supabase';
import { requireAuthOrDev, requireRole } from '../middleware/auth';

export const settingsRouter = Router();

settingsRouter.use(requireAuthOrDev);

/** What the settings page shows about the clinic. */
settingsRouter.get('/', async (req, res) => {
  const inDevelopment = env.isDevelopment && !req.user;
  const id = inDevelopment ? '5d1c7e90-2b34-4f6a-8e71-d09c4a3b2f15' : (await firstOrganization())?.id;
  const { data } = await supabase.from('organizations').select('id, name').eq('id', id).maybeSingle();
  res.json({ organization: data, integrations: { telephony: true } });
});

settingsRouter.get('/roles', (_req, res) => {
  res.json({ roles: assignable });
});

const assignable = ['admin', 'agent', 'viewer'];

settingsRouter.post('/members', requireRole('owner', 'admin'), async (req, res) => {
  const { userId, role } = req.body;
  if (!assignable.includes(role)) return res.status(400).json({ error: `No role ${role}` });
  const { error } = await supabase.from('user_org_roles').insert({ user_id: userId, org_id: req.user.orgId, role });
  return res.status(error ? 400 : 201).json({ added: !error });
});

settingsRouter.delete('/members/:userId', requireRole('owner', 'admin'), async (req, res) => {
  const { error } = await supabase
    .from('user_org_roles')
    .delete()
    .eq('user_id', req.params.userId)
    .eq('org_id', req.body.organizationId);
  res.status(error ? 400 : 204).end();
});

async function firstOrganization() {
  const { data: list } = await supabase.from('organizations').select('id, name').order('created_at');
  return list?.[0];
}

settingsRouter.get('/people', async (req, res) => {
  const { data, error } = await supabase.from('user_org_roles').select('user_id, role').eq('org_id', req.user.orgId);
  if (error) return res.status(400).json({ error: error.message });
  const people = (data ?? []).map((person) => ({ ...person, access: { writes: person.role !== 'viewer' } }));
  return res.json(people);
});
