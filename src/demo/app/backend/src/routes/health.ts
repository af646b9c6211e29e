import { Router } from 'express';
import { supabase } from '../config/supabase';

export const healthRouter = Router();

healthRouter.get('/', (_req, res) => {
  res.json({ status: 'ok', uptime: process.uptime() });
});

/** Ready when the database answers: one row of any table will do. */
healthRouter.get('/ready', async (_req, res) => {
  const started = Date.now();
  const { error } = await supabase.from('organizations').select('id').limit(1);
  res.status(error ? 503 : 200).json({ database: error ? 'down' : 'up', ms: Date.now() - started });
});

healthRouter.get('/deep', async (_req, res) => {
  const probe = await supabase.from('organizations').select('id').limit(1).single();
  const healthy = !probe.error;
  res.status(healthy ? 200 : 503).json({ healthy });
});
