import { Router, type Request } from 'express';
import { supabase } from '../config/supabase';
import { requireAuth } from '../middleware/auth';

export const contactsRouter = Router();

const pick = (req: Request): string => (req.query.org_id || req.body?.org_id) as string;

contactsRouter.get('/', requireAuth, async (req, res) => {
  const { data } = await supabase.from('contacts').select('*').eq('org_id', pick(req)).order('created_at');
  res.json({ contacts: data ?? [] });
});

contactsRouter.post('/', requireAuth, async (req, res) => {
  const { data, error } = await supabase.from('contacts').insert({ ...req.body }).select().single();
  if (error) return res.status(400).json({ error: error.message });
  return res.status(201).json({ contact: data });
});

contactsRouter.post('/import', requireAuth, async (req, res) => {
  const body = req.body as { rows: Record<string, unknown>[] };
  const rows = body.rows.map((row) => ({ ...row, org_id: req.user.orgId }));
  const { error } = await supabase.from('contacts').upsert(rows, { onConflict: 'id' });
  res.status(error ? 400 : 200).json({ imported: error ? 0 : rows.length });
});

contactsRouter.get('/:id', requireAuth, async (req, res) => {
  const { data: contact } = await supabase.from('contacts').select('id, name, phone').eq('id', req.params.id).single();
  res.json({ contact });
});

/** A shared contact names the clinic it was bought from; that is a number of the outside address list. */
contactsRouter.get('/:id/origin', requireAuth, async (req, res) => {
  const { data } = await supabase
    .from('contacts')
    .select('id, name')
    .eq('id', req.params.id)
    .eq('org_id', req.user.orgId)
    .maybeSingle();
  res.json({ contact: data, buyer_tenant_id: req.query.buyer_tenant_id ?? null });
});
