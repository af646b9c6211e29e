import { createRequire } from 'node:module';
import type { FileChange } from '../../src/rollout/change.ts';

/**
 * A run that kills itself in front of its n-th write: every function by which the file system is changed counts. What
 * is in memory is lost as with kill -9; what was flushed stays.
 */
const [root = '', point = '0'] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const fs = require('node:fs') as { promises: Record<string, (...args: unknown[]) => unknown> };
let writes = 0;
const count = (): void => {
  writes += 1;
  if (writes === Number(point)) process.kill(process.pid, 'SIGKILL');
};

const original = { ...fs.promises };
for (const name of ['rename', 'unlink', 'mkdir', 'rmdir', 'truncate', 'writeFile']) {
  fs.promises[name] = (...args) => {
    count();
    return original[name]?.(...args);
  };
}
fs.promises.open = async (...args) => {
  if (args[1] !== 'r') count();
  const handle = (await original.open?.(...args)) as Record<string, (...given: unknown[]) => unknown>;
  for (const name of ['writeFile', 'appendFile', 'sync', 'chmod', 'close']) {
    const own = handle[name]?.bind(handle);
    if (own === undefined) continue;
    handle[name] = (...given) => {
      if (name !== 'close') count();
      return own(...given);
    };
  }
  return handle;
};
(require('node:module') as { syncBuiltinESMExports: () => void }).syncBuiltinESMExports();

const { createWorkspaceExecutor } = await import('../../src/workspace/executor.ts');
const executor = createWorkspaceExecutor({ root });
const context = { run: 'killed', step: '2.3', emit: () => undefined, signal: new AbortController().signal } as const;
const change = (path: string, before: string | null, after: string | null): FileChange => ({
  kind: 'file',
  id: path,
  title: path,
  path,
  before,
  after,
});
await executor.apply(change('src/a.ts', 'a\n', 'b\n'), context);
await executor.apply(change('src/new/c.ts', null, 'c\n'), context);
await executor.apply(change('src/gone.ts', 'gone\n', null), context);
for (const entry of [...(await executor.entries())].reverse()) await executor.revert(entry, context);
await executor.close();
