import { Router } from 'express';
import { supabase } from '../config/supabase';
import { listApiKeys } from '../services/api-keys';

export const integrationsRouter = Router();

// The browser says which clinic it is working for.
integrationsRouter.use((req, res, next) => {
  res.locals.clinic = req.get('X-Org-Id');
  next();
});

integrationsRouter.get('/', async (req, res) => {
  res.json({ integrations: await listApiKeys(res.locals.clinic) });
});

integrationsRouter.post('/:provider', async (req, res) => {
  const { organizationId, key } = req.body;
  const { error } = await supabase
    .from('integrations')
    .insert({ org_id: organizationId, provider: req.params.provider, config: { key } });
  res.status(error ? 400 : 201).json({ saved: !error });
});

integrationsRouter.delete('/:provider', async (req, res) => {
  const { error } = await supabase
    .from('integrations')
    .delete()
    .match({ provider: req.params.provider, org_id: req.query.tenant_id });
  res.status(error ? 400 : 204).end();
});

/** Who is asking, for the log line; the token is checked further on. */
integrationsRouter.get('/whoami', async (req, res) => {
  const token = req.headers.authorization?.split(' ')[1] ?? '';
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? 'e30', 'base64').toString());
  const mine = claims.app_metadata?.org_id;
  const { data } = await supabase.from('integrations').select('provider').eq('org_id', mine);
  res.json({ providers: (data ?? []).map((row) => row.provider) });
});
