import { expect, it } from 'vitest';
import { discoverWorkspace } from '../../../src/workspace/discover.ts';
import { namesInFiles } from '../../../src/workspace/names-in-files.ts';
import { scan } from '../../../src/workspace/scan/scan.ts';
import { tablesInFiles } from '../../../src/workspace/tables-in-files.ts';
import { folderOf } from '../../workspace/scan/files.ts';
import { layeredApps } from './layers.ts';

it.each(layeredApps)(
  'follows what is asked through the layers of an app: $name',
  async ({ files, found, unscoped }) => {
    const { root, remove } = await folderOf({
      'package.json': '{"name":"app","dependencies":{"express":"4","@nestjs/common":"10"}}',
      ...files,
    });
    try {
      const workspace = await discoverWorkspace(root);
      const tables = await tablesInFiles(root, workspace.generatedTypes);
      const { findings } = await scan(
        workspace,
        namesInFiles(tables, { from: null, to: 'org_id', organizations: null }),
      );
      const kinds = [...new Set(findings.map(({ kind, advice }) => (advice ? `${kind}, advice` : kind)))];
      const kind = unscoped === undefined ? 'request-org' : `unscoped-query${unscoped === 'advice' ? ', advice' : ''}`;
      expect(kinds).toEqual(found ? [kind] : []);
    } finally {
      await remove();
    }
  },
);
