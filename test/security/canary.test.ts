import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tell, tinyDecisions } from '../helpers/cli.ts';
import { openStage, type Stage } from '../safety/setup.ts';
import { openTerminal } from '../wizard/terminal.ts';

const linux = process.platform === 'linux';
if (!linux) tell('skipped: processes are looked at on Linux only (no /proc here)');

/** One word in everything that must not be seen; each secret has a tail of its own, so that a find names it. */
const canary = 'Kanarienvogel';
const secrets = {
  password: `${canary} pass/7&ß`.normalize(),
  service: `sb_${canary}_service_key`,
  anon: `sb_${canary}_anon_key`,
  token: `sbp_${canary}_access_token`,
  jwt: `${canary}-jwt-secret-of-forty-characters-xxxx`,
};
/** In rows of the app: no command needs to show what people wrote. */
const content = `${canary}-row`;
const traces = [canary, encodeURIComponent(secrets.password), Buffer.from(secrets.service).toString('base64')];

let stage: Stage;
let api: Server;
let workspace: string;
let temporary: string;
let url: string;
let env: Readonly<Record<string, string>>;

/** An API that says back whatever it is sent, as error pages of proxies do. */
const echo = (): Server =>
  createServer((request, response) => {
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ message: `refused: ${JSON.stringify(request.headers)}` }));
  });

beforeAll(async () => {
  stage = await openStage();
  await stage.tiny(
    'canary',
    `update contacts set name = '${content} 1', phone = '${content} 2'; update calls set caller = '${content} 3';
     update organizations set name = '${content} 4'; update profiles set full_name = '${content} 5'`,
  );
  await stage.sql(
    stage.server.adminUrl('canary'),
    `alter role postgres password '${secrets.password}'; alter database canary set app.settings.jwt_secret = '${secrets.jwt}'`,
  );
  const parts = new URL(stage.server.url('canary'));
  parts.password = encodeURIComponent(secrets.password);
  url = parts.href;
  workspace = stage.cli.folder('canary-app');
  temporary = stage.cli.folder('canary-temporary');
  app(workspace);
  api = echo();
  await new Promise<void>((done) => api.listen(0, '127.0.0.1', done));
  env = {
    TMPDIR: temporary,
    SUPABASE_SERVICE_ROLE_KEY: secrets.service,
    SUPABASE_ANON_KEY: secrets.anon,
    SUPABASE_ACCESS_TOKEN: secrets.token,
    SUPABASE_JWT_SECRET: secrets.jwt,
    VOXANNE_TEST_TOKEN: secrets.token,
  };
});
afterAll(async () => {
  api?.close();
  await stage?.close();
});

/** A small app with a compiler and tests that write down what they were given. */
function app(root: string): void {
  const told = `{ env; echo "$@"; tr '\\0' ' ' < /proc/$$/cmdline; } >> '${join(root, 'given')}' 2>/dev/null`;
  const files: Readonly<Record<string, string>> = {
    'package.json': '{"name":"app","type":"module","dependencies":{"react":"*","express":"*"}}',
    'tsconfig.json': '{"include":["src"]}',
    'src/server.ts': "import express from 'express';\nexport const app = express();\n",
    'node_modules/typescript/package.json': '{"name":"typescript"}',
    'node_modules/.bin/tsc': `#!/bin/sh\n${told}\n`,
    'node_modules/.bin/supabase': `#!/bin/sh\n${told}\necho 3.1.0\n`,
    'voxanne-rollout.config.json': JSON.stringify({ code: { tests: told.replaceAll('"$@"', 'tests') } }),
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  for (const name of ['tsc', 'supabase']) chmodSync(join(root, 'node_modules/.bin', name), 0o755);
}

const threads = (process: string): readonly string[] => {
  try {
    return readdirSync(`/proc/${process}/task`);
  } catch {
    return []; // ended meanwhile
  }
};

/** Command line and environment of every process below `pid`, and the command line of `pid` itself. */
function processes(pid: number): readonly string[] {
  if (!linux) return [];
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'latin1').replaceAll('\0', '\n');
    } catch {
      return ''; // ended meanwhile, or another user's
    }
  };
  const below: string[] = [];
  const enter = (process: string): void => {
    below.push(process);
    for (const thread of threads(process)) {
      for (const child of read(`/proc/${process}/task/${thread}/children`).split(' ').filter(Boolean)) enter(child);
    }
  };
  enter(String(pid));
  children += below.length - 1;
  const own = read(`/proc/${pid}/cmdline`);
  return below.flatMap((name) => {
    // A child is a copy of its parent until it becomes another program.
    const line = read(`/proc/${name}/cmdline`);
    return [`cmdline ${line}`, ...(line === own ? [] : [`environ ${read(`/proc/${name}/environ`)}`])];
  });
}

const found: string[] = [];
/** How many looks at a process below a command there were. */
let children = 0;
/** Keeps where a trace stands, with a little of what is around it. */
function look(where: string, text: string): void {
  for (const trace of traces) {
    const at = text.indexOf(trace);
    if (at >= 0) found.push(`${where}: ${text.slice(Math.max(0, at - 150), at + 80)}`);
  }
}

function lookInFiles(when: string): void {
  for (const folder of [workspace, temporary]) {
    for (const file of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(file.parentPath, file.name);
      if (file.isFile()) look(`${when}: ${path}`, readFileSync(path, 'utf8'));
      if (file.isSymbolicLink()) look(`${when}: ${path}`, readlinkSync(path));
    }
  }
}

async function run(
  args: readonly string[],
  expected: readonly (number | null)[],
  { hook, also = {} }: { readonly hook?: string; readonly also?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const started = stage.cli.start(args, {
    url,
    cwd: workspace,
    env: { ...env, ...also },
    ...(hook === undefined ? {} : { node: ['--import', compiled(hook)] }),
  });
  const name = args.join(' ') + (hook === undefined ? '' : ' (ended by force)');
  const looking = setInterval(() => {
    for (const text of processes(started.child.pid ?? 0)) look(`a process of ${name}`, text);
  }, 50);
  const { code, stdout, stderr } = await started.ended;
  clearInterval(looking);
  expect(expected, `${name}\n${stdout}\n${stderr}`).toContain(code);
  look(`stdout of ${name}`, stdout);
  look(`stderr of ${name}`, stderr);
  lookInFiles(name);
  return stdout + stderr;
}

async function lookInJournal(): Promise<void> {
  const rows = await stage.sql<{ text: string }>(
    stage.server.adminUrl('canary'),
    `select query_to_xml(format('select * from voxanne_rollout.%I', tablename), true, false, '')::text as text
     from pg_tables where schemaname = 'voxanne_rollout'`,
  );
  expect(rows.length).toBeGreaterThan(2);
  for (const { text } of rows) look('the journal', text);
}

/** A hook as Node loads it without help, which would be a process of its own. */
function compiled(name: string): string {
  const file = join(stage.cli.folder('hooks'), `${name}.mjs`);
  const source = readFileSync(join(import.meta.dirname, '../safety', `${name}.ts`), 'utf8');
  writeFileSync(file, transformSync(source, { loader: 'ts', format: 'esm' }).code);
  return file;
}

test('no secret and no content of a row is seen in any output, file, journal row, process or crash', async () => {
  const to17 = ['--yes', '--to', '1.7', ...tinyDecisions];
  await run(['doctor'], [0, 1]);
  await run(['plan', '--verbose', ...tinyDecisions], [0]);
  await run(['plan', '--sql', ...tinyDecisions], [0]);
  // Killed between two changes, and ended by an exception that nobody expected, with the secret in its words.
  await run(['--yes', '--to', '1.2', ...tinyDecisions], [null], {
    hook: 'kill-hook',
    also: { KILL_AT: 'before create the journal' },
  });
  const crashed = await run([...to17, '--debug'], [1], { hook: 'throw-hook' });
  expect(crashed).toContain('thrown by the test');
  await run([...to17, '--verbose', '--debug'], [0]);
  await run(['--yes', '--json', '--run-programs', ...tinyDecisions], [0, 1]);
  await run(
    [
      'verify',
      '--json',
      '--run-programs',
      '--supabase-url',
      `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
      '--backend-url',
      `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
    ],
    [0, 1],
  );
  await lookInJournal();
  await run(['status', '--debug'], [0]);
  await run(['waive'], [0]);
  await run(['report'], [0]);
  await run(['report', '--format', 'html', '--output', join(workspace, 'report.html')], [0]);
  const terminal = openTerminal(stage.cli.bin, [], { cwd: workspace, env: { ...env, SUPABASE_DB_URL: url } });
  await terminal.wait(/q quit/);
  await terminal.press('q');
  await terminal.exit;
  look('the wizard', terminal.written());
  await run(['rollback', '--all', '--yes', '--json'], [0]);
  await lookInJournal();
  for (const wrong of [`${url}x`, url.replace('127.0.0.1', 'db.example.invalid'), url.replace(/:\d+\//, ':9/')]) {
    await run(['plan', '--debug', '--db-url', wrong], [2, 4]);
  }
  await run(['plan', '--debug', '--config', 'absent.json'], [2]);
  const given = readFileSync(join(workspace, 'given'), 'utf8');
  expect(given).toContain('--noEmit');
  expect(given).toContain('tests');
  if (linux) expect(children).toBeGreaterThan(0);
  // The last runs named the database on their command line, where everybody sees it: that is what the help warns of.
  expect([...new Set(found)].filter((one) => !/^a process of plan --debug --db-url/.test(one))).toEqual([]);
}, 240_000);
