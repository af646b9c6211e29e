import { mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { discoverWorkspace } from '../../src/workspace/discover.ts';
import { checkedProjects, freshDiagnostics, parseDiagnostics, typeCheck } from '../../src/workspace/type-check.ts';

const output = `src/a.ts(3,5): error TS2322: Type 'string' is not assignable to type 'number'.
  The expected type comes from here.
src/b.ts(10,1): error TS2304: Cannot find name 'x'.
error TS18003: No inputs were found.
Found 3 errors.`;

describe('the type check', () => {
  it('reads what the compiler prints, with paths of the workspace', () => {
    expect(parseDiagnostics(output, 'backend').map(({ file, line, code }) => [file, line, code])).toEqual([
      ['backend/src/a.ts', 3, 'TS2322'],
      ['backend/src/b.ts', 10, 'TS2304'],
      ['', 0, 'TS18003'],
    ]);
  });

  it('takes an error that only moved for an old one, and a second one like it for a new one', () => {
    const before = parseDiagnostics(output, '');
    const moved = parseDiagnostics(output.replace('(10,1)', '(40,1)'), '');
    expect(freshDiagnostics(before, moved)).toEqual([]);
    expect(freshDiagnostics(before, [...moved, ...moved.slice(1, 2)]).map((one) => one.code)).toEqual(['TS2304']);
  });

  it('asks the compiler again only where something that it read has changed', async () => {
    const root = await mkdtemp(path.join(tmpdir(), 'types-'));
    try {
      const write = (name: string, text: string) => writeFile(path.join(root, name), text);
      await write('package.json', '{"name":"app","dependencies":{"express":"*"}}');
      await write('base.json', '{"compilerOptions":{"strict":true,"noEmit":true,"types":[]}}');
      await write('tsconfig.json', '{"extends":["./base.json"],"include":["*.ts"]}');
      await write('a.ts', "export const a: number = 'one';\n");
      await symlink(path.resolve('node_modules'), path.join(root, 'node_modules'));
      const workspace = await discoverWorkspace(root);
      const [project] = checkedProjects(workspace);
      if (project === undefined) throw new Error('no project was found');
      const asked: string[] = [];
      const codes = async () => {
        const notes = path.join(root, '.voxanne-rollout/types-root.tsbuildinfo');
        const before = await stat(notes).catch(() => null);
        const checked = await typeCheck(workspace, project);
        const after = await stat(notes);
        asked.push(before?.mtimeMs === after.mtimeMs ? 'kept' : 'asked');
        return checked.kind === 'checked' ? checked.diagnostics.map(({ file, code }) => `${file} ${code}`) : [];
      };
      expect(await codes()).toEqual(['a.ts TS2322']);
      expect(await codes()).toEqual(['a.ts TS2322']);
      await write('a.ts', 'export const a: number = 1;\n');
      expect(await codes()).toEqual([]);
      // A file that nothing names yet is part of the program.
      await write('b.ts', "export const b: number = 'two';\n");
      expect(await codes()).toEqual(['b.ts TS2322']);
      await write('base.json', '{"compilerOptions":{"noEmit":true,"types":[],"noUnusedLocals":true}}');
      await write('a.ts', 'const unused = 1;\nexport {};\n');
      expect(await codes()).toEqual(['a.ts TS6133', 'b.ts TS2322']);
      expect(await codes()).toEqual(['a.ts TS6133', 'b.ts TS2322']);
      expect(asked).toEqual(['asked', 'kept', 'asked', 'asked', 'asked', 'kept']);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });

  it('leaves the notes of an app that builds incrementally alone', async () => {
    const root = await mkdtemp(path.join(tmpdir(), 'types-'));
    try {
      const options = { strict: true, noEmit: true, incremental: true, types: [] };
      await writeFile(path.join(root, 'package.json'), '{"name":"app","dependencies":{"react":"*","express":"*"}}');
      await writeFile(path.join(root, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['a.ts'] }));
      await writeFile(path.join(root, 'a.ts'), "export const a: number = 'one';\n");
      await symlink(path.resolve('node_modules'), path.join(root, 'node_modules'));
      const before = await readdir(root);
      const workspace = await discoverWorkspace(root);
      const [project] = checkedProjects(workspace);
      if (project === undefined) throw new Error('no project was found');
      for (let times = 0; times < 2; times += 1) {
        expect(await typeCheck(workspace, project)).toMatchObject({
          kind: 'checked',
          diagnostics: [{ file: 'a.ts', code: 'TS2322' }],
        });
      }
      expect((await readdir(root)).filter((name) => name !== '.voxanne-rollout')).toEqual(before);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});
