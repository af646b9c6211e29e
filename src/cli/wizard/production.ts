import type { Config } from '../../config/index.ts';
import { isProduction } from '../../config/production.ts';
import type { ConnectionDescription } from '../../supabase/connection/describe.ts';

type Settings = Pick<Config, 'environment' | 'production' | 'notProduction'>;

/** Why a target counts as production, or not, and which setting decides: one sentence for the first screen. */
export function productionReason(config: Settings, target: ConnectionDescription): string {
  const names = (entry: string): boolean =>
    entry === target.project || entry.toLowerCase() === target.host.toLowerCase();
  if (config.environment?.toLowerCase() === 'production') return 'Because the environment is named production.';
  if (config.production.some(names)) return 'Because "production" in the configuration lists it.';
  if (config.notProduction.some(names))
    return 'Not production: --not-production (or its variable) lists it for this run.';
  return isProduction(config, target)
    ? 'Every database on another machine counts as production, unless --not-production lists it.'
    : 'Not production: the database is on this machine.';
}
