import type { Config } from '../config/index.ts';
import { exitCodes, RolloutError } from '../rollout/errors.ts';
import type { ConnectionDescription } from '../supabase/connection/index.ts';

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * Keys go to the API of the connected project, or to one that was named for this run. A configuration file alone could
 * send them anywhere: it comes from whoever may commit to the checkout.
 *
 * @param named The API that a flag or an exported variable gives, if any.
 * @throws {RolloutError} exit code 2, before anything is sent.
 */
export function requireOwnApi(
  config: Pick<Config, 'supabaseUrl'>,
  connection: Pick<ConnectionDescription, 'project' | 'kind' | 'label'>,
  named: string | null | undefined,
  keys: { readonly anon: string | null; readonly service: string | null },
): void {
  if (config.supabaseUrl === null || (keys.anon === null && keys.service === null)) return;
  if (named !== undefined && named !== null && named !== '') return;
  const { protocol, hostname, host } = new URL(config.supabaseUrl);
  const own =
    connection.project === null
      ? connection.kind === 'loopback' && loopback.test(hostname)
      : protocol === 'https:' && host === `${connection.project}.supabase.co`;
  if (own) return;
  throw new RolloutError(
    `The configuration file names ${host} as the API, which is not known to belong to ${connection.label}, so no key is sent there.`,
    `Give --supabase-url, or export VOXANNE_ROLLOUT_SUPABASE_URL, if it is the right one; else correct the file.`,
    { exitCode: exitCodes.usage },
  );
}

/**
 * The same for the tokens that phase 2 sends to the running backend. Nothing shows to whom a backend belongs, so that a
 * file may name one on this machine and no other.
 *
 * @param named The backend that a flag or an exported variable gives, if any.
 * @throws {RolloutError} exit code 2, before anything is sent.
 */
export function requireOwnBackend(
  config: Pick<Config, 'backendUrl'>,
  named: string | null | undefined,
  tokens: readonly (string | undefined)[],
): void {
  if (config.backendUrl === null || tokens.every((token) => !token)) return;
  if (named !== undefined && named !== null && named !== '') return;
  const { hostname, host } = new URL(config.backendUrl);
  if (loopback.test(hostname)) return;
  throw new RolloutError(
    `The configuration file names ${host} as the backend, which is another machine, so no token is sent there.`,
    `Give --backend-url, or export VOXANNE_ROLLOUT_BACKEND_URL, if it is the right one; else correct the file.`,
    { exitCode: exitCodes.usage },
  );
}
