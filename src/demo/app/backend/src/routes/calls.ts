import { Router } from 'express';
import { z } from 'zod';
import { supabase } from '../config/supabase';
import { requireAuth, requireAuthOrDev, verifyOrgAccess } from '../middleware/auth';
import { currentOrganization } from '../utils/tenant';
import { log } from '../utils/logger';

export const callsRouter = Router();

const listQuery = z.object({ limit: z.coerce.number().min(1).max(200).default(50) });

/** The calls of the clinic, newest first. */
callsRouter.get('/', requireAuth, async (req, res) => {
  const { limit } = listQuery.parse(req.query);
  const clinic = await currentOrganization();
  const { data, error } = await supabase
    .from('calls')
    .select('*')
    .eq('org_id', clinic.id)
    .order('started_at', { ascending: false })
    .limit(limit);
  if (error) {
    log.error('calls', 'list failed', { reason: error.message });
    return res.status(500).json({ error: 'Could not load calls' });
  }
  return res.json({ calls: data });
});

/** The latest call of the user's own clinic. */
callsRouter.get('/latest', requireAuth, async (req, res) => {
  const { data } = await supabase
    .from('calls')
    .select('*')
    .eq('org_id', req.user.orgId)
    .order('started_at', { ascending: false })
    .limit(1)
    .maybeSingle();
  res.json({ call: data });
});

callsRouter.get('/:id', requireAuth, async (req, res) => {
  const { data, error } = await supabase.from('calls').select('*').eq('id', req.params.id).maybeSingle();
  if (error) return res.status(500).json({ error: 'Could not load the call' });
  if (!data) return res.status(404).json({ error: 'No such call' });
  return res.json({ call: data });
});

callsRouter.get('/:id/logs', requireAuthOrDev, verifyOrgAccess, async (req, res) => {
  const { data } = await supabase
    .from('call_logs')
    .select('*')
    .eq('call_id', req.params.id)
    .eq('org_id', req.user.orgId);
  res.json({ logs: data ?? [] });
});

callsRouter.delete('/:id', requireAuth, async (req, res) => {
  const { error } = await supabase.from('calls').delete().eq('id', req.params.id);
  if (error) return res.status(500).json({ error: 'Could not delete the call' });
  return res.status(204).end();
});
