import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileChange } from '../../src/rollout/change.ts';
import type { Context } from '../../src/rollout/executor.ts';
import { createWorkspaceExecutor, type WorkspaceExecutor } from '../../src/workspace/executor.ts';
import { full, seed } from '../helpers/seeded.ts';

let folder: string;
let root: string;
const open: WorkspaceExecutor[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'workspace '));
  root = path.join(folder, 'app ü');
  await mkdir(path.join(root, 'src'), { recursive: true });
});

afterEach(async () => {
  for (const executor of open.splice(0)) await executor.close();
  await rm(folder, { recursive: true, force: true });
});

const executorOf = (options: { commit?: boolean } = {}): WorkspaceExecutor => {
  const executor = createWorkspaceExecutor({ root, ...options });
  open.push(executor);
  return executor;
};

const context: Context = {
  run: 'test',
  step: '2.3',
  emit: () => undefined,
  signal: new AbortController().signal,
};

const change = (file: string, before: string | null, after: string | null): FileChange => ({
  kind: 'file',
  id: `edit ${file}`,
  title: `Edit ${file}`,
  path: file,
  before,
  after,
});

const put = (file: string, text: string | Uint8Array) => writeFile(path.join(root, file), text);
const get = (file: string) => readFile(path.join(root, file), 'utf8');
const last = async (executor: WorkspaceExecutor) => {
  const entry = (await executor.entries()).at(-1);
  if (entry === undefined) throw new Error('no entry');
  return entry;
};

describe('applying and taking back', () => {
  it('restores every byte: CRLF, a byte order mark, tabs, no line end', async () => {
    const before = '\uFEFFconst a = 1;\r\n\tconst b = 2;\r\nconst c = 3;';
    await put('src/a.ts', before);
    const executor = executorOf();
    await executor.apply(change('src/a.ts', before, before.replace('2', '22')), context);
    expect(await get('src/a.ts')).toBe(before.replace('2', '22'));
    const result = await executor.revert(await last(executor), context);
    expect(result.stayed).toEqual([]);
    expect(Buffer.from(await get('src/a.ts')).equals(Buffer.from(before))).toBe(true);
  });

  it('creates folders and takes them away again, and only those', async () => {
    const executor = executorOf();
    await executor.apply(change('src/new folder/ä/b.ts', null, 'export {};\n'), context);
    expect(await get('src/new folder/ä/b.ts')).toBe('export {};\n');
    await executor.revert(await last(executor), context);
    expect(await readdir(path.join(root, 'src'))).toEqual([]);
  });

  it('leaves a created folder in which something else has come to stand', async () => {
    const executor = executorOf();
    await executor.apply(change('src/new/b.ts', null, 'export {};\n'), context);
    await put('src/new/mine.ts', 'mine');
    await executor.revert(await last(executor), context);
    expect(await readdir(path.join(root, 'src/new'))).toEqual(['mine.ts']);
  });

  it('removes a file and brings it back with its mode', async () => {
    await put('src/run.ts', 'x\n');
    await chmod(path.join(root, 'src/run.ts'), 0o755);
    const executor = executorOf();
    await executor.apply(change('src/run.ts', 'x\n', 'y\n'), context);
    expect((await execa('stat', ['-c', '%a', path.join(root, 'src/run.ts')])).stdout).toBe('755');
    await executor.apply(change('src/run.ts', 'y\n', null), context);
    await expect(get('src/run.ts')).rejects.toThrow();
    for (const entry of [...(await executor.entries())].reverse()) await executor.revert(entry, context);
    expect(await get('src/run.ts')).toBe('x\n');
    expect((await execa('stat', ['-c', '%a', path.join(root, 'src/run.ts')])).stdout).toBe('755');
  });

  it('keeps its state out of git, and no code in the journal', async () => {
    await put('src/a.ts', 'const secretly = 1;\n');
    const executor = executorOf();
    await executor.apply(change('src/a.ts', 'const secretly = 1;\n', 'const secretly = 2;\n'), context);
    expect(await get('.voxanne-rollout/.gitignore')).toBe('*\n');
    expect(await get('.voxanne-rollout/journal.ndjson')).not.toContain('secretly');
  });

  it('proves a round trip with the fingerprint', async () => {
    await put('src/a.ts', 'one\n');
    const executor = executorOf();
    const before = await executor.fingerprint();
    await executor.apply(change('src/a.ts', 'one\n', 'two\n'), context);
    expect(await executor.fingerprint()).not.toEqual(before);
    await executor.revert(await last(executor), context);
    expect(await executor.fingerprint()).toEqual(before);
    await executor.keepFingerprint('2.3', 'test', 'before');
    expect(await executor.keptFingerprint('2.3', 'before')).toEqual(before);
    expect(await executor.keptFingerprint('2.2', 'before')).toBeNull();
  });
});

describe('previewing', () => {
  it('writes nothing', async () => {
    await put('src/a.ts', 'const a = 1;\n');
    const results = [];
    for await (const result of executorOf().preview(
      [change('src/a.ts', 'const a = 1;\n', 'const a = 2;\n')],
      context,
    )) {
      results.push(result.outcome);
    }
    expect(results).toEqual(['ran']);
    expect(await readdir(root)).toEqual(['src']);
    expect(await get('src/a.ts')).toBe('const a = 1;\n');
  });

  it('says that an edit would leave a syntax error', async () => {
    await put('src/a.ts', 'const a = 1;\n');
    for await (const result of executorOf().preview(
      [change('src/a.ts', 'const a = 1;\n', 'const a = (;\n')],
      context,
    )) {
      expect(result.outcome).toBe('failed');
      expect(result.reason).toBe('src/a.ts would have a syntax error at line 1.');
    }
  });
});

describe('refusing', () => {
  const refused = async (given: FileChange, message: RegExp) => {
    const executor = executorOf();
    await expect(executor.apply(given, context)).rejects.toThrow(message);
    expect(await executor.entries()).toEqual([]);
    await executor.close();
  };

  it('a file that was changed, removed or created since the plan', async () => {
    await put('src/a.ts', 'edited\n');
    await refused(change('src/a.ts', 'old\n', 'new\n'), /was changed since the plan was made/);
    await refused(change('src/b.ts', 'old\n', 'new\n'), /was removed since/);
    await refused(change('src/a.ts', null, 'new\n'), /was created since/);
    expect(await get('src/a.ts')).toBe('edited\n');
  });

  it('a link that leaves the workspace, as a file or as a folder', async () => {
    const outside = path.join(folder, 'outside');
    await mkdir(outside);
    await writeFile(path.join(outside, 'a.ts'), 'theirs\n');
    await symlink(path.join(outside, 'a.ts'), path.join(root, 'src/a.ts'));
    await symlink(outside, path.join(root, 'src/linked'));
    await refused(change('src/a.ts', 'theirs\n', 'new\n'), /link that leaves the workspace/);
    await refused(change('src/linked/a.ts', 'theirs\n', 'new\n'), /link that leaves the workspace/);
    await refused(change('src/linked/b.ts', null, 'new\n'), /link that leaves the workspace/);
    expect(await readdir(outside)).toEqual(['a.ts']);
    expect(await readFile(path.join(outside, 'a.ts'), 'utf8')).toBe('theirs\n');
  });

  it('a link to nothing, which a write would follow', async () => {
    await symlink(path.join(folder, 'nowhere.ts'), path.join(root, 'src/a.ts'));
    await refused(change('src/a.ts', null, 'new\n'), /is a link to nothing/);
  });

  it('paths out of the workspace, into git and into packages', async () => {
    for (const file of ['../a.ts', '/etc/a.ts', 'src/../../a.ts', 'src//a.ts', '']) {
      await refused(change(file, null, 'x'), /not a path inside the workspace/);
    }
    await refused(change('.git/hooks/pre-commit', null, 'x'), /lies in .git/);
    await refused(change('node_modules/a/index.js', null, 'x'), /lies in node_modules/);
  });

  it('writes through a link that stays inside', async () => {
    await put('src/real.ts', 'a\n');
    await symlink('real.ts', path.join(root, 'src/link.ts'));
    const executor = executorOf();
    await executor.apply(change('src/link.ts', 'a\n', 'b\n'), context);
    expect(await get('src/real.ts')).toBe('b\n');
    await executor.revert(await last(executor), context);
    expect(await get('src/link.ts')).toBe('a\n');
  });

  it('a read-only file', async () => {
    await put('src/a.ts', 'a\n');
    await chmod(path.join(root, 'src/a.ts'), 0o444);
    await refused(change('src/a.ts', 'a\n', 'b\n'), /^src\/a.ts is read-only/);
  });

  it('a file that is not UTF-8', async () => {
    const bytes = Buffer.from([0x61, 0xff, 0x0a]);
    await put('src/a.ts', bytes);
    await refused(change('src/a.ts', bytes.toString('utf8'), 'b\n'), /not valid UTF-8/);
  });

  it('a second run on the same workspace', async () => {
    await put('src/a.ts', 'a\n');
    const first = executorOf();
    await first.apply(change('src/a.ts', 'a\n', 'b\n'), context);
    const second = executorOf();
    await expect(second.apply(change('src/a.ts', 'b\n', 'c\n'), context)).rejects.toThrow(
      /Another run \(process \d+\)/,
    );
    expect(await second.entries()).toHaveLength(1);
    await first.close();
    await second.apply(change('src/a.ts', 'b\n', 'c\n'), context);
  });

  it('takes over the lock of a process that has ended', async () => {
    await mkdir(path.join(root, '.voxanne-rollout'));
    await put('.voxanne-rollout/lock', JSON.stringify({ pid: 2 ** 22 - 1, host: os.hostname(), started: '1' }));
    await executorOf().apply(change('src/a.ts', null, 'b\n'), context);
    await open[0]?.close();
    await put('.voxanne-rollout/lock', '{"pid":');
    await executorOf().apply(change('src/b.ts', null, 'b\n'), context);
  });
});

describe('after an edit by a person', () => {
  const before = 'one\ntwo\nthree\nfour\nfive\nsix\nseven\n';
  const after = before.replace('two', 'TWO');

  it('takes its own lines back and keeps the edit', async () => {
    await put('src/a.ts', before);
    const executor = executorOf();
    await executor.apply(change('src/a.ts', before, after), context);
    await put('src/a.ts', after.replace('six', 'six and a half'));
    const result = await executor.revert(await last(executor), context);
    expect(await get('src/a.ts')).toBe(before.replace('six', 'six and a half'));
    expect(result.stayed).toEqual([expect.stringMatching(/src\/a.ts: edited since/)]);
  });

  it('refuses with the conflict shown and writes nothing', async () => {
    await put('src/a.ts', before);
    const executor = executorOf();
    await executor.apply(change('src/a.ts', before, after), context);
    const edited = after.replace('TWO', 'my two');
    await put('src/a.ts', edited);
    await expect(executor.revert(await last(executor), context)).rejects.toMatchObject({
      problem: expect.stringMatching(/was edited at line 2/),
      detail: expect.stringContaining('my two'),
    });
    expect(await get('src/a.ts')).toBe(edited);
    expect((await last(executor)).state).toBe('applied');
    await put('src/a.ts', after);
    await executor.revert(await last(executor), context);
    expect(await get('src/a.ts')).toBe(before);
  });

  it('leaves a file that it created and somebody went on with', async () => {
    const executor = executorOf();
    await executor.apply(change('src/new.ts', null, 'a\n'), context);
    await put('src/new.ts', 'a\nand mine\n');
    const result = await executor.revert(await last(executor), context);
    expect(await get('src/new.ts')).toBe('a\nand mine\n');
    expect(result.stayed).toHaveLength(1);
  });

  it('does not bring a file back that somebody removed', async () => {
    await put('src/a.ts', before);
    const executor = executorOf();
    await executor.apply(change('src/a.ts', before, after), context);
    await rm(path.join(root, 'src/a.ts'));
    const result = await executor.revert(await last(executor), context);
    expect(await readdir(path.join(root, 'src'))).toEqual([]);
    expect(result.stayed).toEqual(['src/a.ts: deleted since; left deleted']);
  });
});

describe('the journal', () => {
  it('takes a torn last line for a write that never took place', async () => {
    await put('src/a.ts', 'a\n');
    const executor = executorOf();
    await executor.apply(change('src/a.ts', 'a\n', 'b\n'), context);
    const text = await get('.voxanne-rollout/journal.ndjson');
    await put('.voxanne-rollout/journal.ndjson', text.slice(0, -20));
    expect((await last(executor)).state).toBe('started');
    await executor.settle(await last(executor), context);
    expect((await last(executor)).state).toBe('applied');
  });

  it('refuses a line that was changed or taken out', async () => {
    const executor = executorOf();
    await executor.apply(change('src/a.ts', null, 'b\n'), context);
    await executor.apply(change('src/b.ts', null, 'b\n'), context);
    const text = await get('.voxanne-rollout/journal.ndjson');
    await put('.voxanne-rollout/journal.ndjson', text.replace('Edit src/a.ts', 'Edit src/c.ts'));
    await expect(executor.entries()).rejects.toThrow(/Line 1 of .* is not what was written/);
    await put('.voxanne-rollout/journal.ndjson', text.split('\n').slice(1).join('\n'));
    await expect(executor.entries()).rejects.toThrow(/Line 1 of/);
  });

  it('refuses a kept content that is damaged', async () => {
    await put('src/a.ts', 'a\n');
    const executor = executorOf();
    await executor.apply(change('src/a.ts', 'a\n', 'b\n'), context);
    const names = await readdir(path.join(root, '.voxanne-rollout/originals'));
    for (const name of names) await put(`.voxanne-rollout/originals/${name}`, 'rubbish');
    await expect(executor.entries()).rejects.toThrow(/is damaged/);
  });
});

describe('with --commit', () => {
  const git = (...args: string[]) =>
    execa('git', ['-c', 'user.name=T', '-c', 'user.email=t@example.test', ...args], { cwd: root });
  const record = {
    run: 'test',
    step: '2.3',
    detail: '',
    passed: 0,
    failed: 0,
    skipped: 0,
    milliseconds: 0,
  } as const;

  beforeEach(async () => {
    await git('init', '--quiet');
    await git('config', 'user.name', 'T');
    await git('config', 'user.email', 't@example.test');
    await put('src/a.ts', 'a\n');
    await put('src/other.ts', 'o\n');
    await git('add', '.');
    await git('commit', '--quiet', '-m', 'start');
  });

  it('commits the touched files alone, and a rollback as a commit of its own', async () => {
    await put('src/other.ts', 'work in progress\n');
    const executor = executorOf({ commit: true });
    await executor.apply(change('src/a.ts', 'a\n', 'b\n'), context);
    await executor.apply(change('src/new.ts', null, 'n\n'), context);
    await executor.record({ ...record, state: 'applied' });
    expect((await git('show', '--name-only', '--format=%s', 'HEAD')).stdout).toBe(
      'Apply step 2.3 of the rollout\n\nsrc/a.ts\nsrc/new.ts',
    );
    await put('src/later.ts', 'later\n');
    await git('add', 'src/later.ts');
    await git('commit', '--quiet', '-m', 'later');
    for (const entry of [...(await executor.entries())].reverse()) await executor.revert(entry, context);
    await executor.record({ ...record, state: 'rolled back' });
    expect((await git('log', '--format=%s')).stdout.split('\n')).toEqual([
      'Roll back step 2.3 of the rollout',
      'later',
      'Apply step 2.3 of the rollout',
      'start',
    ]);
    expect((await git('status', '--porcelain')).stdout).toBe(' M src/other.ts');
    expect(await get('src/a.ts')).toBe('a\n');
  });

  it('refuses to mix a step with work that is not committed', async () => {
    await put('src/a.ts', 'mine\n');
    const executor = executorOf({ commit: true });
    await expect(executor.apply(change('src/a.ts', 'mine\n', 'b\n'), context)).rejects.toThrow(/not committed/);
    expect(await get('src/a.ts')).toBe('mine\n');
  });
});

describe('killed between any two writes', () => {
  it('leaves a workspace that the next run takes back, at every point', async () => {
    await put('src/a.ts', 'a\n');
    await put('src/gone.ts', 'gone\n');
    const program = path.join(folder, 'killed.mjs');
    await symlink(path.resolve('node_modules'), path.join(folder, 'node_modules'));
    await build({
      entryPoints: [new URL('killed.ts', import.meta.url).pathname],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['@ast-grep/napi'],
      banner: {
        js: `import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);`,
      },
    });

    /** Runs to a point, then settles and takes back; false when the program came to its end before. */
    const killAt = async (point: number): Promise<boolean> => {
      const own = path.join(folder, `at ${point}`);
      await cp(root, own, { recursive: true });
      const child = await execa('node', [program, own, String(point)], { reject: false });
      if (child.exitCode !== 0 && child.signal !== 'SIGKILL') throw new Error(child.stderr);
      const executor = createWorkspaceExecutor({ root: own });
      for (const entry of await executor.entries()) {
        if (entry.state === 'started' || entry.state === 'reverting') await executor.settle(entry, context);
      }
      for (const entry of [...(await executor.entries())].reverse()) {
        expect(['applied', 'reverted'], `point ${point}`).toContain(entry.state);
        if (entry.state === 'applied') expect((await executor.revert(entry, context)).stayed).toEqual([]);
      }
      await executor.close();
      const names = (await readdir(path.join(own, 'src'))).sort();
      expect(names, `point ${point}`).toEqual(['a.ts', 'gone.ts']);
      expect(await readFile(path.join(own, 'src/a.ts'), 'utf8')).toBe('a\n');
      expect(await readFile(path.join(own, 'src/gone.ts'), 'utf8')).toBe('gone\n');
      await rm(own, { recursive: true });
      return child.exitCode !== 0;
    };

    let killed = 0;
    // CI takes every third, from the first, the second or the third on.
    const every = full ? 1 : 3;
    for (let point = 1 + (seed % every), going = true; going; point += 4 * every) {
      const runs = await Promise.all([0, 1, 2, 3].map((offset) => killAt(point + offset * every)));
      killed += runs.filter(Boolean).length;
      going = runs.every(Boolean);
    }
    expect(killed).toBeGreaterThan(80 / every);
  }, 300_000);
});
