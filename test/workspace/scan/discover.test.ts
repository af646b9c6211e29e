import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { dirtyNote } from '../../../phases/code/code.ts';
import { discoverWorkspace } from '../../../src/workspace/discover.ts';
import { listFiles } from '../../../src/workspace/files.ts';
import { folderOf } from './files.ts';

const clean: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const remove of clean.splice(0)) await remove();
});

async function workspace(files: Record<string, string>) {
  const { root, remove } = await folderOf(files);
  clean.push(remove);
  return root;
}

const express = JSON.stringify({ name: 'api', dependencies: { express: '4' }, devDependencies: { typescript: '5' } });
const auth = `import { Request, Response, NextFunction } from 'express';
export async function requireAuth(req: Request, res: Response, next: NextFunction) {
  const { data } = await supabase.auth.getUser(token); req.user = { id: data.user.id };
}
export const optionalAuth = async (req, res, next) => { await supabase.auth.getUser(token); };`;

it('sees two packages side by side, with their frameworks, aliases and clients', async () => {
  const root = await workspace({
    'package.json': JSON.stringify({
      name: 'web',
      dependencies: { next: '14', react: '18', sonner: '1' },
      devDependencies: { tailwindcss: '3' },
    }),
    'package-lock.json': '{}',
    'tsconfig.json': '{ // comment\n "compilerOptions": { "paths": { "@/*": ["./src/*"], }, }, }',
    'src/app/page.tsx': 'export default () => null;',
    'src/lib/supabase.ts': `export const supabase = createClient(url, process.env.NEXT_PUBLIC_SUPABASE_ANON_KEY);`,
    'backend/package.json': express,
    'backend/tsconfig.json': '{ "extends": "./tsconfig.base.json" }',
    'backend/tsconfig.base.json': '{ "compilerOptions": { "moduleResolution": "node16" } }',
    'backend/src/middleware/auth.ts': auth,
    'backend/src/services/supabase-client.ts': `export const supabase = createClient(env.SUPABASE_URL, env.SUPABASE_SERVICE_ROLE_KEY);`,
    'backend/src/routes/calls.ts': `export const callsRouter = Router();`,
    'backend/src/routes/open.ts': `export const openRouter = Router();`,
    'backend/src/server.ts': `import { requireAuth } from './middleware/auth';\nimport { callsRouter } from './routes/calls';\nimport { openRouter } from './routes/open';\nconst app = express();\napp.use('/open', openRouter);\napp.use('/calls', requireAuth, callsRouter);`,
    'src/types/database.types.ts': `export type Database = { public: { Tables: { a: { Row: { id: string } } } } }`,
  });
  const found = await discoverWorkspace(root);
  expect(found).toMatchObject({
    git: null,
    layout: 'separate',
    packageManager: 'npm',
    backend: {
      directory: 'backend',
      frameworks: ['express'],
      servicesDirectory: 'backend/src/services',
      importExtension: '',
      hasNodeModules: false,
    },
    frontend: { directory: '', frameworks: ['next-app'], aliases: [{ prefix: '@/', target: 'src/' }] },
    auth: [{ file: 'backend/src/middleware/auth.ts', exports: ['requireAuth', 'optionalAuth'], side: 'server' }],
    generatedTypes: ['src/types/database.types.ts'],
    styling: { tailwind: true, toast: { package: 'sonner', file: null } },
  });
  expect(found.supabaseClients.map(({ file, role }) => [file, role])).toEqual([
    ['backend/src/services/supabase-client.ts', 'service'],
    ['src/lib/supabase.ts', 'anon'],
  ]);
  expect([...found.authenticatedFiles]).toEqual(['backend/src/routes/calls.ts']);
  expect(found.notes.join(' ')).toContain('not a git checkout');
});

it('reads what a tsconfig extends, in lists and in packages, and goes without a base that is not installed', async () => {
  const root = await workspace({
    'package.json': JSON.stringify({ name: 'app', dependencies: { express: '5' } }),
    'node_modules/@acme/ts/base.json': '{ "compilerOptions": { "baseUrl": ".", "module": "nodenext" } }',
    'paths.json': '{ "compilerOptions": { "paths": { "~lib/*": ["./src/lib/*"] } } }',
    'tsconfig.json': '{ "extends": ["@acme/ts/base.json", "./paths.json"], /* a note */ "compilerOptions": {}, }',
    'api/package.json': JSON.stringify({ name: 'api', type: 'module', dependencies: { hono: '4' } }),
    'api/tsconfig.json': '{ "extends": "@gone/base", "compilerOptions": { "paths": { "#/*": ["./src/*"] } } }',
    'src/lib/a.ts': '',
    'api/src/a.ts': '',
  });
  const { projects } = await discoverWorkspace(root);
  expect(projects.map(({ name, aliases }) => [name, aliases.map(({ prefix }) => prefix)])).toEqual([
    ['app', ['~lib/']],
    ['api', ['#/']],
  ]);
});

it('takes a single package for both sides', async () => {
  const root = await workspace({
    'package.json': JSON.stringify({ name: 'app', type: 'module', dependencies: { next: '15', react: '19' } }),
    'tsconfig.json': '{ "compilerOptions": { "module": "nodenext" } }',
    'pages/index.tsx': '',
  });
  const found = await discoverWorkspace(root);
  expect(found.layout).toBe('single');
  expect(found.backend).toBe(found.frontend);
  expect(found.backend?.frameworks).toEqual(['next-pages']);
  expect(found.backend?.importExtension).toBe('.js');
});

it.each([
  ['.js', 'src/a.js', `import { b } from './b.js';\nimport express from 'express';`],
  ['.ts', 'src/a.ts', `import { b } from './b.ts';\nimport data from './data.json';`],
  ['', 'src/a.ts', `import { b } from './b';\nimport './style.css';`],
])('spells imports of a module package as its own files do: %j', async (extension, file, code) => {
  const root = await workspace({
    'package.json': JSON.stringify({ name: 'api', type: 'module', dependencies: { express: '4' } }),
    [file]: `${code}\nexpress();\n`,
  });
  expect((await discoverWorkspace(root)).backend?.importExtension).toBe(extension);
});

it('says that there is no backend and no frontend rather than failing', async () => {
  const found = await discoverWorkspace(await workspace({ 'README.md': 'x' }));
  expect([found.backend, found.frontend, found.packageManager]).toEqual([null, null, null]);
  expect(found.notes).toHaveLength(3);
});

it('names the dirty files of a git checkout', async () => {
  const root = await workspace({ 'package.json': express, 'src/a b.ts': '1' });
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: root });
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'x');
  const files = ['package.json', 'src/a b.ts', 'neu ü.ts', 'not there.ts'];
  const { git: checkout } = await discoverWorkspace(root);
  expect(await checkout?.dirty(files)).toEqual([]);
  await writeFile(path.join(root, 'src/a b.ts'), '2');
  await writeFile(path.join(root, 'neu ü.ts'), '2');
  expect([...((await checkout?.dirty(files)) ?? [])].sort()).toEqual(['neu ü.ts', 'src/a b.ts']);
  const below = await discoverWorkspace(path.join(root, 'src'));
  expect(await below.git?.dirty(['a b.ts'])).toEqual(['a b.ts']);
});

it('says that git cannot tell, where git fails, and plans all the same', async () => {
  const root = await workspace({ 'package.json': express });
  execFileSync('git', ['init', '-q'], { cwd: root });
  const found = await discoverWorkspace(root);
  await writeFile(path.join(root, '.git/index'), 'no index');
  expect(await dirtyNote(found, ['package.json'])).toEqual([
    {
      text: expect.stringMatching(/^git cannot tell/),
      detail: expect.stringMatching(/^git status failed\. (?!.*journalled)/),
    },
  ]);
});

it('refuses a folder that is not there, and a manifest that is no JSON, in one sentence each', async () => {
  await expect(discoverWorkspace('/does/not/exist')).rejects.toThrow(/cannot be read/);
  await expect(discoverWorkspace(await workspace({ 'package.json': '{' }))).rejects.toThrow(/not valid JSON/);
});

const manifest = (name: string, ...packages: string[]): string =>
  JSON.stringify({ name, dependencies: Object.fromEntries(packages.map((one) => [one, '1'])) });

it.each([
  [
    'Nest over Express beside Next',
    {
      'apps/api/package.json': manifest('api', '@nestjs/core', '@nestjs/platform-express', 'express'),
      'apps/api/src/main.ts': '',
      'apps/web/package.json': manifest('web', 'next', 'react'),
      'apps/web/app/page.tsx': '',
    },
    'apps/api',
    ['nest'],
    ['apps/web'],
  ],
  [
    'an app beside its demo',
    {
      'package.json': manifest('app', 'hono'),
      'src/index.ts': '',
      'demo/package.json': manifest('demo', 'next', 'express'),
      'demo/server.js': '',
      'examples/web/package.json': manifest('ex', 'react', 'vite'),
      'examples/web/src/a.tsx': '',
    },
    '',
    ['hono'],
    [],
  ],
  [
    'a website and its copy',
    {
      'web/package.json': manifest('web', 'next'),
      'web/app/page.tsx': '',
      'old-web/next/package.json': manifest('web', 'next'),
      'old-web/next/app/page.tsx': '',
    },
    'web',
    ['next-app'],
    ['web'],
  ],
  [
    'SvelteKit on both sides',
    { 'package.json': manifest('kit', '@sveltejs/kit', 'svelte', 'vite'), 'src/hooks.server.ts': '' },
    '',
    ['sveltekit'],
    [''],
  ],
  [
    'React Router on both sides',
    { 'package.json': manifest('rr', '@react-router/dev', '@react-router/node', 'react', 'vite'), 'app/root.tsx': '' },
    '',
    ['remix'],
    [''],
  ],
  [
    'tRPC in Next',
    { 'package.json': manifest('t3', '@trpc/server', 'next', 'react'), 'src/app/page.tsx': '' },
    '',
    ['trpc', 'next-app'],
    [''],
  ],
  [
    'Vue before Fastify',
    {
      'api/package.json': manifest('api', 'fastify'),
      'api/index.ts': '',
      'web/package.json': manifest('web', 'vue', 'vite'),
      'web/src/App.vue': '',
    },
    'api',
    ['fastify'],
    ['web'],
  ],
  [
    'a dashboard and an admin',
    {
      'apps/admin/package.json': manifest('admin', 'react', 'vite'),
      'apps/admin/src/a.tsx': '',
      'apps/dashboard/package.json': manifest('dashboard', 'react', 'vite'),
      'apps/dashboard/src/a.tsx': '',
      'apps/server/package.json': manifest('server', 'express'),
      'apps/server/a.ts': '',
    },
    'apps/server',
    ['express'],
    ['apps/dashboard', 'apps/admin'],
  ],
] as const)('chooses the projects of %s', async (_, files, backend, frameworks, frontends) => {
  const found = await discoverWorkspace(await workspace(files));
  expect(found.backend).toMatchObject({ directory: backend, frameworks });
  expect(found.frontends.map(({ directory }) => directory)).toEqual(frontends);
  expect(found.frontend).toBe(found.frontends[0] ?? null);
});

it('reads no clone that lies in the folder, and reads a submodule', async () => {
  const root = await workspace({
    'package.json': manifest('app', 'express'),
    '.gitmodules': '[submodule "shared"]\n\tpath = shared\n\turl = ../shared\n',
    'shared/.git': 'gitdir: ../.git/modules/shared',
    'shared/a.ts': '',
    'upstream/.git/HEAD': 'ref: refs/heads/main',
    'upstream/package.json': manifest('upstream', 'next'),
    'upstream/app/page.tsx': '',
  });
  const found = await discoverWorkspace(root);
  expect(found.projects.map(({ directory }) => directory)).toEqual(['']);
  expect(found.notes.join(' ')).toContain('upstream is a git checkout of its own');
  expect((await listFiles(root)).files.map(({ path: file }) => file)).toEqual(['shared/a.ts']);
});

it.each([
  [
    'jwt.decode',
    `import jwt from 'jsonwebtoken';\nexport function requireAuth(req, res, next) { req.user = jwt.decode(req.headers.authorization.slice(7)); next(); }`,
    true,
  ],
  [
    'the middle part through atob',
    `export const requireAuth = async (c, next) => {\n  const claims = JSON.parse(atob(token.split('.')[1]));\n  c.set('user', claims); // TODO verify(token)\n  await next();\n};`,
    true,
  ],
  [
    'the middle part through Buffer',
    `export function auth(req: Request, res: Response, next: NextFunction) {\n  const [, payload] = token.split('.');\n  req.user = JSON.parse(Buffer.from(payload, 'base64url').toString());\n  next();\n}`,
    true,
  ],
  [
    'jwt-decode',
    `import { jwtDecode } from 'jwt-decode';\nexport const auth = (req, res, next) => { req.user = jwtDecode<Claims>(token); next(); };`,
    true,
  ],
  [
    'a middleware that is called verifyToken and decodes',
    `import jwt from 'jsonwebtoken';\nexport function verifyToken(req, res, next) { req.user = jwt.decode(token); next(); }`,
    true,
  ],
  [
    'a helper that verifies',
    `import { verifyAccessToken } from './tokens';\nexport async function auth(req, res, next) { await verifyAccessToken(token); req.user = jwt.decode(token); next(); }`,
    'no auth file',
  ],
  [
    'decoded after it was verified',
    `export function auth(req, res, next) { jwt.verify(token, key); req.user = jwt.decode(token); next(); }`,
    undefined,
  ],
  [
    'getUser',
    `export const auth = async (req, res, next) => { req.user = (await supabase.auth.getUser(token)).data.user; next(); };`,
    undefined,
  ],
] as const)('sees authentication by %s, and whether it checks the signature', async (_, text, decodesOnly) => {
  const found = await discoverWorkspace(
    await workspace({
      'package.json': express,
      'src/middleware/auth.ts': text,
      'src/lib/cookies.ts': `export const parse = (text) => text.split('.');`,
    }),
  );
  expect(found.auth.map((one) => [one.file, one.decodesOnly])).toEqual(
    decodesOnly === 'no auth file' ? [] : [['src/middleware/auth.ts', decodesOnly]],
  );
});

it.each([
  [
    'JavaScript whose tests are in TypeScript',
    { 'server/a.js': 'run();', 'tests/a.spec.ts': 'go();', 'play.config.ts': '' },
    false,
  ],
  ['sources in TypeScript without settings for it', { 'server/a.ts': 'run();' }, true],
  ['settings for TypeScript alone', { 'server/a.js': 'run();', 'tsconfig.json': '{}' }, true],
])('tells the language of a package: %s', async (_, files: Record<string, string>, typescript) => {
  const root = await workspace({ 'package.json': express, ...files });
  expect((await discoverWorkspace(root)).projects[0]?.typescript).toBe(typescript);
});
