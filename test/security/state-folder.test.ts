import { chmod, lstat, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keepAdvisors } from '../../phases/1-database/advisors.ts';
import type { Target } from '../../phases/target.ts';
import type { FileChange } from '../../src/rollout/change.ts';
import type { Context } from '../../src/rollout/executor.ts';
import { createWorkspaceExecutor, type WorkspaceExecutor } from '../../src/workspace/executor.ts';
import { sha256 } from '../../src/workspace/hash.ts';
import { readWaivers } from '../../src/workspace/waivers.ts';

let folder: string;
let root: string;
let outside: string;
const open: WorkspaceExecutor[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'hostile-'));
  root = path.join(folder, 'app');
  outside = path.join(folder, 'others');
  await mkdir(path.join(root, 'src'), { recursive: true });
  await mkdir(outside);
  await writeFile(path.join(outside, 'precious'), 'precious, without a line end');
  await writeFile(path.join(root, 'src/a.ts'), 'one\n');
});
afterEach(async () => {
  for (const executor of open.splice(0)) await executor.close().catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
});

const executor = (): WorkspaceExecutor => {
  const made = createWorkspaceExecutor({ root });
  open.push(made);
  return made;
};
const context: Context = { run: 'test', step: '2.3', emit: () => undefined, signal: new AbortController().signal };
const edit = (file: string, before: string | null, after: string | null): FileChange => ({
  kind: 'file',
  id: `edit ${file}`,
  title: `Edit ${file}`,
  path: file,
  before,
  after,
});

test.each(['journal.ndjson', 'lock', 'originals', '.gitignore'])('a link named %s is refused', async (name) => {
  await mkdir(path.join(root, '.voxanne-rollout'));
  const to = name === 'originals' ? outside : path.join(outside, 'precious');
  await symlink(to, path.join(root, '.voxanne-rollout', name));
  await expect(executor().apply(edit('src/a.ts', 'one\n', 'two\n'), context)).rejects.toThrow(/is a link/);
  expect(await readFile(path.join(outside, 'precious'), 'utf8')).toBe('precious, without a line end');
  expect(await readFile(path.join(root, 'src/a.ts'), 'utf8')).toBe('one\n');
});

test('a link in place of the whole state folder is refused, for reading as well', async () => {
  await symlink(outside, path.join(root, '.voxanne-rollout'));
  await writeFile(path.join(outside, 'waivers.json'), '{"version":1,"waivers":[]}');
  await expect(executor().entries()).rejects.toThrow(/is a link/);
  await expect(executor().apply(edit('src/a.ts', 'one\n', 'two\n'), context)).rejects.toThrow(/is a link/);
  await expect(readWaivers(root)).rejects.toThrow(/is a link/);
});

test.each(['advisors-before.json', '.gitignore'])(
  'findings of the advisor are not written through a link named %s',
  async (name) => {
    await mkdir(path.join(root, '.voxanne-rollout'));
    const precious = path.join(outside, 'precious');
    if (name === 'advisors-before.json') await writeFile(precious, '[]');
    const before = await readFile(precious, 'utf8');
    await symlink(precious, path.join(root, '.voxanne-rollout', name));
    const target = { config: { workspace: root }, advisors: async () => [] } as unknown as Target;
    await expect(keepAdvisors(target, context.signal)).rejects.toThrow(/is a link/);
    expect(await readFile(precious, 'utf8')).toBe(before);
  },
);

test('a link to nothing in the state folder is refused', async () => {
  await mkdir(path.join(root, '.voxanne-rollout'));
  await symlink(path.join(outside, 'made'), path.join(root, '.voxanne-rollout/journal.ndjson'));
  await expect(executor().apply(edit('src/a.ts', 'one\n', 'two\n'), context)).rejects.toThrow(/is a link/);
  await expect(lstat(path.join(outside, 'made'))).rejects.toThrow(/ENOENT/);
});

test.each([['../empty'], ['src'], ['other']])('a forged journal removes no folder: %s', async (named) => {
  await mkdir(path.join(folder, 'empty'));
  await mkdir(path.join(root, 'other'));
  const entry = await executor().apply(edit('new/b.ts', null, 'two\n'), context);
  for (const one of open.splice(0)) await one.close();
  const journal = path.join(root, '.voxanne-rollout/journal.ndjson');
  // With sums that are right, as somebody who knows the format would write them.
  let sum = '';
  const lines = (await readFile(journal, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => {
      const json = (/"row":(.*)\}$/.exec(line)?.[1] ?? '').replace('"folders":["new"]', `"folders":["${named}"]`);
      sum = sha256(`${sum}\n${json}`).slice(0, 16);
      return `{"sum":"${sum}","row":${json}}\n`;
    });
  await writeFile(journal, lines.join(''));
  await expect(executor().revert(entry, context)).rejects.toThrow(/is not above its file/);
  await expect(executor().entries()).rejects.toThrow(/is not above its file/);
  for (const kept of [path.join(folder, 'empty'), path.join(root, 'other')])
    expect((await stat(kept)).isDirectory()).toBe(true);
});

test.each([0o755, 0o600])(
  'a file that was removed comes back with its mode %o, and the fingerprint sees it',
  async (mode) => {
    const file = path.join(root, 'run.sh');
    await writeFile(file, 'echo\n');
    await chmod(file, mode);
    const before = await executor().fingerprint();
    await executor().apply(edit('run.sh', 'echo\n', null), context);
    const [entry] = await executor().entries();
    if (entry === undefined) throw new Error('no entry');
    for (const one of open.splice(0)) await one.close();
    await executor().revert(entry, context);
    expect((await stat(file)).mode & 0o777).toBe(mode);
    expect(await executor().fingerprint()).toEqual(before);
    await chmod(file, 0o644);
    expect(await executor().fingerprint()).not.toEqual(before);
  },
);
