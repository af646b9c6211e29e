// Writes the JSON schema of the configuration file, for editors. Run after a change of src/config/schema.ts.
import { writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

const { outputFiles } = await build({
  entryPoints: ['src/config/schema.ts'],
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
});
const code = outputFiles[0]?.text ?? '';
const { configJsonSchema } = await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`);
await writeFile('voxanne-rollout.schema.json', `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
