import { existsSync } from 'node:fs';
import { delimiter, dirname, join, relative, resolve } from 'node:path';

/**
 * A program that an app has installed, looked for from `folder` upwards to the workspace and never above it: what lies
 * there belongs to somebody else. Null where there is none.
 */
export function workspaceProgram(name: string, root: string, folder: string = root): string | null {
  const top = resolve(root);
  for (let at = resolve(folder); !relative(top, at).startsWith('..'); at = dirname(at)) {
    const file = join(at, 'node_modules', '.bin', name);
    if (existsSync(file)) return file;
    if (at === top) break;
  }
  return null;
}

/** The same environment with our own Node in reach: programs of npm are scripts that ask PATH for one. */
export function withNode(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const name = Object.keys(env).find((one) => one.toUpperCase() === 'PATH') ?? 'PATH';
  return {
    ...env,
    [name]: [...new Set([...(env[name] ?? '').split(delimiter), dirname(process.execPath)])]
      .filter(Boolean)
      .join(delimiter),
  };
}
