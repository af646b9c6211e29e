import { expect, it } from 'vitest';
import { discoverWorkspace } from '../../../src/workspace/discover.ts';
import { scan } from '../../../src/workspace/scan/scan.ts';
import { folderOf } from '../../workspace/scan/files.ts';
import { layeredApps } from './layers.ts';

it.each(layeredApps)('follows an organization through the layers of an app: $name', async ({ files, found }) => {
  const { root, remove } = await folderOf({
    'package.json': '{"name":"app","dependencies":{"express":"4","@nestjs/common":"10"}}',
    ...files,
  });
  try {
    const { findings } = await scan(await discoverWorkspace(root));
    const kinds = [...new Set(findings.filter(({ advice }) => !advice).map(({ kind }) => kind))];
    expect(kinds).toEqual(found ? ['request-org'] : []);
  } finally {
    await remove();
  }
});
