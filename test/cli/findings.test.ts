import { chmod, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { folderOf } from '../workspace/scan/files.ts';

const clean: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const remove of clean.splice(0)) await remove();
});

const fault = `export const a = (router) => router.get('/x', async (req, res) => { res.json(await db.from('notes').select('*').eq('team_id', req.query.t)); });\n`;
const sound = fault.replace('req.query.t', 'req.user.team');
const app = {
  'package.json': JSON.stringify({ name: 'api', dependencies: { express: '4' } }),
  'supabase/migrations/1_init.sql': `create table teams (id uuid primary key, name text);
create table team_members (team_id uuid references teams, user_id uuid references auth.users (id));
create table notes (id uuid, team_id uuid not null references public.teams (id), body text);
`,
  'voxanne-rollout.config.json': JSON.stringify({ code: { tests: 'test ! -f broken' } }),
  'src/a.ts': fault,
  'tsconfig.json': '{}',
  // Stands in for the app's compiler: its errors are what the file says.
  'node_modules/typescript/package.json': '{}',
  'node_modules/.bin/tsc': '#!/bin/sh\ncat errors.txt; test ! -s errors.txt\n',
  'errors.txt': 'src/old.ts(1,1): error TS2322: It was there before.\n',
};

async function ran(root: string, ...args: readonly string[]) {
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  const code = await main(['node', 'voxanne-rollout', 'findings', '--workspace', root, ...args]);
  vi.restoreAllMocks();
  return { code, out };
}

it('hands out what it cannot fix, and counts work only when everything proves it', async () => {
  const { root, remove } = await folderOf(app);
  clean.push(remove);
  const file = path.join(root, 'src/a.ts');
  const run = '--run-programs';
  await chmod(path.join(root, 'node_modules/.bin/tsc'), 0o755);
  expect((await ran(root, '--prove', 'x')).code).toBe(2);
  const { tasks } = JSON.parse((await ran(root, '--format', 'tasks', run)).out);
  expect(tasks).toEqual([
    expect.objectContaining({
      kind: 'request-org',
      place: expect.objectContaining({ file: 'src/a.ts', line: 1 }),
      reason: expect.stringMatching(/\w/),
      instruction: expect.stringMatching(/\w/),
      check: expect.objectContaining({ command: `voxanne-rollout findings --prove ${tasks[0].id} --run-programs` }),
    }),
  ]);
  const prove = (...more: readonly string[]) => ran(root, '--prove', tasks[0].id, ...more);
  expect(await prove(run)).toMatchObject({ code: 1, out: expect.stringContaining('is still there') });

  await rm(file);
  expect(await prove(run)).toMatchObject({ code: 1, out: expect.stringContaining('the file was deleted') });
  // Another place of the same kind is no fix.
  await writeFile(file, sound);
  await writeFile(path.join(root, 'src/b.ts'), fault.replace('const a', 'const b'));
  expect(await prove(run)).toMatchObject({ code: 1, out: expect.stringContaining('src/b.ts') });
  await rm(path.join(root, 'src/b.ts'));
  await writeFile(path.join(root, 'broken'), '');
  expect(await prove(run)).toMatchObject({ code: 1, out: expect.stringContaining('tests of the app') });
  await rm(path.join(root, 'broken'));
  const types = path.join(root, 'errors.txt');
  await writeFile(types, `${app['errors.txt']}src/a.ts(1,1): error TS2339: No such property.\n`);
  expect(await prove(run)).toMatchObject({ code: 1, out: expect.stringMatching(/type check.*TS2339/) });
  await writeFile(types, app['errors.txt']);
  // A check that is told to look away, or is another one by now, proves nothing; nor does handing out again.
  for (const [name, text, said] of [
    ['src/a.ts', `// @ts-nocheck\n${sound}`, 'the type check is silenced in src/a.ts'],
    ['src/a.ts', sound.replace('res.json', '/* @ts-ignore */ res.json'), 'the type check is silenced in src/a.ts'],
    ['tsconfig.json', '{"exclude":["src"]}', 'tsconfig.json was changed'],
    ['voxanne-rollout.config.json', '{"code":{"tests":"true"}}', 'code.tests is another command'],
  ] as const) {
    await writeFile(path.join(root, name), text);
    await ran(root, '--format', 'tasks', run);
    expect(await prove(run), said).toMatchObject({ code: 1, out: expect.stringContaining(said) });
    await writeFile(path.join(root, name), name === 'src/a.ts' ? sound : app[name]);
  }
  // Nobody allowed the compiler and the tests to be run.
  expect(await prove()).toMatchObject({ code: 2, out: expect.stringContaining('does not count yet') });
  expect(await prove(run)).toMatchObject({ code: 0, out: expect.stringContaining('Proven.') });
  expect((await ran(root)).out).toContain('0 open findings');
}, 60_000);
