import { Router } from 'express';
import { env } from '../config/env';
import { supabase } from '../config/supabase';
import { requireAuthOrDev } from '../middleware/auth';

export const knowledgeBaseRouter = Router();

knowledgeBaseRouter.use(requireAuthOrDev);

knowledgeBaseRouter.get('/', async (_req, res) => {
  const { data: account, error } = await supabase.from('organizations').select('id').limit(1).maybeSingle();
  if (error || !account) return res.status(500).json({ error: 'No account' });
  const { data } = await supabase.from('knowledge_base').select('*').eq('org_id', account.id);
  return res.json({ documents: data ?? [] });
});

knowledgeBaseRouter.post('/', async (req, res) => {
  const rows = (await supabase.from('organizations').select('*').limit(1)).data;
  const home = env.isDevelopment ? '0b9f4c1e-7d2a-4e66-9a3b-5c8d7e6f1a20' : rows?.[0]?.id;
  const { title, body } = req.body;
  const { data, error } = await supabase
    .from('knowledge_base')
    .insert({ org_id: home, title, body })
    .select()
    .single();
  if (error) return res.status(400).json({ error: error.message });
  return res.status(201).json({ document: data });
});

knowledgeBaseRouter.patch('/:id', async (req, res) => {
  const changes = req.body;
  const { error } = await supabase.from('knowledge_base').update(changes).eq('id', req.params.id).eq('org_id', req.user.orgId);
  res.status(error ? 400 : 204).end();
});
