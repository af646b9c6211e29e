import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createServer } from 'vite';
import type { Gateway } from './gateway.ts';

export type Frontend = { readonly url: string; readonly stop: () => Promise<void> };

/** Serves the frontend of a copy of the sample app with its own Vite configuration, on a free port. */
export async function startFrontend(
  directory: string,
  { gateway, backendUrl }: { readonly gateway: Gateway; readonly backendUrl: string },
): Promise<Frontend> {
  const define = (value: string): string => JSON.stringify(value);
  // The tenant-id route runs inside this process and reads these.
  process.env.SUPABASE_URL = gateway.url;
  process.env.SUPABASE_SERVICE_ROLE_KEY = gateway.serviceKey;
  const cacheDir = join(directory, '.vite');
  const server = await createServer({
    root: directory,
    configFile: join(directory, 'vite.config.ts'),
    // Not 'bundle', which writes a file below node_modules; those are the repository's own here.
    configLoader: 'runner',
    cacheDir,
    logLevel: 'error',
    define: {
      'import.meta.env.VITE_SUPABASE_URL': define(gateway.url),
      'import.meta.env.VITE_SUPABASE_ANON_KEY': define(gateway.anonKey),
      'import.meta.env.VITE_BACKEND_URL': define(backendUrl),
    },
    server: { host: '127.0.0.1', port: 0, hmr: false, watch: null, fs: { strict: false } },
  });
  await server.listen();
  const address = server.httpServer?.address();
  if (typeof address !== 'object' || address === null) throw new Error('the frontend has no port');
  const stop = async (): Promise<void> => {
    await server.close();
    await rm(cacheDir, { recursive: true, force: true });
  };
  return { url: `http://127.0.0.1:${address.port}`, stop };
}
