import { Router } from 'express';
import { z } from 'zod';
import { supabase } from '../config/supabase';
import { optionalAuth, requireAuth } from '../middleware/auth';
import { bookAppointment } from '../services/booking';

export const appointmentsRouter = Router();

const booking = z.object({
  orgId: z.guid(),
  contactId: z.guid(),
  startsAt: z.iso.datetime(),
  reason: z.string().max(500).optional(),
});

appointmentsRouter.get('/', requireAuth, async (req, res) => {
  const { data } = await supabase
    .from('appointments')
    .select('*')
    .eq('org_id', req.user.orgId)
    .order('starts_at', { ascending: true });
  res.json({ appointments: data ?? [] });
});

/** Books for a caller: the voice agent posts here. */
appointmentsRouter.post('/book', optionalAuth, async (req, res) => {
  const wanted = booking.safeParse(req.body);
  if (!wanted.success) return res.status(400).json({ error: 'Not a booking' });
  const { orgId: clinic, contactId, startsAt, reason } = wanted.data;
  const appointment = await bookAppointment({ clinic, contactId, startsAt, reason });
  return res.status(201).json({ appointment });
});

appointmentsRouter.patch('/:id', requireAuth, async (req, res) => {
  const { data, error } = await supabase
    .from('appointments')
    .update({ ...req.body, status: req.body.status ?? 'changed' })
    .eq('id', req.params.id)
    .eq('org_id', req.user.orgId)
    .select()
    .maybeSingle();
  if (error) return res.status(400).json({ error: error.message });
  return res.json({ appointment: data });
});

/** The same with a body from which whatever names another organization is taken out first. */
appointmentsRouter.put('/:id', requireAuth, async (req, res) => {
  const { org_id: _ignored, id: _id, ...changes } = req.body;
  const { data, error } = await supabase
    .from('appointments')
    .update({ ...changes, org_id: req.user.orgId })
    .eq('id', req.params.id)
    .eq('org_id', req.user.orgId)
    .select()
    .maybeSingle();
  if (error) return res.status(400).json({ error: error.message });
  return res.json({ appointment: data });
});

appointmentsRouter.get('/free', async (req, res) => {
  const place = cookie(req.headers.cookie, 'org_id');
  const { data } = await supabase.from('appointments').select('starts_at').eq('org_id', place);
  res.json({ taken: (data ?? []).map((row) => row.starts_at) });
});

function cookie(header: string | undefined, name: string): string | undefined {
  return header?.split('; ').find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);
}
