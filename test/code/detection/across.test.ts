import { afterEach, expect, it } from 'vitest';
import { discoverWorkspace } from '../../../src/workspace/discover.ts';
import { scan } from '../../../src/workspace/scan/scan.ts';
import { folderOf } from '../../workspace/scan/files.ts';

const clean: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const remove of clean.splice(0)) await remove();
});

async function foundIn(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const { root, remove } = await folderOf({ 'package.json': '{"name":"app","dependencies":{"next":"15"}}', ...files });
  clean.push(remove);
  const { findings } = await scan(await discoverWorkspace(root));
  return findings.filter(({ advice }) => !advice).map(({ kind, file, line }) => `${kind} ${file}:${line}`);
}

const data = `export const load = async (place) => supabase.from('calls').select('id').eq('org_id', place);
export async function save({ place, name }) { await pool.query('insert into calls (name, org_id) values ($1, $2)', [name, place]); }
export async function own(place) {
  const { data: { user } } = await supabase.auth.getUser();
  if (place !== user.app_metadata.org_id) throw new Error('no');
  return supabase.from('calls').select('id').eq('org_id', place);
}
`;

it('follows what a sender chose into a function of another file, from every door', async () => {
  const doors: Readonly<Record<string, string>> = {
    'app/api/a/route.ts': `import { load } from '@/lib/calls';\nexport async function POST(request: Request) {\n  const { t } = await request.json();\n  return Response.json(await load(t));\n}\n`,
    'app/b/actions.ts': `'use server';\nimport { save } from '../../lib/calls';\nexport async function act(form: FormData) {\n  await save({ name: 'x', place: form.get('t') });\n}\n`,
    'app/c/page.tsx': `import * as calls from '@/lib/calls';\nexport default async function Page({ searchParams }) {\n  const { t } = await searchParams;\n  const found = await calls.load(t);\n  return <p>{found.length}</p>;\n}\n`,
    'server/routers/d.ts': `import { load } from '../../lib';\nexport const d = protectedProcedure.input(schema).query(async ({ input }) => {\n  return load(input.t);\n});\n`,
    'src/routes/e/+page.server.ts': `import { load as calls } from '../../../lib/calls';\nexport const load = async ({ url }) => {\n  return { found: await calls(url.searchParams.get('t')) };\n};\n`,
  };
  const found = await foundIn({ 'lib/calls.ts': data, 'lib/index.ts': `export * from './calls';\n`, ...doors });
  expect(found).toEqual([
    'request-org app/api/a/route.ts:3',
    'request-org app/b/actions.ts:4',
    'request-org app/c/page.tsx:3',
    'request-org server/routers/d.ts:2',
    'request-org src/routes/e/+page.server.ts:3',
  ]);
});

it('leaves what the other function holds against the caller, and what is compared before', async () => {
  const found = await foundIn({
    'lib/calls.ts': data,
    'app/api/a/route.ts': `import { own } from '@/lib/calls';\nexport async function POST(request: Request) {\n  const { t } = await request.json();\n  return Response.json(await own(t));\n}\n`,
    'app/api/b/route.ts': `import { load } from '@/lib/calls';\nexport async function POST(request: Request) {\n  const user = await getUser();\n  const { t } = await request.json();\n  if (t !== user.orgId) return new Response(null, { status: 403 });\n  return Response.json(await load(t));\n}\n`,
  });
  expect(found).toEqual([]);
});

it('takes a function of another file for a guard where it refuses, or where its answer decides', async () => {
  const access = `export async function mayUse(orgId: string) {
  const { userId } = await auth();
  const [member] = await db.select().from(memberships).where(and(eq(memberships.userId, userId), eq(memberships.orgId, orgId)));
  return member !== undefined;
}
export async function enter(orgId: string) {
  const session = await getSession();
  if (!session.user.orgIds.includes(orgId)) throw new Error('no');
  return session;
}
export async function countCalls(orgId: string) {
  return prisma.call.count({ where: { orgId } });
}
`;
  const route = (body: string): string =>
    `import { enter, mayUse } from '@/lib';\nimport { countCalls } from '@/lib/access';\nexport async function POST(request: Request) {\n  const { orgId } = await request.json();\n  ${body}\n  return Response.json(await prisma.call.findMany({ where: { orgId } }));\n}\n`;
  const found = await foundIn({
    'lib/access.ts': access,
    'lib/index.ts': `export { enter, mayUse } from './access';\n`,
    'app/api/entered/route.ts': route('await enter(orgId);'),
    'app/api/asked/route.ts': route('if (!(await mayUse(orgId))) return new Response(null, { status: 403 });'),
    'app/api/ignored/route.ts': route('await mayUse(orgId);'),
    'app/api/counted/route.ts': route(
      'if ((await countCalls(orgId)) === 0) return new Response(null, { status: 404 });',
    ),
  });
  expect(found).toEqual(['request-org app/api/counted/route.ts:4', 'request-org app/api/ignored/route.ts:4']);
});

it('follows the import map of edge functions', async () => {
  const found = await foundIn({
    'supabase/functions/import_map.json':
      '{ "imports": { "@shared/": "./_shared/", "std": "https://deno.land/std/mod.ts" } }',
    'supabase/functions/_shared/calls.ts': data,
    'supabase/functions/list/index.ts': `import { load } from '@shared/calls.ts';\nDeno.serve(async (req) => {\n  const { t } = await req.json();\n  return Response.json(await load(t));\n});\n`,
  });
  expect(found).toEqual(['request-org supabase/functions/list/index.ts:3']);
});

it('leaves to a person what only becomes a part of the path of another API', async () => {
  const action = (more: string): string =>
    `'use server';\nexport async function award(orgId: string, id: string) {\n  await api.post(\`/orgs/\${orgId}/badges\`, { id });\n${more}}\n`;
  const found = await foundIn({
    'app/a/actions.ts': action(''),
    'app/b/actions.ts': action(`  await db.from('badges').insert({ org_id: orgId });\n`),
  });
  expect(found).toEqual(['request-org app/b/actions.ts:2']);
});
