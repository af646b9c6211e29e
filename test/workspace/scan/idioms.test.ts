import { expect, it } from 'vitest';
import { discoverWorkspace } from '../../../src/workspace/discover.ts';
import { scanText } from '../../../src/workspace/scan/one-file.ts';
import { scan } from '../../../src/workspace/scan/scan.ts';
import { folderOf } from './files.ts';
import { nuxt } from './idioms/nuxt.ts';
import { others } from './idioms/others.ts';
import { workspaceOf } from './workspace.ts';

it.each([...nuxt, ...others])('reads %s as it is written there', async (_, path, finds, code) => {
  const kinds = new Set((await scanText(workspaceOf(), path, code)).map(({ kind }) => kind));
  expect([...kinds]).toEqual(finds === '' ? [] : [finds]);
});

it('follows the schema that has read a body into the module that declares it', async () => {
  const { root, remove } = await folderOf({
    'package.json': '{"name":"app","dependencies":{"express":"5","zod":"4"}}',
    'src/schemas/calls.ts': `export const open = z.object({ org_id: z.string(), name: z.string() });
export const closed = open.omit({ org_id: true });
export const picked = open.pick({ name: true });
export const loose = z.object({ name: z.string() }).passthrough();
`,
    'src/schemas/index.ts': `export * from './calls';\nexport { open as renamed } from './calls';\n`,
    'src/schemas/more.ts': `import { open, closed } from './calls';
export const wider = open.partial();
export const narrow = closed.partial();
`,
    'src/routes.ts': `import { closed, loose, open, picked, renamed } from './schemas';
import { narrow, wider } from './schemas/more';
${['open', 'renamed', 'loose', 'wider', 'closed', 'picked', 'narrow']
  .map(
    (name) =>
      `router.post('/${name}', async (req, res) => { await db.from('calls').insert(${name}.parse(req.body)); });`,
  )
  .join('\n')}
`,
  });
  const { findings } = await scan(await discoverWorkspace(root), { kinds: ['body-spread'] });
  await remove();
  expect(findings.map(({ file, line }) => [file, line])).toEqual([3, 4, 5, 6].map((line) => ['src/routes.ts', line]));
});
