import { readFile } from 'node:fs/promises';

/**
 * Two packages look at `fetch` or `Response` while they are loaded, for which Node then loads its whole HTTP client, some
 * 25 ms: Ink's layout engine reads its own WASM out of a data: address, which it decodes itself where there is no
 * `fetch`; pg asks whether this is Cloudflare, on Nodes without `navigator`.
 */
export const withoutHttpClient = {
  name: 'without-http-client',
  setup: (builder) => {
    for (const [filter, question, answer] of [
      [/[\\/]yoga-wasm-base64-esm\.js$/, '"function"!=typeof fetch', 'true'],
      [/[\\/]pg[\\/]lib[\\/]stream\.js$/, "typeof Response === 'function'", 'false'],
    ]) {
      builder.onLoad({ filter }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        if (!source.includes(question)) throw new Error(`${path} is another version than this was written for.`);
        return { contents: source.replaceAll(question, answer) };
      });
    }
  },
};
