import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { takeRunLock } from '../../src/workspace/run-lock.ts';
import { writeAtomically } from '../../src/workspace/write.ts';

let root: string;
let umask: number;
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'write-'));
  umask = process.umask(0o077);
});
afterEach(async () => {
  process.umask(umask);
  await rm(root, { recursive: true });
});

const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o7777;

describe('the mode of a written file', () => {
  test('stays that of the file it replaces, whatever the umask takes from new ones', async () => {
    const file = path.join(root, 'run.sh');
    for (const mode of [0o755, 0o664, 0o640]) {
      await rm(file, { force: true });
      await writeFile(file, 'old');
      process.umask(0);
      await rm(file);
      await writeFile(file, 'old', { mode });
      process.umask(0o077);
      await writeAtomically(file, Buffer.from('new'), 0o600);
      expect([await readFile(file, 'utf8'), await modeOf(file)]).toEqual(['new', mode]);
    }
  });

  test('is the one that was asked for where nothing was there', async () => {
    const file = path.join(root, 'new');
    await writeAtomically(file, Buffer.from('x'), 0o755);
    expect(await modeOf(file)).toBe(0o755);
  });
});

describe('the lock of a workspace', () => {
  const lock = (): string => path.join(root, '.voxanne-rollout/lock');

  test('is refused while its process lives, and taken over when the id belongs to another process by now', async () => {
    const first = await takeRunLock(root);
    await expect(takeRunLock(root)).rejects.toThrow(`process ${process.pid}`);
    const holder: { pid: number; host: string; started: string } = JSON.parse(await readFile(lock(), 'utf8'));
    if (process.platform === 'linux') {
      expect(holder.started).toMatch(/^\d+$/);
      await writeFile(lock(), JSON.stringify({ ...holder, started: '1' }));
      const second = await takeRunLock(root);
      expect(JSON.parse(await readFile(lock(), 'utf8'))).toEqual(holder);
      await second.release();
    }
    await first.release();
    await expect(stat(lock())).rejects.toThrow('ENOENT');
  });

  test('of a process that has ended, or that a crash cut off, is taken over; one of another machine is not', async () => {
    const first = await takeRunLock(root);
    const holder: { pid: number; host: string } = JSON.parse(await readFile(lock(), 'utf8'));
    for (const text of [JSON.stringify({ ...holder, pid: 2 ** 22 + 1 }), '{"pid":']) {
      await writeFile(lock(), text);
      await takeRunLock(root);
      expect(JSON.parse(await readFile(lock(), 'utf8'))).toEqual(holder);
    }
    await writeFile(lock(), JSON.stringify({ ...holder, host: 'elsewhere', pid: 2 ** 22 + 1 }));
    await expect(takeRunLock(root)).rejects.toThrow('elsewhere');
    await first.release();
  });
});
