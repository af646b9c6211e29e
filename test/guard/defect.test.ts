import { afterEach, expect, it, vi } from 'vitest';
import { folderOf } from '../workspace/scan/files.ts';

// The modules of a worker outlive a test file: whoever comes next gets them as they are.
afterEach(() => {
  vi.restoreAllMocks();
  vi.doUnmock('../../src/cli/open.ts');
  vi.resetModules();
});

it('says that a part was not checked where the look itself breaks, and keeps what it found in the other', async () => {
  const folder = await folderOf({
    'src/route.ts': `export const orgOf = (user: { user_metadata: { org_id: string } }) => user.user_metadata.org_id;\n`,
    'package.json': '{"name": "app"}',
  });
  vi.resetModules();
  vi.doMock('../../src/cli/open.ts', async (original) => ({
    ...(await original<typeof import('../../src/cli/open.ts')>()),
    openTarget: () => Promise.reject(new TypeError('cannot read what is not there')),
  }));
  const { main } = await import('../../src/cli/main.ts');
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  try {
    const guard = ['node', 'voxanne-rollout', 'guard', '--workspace', folder.root, '--format', 'json'];
    expect(await main(guard)).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      findings: [expect.objectContaining({ part: 'code' })],
      notLookedAt: [{ part: 'database', what: 'the database', reason: expect.stringContaining('not there') }],
    });
    out = '';
    expect(await main([...guard, '--only', 'database'])).toBe(2);
  } finally {
    await folder.remove();
  }
});
