import { Router } from 'express';
import { supabase } from '../config/supabase';
import { log } from '../utils/logger';

export const analyticsRouter = Router();

/** The numbers at the top of the dashboard. */
analyticsRouter.get('/pulse', async (req, res) => {
  const orgId = req.headers['x-org-id'] as string;
  if (!orgId) return res.status(400).json({ error: 'Organization id required' });
  const { data, error } = await supabase.from('calls').select('id, started_at').eq('org_id', orgId);
  if (error) {
    log.error('analytics', 'pulse failed', { reason: error.message });
    return res.status(500).json({ error: 'Could not count calls' });
  }
  return res.json({ total: data.length, today: data.filter((call) => isToday(call.started_at)).length });
});

analyticsRouter.get('/leads', async (req, res) => {
  const account = req.header('x-tenant-id');
  const { data } = await supabase.from('contacts').select('*').eq('org_id', account).limit(20);
  res.json({ leads: data ?? [] });
});

analyticsRouter.get('/export', async (req, res) => {
  const { tenantId, from } = req.query as Record<string, string>;
  const { data } = await supabase
    .from('call_logs')
    .select('*')
    .match({ org_id: tenantId })
    .gte('created_at', from ?? '1970-01-01');
  const layout = (req.query.layout as string) || 'default';
  const separator = layout === 'default' ? ',' : ';';
  res.type('text/csv').send((data ?? []).map((row) => Object.values(row).join(separator)).join('\n'));
});

function isToday(value: string): boolean {
  return new Date(value).toDateString() === new Date().toDateString();
}
