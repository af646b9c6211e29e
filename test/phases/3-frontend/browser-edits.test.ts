import { describe, expect, it } from 'vitest';
import { mendBrowserCode, tidy } from '../../../phases/3-frontend/browser-edits.ts';
import { guard } from '../../../phases/3-frontend/callers.ts';
import { shapeOf } from '../../../phases/3-frontend/hook.ts';
import { scanText } from '../../../src/workspace/scan/one-file.ts';
import { workspaceOf } from '../../workspace/scan/workspace.ts';

describe('the shape of a hook', () => {
  it.each([
    ['export function useOrg() {\n  return { orgId, loading };\n}\n', 'useOrg', ['orgId', 'loading'], []],
    [
      'export const useTenant = () => {\n  return { tenantId: id, isLoading };\n}\n',
      'useTenant',
      ['tenantId', 'isLoading'],
      [],
    ],
    ['export default function useOrgId() {\n  return orgId ?? "";\n}\n', 'useOrgId', null, []],
    ['export function useOrg() {\n  return { orgId, members };\n}\n', 'useOrg', ['orgId'], ['members']],
  ])('%j', (text, name, keys, unknown) => {
    const shape = shapeOf(text);
    expect(shape.name).toBe(name);
    expect(shape.keys?.map(([key]) => key) ?? null).toEqual(keys);
    expect(shape.unknown).toEqual(unknown);
  });
});

describe('callers of the hook', () => {
  const hook = { name: 'useOrg', keys: [['orgId', 'orgId']] } as const;
  const component = (body: string) =>
    `function A() {\n  const { orgId } = useOrg();\n  useEffect(() => {\n    ${body}\n  }, [orgId]);\n}\n`;

  it('wait for the organization before they ask for it', async () => {
    expect(await guard('a.tsx', component('load(orgId);'), hook)).toBe(
      component('if (!orgId) return;\n    load(orgId);'),
    );
    expect(await guard('a.tsx', component('load(orgId);\n    return () => stop();'), hook)).toContain(
      'if (!orgId) return undefined;',
    );
  });

  it('are left alone where they wait already, or only show it', async () => {
    for (const body of [
      'if (!orgId) return;\n    load(orgId);',
      'setTitle(orgId ? 1 : 2);'.replace('orgId ? 1 : 2', '1'),
    ]) {
      expect(await guard('a.tsx', component(body), hook)).toBe(component(body));
    }
  });
});

describe('tidying up', () => {
  it('takes out a spread of nothing and what only it used', async () => {
    const before = `const held = storage();\nconst held2 = a.b;\nsend({\n  a: 1,\n  ...(held2 ? { 'x-org-id': held2 } : {}),\n});\nuse(held);\n`;
    const now = before.replace(`{ 'x-org-id': held2 }`, '{}');
    expect(await tidy('a.ts', before, now)).toBe(`const held = storage();\nsend({\n  a: 1,\n});\nuse(held);\n`);
  });

  it('keeps a variable whose value is a call, and one that was unused before', async () => {
    const before = `const a = open();\nconst b = c.d;\nuse(a);\n`;
    const now = `const a = open();\nconst b = c.d;\n`;
    expect(await tidy('a.ts', before, now)).toBe(now);
  });

  it('takes out options that held nothing but the header, and what only the header used', async () => {
    const before = `useSWR(['/a', org], ([url, id]) => get(url, {\n  headers: { 'x-org-id': id }\n}), { dedupingInterval: 5 });\nshow(<li key={row.id}>{id}</li>);\n`;
    const now = before.replace(`{ 'x-org-id': id }`, '{}');
    expect(await tidy('a.tsx', before, now)).toBe(
      `useSWR(['/a', org], ([url]) => get(url), { dedupingInterval: 5 });\nshow(<li key={row.id}>{id}</li>);\n`,
    );
    const more = `get(url, { method: 'POST', headers: { 'x-org-id': org } });\n`;
    expect(await tidy('a.ts', more, more.replace(`{ 'x-org-id': org }`, '{}'))).toBe(`get(url, { method: 'POST' });\n`);
  });

  it('keeps empty headers that were there, and options that are no last argument', async () => {
    const before = `get(url, { headers: {} });\nget(url, { headers: { 'x-org-id': org } });\n`;
    const now = before.replace(`{ 'x-org-id': org }`, '{}');
    expect(await tidy('a.ts', before, now)).toBe(now);
    const only = `send({ headers: { 'x-org-id': org } });\n`;
    expect(await tidy('a.ts', only, `send({ headers: {} });\n`)).toBe(`send({ headers: {} });\n`);
  });
});

describe('a read of the organization from storage', () => {
  const mended = async (code: string): Promise<string> => {
    const findings = await scanText(workspaceOf(), 'src/a.tsx', code);
    expect(findings.map((one) => one.kind)).toContain('stored-org');
    return mendBrowserCode('src/a.tsx', code, findings);
  };

  it.each([
    `const company = localStorage.getItem('org_id');\nsupabase.from('projects').select('*').eq('organization_id', company);\n`,
    `supabase.from('projects').select('*').match({ org_id: localStorage.getItem('org_id') ?? '' });\n`,
    `const org_id = localStorage.getItem('org_id') as string;\nsupabase.from('projects').insert({ name, org_id });\n`,
    "const org_id = localStorage.getItem('org_id');\nsupabase.from('projects').select('*').or(`org_id.eq.${org_id},public.eq.true`);\n",
  ])('stays for a person where a query is made with it: %j', async (code) => {
    expect(await mended(code)).toBe(code);
  });

  it('gives null where nothing is asked with it', async () => {
    const code = `const company = localStorage.getItem('org_id');\nif (company) show();\n`;
    expect(await mended(code)).toBe(`const company = null;\nif (company) show();\n`);
  });
});
