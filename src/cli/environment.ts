import { type Config, isProduction } from '../config/index.ts';
import type { ConnectionDescription } from '../supabase/connection/index.ts';

/** What this database is called in everything that is shown. */
export const environmentName = (config: Config, connection: ConnectionDescription): string =>
  config.environment ?? (isProduction(config, connection) ? 'production' : 'local');
