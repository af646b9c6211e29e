import type { Config } from './schema.ts';

/**
 * Whether the target asks for the strict question (its typed name). Anything but this machine counts as production
 * unless `notProduction` lists its host or project ref, because a wrong "no" costs more than one more question.
 */
export function isProduction(
  config: Pick<Config, 'environment' | 'production' | 'notProduction'>,
  target: { readonly host: string; readonly project: string | null; readonly kind: string },
): boolean {
  const isTarget = (entry: string) => entry === target.project || entry.toLowerCase() === target.host.toLowerCase();
  if (config.environment?.toLowerCase() === 'production' || config.production.some(isTarget)) return true;
  if (config.notProduction.some(isTarget)) return false;
  return target.kind !== 'loopback';
}
