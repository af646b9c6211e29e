import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isPooler } from './describe.ts';

/**
 * The hosted project that the workspace is linked to, from what `supabase link` keeps in `supabase/.temp`: its ref and,
 * where it knows one, the string of the pooler. The CLI stores the string without a password and on the port of
 * transaction mode; the same host serves session mode on 5432, which a rollout needs.
 */
export async function linkedProject(workspace: string): Promise<{ readonly ref: string; readonly url: string } | null> {
  const ref = (await readIfThere(join(workspace, 'supabase/.temp/project-ref')))?.trim();
  if (ref === undefined || !/^[a-z0-9]{6,40}$/.test(ref)) return null;
  const pooler = (await readIfThere(join(workspace, 'supabase/.temp/pooler-url')))?.trim();
  const parts = /^postgres(?:ql)?:\/\/([^:@/]+)(?::.*)?@([^:/@]+)(?::\d+)?\/([^?]+)/.exec(pooler ?? '');
  const [, user = '', host = '', database] = parts ?? [];
  // An exported password goes along, so that no file of the checkout may send it anywhere but to this project.
  if (!isPooler(host) || !user.endsWith(`.${ref}`)) {
    return { ref, url: `postgresql://postgres@db.${ref}.supabase.co:5432/postgres` };
  }
  return { ref, url: `postgresql://${user}@${host}:5432/${database}` };
}

/** The database of `supabase start`, on the port of `supabase/config.toml`; null when the workspace has no such file. */
export async function localStack(workspace: string): Promise<string | null> {
  const text = await readIfThere(join(workspace, 'supabase/config.toml'));
  if (text === null) return null;
  const port = tomlValue(text, 'db', 'port') ?? '54322';
  return /^\d{1,5}$/.test(port) ? `postgresql://postgres:postgres@127.0.0.1:${port}/postgres` : null;
}

/** One plain value of one table of a TOML file; enough for a port, and nothing else is read from there. */
function tomlValue(text: string, table: string, key: string): string | null {
  let current = '';
  for (const line of text.split(/\r?\n/)) {
    const heading = /^\s*\[([^[\]]+)\]\s*(?:#.*)?$/.exec(line)?.[1];
    if (heading !== undefined) current = heading.trim();
    const [, name, value] = /^\s*([\w-]+)\s*=\s*"?([^"#]*?)"?\s*(?:#.*)?$/.exec(line) ?? [];
    if (current === table && name === key && value !== undefined) return value;
  }
  return null;
}

async function readIfThere(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw error;
  });
}
