/**
 * SQL condition that is true for schemas of the app: not PostgreSQL's own, not the platform's, not ours. Platform
 * schemas are never altered, but for triggers on `auth.users` (role `postgres` owns nothing there).
 */
export const appSchema = (column: string): string => `(${column} !~ '^pg_' and ${column} not in (
  'information_schema', 'auth', 'storage', 'realtime', '_realtime', 'vault', 'cron', 'net', 'extensions', 'graphql',
  'graphql_public', 'pgbouncer', 'pgsodium', 'pgsodium_masks', 'pgtle', 'voxanne_rollout', '_analytics')
  and ${column} !~ '^supabase_')`;

/** SQL condition that is true for objects which no extension brought. */
export const notFromExtension = (catalog: string, oid: string): string =>
  `not exists (select from pg_catalog.pg_depend x where x.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass and x.objid = ${oid} and x.deptype = 'e')`;
