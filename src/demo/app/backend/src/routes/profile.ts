import { Router } from 'express';
import { supabase } from '../config/supabase';
import { requireAuth } from '../middleware/auth';
import { settingsFor } from '../services/settings-cache';

export const profileRouter = Router();

profileRouter.use(requireAuth);

profileRouter.get('/', async (req, res) => {
  const { data: profile } = await supabase
    .from('profiles')
    .select('id, full_name, organization_id')
    .eq('id', req.user.id)
    .maybeSingle();
  if (!profile) return res.status(404).json({ error: 'No profile' });
  return res.json({ id: profile.id, name: profile.full_name, organization: profile.organization_id });
});

profileRouter.get('/colleagues', async (req, res) => {
  const { data } = await supabase
    .from('profiles')
    .select('id, full_name, clinic:organizations!profiles_organization_id_fkey(name)')
    .eq('organization_id', req.user.orgId);
  res.json({ colleagues: data ?? [] });
});

profileRouter.get('/clinic', async (req, res) => {
  const { data } = await supabase.from('organizations').select('name, profiles(full_name, organization_id)').eq('id', req.user.orgId).single();
  res.json({ clinic: data?.name, people: data?.profiles.length ?? 0 });
});

profileRouter.get('/settings', async (req, res) => {
  const token = req.headers.authorization?.slice(7);
  const { data } = await supabase.auth.getUser(token);
  res.json(data.user ? await settingsFor(data.user) : {});
});

profileRouter.put('/', async (req, res) => {
  const { error } = await supabase.from('profiles').update(req.body).eq('id', req.user.id);
  res.status(error ? 400 : 204).end();
});
