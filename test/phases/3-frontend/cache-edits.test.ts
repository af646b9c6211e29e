import { describe, expect, it } from 'vitest';
import { addressedKeys, keepApart, mayKeepAnswers } from '../../../phases/3-frontend/cache-edits.ts';
import type { HookCall } from '../../../phases/3-frontend/hook-edits.ts';

const hook: HookCall = {
  name: 'useOrg',
  keys: [['orgId', 'orgId']],
  isDefault: false,
  from: '@/hooks/useOrg',
  serverFirst: false,
};
const exports = ['useOrg', 'clearOrg', 'emptiedOnSignOut'];

const apart = (text: string, file = 'src/a.tsx', addressed: readonly string[] = [], given = exports) =>
  keepApart(file, text, hook, given, (key) => addressed.includes(key));

const component = (query: string, head = '{ orgId }') =>
  `import { useQuery } from '@tanstack/react-query';\n\nexport function Calls() {\n  const ${head} = useOrg();\n  const calls = ${query};\n  return calls;\n}\n`;

describe('a key under which rows of an organization are kept', () => {
  it.each([
    [
      `useQuery({ queryKey: ['calls', page], queryFn: () => load(orgId, page), enabled: !!orgId })`,
      `useQuery({ queryKey: ['calls', page, orgId], queryFn: () => load(orgId, page), enabled: !!orgId })`,
    ],
    [
      `useSuspenseQuery({ queryKey: ['calls'], queryFn: async () => { return load({ orgId }); } })`,
      `useSuspenseQuery({ queryKey: ['calls', orgId], queryFn: async () => { return load({ orgId }); } })`,
    ],
    [`useSWR('/api/calls', () => load(orgId))`, `useSWR(['/api/calls', orgId], () => load(orgId))`],
    ['useSWR(`/api/calls?${page}`, () => load(orgId))', 'useSWR([`/api/calls?${page}`, orgId], () => load(orgId))'],
    [
      `useSWR(orgId ? ['/api/calls', page] : null, ([url]) => load(url, orgId))`,
      `useSWR(orgId ? ['/api/calls', page, orgId] : null, ([url]) => load(url, orgId))`,
    ],
  ])('%s', async (before, after) => {
    expect(await apart(component(before))).toBe(component(after));
    expect(await apart(component(after))).toBe(component(after));
  });

  it('follows the name that the component has for it', async () => {
    const query = `useQuery({ queryKey: ['calls'], queryFn: () => load(tenant) })`;
    expect(await apart(component(query, '{ orgId: tenant }'))).toContain(`['calls', tenant]`);
  });

  it.each([
    ['names it already', `useQuery({ queryKey: ['calls', orgId], queryFn: () => load(orgId) })`],
    ['names it in an object', `useQuery({ queryKey: ['calls', { orgId }], queryFn: () => load(orgId) })`],
    ['is of a query that does not use it', `useQuery({ queryKey: ['countries'], queryFn: () => load() })`],
    ['is addressed elsewhere', `useQuery({ queryKey: ['shared'], queryFn: () => load(orgId) })`],
    ['is what the function is called with', `useSWR('/api/calls', (url) => load(url, orgId))`],
    ['has its shape in a type', `useSWR(['/api/calls'], ([url]: [string]) => load(url, orgId))`],
    ['is made elsewhere', `useQuery({ queryKey: callsKey, queryFn: () => load(orgId) })`],
  ])('is left where it %s', async (_, query) => {
    expect(await apart(component(query), 'src/a.tsx', ['shared'])).toBe(component(query));
  });

  it('is known to be addressed', () => {
    expect(
      addressedKeys(
        `client.setQueryData(['a', id], x); client.getQueryData<Row>(['b']); mutate('/api/c'); mutate(['d', 1]); client.prefetchQuery({ queryKey: ['e'] }); client.invalidateQueries({ queryKey: ['f'] });`,
      ),
    ).toEqual(['a', 'b', '/api/c', 'd', 'e']);
  });
});

describe('signing out', () => {
  it('empties what was kept, behind the sign-out', async () => {
    const text = `import { supabase } from '@/lib/supabase';\n\nexport function Auth() {\n  const signOut = async () => {\n    try {\n      const { error } = await supabase.auth.signOut();\n      if (error) throw error;\n    } finally {\n      await supabase.auth.signOut({ scope: 'local' });\n    }\n  };\n}\n`;
    const after = await apart(text);
    expect(after).toBe(
      text
        .replace(`supabase';\n`, `supabase';\nimport { clearOrg } from '@/hooks/useOrg';\n`)
        .replace('auth.signOut();\n', 'auth.signOut();\n      clearOrg();\n')
        .replace(`'local' });\n`, `'local' });\n      clearOrg();\n`),
    );
    expect(await apart(after)).toBe(after);
  });

  it('keeps the style of the file', async () => {
    const text = `import { auth } from "./auth"\r\nexport const leave = async () => {\r\n\tawait supabase.auth.signOut()\r\n}\r\n`;
    expect(await apart(text)).toBe(
      `import { auth } from "./auth"\r\nimport { clearOrg } from "@/hooks/useOrg"\r\nexport const leave = async () => {\r\n\tawait supabase.auth.signOut()\r\n\tclearOrg()\r\n}\r\n`,
    );
  });

  it.each([
    [
      'on the server',
      `export async function POST() {\n  await supabase.auth.signOut();\n}\n`,
      'src/app/api/out/route.ts',
    ],
    [
      'in an action',
      `'use server';\nexport async function out() {\n  await supabase.auth.signOut();\n}\n`,
      'src/out.ts',
    ],
    ['in a shape that is not known', `const out = () => supabase.auth.signOut().then(done);\n`, 'src/out.ts'],
    ['where it is done already', `async function out() { await supabase.auth.signOut(); clearOrg(); }\n`, 'src/out.ts'],
  ])('is left alone %s', async (_, text, file) => {
    expect(await apart(text, file)).toBe(text);
  });

  it('reaches every client of TanStack Query', async () => {
    const state = `const [client] = useState(() => new QueryClient({ defaultOptions: {} }));\n`;
    expect(await apart(state)).toBe(
      `import { emptiedOnSignOut } from '@/hooks/useOrg';\n\nconst [client] = useState(() => emptiedOnSignOut(new QueryClient({ defaultOptions: {} })));\n`,
    );
    const exported = `import { QueryClient } from '@tanstack/react-query';\nexport const queryClient = new QueryClient();\n`;
    expect(await apart(exported)).toContain('export const queryClient = emptiedOnSignOut(new QueryClient());');
    expect(await apart(exported, 'src/a.ts', [], ['useOrg'])).toBe(exported);
  });

  it('looks only into files that may keep something', () => {
    expect(mayKeepAnswers('const a = useQuery({})')).toBe(true);
    expect(mayKeepAnswers('const a = useState({})')).toBe(false);
  });
});
