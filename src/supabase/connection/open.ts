import pg from 'pg';
import { toRolloutError } from '../../database/errors.ts';
import type { RolloutError } from '../../rollout/errors.ts';
import { type ClientConfigOptions, clientConfig } from './client-config.ts';
import { describeUrl } from './describe.ts';

export type OpenOptions = ClientConfigOptions & {
  readonly url: string;
  /** Ends the attempt; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the server or the network ends the connection later. Never called for one that was closed here. */
  readonly onLost?: ((error: RolloutError) => void) | undefined;
};

/**
 * Opens one connection. An error on an idle connection never ends the process: it is given to `onLost`, and the next
 * query on the client is rejected by `pg`.
 *
 * @throws {RolloutError} exit code 4 when the server cannot be reached or refuses the sign-in.
 */
export async function openConnection(options: OpenOptions): Promise<pg.Client> {
  const { url, signal } = options;
  signal?.throwIfAborted();
  const context = { connection: describeUrl(url), connecting: true };
  const client = new pg.Client(clientConfig(url, options));
  let open = false;
  client.on('error', (error) => {
    if (open) options.onLost?.(toRolloutError(error, { ...context, connecting: false }));
  });
  // Rejects the pending connect of `pg`, which knows no signal. A failure to close is no news after that.
  const stop = () => void client.end().catch(() => undefined);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await client.connect();
    signal?.throwIfAborted();
    open = true;
    return client;
  } catch (error) {
    stop();
    signal?.throwIfAborted();
    throw toRolloutError(error, context);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
