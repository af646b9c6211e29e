import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

/** Serves `src/app/api/**` in development as the host does in production: one exported function per method. */
function apiRoutes(): Plugin {
  return {
    name: 'api-routes',
    configureServer(server) {
      server.middlewares.use(async (incoming, outgoing, next) => {
        const { pathname } = new URL(incoming.url ?? '/', 'http://localhost');
        if (!/^\/api(\/[a-z-]+)+$/.test(pathname)) return next();
        try {
          const route = await server.ssrLoadModule(`/src/app${pathname}/route.ts`);
          const handler = route[incoming.method ?? 'GET'];
          const headers = new Headers();
          for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value));
          const response: Response = handler
            ? await handler(new Request(new URL(incoming.url ?? '/', 'http://localhost'), { method: incoming.method, headers }))
            : Response.json({ error: 'Method not allowed' }, { status: 405 });
          outgoing.statusCode = response.status;
          outgoing.setHeader('content-type', response.headers.get('content-type') ?? 'application/json');
          outgoing.end(await response.text());
        } catch (error) {
          next(error);
        }
      });
    },
  };
}

export default defineConfig({
  plugins: [apiRoutes()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: { port: 3000 },
});
