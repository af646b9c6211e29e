import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type SmallApp, smallApp } from '../small-app.ts';

const own = '11111111-1111-4111-8111-111111111111';
const other = '22222222-2222-4222-8222-222222222222';

/** Rows and users that the client of the app knows. */
const known = {
  rows: {
    organizations: [{ id: own }, { id: other }],
    user_org_roles: [{ user_id: 'u', org_id: own }],
    calls: [{ org_id: own }, { org_id: other }],
  },
  users: {
    member: { id: 'u', app_metadata: { org_id: own }, user_metadata: {} },
    liar: { id: 'u', app_metadata: {}, user_metadata: { org_id: other } },
  },
};
Reflect.set(globalThis, Symbol.for('known'), known);

/** What stands in for the package of Supabase when the app runs. */
const stub = `const { rows, users } = Reflect.get(globalThis, Symbol.for('known'));
function from(table) {
  let found = rows[table];
  const chain = {
    select: () => chain,
    eq: (column, value) => { found = found.filter((row) => row[column] === value); return chain; },
    limit: async () => ({ data: found, error: null }),
    maybeSingle: async () => ({ data: found[0] ?? null, error: null }),
    then: (done, failed) => Promise.resolve({ data: found, error: null }).then(done, failed),
  };
  return chain;
}
const auth = { getUser: async (token) => ({ data: { user: users[token] ?? null }, error: null }) };
export const createClient = () => ({ auth, from });
`;

const client = `import { createClient } from '@supabase/supabase-js';

export const supabase = createClient(process.env.SUPABASE_URL ?? '', process.env.SUPABASE_SERVICE_ROLE_KEY ?? '');
`;

const app = `import express, { type NextFunction, type Request, type Response } from 'express';
import { requireAuth } from './middleware/auth';
import inline from './routes/inline';
import controllers from './routes/controllers';
import scoped from './routes/scoped';

export const app = express();
app.use(express.json());
app.get('/health', (_req, res) => void res.json({ ok: true }));
app.post('/webhook', (_req, res) => void res.json({ ok: true }));
app.use('/inline', requireAuth, inline);
app.use('/controllers', requireAuth, controllers);
app.use('/scoped', requireAuth, scoped);
app.use((_error: Error, _req: Request, res: Response, _next: NextFunction) => {
  res.status(500).json({ error: 'ours' });
});
`;

const auth = `import type { NextFunction, Request, Response } from 'express';
import { supabase } from '../supabase';

declare global {
  namespace Express {
    interface Request {
      user?: { id: string; orgId: string };
    }
  }
}

export async function requireAuth(req: Request, res: Response, next: NextFunction) {
  const { data: { user }, error } = await supabase.auth.getUser(req.headers.authorization ?? '');
  if (error || !user) {
    res.status(401).json({ error: 'Unauthorized' });
    return;
  }
  const orgId = user.app_metadata?.org_id || user.user_metadata?.org_id;
  if (!orgId) {
    res.status(403).json({ error: 'No organization' });
    return;
  }
  req.user = { id: user.id, orgId };
  next();
}
`;

const read = "supabase.from('calls').select('*').eq('org_id', ";

const inline = `import { Router } from 'express';
import { supabase } from '../supabase';

const router = Router();

router.get('/async', async (req, res) => {
  const { data } = await ${read}req.query.org_id as string);
  res.json(data);
});

router.get('/of/:id', async (req, res) => {
  const id: string = req.params.id;
  const { data } = await supabase.from('calls').select(id).eq('org_id', req.query.org_id as string);
  res.json(data);
});

router.get('/caught', async (req, res) => {
  try {
    const { data } = await ${read}req.query.org_id as string);
    return res.json(data);
  } catch (error) {
    // It went wrong.
    return res.status(500).json({ error: String(error) });
  }
});

router.get('/bare', async (req, res) => {
  try {
    const { data } = await ${read}req.query.org_id as string);
    res.json(data);
  } catch { res.sendStatus(500); }
});

router.get('/next', async (req, res, next) => {
  try {
    const { data } = await ${read}req.query.org_id as string);
    res.json(data);
  } catch (err) {
    next(err);
  }
});

router.get('/promise', (req, res, next) => {
  ${read}req.query.org_id as string).then(({ data }) => void res.json(data), next);
});

router.get('/each', async (req, res) => {
  const found = await Promise.all(['a'].map(async () => (await ${read}req.query.org_id as string)).data));
  res.json(found.flat());
});

router
  .route('/chained')
  .get(async (req, res) => {
    const { data } = await ${read}req.query.org_id as string);
    res.json(data);
  })
  .post(async (req, res) => {
    const { data } = await ${read}req.body.org_id);
    res.json(data);
  });

export default router;
`;

const controllers = `import { Router } from 'express';
import { declared, arrow } from '../controllers/functions';
import { CallsController } from '../controllers/calls';
import { supabase } from '../supabase';
import { wrapped } from '../wrapped';

const router = Router();
const controller = new CallsController('calls');
router.get('/declared', declared);
router.get('/arrow', arrow);
router.get('/method', controller.list.bind(controller));
router.get('/delegated', (req, res) => controller.list(req, res));
router.get('/field', controller.field);
router.get('/wrapped', wrapped(async (req, res) => {
  const { data } = await ${read}req.query.org_id as string);
  res.json(data);
}));
export default router;
`;

const functions = `import type { Request, RequestHandler, Response } from 'express';
import { supabase } from '../supabase';

export async function declared(req: Request, res: Response): Promise<void> {
  const { data } = await ${read}req.query.org_id as string);
  res.json(data);
}

export const arrow: RequestHandler = async (req, res) => {
  const { data } = await ${read}req.query.org_id as string);
  res.json(data);
};
`;

const calls = `import type { Request, Response } from 'express';
import { supabase } from '../supabase';

export class CallsController {
  constructor(private readonly table: string) {}

  async list(req: Request, res: Response): Promise<void> {
    const { data } = await supabase.from(this.table).select('*').eq('org_id', req.query.org_id as string);
    res.json(data);
  }

  field = async (req: Request, res: Response) => {
    const { data } = await supabase.from(this.table).select('*').eq('org_id', req.query.org_id as string);
    res.json(data);
  };
}
`;

const scoped = `import { type Request, Router } from 'express';
import { supabase } from '../supabase';

const router = Router();

async function load(req: Request) {
  const { data } = await ${read}req.query.org_id as string);
  return data;
}

router.get('/helper', async (req, res) => {
  res.json(await load(req));
});

router.get('/helper-caught', async (req, res) => {
  try {
    const loading = load(req);
    res.json(await loading);
  } catch (e) {
    res.status(500).json({ error: 'oh' });
  }
});

export default router;
`;

const files = {
  'package.json':
    '{"name":"app","dependencies":{"express":"4","@supabase/supabase-js":"2"},"devDependencies":{"typescript":"5"}}',
  'tsconfig.json':
    '{"compilerOptions":{"strict":true,"noUncheckedIndexedAccess":true,"noImplicitReturns":true,"noEmit":true,"module":"esnext","moduleResolution":"bundler","target":"es2022","esModuleInterop":true,"skipLibCheck":true,"types":["node"]},"include":["src"]}',
  'src/app.ts': app,
  'src/supabase.ts': client,
  'src/middleware/auth.ts': auth,
  'src/routes/inline.ts': inline,
  'src/routes/controllers.ts': controllers,
  'src/routes/scoped.ts': scoped,
  'src/controllers/functions.ts': functions,
  'src/controllers/calls.ts': calls,
  'src/wrapped.ts': `import type { Request, RequestHandler, Response } from 'express';\nexport const wrapped = (handler: (req: Request, res: Response) => Promise<unknown>): RequestHandler => (req, res, next) => {\n  handler(req, res).catch(next);\n};\n`,
};

const paths = [
  ...['async', 'of/x', 'caught', 'bare', 'next', 'promise', 'each', 'chained'].map((one) => `/inline/${one}`),
  ...['declared', 'arrow', 'method', 'delegated', 'field', 'wrapped'].map((one) => `/controllers/${one}`),
  ...['helper', 'helper-caught'].map((one) => `/scoped/${one}`),
];

const expressFive = path.dirname(
  createRequire(createRequire(import.meta.url).resolve('@modelcontextprotocol/sdk/server/mcp.js')).resolve('express'),
);
const versions = [
  ['4', path.resolve('node_modules/express')],
  ['5', expressFive],
] as const;

let small: SmallApp;
const running: Server[] = [];
const unhandled = vi.fn();

/** The app as it is now, on the Express of a folder. */
async function start(
  express: string,
): Promise<(address: string, token?: string, body?: unknown) => Promise<unknown[]>> {
  const outfile = path.join(path.dirname(small.root), `bundle-${running.length}.mjs`);
  await build({
    entryPoints: [path.join(small.root, 'src/app.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    alias: { express, '@supabase/supabase-js': path.join(path.dirname(small.root), 'stub.mjs') },
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  const loaded: { readonly app: RequestListener } = await import(pathToFileURL(outfile).href);
  const server = createServer(loaded.app).listen(0, '127.0.0.1');
  running.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return async (address, token, body) => {
    const response = await fetch(url + address, {
      headers: { ...(token ? { authorization: token } : {}), 'content-type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(2_000),
    });
    return [response.status, await response.json()];
  };
}

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockReturnValue(undefined);
  process.on('unhandledRejection', unhandled);
  small = await smallApp(files, { tenants: ['calls'], renames: [] }, { types: true });
  await writeFile(path.join(path.dirname(small.root), 'stub.mjs'), stub);
});
afterAll(async () => {
  process.off('unhandledRejection', unhandled);
  for (const server of running) server.close();
  await small?.remove();
});

describe.sequential('handlers of every shape, behind the steps of phase 2', () => {
  it('can be asked for the rows of others before', async () => {
    const ask = await start(versions[0][1]);
    for (const one of paths) expect(await ask(`${one}?org_id=${other}`, 'member')).toEqual([200, [{ org_id: other }]]);
    expect(await ask('/inline/chained', 'member', { org_id: other })).toEqual([200, [{ org_id: other }]]);
  });

  it('pass every check, and the steps have nothing to do a second time', async () => {
    expect(await small.run('2.1', '2.2', '2.3')).toEqual([]);
    expect(small.checks.get('2.3/answers')).toMatchObject({ verdict: 'passed' });
    expect(small.checks.get('2.3/types/root')).toMatchObject({
      verdict: 'passed',
      observed: '0 errors before, 0 now, 0 new',
    });
    expect(await small.again('2.1', '2.2', '2.3')).toBe(0);
  });

  it.each(versions)(
    'answer each request in Express %s: the own rows, or a refusal with its status',
    async (version, folder) => {
      expect(createRequire(import.meta.url)(path.join(folder, 'package.json'))).toMatchObject({
        version: expect.stringMatching(new RegExp(`^${version}\\.`)),
      });
      const ask = await start(folder);
      const refusal = { error: 'Access denied to this organization', code: 'FORBIDDEN' };
      for (const one of paths) {
        expect([one, await ask(`${one}?org_id=${other}`, 'member')]).toEqual([one, [403, refusal]]);
        expect([one, await ask(`${one}?org_id=${own}`, 'member')]).toEqual([one, [200, [{ org_id: own }]]]);
        expect([one, await ask(one, 'member')]).toEqual([one, [200, [{ org_id: own }]]]);
        expect([one, (await ask(one, 'liar'))[0], (await ask(one))[0]]).toEqual([one, 401, 401]);
      }
      expect(await ask('/inline/chained', 'member', { org_id: other })).toEqual([403, refusal]);
      expect(await ask('/inline/chained', 'member', { org_id: own })).toEqual([200, [{ org_id: own }]]);
      expect([(await ask('/health'))[0], (await ask('/webhook', undefined, {}))[0]]).toEqual([200, 200]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(unhandled).not.toHaveBeenCalled();
    },
  );

  it('says in place what it does, and leaves the rest of a file alone', async () => {
    expect(await small.read('src/routes/inline.ts')).toContain(`router.get('/caught', async (req, res) => {
  try {
    const { data } = await ${read}assertSameOrg(req, req.query.org_id));
    return res.json(data);
  } catch (error) {
    if (answerRefusal(error, res)) return res;
    // It went wrong.
    return res.status(500).json({ error: String(error) });
  }
});

router.get('/bare', async (req, res) => {
  try {
    const { data } = await ${read}assertSameOrg(req, req.query.org_id));
    res.json(data);
  } catch (error) { if (answerRefusal(error, res)) return; res.sendStatus(500); }
});
`);
    expect(await small.read('src/routes/inline.ts')).toContain(`import { Router, type Request } from 'express';
`);
    expect(await small.read('src/routes/inline.ts')).toContain(
      "router.get('/of/:id', answeringRefusals(async (req: Request<{ id: string }>, res) => {",
    );
    const text = await small.read('src/services/org-validation.ts');
    expect(text).not.toMatch(/handle_request|prototype|stack/);
  });

  it('come back to the byte', async () => {
    expect(await small.undo()).toEqual([]);
  });
});

describe('a refusal that nobody would answer', () => {
  it('is not put there: the file stays, and the check and the plan say why', async () => {
    const text = `import { Router } from 'express';
import { supabase } from '../supabase';
const router = Router();
router.get('/later', async (req, res) => {
  setTimeout(async () => {
    const { data } = await ${read}req.query.org_id as string);
    res.json(data);
  }, 10);
});
export default router;
`;
    const app = await smallApp({ ...files, 'src/routes/scoped.ts': text }, { tenants: ['calls'], renames: [] });
    try {
      const open = await app.run('2.1', '2.2', '2.3');
      expect(await app.read('src/routes/scoped.ts')).toBe(text);
      expect(app.notes.join('\n')).toMatch(/scoped\.ts is left as it is.*it runs in a callback of setTimeout/);
      expect(open.map(({ title }) => title.split(':')[0])).toEqual(['src/routes/scoped.ts']);
      await writeFile(
        path.join(app.root, 'src/routes/scoped.ts'),
        text
          .replace('req.query.org_id as string', 'assertSameOrg(req, req.query.org_id)')
          .replace('import', "import { assertSameOrg } from '../services/org-validation';\nimport"),
      );
      await app.run('2.3');
      expect(app.checks.get('2.3/answers')).toMatchObject({
        verdict: 'failed',
        observed: 'src/routes/scoped.ts:7 it runs in a callback of setTimeout',
      });
    } finally {
      await app.remove();
    }
  });
});
