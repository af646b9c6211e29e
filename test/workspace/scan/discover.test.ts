import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { discoverWorkspace } from '../../../src/workspace/discover.ts';
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
  expect((await discoverWorkspace(root)).git?.dirty).toEqual([]);
  await writeFile(path.join(root, 'src/a b.ts'), '2');
  await writeFile(path.join(root, 'neu ü.ts'), '2');
  const found = await discoverWorkspace(root);
  expect([...(found.git?.dirty ?? [])].sort()).toEqual(['neu ü.ts', 'src/a b.ts']);
});

it('refuses a folder that is not there, and a manifest that is no JSON, in one sentence each', async () => {
  await expect(discoverWorkspace('/does/not/exist')).rejects.toThrow(/cannot be read/);
  await expect(discoverWorkspace(await workspace({ 'package.json': '{' }))).rejects.toThrow(/not valid JSON/);
});
