import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { folderOf } from '../workspace/scan/files.ts';

const clean: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const remove of clean.splice(0)) await remove();
});

const fault = (name: string) =>
  `export const ${name} = (router) => router.get('/x', async (req, res) => { res.json(await db.from('notes').select('*').eq('team_id', req.query.t)); });\n`;

const app = {
  'package.json': JSON.stringify({ name: 'api', dependencies: { express: '4' } }),
  'supabase/migrations/1_init.sql': `create table teams (id uuid primary key, name text);
create table team_members (team_id uuid references teams, user_id uuid references auth.users (id));
create table notes (id uuid, team_id uuid not null references public.teams (id), body text);
`,
  'src/a.ts': fault('a'),
};

async function ran(root: string, ...args: readonly string[]) {
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  const code = await main(['node', 'voxanne-rollout', 'scan', '--workspace', root, ...args]);
  vi.restoreAllMocks();
  return { code, out };
}

it('takes the names from the migrations, asks no database, and exits 1 on a finding', async () => {
  const { root, remove } = await folderOf(app);
  clean.push(remove);
  const { code, out } = await ran(root);
  expect(code).toBe(1);
  expect(out).toMatch(/^src\/a\.ts:1:\d+ {2}request-org {2}[0-9a-f]{12}$/m);
  expect(out).toMatch(/1 finding in 1 file/);
});

it.each(['json', 'sarif'] as const)('leaves out what a baseline in %s has, and finds what is new', async (format) => {
  const { root, remove } = await folderOf(app);
  clean.push(remove);
  const baseline = path.join(root, 'baseline.json');
  await writeFile(baseline, (await ran(root, '--format', format)).out);
  await writeFile(path.join(root, 'src/a.ts'), `// moved\n\n${app['src/a.ts']}`);
  expect((await ran(root, '--baseline', baseline)).code).toBe(0);
  await writeFile(path.join(root, 'src/b.ts'), fault('b'));
  const { code, out } = await ran(root, '--baseline', baseline);
  expect([code, /src\/b\.ts/.test(out), /src\/a\.ts/.test(out)]).toEqual([1, true, false]);
});

it('looks at what changed since a commit, new files included, and refuses what is no commit', async () => {
  const { root, remove } = await folderOf(app);
  clean.push(remove);
  const git = (...args: readonly string[]) =>
    execa('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: root });
  await git('init', '-q');
  await git('add', '-A');
  await git('commit', '-qm', 'start');
  expect((await ran(root, '--changed-since', 'HEAD')).code).toBe(0);
  await writeFile(path.join(root, 'src/b.ts'), fault('b'));
  expect((await ran(root, '--changed-since', 'HEAD')).code).toBe(1);
  expect((await ran(root, '--changed-since', 'nothing')).code).toBe(2);
  expect((await ran(root, '--baseline', path.join(root, 'package.json'))).code).toBe(2);
});

it('says that there is nothing to look at, rather than that nothing was found', async () => {
  const { root, remove } = await folderOf({ 'package.json': '{}', 'README.md': 'x' });
  clean.push(remove);
  for (const args of [[], ['--format', 'sarif']]) expect(await ran(root, ...args)).toEqual({ code: 2, out: '' });
});
