import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { discoverWorkspace } from '../../src/workspace/discover.ts';
import { namesInFiles } from '../../src/workspace/names-in-files.ts';
import { scan } from '../../src/workspace/scan/scan.ts';
import type { FileResult, Finding } from '../../src/workspace/scan/types.ts';
import { tablesInFiles } from '../../src/workspace/tables-in-files.ts';
import type { CodeWeakness } from './seeds/code.ts';

const root = fileURLToPath(new URL('../../src/demo/app/', import.meta.url));

/** What the scan says of the sample app with a weakness that it does not say without it. */
export async function codeGuard(): Promise<(weakness: CodeWeakness) => Promise<readonly Finding[]>> {
  const workspace = await discoverWorkspace(root);
  const given = { organizations: null, from: ['organization_id', 'tenant_id'], to: 'org_id' };
  const names = namesInFiles(await tablesInFiles(workspace.root, workspace.generatedTypes), given);
  const cache = new Map<string, FileResult>();
  const look = async (overlay: ReadonlyMap<string, string>): Promise<readonly Finding[]> =>
    (await scan(workspace, { ...names, cache, overlay })).findings;
  const known = new Set((await look(new Map())).map((one) => one.id));
  return async ({ file, code }) => {
    const text = `${readFileSync(root + file, 'utf8')}\n${code}\n`;
    return (await look(new Map([[file, text]]))).filter((one) => !known.has(one.id) && !one.advice);
  };
}
