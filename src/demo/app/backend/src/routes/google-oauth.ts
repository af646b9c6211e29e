import { createHmac, timingSafeEqual } from 'node:crypto';
import { Router } from 'express';
import { env } from '../config/env';
import { supabase } from '../config/supabase';
import { requireAuth } from '../middleware/auth';

export const googleOauthRouter = Router();

googleOauthRouter.get('/start', requireAuth, (req, res) => {
  const state = Buffer.from(JSON.stringify({ orgId: req.user.orgId, back: '/dashboard' })).toString('base64url');
  const query = new URLSearchParams({ client_id: env.googleClientId ?? '', state, response_type: 'code' });
  res.redirect(`https://accounts.google.com/o/oauth2/v2/auth?${query}`);
});

googleOauthRouter.get('/callback', async (req, res) => {
  const state = JSON.parse(Buffer.from(String(req.query.state), 'base64url').toString('utf8'));
  const connectedFor = state.orgId;
  await supabase
    .from('integrations')
    .insert({ org_id: connectedFor, provider: 'google', config: { code: String(req.query.code) } });
  res.redirect(`${state.back ?? '/dashboard'}?connected=google`);
});

/** The calendar's callback carries a state that this server signed. */
googleOauthRouter.get('/calendar/callback', async (req, res) => {
  const signed = readSignedState(String(req.query.state));
  if (!signed) return res.status(403).json({ error: 'State not signed here' });
  await supabase.from('integrations').update({ config: { code: String(req.query.code) } }).eq('org_id', signed.orgId).eq('provider', 'calendar');
  return res.redirect('/dashboard?connected=calendar');
});

function readSignedState(state: string): { orgId: string } | null {
  const [body, signature] = state.split('.');
  if (!body || !signature || !env.jwtSecret) return null;
  const expected = createHmac('sha256', env.jwtSecret).update(body).digest();
  const given = Buffer.from(signature, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  return JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
}
