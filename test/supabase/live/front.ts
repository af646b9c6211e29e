import { createServer } from 'node:http';

/** Answers a request itself, or lets it pass (null). `forward` asks the project. */
export type Answer = (request: Request, forward: () => Promise<Response>) => Promise<Response | null> | Response | null;

export type Front = AsyncDisposable & { readonly url: string; readonly seen: readonly string[] };

/** A gateway in front of a project, by which a test changes what single paths answer. */
export async function openFront(target: string, answer: Answer): Promise<Front> {
  const seen: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const work = async (): Promise<void> => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const method = incoming.method ?? 'GET';
      seen.push(`${method} ${incoming.url}`);
      const headers = new Headers();
      for (const [name, value] of Object.entries(incoming.headers)) {
        if (typeof value === 'string' && !['host', 'connection', 'content-length'].includes(name))
          headers.set(name, value);
      }
      const body = method === 'GET' || method === 'HEAD' ? null : Buffer.concat(chunks);
      const url = new URL(incoming.url ?? '/', target);
      const forward = (): Promise<Response> => fetch(url, { method, headers, body });
      const answered = await answer(new Request(url, { method, headers, body }), forward);
      const response = answered ?? (await forward());
      outgoing.statusCode = response.status;
      for (const [name, value] of response.headers) {
        if (!['content-encoding', 'content-length', 'transfer-encoding'].includes(name))
          outgoing.setHeader(name, value);
      }
      outgoing.end(Buffer.from(await response.arrayBuffer()));
    };
    work().catch((error: unknown) => {
      outgoing.statusCode = 502;
      outgoing.end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the front has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The settings of a project whose sign-ups are confirmed at once, with changes. */
export const settings = (changes: Readonly<Record<string, unknown>>): Response =>
  Response.json({ disable_signup: false, mailer_autoconfirm: true, external: { email: true }, ...changes });

export const isPath = (request: Request, method: string, path: string): boolean =>
  request.method === method && new URL(request.url).pathname === path;
