import { Router } from 'express';
import { supabase } from '../config/supabase';
import { requireAuth } from '../middleware/auth';

export const notificationsRouter = Router();

notificationsRouter.get('/', requireAuth, async (_req, res) => {
  const [owner] = (await supabase.from('organizations').select('id').limit(1)).data ?? [];
  const { data } = await supabase.from('notifications').select('*').eq('org_id', owner?.id).order('created_at');
  res.json({ notifications: data ?? [] });
});

notificationsRouter.post('/read', requireAuth, async (req, res) => {
  const ids: string[] = req.body.ids ?? [];
  await supabase.from('notifications').update({ seen: true }).in('id', ids).eq('org_id', req.user.orgId);
  res.status(204).end();
});

notificationsRouter.post('/broadcast', async (req, res) => {
  const org = req.body['org_id'];
  const { error } = await supabase.from('notifications').insert({ org_id: org, title: req.body.title });
  res.status(error ? 400 : 202).json({ sent: !error });
});
