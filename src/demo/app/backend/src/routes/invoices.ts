import { Router } from 'express';
import { z } from 'zod';
import { supabase } from '../config/supabase';
import { requireAuth } from '../middleware/auth';
import type { InvoiceRow } from '../types/rows';

export const invoicesRouter = Router();

invoicesRouter.use(requireAuth);

const newInvoice = z.object({ number: z.string(), amount: z.number().positive() });

invoicesRouter.get('/', async (req, res) => {
  const { data } = await supabase
    .from('invoices')
    .select('id, number, amount, organization_id, organizations(name)')
    .eq('organization_id', req.user.orgId)
    .order('number');
  const rows = (data ?? []) as unknown as InvoiceRow[];
  const payer = rows[0]?.organization_id ?? null;
  res.json({ invoices: rows, payer });
});

invoicesRouter.post('/', async (req, res) => {
  const { number, amount } = newInvoice.parse(req.body);
  const { data, error } = await supabase
    .from('invoices')
    .upsert({ organization_id: req.user.orgId, number, amount }, { onConflict: 'organization_id,number' })
    .select()
    .single();
  if (error) return res.status(400).json({ error: error.message });
  return res.status(201).json({ invoice: data });
});

invoicesRouter.get('/total', async (req, res) => {
  // The name of a function's argument, not of a column.
  const { data } = await supabase.rpc('org_invoice_total', { p_organization_id: req.user.orgId });
  res.json({ total: data ?? 0 });
});
