import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/workspace/scan/types.ts';
import { readWaivers, statusOfWaivers, unwaive, waive } from '../../src/workspace/waivers.ts';

let root: string;

const finding: Finding = {
  id: 'abcdef012345',
  kind: 'first-org',
  file: 'src/a.ts',
  line: 2,
  column: 1,
  endLine: 2,
  code: 'first()',
  reason: 'It is the first.',
  certainty: 'certain',
  fix: null,
  instruction: 'Do something.',
  advice: false,
  fileClass: 'source',
};

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'waivers-'));
  await mkdir(path.join(root, 'src'));
  await writeFile(path.join(root, 'src/a.ts'), 'one\nfirst()\nthree\n');
});

afterEach(() => rm(root, { recursive: true, force: true }));

const stateNow = async () => (await statusOfWaivers(root, [finding])).map((one) => one.state);

describe('waivers', () => {
  it('cover a finding with a reason, and are kept out of git', async () => {
    await waive(root, finding, ' A kiosk has one tenant. ', 'kim');
    expect(await readWaivers(root)).toMatchObject([
      { finding: finding.id, reason: 'A kiosk has one tenant.', operator: 'kim' },
    ]);
    expect(await stateNow()).toEqual(['in force']);
    expect(await readFile(path.join(root, '.voxanne-rollout/.gitignore'), 'utf8')).toBe('*\n');
  });

  it('end when the code changes, and not when it is only indented', async () => {
    await waive(root, finding, 'Because.', 'kim');
    await writeFile(path.join(root, 'src/a.ts'), 'one\n    first()\nthree\n');
    expect(await stateNow()).toEqual(['in force']);
    await writeFile(path.join(root, 'src/a.ts'), 'one\nfirst(other)\nthree\n');
    expect(await stateNow()).toEqual(['ended']);
  });

  it('end when the finding is gone', async () => {
    await waive(root, finding, 'Because.', 'kim');
    expect((await statusOfWaivers(root, [])).map((one) => one.state)).toEqual(['ended']);
  });

  it('need a reason, can be taken back, and are refused when damaged', async () => {
    await expect(waive(root, finding, '  ', 'kim')).rejects.toThrow(/needs a reason/);
    await waive(root, finding, 'Because.', 'kim');
    expect(await unwaive(root, finding.id)).toBe(true);
    expect(await unwaive(root, finding.id)).toBe(false);
    await writeFile(path.join(root, '.voxanne-rollout/waivers.json'), '{"version":1,');
    await expect(readWaivers(root)).rejects.toThrow(/waivers.json cannot be read/);
  });
});
