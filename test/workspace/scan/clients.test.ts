import { expect, it } from 'vitest';
import { discoverWorkspace } from '../../../src/workspace/discover.ts';
import { scan } from '../../../src/workspace/scan/scan.ts';
import { folderOf } from './files.ts';

const clients = {
  'src/lib/server/db.ts': `import { createClient } from '@supabase/supabase-js';
const key = process.env.SUPABASE_SERVICE_ROLE_KEY;
export function privileged() { return createClient(url, key); }
export function open() { return createClient(url, process.env.SUPABASE_ANON_KEY); }
`,
  'src/lib/own.ts': `import { createServerClient } from '@supabase/ssr';
export const ownClient = (event) => createServerClient(url, anon, { cookies: event.cookies });
`,
};
const reads = (made: string): string =>
  `export const GET: RequestHandler = async (event) => { ${made} const { data } = await db.from('calls').select('*').eq('id', event.params.id).single(); return json(data); };`;

it('says of a query that it goes past row security where its client does, by what the client is made of', async () => {
  const files: Record<string, string> = {
    'src/routes/a/+server.ts': `import { privileged } from '$lib/server/db'; ${reads('const db = privileged();')}`,
    'src/routes/b/+server.ts': `import { open } from '$lib/server/db'; ${reads('const db = open();')}`,
    'src/routes/c/+server.ts': `import { ownClient } from '$lib/own'; ${reads('const db = ownClient(event);')}`,
    'src/routes/d/+server.ts': reads('const db = event.locals.supabase;'),
    'src/routes/e/+server.ts': reads('const { supabase: db } = event.locals;'),
    'src/routes/f/+server.ts': reads('const db = serverSupabaseServiceRole(event);'),
    'src/routes/g/+server.ts': `const make = () => createClient(url, process.env.SUPABASE_SERVICE_KEY); ${reads('const db = make();')}`,
    // Nothing tells whose client it is.
    'src/routes/h/+server.ts': `import { client } from 'elsewhere'; ${reads('const db = client();')}`,
  };
  const { root, remove } = await folderOf({
    'package.json': '{"name":"app","dependencies":{"@sveltejs/kit":"2"}}',
    ...clients,
    ...files,
  });
  const { findings } = await scan(await discoverWorkspace(root), { kinds: ['unscoped-query'] });
  await remove();
  expect(findings.map(({ file }) => file)).toEqual(['a', 'f', 'g'].map((folder) => `src/routes/${folder}/+server.ts`));
});
