import { type Config, environmentOf, isProduction } from '../config/index.ts';
import { exitCodes, RolloutError } from '../rollout/errors.ts';
import { fingerprintOf, planName, type Rehearsal, readsOf, type SavedPlan } from '../rollout/saved-plan.ts';
import type { ConnectionDescription } from '../supabase/connection/index.ts';

type Place = Pick<ConnectionDescription, 'project' | 'host' | 'port' | 'database'>;

/**
 * What this database is called in everything that is shown. What the configuration recognises wins over a name that was
 * given: nobody takes production for staging by an option.
 */
export const environmentName = (config: Config, connection: ConnectionDescription): string =>
  environmentOf(config.environments, connection)?.name ??
  config.environment ??
  (isProduction(config, connection) ? 'production' : 'local');

/** One that has to wait for another environment counts as production, whatever its host. */
export const countsAsProduction = (config: Config, connection: ConnectionDescription): boolean => {
  const own = environmentOf(config.environments, connection);
  return isProduction(config, connection) || own?.name.toLowerCase() === 'production' || (own?.after.length ?? 0) > 0;
};

/**
 * Why phase 1 may not be applied here: the environment takes only a plan that was rehearsed, or rolled out, on others
 * before. Null: it may.
 */
export function unrehearsed(config: Config, connection: Place, plan: SavedPlan | undefined): RolloutError | null {
  const own = environmentOf(config.environments, connection);
  if (own === null || own.after.length === 0) return null;
  const open = own.after.filter((name) => plan === undefined || carriedOutOn(config, plan, name).length === 0);
  if (open.length === 0) return null;
  const where = open.join(' and ');
  return new RolloutError(
    plan === undefined
      ? `Environment ${own.name} takes only a plan that was rehearsed or rolled out on ${where}.`
      : `Plan ${planName(plan)} was not rehearsed or rolled out on ${where}, which environment ${own.name} asks for. Nothing was changed.`,
    `Give "voxanne-rollout rehearse --on" the connection string of ${open[0]}, then --yes --plan here; --without-rehearsal goes without, and stays in the report.`,
    { exitCode: exitCodes.usage },
  );
}

/** Where and when this plan, computed from the same definitions, was carried out on that environment. */
export function carriedOutOn(config: Config, plan: SavedPlan, name: string): readonly Rehearsal[] {
  const fingerprint = fingerprintOf(plan.state, readsOf(plan));
  return plan.carriedOut.filter(
    (one) =>
      environmentOf(config.environments, one.on)?.name === name &&
      one.fingerprint === fingerprint &&
      one.tool === plan.made.tool,
  );
}

const major = (server: string): string => server.split('.')[0] ?? server;

/**
 * A rehearsal on another major version of the server shows little of this one.
 *
 * @throws {RolloutError} exit code 2 where the environment asks for a rehearsal and has none on its own version.
 */
export function requireSameServer(config: Config, connection: Place, plan: SavedPlan, server: string): void {
  for (const name of environmentOf(config.environments, connection)?.after ?? []) {
    const done = carriedOutOn(config, plan, name);
    const [first] = done;
    if (first === undefined || done.some((one) => major(one.server) === major(server))) continue;
    throw new RolloutError(
      `The plan was carried out on ${name} with PostgreSQL ${first.server}, and this is PostgreSQL ${server}.`,
      'Rehearse it on a copy with the same major version; --without-rehearsal goes without, and stays in the report.',
      { exitCode: exitCodes.usage },
    );
  }
}
