import { Router } from 'express';
import { supabase } from '../config/supabase';
import { requireAuth } from '../middleware/auth';

export const phoneNumbersRouter = Router();

phoneNumbersRouter.use(requireAuth);

phoneNumbersRouter.get('/', async (_req, res) => {
  const holder = (await supabase.from('organizations').select('id').limit(1).single()).data?.id;
  const { data } = await supabase.from('phone_numbers').select('*').eq('org_id', holder);
  res.json({ numbers: data ?? [] });
});

phoneNumbersRouter.post('/', async (req, res) => {
  const { number, orgId = req.user.orgId } = req.body;
  const { data, error } = await supabase.from('phone_numbers').insert({ number, org_id: orgId }).select().single();
  if (error) return res.status(400).json({ error: error.message });
  return res.status(201).json({ number: data });
});

/** Moves a number; a body that names another organization is refused. */
phoneNumbersRouter.put('/:id', async (req, res) => {
  const supplied = req.body.orgId;
  if (supplied && supplied !== req.user.orgId) return res.status(403).json({ error: 'Not your organization' });
  const { error } = await supabase
    .from('phone_numbers')
    .update({ number: req.body.number })
    .eq('id', req.params.id)
    .eq('org_id', supplied ?? req.user.orgId);
  return res.status(error ? 400 : 204).end();
});
