import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { urlPasswords } from '../../../src/config/secrets.ts';
import { chooseConnection, connectionSources } from '../../../src/supabase/connection/index.ts';

let workspace = '';
beforeEach(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'sources-test-'));
});
afterEach(() => rm(workspace, { recursive: true }));

async function file(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(workspace, path)), { recursive: true });
  await writeFile(join(workspace, path), content);
}

const ref = 'abcdefghijklmnopqrst';
const url = (name: string) => `postgresql://u:p@${name}/d`;

test('places count in order: flag, variables, files, linked project, local stack', async () => {
  await file('.env', `DATABASE_URL="${url('env')}"\n`);
  await file('.env.local', `export SUPABASE_DB_URL=${url('env-local')} # comment\n`);
  await file('backend/.env', `DATABASE_URL='${url('backend')}'\n`);
  await file('supabase/.temp/project-ref', `${ref}\n`);
  await file('supabase/config.toml', '[api]\nport = 54321\n[db]\nport = 55322 # ours\n[db.pooler]\nport = 54329\n');
  const sources = await connectionSources({
    dbUrl: url('flag'),
    env: { DATABASE_URL: url('database'), SUPABASE_DB_URL: url('supabase'), SUPABASE_DB_PASSWORD: 'beside' },
    workspace,
    backends: ['backend', '.'],
  });
  expect(sources.map((source) => [source.origin, source.url, source.explicit])).toEqual([
    ['--db-url', url('flag'), true],
    ['SUPABASE_DB_URL', url('supabase'), true],
    ['DATABASE_URL', url('database'), true],
    ['.env.local: SUPABASE_DB_URL', url('env-local'), false],
    ['.env: DATABASE_URL', url('env'), false],
    ['backend/.env: DATABASE_URL', url('backend'), false],
    [`the linked project ${ref}`, `postgresql://postgres@db.${ref}.supabase.co:5432/postgres`, false],
    ['the local stack of supabase/config.toml', 'postgresql://postgres:postgres@127.0.0.1:55322/postgres', false],
  ]);
  expect(sources[6]?.password).toBe('beside');
});

test('the pooler of a linked project is used in session mode', async () => {
  await file('supabase/.temp/project-ref', ref);
  await file(
    'supabase/.temp/pooler-url',
    `postgresql://postgres.${ref}:[YOUR-PASSWORD]@aws-0-eu-central-1.pooler.supabase.com:6543/postgres`,
  );
  const chosen = await chooseConnection({ env: { SUPABASE_DB_PASSWORD: 'secret' }, workspace });
  expect(chosen).toMatchObject({
    url: `postgresql://postgres.${ref}@aws-0-eu-central-1.pooler.supabase.com:5432/postgres`,
    password: 'secret',
    explicit: false,
  });
});

test('strings of other databases, references and placeholders in .env files are passed over', async () => {
  await file(
    '.env',
    'DATABASE_URL=mysql://u:p@h/d\nSUPABASE_DB_URL=postgresql://postgres:[YOUR-PASSWORD]@db.x.supabase.co/postgres\n',
  );
  await file('.env.local', 'DATABASE_URL=postgresql://u:${DB_PASSWORD}@h/d\n');
  await expect(chooseConnection({ env: {}, workspace })).rejects.toMatchObject({
    exitCode: 2,
    problem: 'No database URL given.',
  });
});

test('a linked project without a password is still the target, never the local stack', async () => {
  await file('supabase/.temp/project-ref', ref);
  await file('supabase/config.toml', '[db]\nport = 54322\n');
  expect((await chooseConnection({ env: {}, workspace })).origin).toBe(`the linked project ${ref}`);
});

test('quotes and spaces around a string are not part of it, and a blank one is none', async () => {
  const url = 'postgresql://postgres:secret@db.x.supabase.co/postgres';
  for (const given of [`"${url}"`, `'${url}'`, ` ${url}\n`]) {
    expect((await chooseConnection({ env: { SUPABASE_DB_URL: given }, workspace })).url).toBe(url);
    expect((await chooseConnection({ dbUrl: given, env: {}, workspace })).url).toBe(url);
    expect(urlPasswords(given)).toContain('secret');
  }
  await expect(chooseConnection({ dbUrl: ' ', env: { DATABASE_URL: '""' }, workspace })).rejects.toMatchObject({
    problem: 'No database URL given.',
  });
});
