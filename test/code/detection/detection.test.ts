import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { discoverWorkspace } from '../../../src/workspace/discover.ts';
import { namesInFiles } from '../../../src/workspace/names-in-files.ts';
import { scan } from '../../../src/workspace/scan/scan.ts';
import type { Finding } from '../../../src/workspace/scan/types.ts';
import { speak } from '../../../src/workspace/scan/vocabulary.ts';
import { tablesInFiles } from '../../../src/workspace/tables-in-files.ts';
import { type Case, cases, inWords, manifests } from './table.ts';
import { unscopedCases } from './unscoped-rows.ts';

const clean: string[] = [];
afterAll(async () => {
  speak({ columns: [], tables: [], memberships: [] });
  for (const root of clean) await rm(root, { recursive: true, force: true });
});

const schema = `create table organizations (id uuid primary key, name text);
create table memberships (org_id uuid references organizations, user_id uuid references auth.users, role text);
create table registers (id uuid primary key, name text);
create table partner_links (id uuid primary key, org_id uuid references registers, name text);
create table calls (id uuid primary key, org_id uuid references organizations, name text);
`;

async function findingsIn(
  given: readonly Pick<Case, 'path' | 'text'>[],
  spell: (text: string) => string,
): Promise<ReadonlyMap<string, readonly Finding[]>> {
  const root = await mkdtemp(path.join(tmpdir(), 'detection-'));
  clean.push(root);
  const write = async (name: string, text: string): Promise<void> => {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), text);
  };
  await write('package.json', '{"name":"apps","private":true,"workspaces":["apps/*"]}');
  for (const [name, text] of Object.entries(manifests)) await write(name, text);
  await write('supabase/migrations/20240101000000_init.sql', spell(schema));
  for (const one of given) await write(one.path, spell(one.text));
  const workspace = await discoverWorkspace(root);
  const names = namesInFiles(await tablesInFiles(root, workspace.generatedTypes), {
    from: null,
    to: 'org_id',
    organizations: null,
  });
  const { findings, notices } = await scan(workspace, names);
  expect(notices.filter(({ kind }) => kind !== 'skipped')).toEqual([]);
  const found = new Map<string, Finding[]>();
  for (const one of findings) if (!one.advice) found.set(one.file, [...(found.get(one.file) ?? []), one]);
  return found;
}

const apps: readonly (readonly [string, (text: string) => string])[] = [
  ['org_id', (text) => text],
  ['team_id', (text) => inWords(text, 'team', 'teams', 'team_members')],
  ['account_id', (text) => inWords(text, 'account', 'accounts', 'account_users')],
  ['company_id', (text) => inWords(text, 'company', 'companies', 'company_members')],
];

const every = process.env.FULL === '1';

describe.each(apps)('in an app that says %s', (column, spell) => {
  it('finds every organization that a sender names, and nothing else', async () => {
    // The words change, and not the code around them: a third of the files shows it.
    const given = cases.filter((_, index) => every || column === 'org_id' || index % 3 === 0);
    const found = await findingsIn(given, spell);
    const wrong = given.flatMap((one) => {
      const kinds = (found.get(one.path) ?? []).map(({ kind }) => kind);
      const right = one.found ? kinds.length > 0 && kinds.every((kind) => kind === 'request-org') : kinds.length === 0;
      return right ? [] : [`${one.framework}, ${one.variant}: ${kinds.join(', ') || 'nothing'}\n${spell(one.text)}`];
    });
    expect(wrong).toEqual([]);
  });
});

describe.each(apps.slice(0, every ? apps.length : 2))('queries in an app that says %s', (_, spell) => {
  it('finds those that reach every organization, and nothing else', async () => {
    const given = unscopedCases.map((one, index) => ({
      ...one,
      path: `apps/u${index}/${one.path ?? 'src/routes/calls.ts'}`,
    }));
    // What tells a database who is asking counts for its whole package.
    const packages = given.flatMap(({ path: file, text }) =>
      /set_config|\$extends/.test(text)
        ? [{ path: `${file.split('/').slice(0, 2).join('/')}/package.json`, text: '{"name":"own"}' }]
        : [],
    );
    const found = await findingsIn([...given, ...packages], spell);
    const wrong = given.flatMap((one) => {
      const kinds = (found.get(one.path) ?? []).map(({ kind }) => kind);
      return kinds.join() === (one.found ? 'unscoped-query' : '') ? [] : [`${one.name}: ${kinds.join() || 'nothing'}`];
    });
    expect(wrong).toEqual([]);
  });
});

it('holds hundreds of small files', () => {
  expect(cases.length).toBeGreaterThan(600);
  expect(new Set(cases.map((one) => one.path)).size).toBe(cases.length);
});
