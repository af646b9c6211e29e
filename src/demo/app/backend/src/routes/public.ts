import { Router } from 'express';
import { DEMO_CLINIC } from '../config/env';
import { supabase } from '../config/supabase';

export const publicRouter = Router();

/** "Try it" on the website: books into the demonstration clinic. */
publicRouter.post('/book-demo', async (req, res) => {
  const { name, phone } = req.body;
  const { error } = await supabase.from('contacts').insert({ org_id: DEMO_CLINIC, name, phone });
  res.status(error ? 400 : 201).json({ booked: !error });
});

publicRouter.get('/opening-hours', async (_req, res) => {
  const { data } = await supabase
    .from('agents')
    .select('name')
    .eq('org_id', '7c0de0a1-1f6b-4b52-9a53-2f0c7d1e9b01')
    .maybeSingle();
  res.json({ clinic: data?.name ?? 'Front Desk', hours: '8-18' });
});
