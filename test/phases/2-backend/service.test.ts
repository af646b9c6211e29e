import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, transform } from 'esbuild';
import express, { type Request, type RequestHandler, type Response } from 'express';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { renderService } from '../../../phases/2-backend/1-org-validation.ts';
import { readCode } from '../../../phases/code/code.ts';
import { locateService } from '../../../phases/code/service.ts';
import { copySample, facts, removeCopy, targetOf } from '../sample.ts';

const own = '11111111-1111-4111-8111-111111111111';
const other = '22222222-2222-4222-8222-222222222222';
const gone = '33333333-3333-4333-8333-333333333333';

/** A client that knows two organizations and one membership, and counts what it is asked. */
const client = `export const asked = { count: 0 };
export const rows = { organizations: [{ id: '${own}' }, { id: '${other}' }], user_org_roles: [{ user_id: 'u', org_id: '${own}' }],
  profiles: [{ id: 'u', org_id: '${other}' }] };
export const supabase = { from(table) {
  asked.count += 1;
  let found = rows[table];
  const chain = {
    select: () => chain,
    eq: (column, value) => { found = found.filter((row) => row[column] === value); return chain; },
    is: (column, value) => { found = found.filter((row) => (row[column] ?? null) === value); return chain; },
    limit: () => Promise.resolve({ data: found, error: null }),
    maybeSingle: () => Promise.resolve({ data: found[0] ?? null, error: null }),
  };
  return chain;
} };
`;

type Service = {
  readonly requireOrgId: (req: unknown) => string;
  readonly assertSameOrg: (req: unknown, supplied: unknown) => string;
  readonly validateOrg: RequestHandler;
  readonly answerRefusal: (error: unknown, res: Response) => boolean;
  readonly answeringRefusals: (handler: RequestHandler) => RequestHandler;
  readonly resolveOrgId: (user: unknown, req: unknown, res?: unknown) => Promise<string | null>;
  readonly asked: { count: number };
  readonly rows: { user_org_roles: Record<string, unknown>[] };
};

let root: string;
let service: Service;
let server: Server;
let url: string;
const unhandled = vi.fn();
const warnings = vi.spyOn(console, 'warn').mockReturnValue(undefined);

beforeAll(async () => {
  root = await copySample();
  const memberships = facts.memberships && {
    ...facts.memberships,
    active: [{ column: 'removed_at', test: 'null' as const }],
  };
  const code = await readCode(targetOf(root, { memberships }));
  const { backend } = code.workspace;
  if (backend === null) throw new Error('no backend');
  const text = await renderService(code, backend, await locateService(code, backend));
  const folder = path.join(root, 'backend/src');
  await mkdir(path.join(folder, 'services'), { recursive: true });
  await writeFile(
    path.join(folder, 'services/org-validation.ts'),
    `${text}\nexport { asked, rows } from '../config/supabase';\n`,
  );
  await writeFile(path.join(folder, 'config/supabase.ts'), client);
  await symlink(path.resolve('node_modules'), path.join(root, 'node_modules'));
  const outfile = path.join(root, 'service.mjs');
  await build({
    entryPoints: [path.join(folder, 'services/org-validation.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['express'],
  });
  service = await import(pathToFileURL(outfile).href);

  const app = express();
  app.use(express.json());
  app.use((req, res, next) => {
    const org = req.header('x-token-org');
    const user = { id: 'u', app_metadata: org === undefined ? {} : { org_id: org } };
    service.resolveOrgId(user, req, res).then((orgId) => {
      if (orgId === null) return;
      Object.assign(req, { user, org_id: orgId });
      next();
    }, next);
  });
  const answer = (req: Request) => ({ org: service.assertSameOrg(req, req.query.org) });
  const { answerRefusal, answeringRefusals } = service;
  app.get(
    '/sync',
    answeringRefusals((req, res) => void res.json(answer(req))),
  );
  app.get(
    '/async',
    answeringRefusals(async (req, res) => void res.json(answer(req))),
  );
  app.get('/caught', async (req, res) => {
    try {
      res.json(answer(req));
    } catch (error) {
      if (answerRefusal(error, res)) return;
      res.status(500).json({ error: String(error) });
    }
  });
  app.get(
    '/failing',
    answeringRefusals(async () => {
      throw new Error('of the app');
    }),
  );
  app.get('/validated', service.validateOrg, (req, res) => void res.json({ org: service.requireOrgId(req) }));
  app.use(
    ((_error, _req, res, _next) => void res.status(500).json({ error: 'handler' })) as express.ErrorRequestHandler,
  );
  process.on('unhandledRejection', unhandled);
  server = createServer(app).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.close();
  process.off('unhandledRejection', unhandled);
  await removeCopy(root);
});

const ask = async (address: string, org: string | null = own) => {
  const response = await fetch(url + address, { headers: org === null ? {} : { 'x-token-org': org } });
  return { status: response.status, body: await response.json() };
};

describe('the service that step 2.1 creates, in Express 4', () => {
  const routes = ['/sync', '/async', '/caught'];

  it.each(routes)('%s: lets the own organization through, named or not', async (route) => {
    for (const query of ['', `?org=${own}`, '?org=']) {
      expect(await ask(route + query)).toEqual({ status: 200, body: { org: own } });
    }
  });

  it.each(routes)(
    "%s: answers 403 to another organization's id, whatever the handler does with errors",
    async (route) => {
      expect(await ask(`${route}?org=${other}`)).toEqual({
        status: 403,
        body: { error: 'Access denied to this organization', code: 'FORBIDDEN' },
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(unhandled).not.toHaveBeenCalled();
    },
  );

  it('hands every other error to the error handling of the app', async () => {
    expect(await ask('/failing')).toEqual({ status: 500, body: { error: 'handler' } });
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('answers 401 without an organization, 403 without a membership, 404 where it does not exist', async () => {
    expect(await ask('/sync', null)).toMatchObject({ status: 401, body: { code: 'ORG_ID_MISSING' } });
    expect(await ask('/sync', 'default')).toMatchObject({ status: 401, body: { code: 'ORG_ID_MISSING' } });
    expect(await ask('/sync', other)).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    expect(await ask('/sync', gone)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });

  it('lets a removed member, or one whose membership no longer counts, reach nothing with the next request', async () => {
    const [member] = service.rows.user_org_roles;
    expect(await ask('/validated')).toEqual({ status: 200, body: { org: own } });
    Object.assign(member ?? {}, { removed_at: '2026-01-01' });
    expect(await ask('/validated')).toMatchObject({ status: 403 });
    Object.assign(member ?? {}, { removed_at: null });
    expect(await ask('/validated')).toMatchObject({ status: 200 });
    service.rows.user_org_roles.length = 0;
    expect(await ask('/validated')).toMatchObject({ status: 403 });
    // A profile that still names an organization proves nothing where memberships do.
    expect(await ask('/validated', other)).toMatchObject({ status: 403 });
    service.rows.user_org_roles.push(member ?? {});
  });

  it('reports refusals without the value of anything', async () => {
    warnings.mockClear();
    await ask(`/sync?org=${other}&email=someone@example.test`);
    expect(warnings.mock.calls).toHaveLength(1);
    const line = String(warnings.mock.calls[0]?.[0]);
    expect(JSON.parse(line)).toEqual({
      event: 'request_refused',
      status: 403,
      code: 'FORBIDDEN',
      method: 'GET',
      path: '/sync',
    });
  });

  it('can be written as plain JavaScript of both module systems', async () => {
    const code = await readCode(targetOf(root));
    const { backend } = code.workspace;
    if (backend === null) throw new Error('no backend');
    for (const moduleType of ['module', 'commonjs'] as const) {
      const plain = { ...backend, typescript: false, moduleType };
      const text = await renderService(code, plain, { file: 'backend/src/services/x.js', text: null, occupied: null });
      await expect(transform(text, { loader: 'js', format: 'esm' })).resolves.toBeDefined();
      expect(text).not.toMatch(/\binterface\b|: string\b|\bas unknown\b/);
    }
  });
});
