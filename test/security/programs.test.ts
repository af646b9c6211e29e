import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findCli } from '../../src/supabase/cli/find.ts';
import { discoverWorkspace } from '../../src/workspace/discover.ts';
import { checkedProjects, typeCheck } from '../../src/workspace/type-check.ts';

const source = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
let above: string;
let root: string;
let mark: string;
beforeEach(async () => {
  above = await mkdtemp(path.join(tmpdir(), 'programs-'));
  root = path.join(above, 'app');
  mark = path.join(above, 'was-run');
  await mkdir(root);
});
afterEach(() => rm(above, { recursive: true, force: true }));

/** A program that leaves a mark with its environment, and answers what was asked of it. */
async function program(folder: string, name: string, says: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, name);
  await writeFile(file, `#!/bin/sh\nenv > '${mark}'\necho '${says}'\n`);
  await chmod(file, 0o755);
}

test('a Supabase CLI above the workspace is not started', async () => {
  await program(path.join(above, 'node_modules/.bin'), 'supabase', '3.1.0');
  const env = { PATH: '/usr/bin:/bin', HOME: above };
  await expect(findCli({ workspace: root, env })).rejects.toThrow(/not installed/);
  expect(existsSync(mark)).toBe(false);
});

test('that of the workspace is', async () => {
  await program(path.join(root, 'node_modules/.bin'), 'supabase', '3.1.0');
  const env = { PATH: '/usr/bin:/bin', HOME: above };
  expect(await findCli({ workspace: root, env })).toMatchObject({ version: '3.1.0' });
});

test('a compiler above the workspace is not started', async () => {
  await program(path.join(above, 'node_modules/.bin'), 'tsc', '');
  await mkdir(path.join(root, 'node_modules/typescript'), { recursive: true });
  await writeFile(path.join(root, 'node_modules/typescript/package.json'), '{"name":"typescript"}');
  await writeFile(path.join(root, 'package.json'), '{"name":"app","dependencies":{"react":"*","express":"*"}}');
  await writeFile(path.join(root, 'tsconfig.json'), '{"files":["a.ts"]}');
  await writeFile(path.join(root, 'a.ts'), 'export const a = 1;\n');
  const workspace = await discoverWorkspace(root);
  const [project] = checkedProjects(workspace);
  if (project === undefined) throw new Error('no project was found');
  expect(await typeCheck(workspace, project)).toMatchObject({ kind: 'skipped' });
  expect(existsSync(mark)).toBe(false);
});

test('every place that starts a program says which environment it gets', () => {
  const starts = /\b(?:execa|execaCommand|spawn|spawnSync|execFileSync|execFile)\(\s*(?!\))/g;
  const silent: string[] = [];
  for (const room of ['src', 'phases']) {
    for (const file of readdirSync(path.join(source, room), { recursive: true, encoding: 'utf8' })) {
      if (!/\.tsx?$/.test(file) || file.startsWith(path.join('demo', 'app')) || /templates/.test(file)) continue;
      const text = readFileSync(path.join(source, room, file), 'utf8');
      if (!/from '(?:execa|node:child_process)'/.test(text)) continue;
      for (const { index } of text.matchAll(starts)) {
        const call = text.slice(index, closing(text, index));
        if (!/\benv\b/.test(call) || /\.\.\.process\.env/.test(call))
          silent.push(`${room}/${file}: ${call.slice(0, 70)}`);
        if (/^execa/.test(call) && !/extendEnv: false/.test(call))
          silent.push(`${room}/${file}: extends the environment`);
      }
    }
  }
  expect(silent).toEqual([]);
});

/** Where the bracket that opens first after `from` closes. */
function closing(text: string, from: number): number {
  let depth = 0;
  for (let at = text.indexOf('(', from); at < text.length; at += 1) {
    if (text[at] === '(') depth += 1;
    if (text[at] === ')' && --depth === 0) return at;
  }
  return text.length;
}
