import pg from 'pg';
import type { EmbeddedServer } from '../server.ts';
import { readSql } from './files.ts';

/**
 * `base`: a Supabase project without an app. `tiny`: four tables with the problem in small. `clinic`: the target app's
 * shape with everything that is wrong in it.
 */
export type DatabaseName = keyof typeof files;

export type LoadOptions = {
  /**
   * Default privileges in `public`. `old`: all to every API role. `none`: as since October 2026, nothing for what is
   * created from now on; the tables of the database itself keep theirs.
   */
  readonly grants?: 'old' | 'none';
  /** Locks auth tables on every policy statement, as hosted projects do (see hosted-locks.sql). Off by default. */
  readonly hostedLocks?: boolean;
};

/** What each database adds to the base, in order, as role postgres. */
const files = {
  base: [],
  tiny: ['tiny.sql'],
  clinic: ['clinic.sql', 'clinic-rows.sql'],
} as const satisfies Record<string, readonly string[]>;

/** The templates of each server by name, each made once. */
const templates = new WeakMap<EmbeddedServer, Map<string, Promise<void>>>();

/** Makes the templates of all databases, so that a copy of the server has them. */
export const makeTemplates = async (server: EmbeddedServer): Promise<readonly string[]> => {
  for (const name of ['base', 'tiny', 'clinic'] as const) await template(server, name, {});
  return [...(templates.get(server)?.keys() ?? [])];
};

/** Says that a server, which is a copy of another one, has these templates of it. */
export const knowTemplates = (server: EmbeddedServer, names: readonly string[]): void => {
  templates.set(server, new Map(names.map((name) => [name, Promise.resolve()])));
};

/**
 * Makes `databaseName` on `server` with the content of `name`. The first call for a combination runs the SQL; the next
 * copy a template (20 to 80 ms).
 */
export const loadDatabase = async (
  server: EmbeddedServer,
  name: DatabaseName,
  databaseName: string,
  options: LoadOptions = {},
): Promise<void> => {
  await server.createDatabase(databaseName, await template(server, name, options));
};

const template = async (server: EmbeddedServer, name: DatabaseName, options: LoadOptions): Promise<string> => {
  const { grants = 'old', hostedLocks = false } = options;
  const base = await once(server, 'voxanne_base', undefined, (database) =>
    run(server.adminUrl(database), [readSql('base.sql')]),
  );
  const content = await once(server, `voxanne_${name}`, base, (database) =>
    run(server.url(database), files[name].map(readSql)),
  );
  if (grants === 'old' && !hostedLocks) return content;
  return once(server, `${content}_${grants}${hostedLocks ? '_locks' : ''}`, content, (database) =>
    run(
      server.adminUrl(database),
      [grants === 'none' ? ['grants-none.sql'] : [], hostedLocks ? ['hosted-locks.sql'] : []].flat().map(readSql),
    ),
  );
};

const once = async (
  server: EmbeddedServer,
  name: string,
  parent: string | undefined,
  fill: (database: string) => Promise<void>,
): Promise<string> => {
  const made = templates.get(server) ?? new Map<string, Promise<void>>();
  templates.set(server, made);
  const making = made.get(name) ?? server.createDatabase(name, parent).then(() => fill(name));
  made.set(name, making);
  await making;
  return name;
};

/** Each text is one transaction. */
const run = async (connectionString: string, texts: readonly string[]): Promise<void> => {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    for (const text of texts) await client.query(text);
  } finally {
    await client.end();
  }
};
