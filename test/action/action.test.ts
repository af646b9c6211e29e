import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { scanWithoutDatabase } from '../../src/cli/scan-code.ts';
import { configSchema } from '../../src/config/index.ts';
import { waiveAll } from '../../src/workspace/waivers.ts';
import { buildCli, type Cli } from '../helpers/cli.ts';
import { folderOf } from '../workspace/scan/files.ts';

const root = path.join(import.meta.dirname, '../..');
const token = 'ghs_not_a_real_token';
const fault = (name: string) =>
  `export const ${name} = (router) => router.get('/x', async (req, res) => { res.json(await db.from('notes').select('*').eq('team_id', req.query.t)); });\n`;
const app = {
  'app/package.json': JSON.stringify({ name: 'api', dependencies: { express: '4' } }),
  'app/supabase/migrations/1_init.sql': `create table teams (id uuid primary key, name text);
create table team_members (team_id uuid references teams, user_id uuid references auth.users (id));
create table notes (id uuid, team_id uuid not null references public.teams (id), body text);
`,
  'app/src/a.ts': fault('a'),
};

let cli: Cli;
let checkout: Awaited<ReturnType<typeof folderOf>>;
let scratch: string;
let base: string;
let api: Server;

/** Stands in for the part of the GitHub API that the action asks: the comments of one pull request. */
const standIn = { comments: [] as { id: number; body: string }[], requests: [] as string[], readOnly: false };

beforeAll(async () => {
  cli = await buildCli();
  checkout = await folderOf(app);
  scratch = mkdtempSync(path.join(tmpdir(), 'runner-'));
  await git('init', '-q', '-b', 'main');
  await commit('base');
  base = (await git('rev-parse', 'HEAD')).stdout;
  // What the program is started with, and that it is given no token.
  writeFileSync(
    path.join(scratch, 'program.mjs'),
    `import { appendFileSync } from 'node:fs';
if (process.env.GUARD_TOKEN) throw new Error('the program was given the token');
appendFileSync(${JSON.stringify(path.join(scratch, 'started.txt'))}, process.argv.slice(2).join(' ') + '\\n');
await import(${JSON.stringify(cli.bin)});`,
  );
  api = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += String(chunk);
    });
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      standIn.requests.push(`${method} ${url.replace(/\?.*/, '')}`);
      const reply = (status: number, body: unknown): void => void response.writeHead(status).end(JSON.stringify(body));
      if (headers.authorization !== `Bearer ${token}`) return reply(401, {});
      if (method === 'GET') return reply(200, standIn.comments);
      if (standIn.readOnly) return reply(403, {});
      const { body } = JSON.parse(text) as { body: string };
      if (method === 'POST') standIn.comments.push({ id: standIn.comments.length + 1, body });
      const edited = standIn.comments.find((one) => url.endsWith(`/issues/comments/${one.id}`));
      if (method === 'PATCH' && edited?.id === 1) return reply(403, {});
      if (method === 'PATCH' && edited !== undefined) edited.body = body;
      reply(200, {});
    });
  }).listen(0, '127.0.0.1');
  await once(api, 'listening');
}, 120_000);
afterAll(async () => {
  api?.close();
  await checkout?.remove();
  rmSync(scratch, { recursive: true, force: true });
  await cli?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  standIn.requests.length = 0;
});

const git = (...args: readonly string[]) =>
  execa('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: checkout.root });
async function commit(message: string): Promise<void> {
  await git('add', '-A');
  await git('commit', '-qm', message);
}

/** Runs the action's script with the files that a runner gives it. */
async function act(
  given: Readonly<Record<string, string>> = {},
  event: unknown = { pull_request: { number: 7, base: { sha: base } } },
) {
  writeFileSync(path.join(scratch, 'event.json'), JSON.stringify(event));
  for (const name of ['summary.md', 'output.txt']) writeFileSync(path.join(scratch, name), '');
  const { port } = api.address() as AddressInfo;
  const child = spawn('bash', [path.join(root, 'scripts/action.sh')], {
    cwd: checkout.root,
    env: {
      PATH: process.env.PATH,
      HOME: scratch,
      GITHUB_WORKSPACE: checkout.root,
      GITHUB_EVENT_PATH: path.join(scratch, 'event.json'),
      GITHUB_STEP_SUMMARY: path.join(scratch, 'summary.md'),
      GITHUB_OUTPUT: path.join(scratch, 'output.txt'),
      GITHUB_API_URL: `http://127.0.0.1:${port}`,
      GITHUB_REPOSITORY: 'acme/clinic',
      RUNNER_TEMP: scratch,
      GUARD_PROGRAM: path.join(scratch, 'program.mjs'),
      GUARD_WORKSPACE: 'app',
      GUARD_COMMENT: 'true',
      GUARD_TOKEN: token,
      ...given,
    },
  });
  let out = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
  const [code] = (await once(child, 'close')) as [number];
  return {
    code,
    out,
    summary: readFileSync(path.join(scratch, 'summary.md'), 'utf8'),
    output: readFileSync(path.join(scratch, 'output.txt'), 'utf8'),
  };
}

it('annotates what a pull request brings, and keeps one comment up to date', async () => {
  // Another person's comment with the marker is left alone.
  standIn.comments.push({ id: 1, body: '<!-- voxanne-rollout guard --> mine' });
  const silent = await act();
  expect([silent.code, standIn.comments.length]).toEqual([0, 1]);

  writeFileSync(path.join(checkout.root, 'app/src/b.ts'), fault('b'));
  await commit('a fault');
  const first = await act();
  expect(first.out).toMatch(/^::(?:error|warning) file=app\/src\/b\.ts,line=1,endLine=1,col=\d+,title=request-org::/m);
  expect(first.out).not.toContain('src/a.ts');
  expect(first.code).toBe(1);
  expect(first.output).toMatch(/^findings=1$/m);
  expect(first.summary).toContain('app/src/b.ts:1');
  expect(standIn.comments.map(({ body }) => /1 new finding/.test(body))).toEqual([false, true]);

  expect((await act()).code).toBe(1);
  expect(standIn.comments.length).toBe(2);

  writeFileSync(path.join(checkout.root, 'app/src/b.ts'), 'export const b = 1;\n');
  await commit('without it');
  expect((await act()).code).toBe(0);
  expect(standIn.comments.map(({ body }) => /no new finding/.test(body))).toEqual([false, true]);
  expect(readFileSync(path.join(scratch, 'started.txt'), 'utf8')).not.toContain(token);
  expect((await git('worktree', 'list')).stdout.split('\n').length).toBe(1);
}, 120_000);

it('takes no waiver from a pull request: whoever brings a fault could bring the waiver of it', async () => {
  writeFileSync(path.join(checkout.root, 'app/src/w.ts'), fault('w'));
  const workspace = path.join(checkout.root, 'app');
  const settings = { ...configSchema.parse({}), workspace, file: null };
  const { findings } = await scanWithoutDatabase(settings, new AbortController().signal);
  const own = findings.filter(({ file }) => file === 'src/w.ts');
  expect(own.length).toBe(1);
  await waiveAll(workspace, own, 'trust me', 'somebody');
  await git('add', '-f', 'app/.voxanne-rollout/waivers.json');
  await commit('a fault and its waiver');
  const brought = await act();
  expect([brought.code, /file=app\/src\/w\.ts/.test(brought.out)]).toEqual([1, true]);
  rmSync(path.join(checkout.root, 'app/src/w.ts'));
  rmSync(path.join(checkout.root, 'app/.voxanne-rollout'), { recursive: true });
  await commit('without both');
}, 120_000);

it('says that it could not comment, or could not look, and goes on or stops', async () => {
  writeFileSync(path.join(checkout.root, 'app/src/c.ts'), fault('c'));
  await commit('another fault');
  standIn.readOnly = true;
  standIn.comments.length = 0;
  const fork = await act();
  standIn.readOnly = false;
  expect([fork.code, /::warning title=voxanne-rollout guard::No comment was written/.test(fork.out)]).toEqual([
    1,
    true,
  ]);
  const drift = await act({ GUARD_MODE: 'drift' });
  expect([drift.code, /Set SUPABASE_DB_URL/.test(drift.out)]).toEqual([2, true]);
  const nobody = await act(
    { GUARD_MODE: 'drift', SUPABASE_DB_URL: 'postgresql://postgres:secret-word@127.0.0.1:1/x' },
    {},
  );
  expect([nobody.code, /::warning title=not checked::the database/.test(nobody.out)]).toEqual([2, true]);
  expect(nobody.out + readFileSync(path.join(scratch, 'started.txt'), 'utf8')).not.toContain('secret-word');
  for (const given of [
    { GUARD_MODE: 'x' },
    { GUARD_WORKSPACE: '../other' },
    { GUARD_PROGRAM: '', GUARD_VERSION: 'latest' },
  ])
    expect((await act(given)).code).toBe(2);
}, 120_000);

it('annotates errors before advice, however much there is of it', async () => {
  const finding = (line: number, level: string) => ({
    ...{ id: String(line), kind: 'k', part: 'code', reason: 'r', instruction: 'i', level },
    place: { kind: 'file', file: 'src/a.ts', line, column: 1, endLine: line },
  });
  const advice = Array.from({ length: 80 }, (_, index) => finding(index + 1, 'note'));
  const report = path.join(scratch, 'many.json');
  writeFileSync(report, JSON.stringify({ findings: [...advice, finding(500, 'error')], notLookedAt: [] }));
  const told = await execa('node', [path.join(root, 'scripts/action.js'), 'tell', report, 'drift', '1'], {
    extendEnv: false,
    env: { PATH: process.env.PATH },
  });
  expect(told.stdout.split('\n')[0]).toMatch(/^::error file=src\/a\.ts,line=500,/);
});

it('uses nothing of third parties, and is pinned to this version', () => {
  const action = readFileSync(path.join(root, 'action.yml'), 'utf8');
  expect(action).not.toMatch(/^\s*-?\s*uses:/m);
  expect(action.match(/^\s*run: .*$/gm)?.filter((line) => line.includes('${{'))).toEqual([]);
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
  expect(action).toContain(`default: ${version}\n`);
});
