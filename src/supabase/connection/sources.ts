import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseEnv } from 'node:util';
import { unquoted } from '../../config/secrets.ts';
import { exitCodes, RolloutError } from '../../rollout/errors.ts';
import { linkedProject, localStack } from './project.ts';

/** One place that names a database. */
export type ConnectionSource = {
  readonly url: string;
  /** For screens: `--db-url`, `SUPABASE_DB_URL`, `backend/.env: DATABASE_URL`, `the linked project`. */
  readonly origin: string;
  /** True when the operator named it for this run: a flag or an exported variable, never a file. */
  readonly explicit: boolean;
  /** A password that stands beside the string (`SUPABASE_DB_PASSWORD`); used when the string has none. */
  readonly password?: string;
};

export type SourceOptions = {
  /** `--db-url`. */
  readonly dbUrl?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly workspace: string;
  /** Folders of backends, relative to the workspace; their `.env` files are read after the workspace's own. */
  readonly backends?: readonly string[] | undefined;
};

const variables = ['SUPABASE_DB_URL', 'DATABASE_URL'] as const;
/** The more local file wins, as in the frameworks that read them. */
const envFiles = ['.env.local', '.env'] as const;

/**
 * Every place that names a database, the one that counts first: `--db-url`, `SUPABASE_DB_URL`, `DATABASE_URL`, the same
 * two in `.env.local` and `.env` of the workspace and then of its backends, the linked project, the local stack.
 * `.env` files are read for the address alone and never for consent.
 *
 * @throws {RolloutError} exit code 2 when a file is there and cannot be read.
 */
export async function connectionSources(options: SourceOptions): Promise<readonly ConnectionSource[]> {
  const { dbUrl, env, workspace } = options;
  const beside = env.SUPABASE_DB_PASSWORD ?? env.PGPASSWORD;
  const password = beside ? { password: beside } : {};
  const found: ConnectionSource[] = [];
  const typed = unquoted(dbUrl ?? '');
  if (typed !== '') found.push({ url: typed, origin: '--db-url', explicit: true, ...password });
  for (const name of variables) {
    const url = unquoted(env[name] ?? '');
    if (url !== '') found.push({ url, origin: name, explicit: true, ...password });
  }
  const folders = ['.', ...(options.backends ?? [])].map((folder) => join(workspace, folder));
  for (const folder of new Set(folders)) {
    for (const file of envFiles) {
      found.push(...(await sourcesInFile(join(folder, file), workspace)));
    }
  }
  const linked = await linkedProject(workspace);
  if (linked !== null) {
    found.push({ url: linked.url, origin: `the linked project ${linked.ref}`, explicit: false, ...password });
  }
  const local = await localStack(workspace);
  if (local !== null) found.push({ url: local, origin: 'the local stack of supabase/config.toml', explicit: false });
  return found;
}

/**
 * The database of this run: the first of `connectionSources`.
 *
 * @throws {RolloutError} exit code 2 when nothing names one.
 */
export async function chooseConnection(options: SourceOptions): Promise<ConnectionSource> {
  const [first] = await connectionSources(options);
  if (first !== undefined) return first;
  throw new RolloutError(
    'No database URL given.',
    'Give --db-url, export SUPABASE_DB_URL or DATABASE_URL, or link the workspace with supabase link and export SUPABASE_DB_PASSWORD.',
    { exitCode: exitCodes.usage },
  );
}

async function sourcesInFile(path: string, workspace: string): Promise<readonly ConnectionSource[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EISDIR') return null;
    throw new RolloutError(
      `The file ${path} cannot be read (${error.code}).`,
      'Make it readable, or name the database with --db-url.',
      { exitCode: exitCodes.usage, cause: error },
    );
  });
  if (text === null) return [];
  const values: Readonly<Record<string, string | undefined>> = parseEnv(text);
  const beside = values.SUPABASE_DB_PASSWORD;
  return variables.flatMap((name) => {
    const url = values[name];
    // Other databases (mysql:, file:) stand in DATABASE_URL too, and templates hold placeholders: neither is a target.
    if (!url || !/^postgres(?:ql)?:\/\//i.test(url) || /\$\{|<[^>]+>|\[YOUR-PASSWORD\]/i.test(url)) return [];
    return [
      {
        url,
        origin: `${relative(workspace, path)}: ${name}`,
        explicit: false,
        ...(beside ? { password: beside } : {}),
      },
    ];
  });
}
