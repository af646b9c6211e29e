import { Router } from 'express';
import { supabase } from '../config/supabase';
import { storeRecording } from '../services/recording-storage';
import { log } from '../utils/logger';

export const webhooksRouter = Router();

// Called by the telephony provider: there is no user here.

webhooksRouter.post('/call-ended', async (req, res) => {
  const { call, metadata } = req.body;
  const clinic = metadata?.orgId;
  const { error } = await supabase.from('call_logs').insert({ call_id: call.id, org_id: clinic, outcome: call.outcome });
  if (error) log.warn('webhooks', 'call not logged', { reason: error.message });
  res.status(200).json({ received: true });
});

/** The number that was called belongs to exactly one clinic, so that is whose call it is. */
webhooksRouter.post('/incoming', async (req, res) => {
  const { data: line } = await supabase.from('phone_numbers').select('org_id').eq('number', req.body.to).maybeSingle();
  if (!line) return res.status(404).json({ error: 'Unknown number' });
  await supabase.from('calls').insert({ org_id: line.org_id, direction: 'inbound' });
  return res.status(200).json({ accepted: true });
});

webhooksRouter.post('/recording', async (req, res) => {
  const path = await storeRecording({
    callId: req.body.callId,
    orgId: req.query.org as string,
    direction: 'inbound',
    body: Buffer.from(req.body.audio, 'base64'),
  });
  res.status(201).json({ path });
});
