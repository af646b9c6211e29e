import { Router } from 'express';
import { supabase } from '../config/supabase';
import { requireAuth, requireRole } from '../middleware/auth';
import { checkoutFor, organizationOf, readEvent } from '../services/billing';

export const billingRouter = Router();

billingRouter.post('/checkout', requireAuth, requireRole('owner'), async (req, res) => {
  res.json({ url: await checkoutFor(req.user.orgId, req.body.plan) });
});

/** The payment provider sends back what checkout put into its metadata. */
billingRouter.post('/events', async (req, res) => {
  const event = readEvent(JSON.stringify(req.body), req.header('stripe-signature'));
  if (!event) return res.status(400).json({ error: 'Signature refused' });
  const organization = organizationOf(event);
  await supabase.from('organizations').update({ status: event.plan }).eq('id', organization);
  return res.json({ received: true });
});

/** Whether the user's own organization is still on trial. */
billingRouter.get('/trial', requireAuth, async (req, res) => {
  const { data: trial } = await supabase
    .from('organizations')
    .select('id, status')
    .eq('id', req.user.orgId)
    .limit(1)
    .single();
  res.json({ trial: trial?.status === 'trial' });
});
