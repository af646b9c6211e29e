import { describe, expect, it } from 'vitest';
import { scanText } from '../../../src/workspace/scan/one-file.ts';
import { type RequestSource, requestSources } from '../../../src/workspace/scan/request-sources.ts';
import { workspaceOf } from './workspace.ts';

/** The same code with the comparison in front. */
const guardedExample = ({ example }: RequestSource): string =>
  example.replace(
    /return db\.from\('calls'\)\.select\('id'\)\.eq\('org_id', (.+?)\);/,
    (use: string, value: string) => {
      const caller = /\b(?:ctx|event)\b/.exec(example)?.[0].replace('event', 'event.context') ?? 'context';
      return `if (${value} !== ${caller}.user.orgId) throw new Error('no'); ${use}`;
    },
  );

const found = async (code: string, path = 'src/server/a.ts') =>
  (await scanText(workspaceOf(), path, code)).filter(({ kind }) => kind === 'request-org').length;

describe.each(requestSources.map((row) => [row.framework, row] as const))('%s', (_, row) => {
  it('finds the organization that the sender names', async () => {
    expect(await found(row.example, row.path)).toBe(1);
  });

  it('leaves one that is compared with the own organization', async () => {
    expect(guardedExample(row)).not.toBe(row.example);
    expect(await found(guardedExample(row), row.path)).toBe(0);
  });

  it('leaves what only looks like it', async () => {
    expect(await found(row.lookAlike, row.path)).toBe(0);
  });
});

it.each([
  `export async function load({ url }) { const id = url.searchParams.get('org_id'); return db.from('calls').select('id').eq('org_id', id); }`,
  `export const load = async ({ cookies }) => { return db.from('calls').select('id').eq('org_id', cookies.get('org_id')); };`,
  `export async function action({ request }) { const form = await request.formData(); await db.from('calls').insert({ org_id: form.get('org_id') }); }`,
  `export async function action({ request }) { const body = await request.json(); await db.from('calls').insert({ org_id: body.orgId }); }`,
  `export async function loader(args: LoaderFunctionArgs) { return db.from('calls').select('id').eq('org_id', args.params.orgId); }`,
  `export const a = publicProcedure.mutation(async ({ input: { orgId } }) => { return db.from('calls').select('id').eq('org_id', orgId); });`,
  `export const a = publicProcedure.mutation(async (opts) => { return db.from('calls').select('id').eq('org_id', opts.input.orgId); });`,
  `export default defineEventHandler(async (event) => { const body = await readBody(event); await db.from('calls').insert({ org_id: body.orgId }); });`,
  `export default defineEventHandler(async (event) => { return db.from('calls').select('id').eq('org_id', getHeader(event, 'x-org-id')); });`,
  `export default defineEventHandler(async (e) => { const id = getRouterParam(e, 'orgId'); return db.from('calls').select('id').eq('org_id', id); });`,
  `'use server';\nexport async function list(orgId) { return db.from('calls').select('id').eq('org_id', orgId); }`,
  `'use server';\nexport const save = async (form) => { await db.from('calls').insert({ org_id: form.get('org_id') }); };`,
  `export function page() { async function save({ orgId }) { 'use server'; await db.from('calls').insert({ org_id: orgId }); } return save; }`,
])('finds %s', async (code) => {
  expect(await found(code)).toBe(1);
});

it.each([
  `export async function load(orgId) { return db.from('calls').select('id').eq('org_id', orgId); }`,
  `export async function load({ locals, params }) { return db.from('calls').select('id').eq('org_id', locals.orgId).eq('id', params.id); }`,
  `const a = repository.query(async ({ input }) => { return db.from('calls').select('id').eq('org_id', input.orgId); });`,
  `export async function action({ orgId }) { return db.from('calls').select('id').eq('org_id', orgId); }`,
  `export default defineEventHandler(async (event) => { const asked = getQuery(settings); return db.from('calls').select('id').eq('org_id', asked.orgId); });`,
  `'use server';\nasync function list(orgId) { return db.from('calls').select('id').eq('org_id', orgId); }`,
  `'use server';\nexport async function list(orgId) { const { data: { user } } = await supabase.auth.getUser(); if (orgId !== user.app_metadata.org_id) throw new Error('no'); return db.from('calls').select('id').eq('org_id', orgId); }`,
  `export async function list(orgId) { return db.from('calls').select('id').eq('org_id', orgId); } // not 'use server'`,
])('leaves %s', async (code) => {
  expect(await found(code)).toBe(0);
});
