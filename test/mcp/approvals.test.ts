import { chmod, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { approvalHolds, recordApproval, takeApproval } from '../../src/cli/mcp/approvals.ts';

const folders: string[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const one of folders.splice(0)) await rm(one, { recursive: true, force: true });
});
const folder = async (): Promise<string> => {
  const made = await mkdtemp(path.join(tmpdir(), 'approvals-'));
  folders.push(made);
  return made;
};
const hash = 'a'.repeat(64);

it('holds for ten minutes, once, for one request', async () => {
  const root = await folder();
  vi.stubEnv('XDG_STATE_HOME', await folder());
  await recordApproval(root, hash);
  await expect(takeApproval(root, 'b'.repeat(64))).rejects.toThrow('is not approved');
  await expect(recordApproval(root, hash)).rejects.toThrow('was approved before');
  await takeApproval(root, hash);
  await expect(takeApproval(root, hash)).rejects.toThrow('was used');
  await expect(recordApproval(root, hash)).rejects.toThrow('was used');
  const late = 'c'.repeat(64);
  await recordApproval(root, late);
  await expect(takeApproval(root, late, Date.now() + approvalHolds + 1_000)).rejects.toThrow('no longer holds');
  await expect(takeApproval(root, late)).rejects.toThrow('was used');
  const early = 'd'.repeat(64);
  await recordApproval(root, early);
  await expect(takeApproval(root, early, Date.now() - 60_000)).rejects.toThrow('no longer holds');
});

it('gives it to one of two that ask at once', async () => {
  const root = await folder();
  vi.stubEnv('XDG_STATE_HOME', await folder());
  await recordApproval(root, hash);
  const tries = await Promise.allSettled([
    takeApproval(root, hash),
    takeApproval(root, hash),
    takeApproval(root, hash),
  ]);
  expect(tries.filter((one) => one.status === 'fulfilled').length).toBe(1);
});

it('takes an empty or relative state folder for none, as its specification says', async () => {
  const [root, home] = [await folder(), await folder()];
  vi.stubEnv('HOME', home);
  for (const [index, none] of ['', 'state'].entries()) {
    vi.stubEnv('XDG_STATE_HOME', none);
    const request = String(index).repeat(64);
    await recordApproval(root, request);
    expect(await readdir(path.join(home, '.local/state/voxanne-rollout/approvals'))).toContain(`${request}.json`);
  }
});

it('keeps none in the workspace, nor where others may write', async () => {
  const root = await folder();
  const link = path.join(await folder(), 'link');
  await symlink(root, link);
  for (const inside of [path.join(root, 'state'), path.join(root, '..state'), root]) {
    vi.stubEnv('XDG_STATE_HOME', inside);
    await expect(recordApproval(root, hash), inside).rejects.toThrow('it lies in the workspace');
  }
  // Nothing is made there before it is refused.
  expect(await readdir(root)).toEqual([]);
  vi.stubEnv('XDG_STATE_HOME', link);
  await expect(recordApproval(root, hash)).rejects.toThrow('it lies in the workspace');
  const other = await folder();
  vi.stubEnv('XDG_STATE_HOME', other);
  await recordApproval(root, hash);
  await chmod(path.join(other, 'voxanne-rollout/approvals'), 0o777);
  await expect(takeApproval(root, hash)).rejects.toThrow('not a safe place for approvals');
});
