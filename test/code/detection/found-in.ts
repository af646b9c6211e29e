import { afterEach } from 'vitest';
import { discoverWorkspace } from '../../../src/workspace/discover.ts';
import { namesInFiles } from '../../../src/workspace/names-in-files.ts';
import { scan } from '../../../src/workspace/scan/scan.ts';
import { tablesInFiles } from '../../../src/workspace/tables-in-files.ts';
import { folderOf } from '../../workspace/scan/files.ts';

const clean: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const remove of clean.splice(0)) await remove();
});

const schema = `create table organizations (id uuid primary key, name text);
create table memberships (org_id uuid references organizations, user_id uuid references auth.users, role text);
create table registers (id uuid primary key, name text);
create table partner_links (id uuid primary key, org_id uuid references registers, name text);
create table calls (id uuid primary key, org_id uuid references organizations, name text);
`;

/** Which of these files of an app have a finding that is more than advice. */
export async function foundIn(framework: string, files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const { root, remove } = await folderOf({
    'package.json': JSON.stringify({ name: 'app', dependencies: { [framework]: '*' } }),
    'supabase/migrations/20240101000000_init.sql': schema,
    ...files,
  });
  clean.push(remove);
  const workspace = await discoverWorkspace(root);
  const names = namesInFiles(await tablesInFiles(root, workspace.generatedTypes), {
    from: null,
    to: 'org_id',
    organizations: null,
  });
  const { findings } = await scan(workspace, names);
  return [...new Set(findings.filter(({ advice }) => !advice).map(({ file }) => file))].sort();
}
