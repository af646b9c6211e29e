import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { CheckResult } from '../../../src/rollout/check.ts';
import { type SmallApp, smallApp } from '../small-app.ts';

let app: SmallApp;
afterEach(() => app.remove());

const files = {
  'package.json': JSON.stringify({ name: 'app', dependencies: { express: '5', '@supabase/supabase-js': '2' } }),
  'src/app.js': `import express from 'express';
import { hooks } from './routes/hooks.js';
import api from './routes/index.js';

export const app = express();
app.use('/api', api);
app.use('/api/stats', hooks);
`,
  'src/db.js': `import { createClient } from '@supabase/supabase-js';
export const db = createClient(process.env.SUPABASE_URL, process.env.SUPABASE_SERVICE_ROLE_KEY);
`,
  'src/middleware/auth.js': `import { db } from '../db.js';
export async function requireAuth(req, res, next) {
  const { data } = await db.auth.getUser(req.headers.authorization?.slice(7));
  if (!data.user) return res.status(401).end();
  req.user = { id: data.user.id, orgId: data.user.app_metadata.org_id };
  next();
}
`,
  'src/routes/index.js': `import { Router } from 'express';
import { stats } from './stats.js';
const api = Router();
api.use('/stats', stats);
export default api;
`,
  'src/routes/stats.js': `import { Router } from 'express';
import { db } from '../db.js';

export const stats = Router();

stats.get('/', async (req, res) => {
  const { data } = await db.from('calls').select('*').eq('org_id', req.query.org_id);
  res.json(data);
});
`,
  'src/routes/hooks.js': `import { Router } from 'express';
export const hooks = Router();
hooks.post('/paid', (req, res) => res.sendStatus(200));
`,
};

const started = async (more: Readonly<Record<string, string>> = {}): Promise<void> => {
  app = await smallApp(
    { ...files, ...more },
    { tenants: ['calls'], renames: [] },
    { config: { decisions: { protectRouters: ['src/routes/stats.js'] } } },
  );
};
const inFront = (): CheckResult | undefined => app.checks.get('2.3/in-front');
const edit = async (file: string, change: (text: string) => string): Promise<void> =>
  writeFile(path.join(app.root, file), change(await readFile(path.join(app.root, file), 'utf8')));

it('a webhook that is mounted behind a protected router, through a router between, is still let in', async () => {
  await started();
  await app.run('2.1', '2.2', '2.3');
  expect(await app.read('src/routes/stats.js')).toContain("stats.get('/', requireAuth, ");
  expect(inFront()).toMatchObject({
    verdict: 'passed',
    observed: '2 routes compared, 1 protected as agreed',
    evidence: expect.stringContaining(
      'GET /api/stats (src/routes/stats.js:8) is behind requireAuth (src/routes/stats.js:8) now',
    ),
  });
});

it('a webhook of the same router is still let in', async () => {
  await started({
    'src/app.js': files['src/app.js'].replace("'/api/stats', hooks", "'/hooks', hooks"),
    'src/routes/stats.js': `${files['src/routes/stats.js']}\nstats.post('/webhook', (req, res) => res.sendStatus(200));\n`,
  });
  await app.run('2.1', '2.2', '2.3');
  expect(await app.read('src/routes/stats.js')).toContain("stats.get('/', requireAuth, ");
  expect(await app.read('src/routes/stats.js')).toContain("stats.post('/webhook', (req");
  expect(inFront()).toMatchObject({ verdict: 'passed', observed: '3 routes compared, 1 protected as agreed' });
});

it('a route that is refused since, or open since, fails by name and with what to write', async () => {
  await started();
  await app.run('2.1', '2.2', '2.3');
  await edit('src/routes/stats.js', (text) =>
    text.replace("get('/', requireAuth, ", "get('/', ").replace('= Router();', '= Router();\nstats.use(requireAuth);'),
  );
  await app.run('2.3').catch(() => []);
  expect(inFront()).toMatchObject({
    verdict: 'failed',
    observed: 'POST /api/stats/paid (src/routes/hooks.js:3) is behind requireAuth (src/routes/stats.js:7) now',
    advice: expect.stringMatching(
      /^Take requireAuth out of src\/routes\/stats\.js:7 .*--protect-routers src\/routes\/hooks\.js/,
    ),
  });
});

it('a mount that cannot be followed keeps the gate shut where a changed file may be behind it', async () => {
  await started({
    'src/app.js': files['src/app.js'].replace(
      "app.use('/api', api);",
      'for (const one of load()) app.use(one.path, one.router);',
    ),
  });
  const open = await app.run('2.1', '2.2', '2.3');
  expect(open.find(({ id }) => id === '2.3/in-front')).toMatchObject({
    verdict: 'skipped',
    matters: true,
    observed: expect.stringMatching(
      /^not checked: src\/routes\/stats\.js has something new in front.*\(src\/app\.js:6\)$/,
    ),
  });
});
