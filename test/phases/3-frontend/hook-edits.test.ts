import { describe, expect, it } from 'vitest';
import { tidy } from '../../../phases/3-frontend/browser-edits.ts';
import { type HookCall, readThroughHook } from '../../../phases/3-frontend/hook-edits.ts';
import { scanText } from '../../../src/workspace/scan/one-file.ts';
import { workspaceOf } from '../../workspace/scan/workspace.ts';

const hook: HookCall = {
  name: 'useOrg',
  keys: [
    ['orgId', 'orgId'],
    ['loading', 'loading'],
  ],
  isDefault: false,
  from: '@/hooks/useOrg',
  serverFirst: false,
};

const edited = async (text: string, over: Partial<HookCall> = {}, file = 'src/components/card.tsx') => {
  const after = await readThroughHook(file, text, (now) => scanText(workspaceOf(), file, now), { ...hook, ...over });
  return tidy(file, text, after);
};

const card = (body: string, imports = `import { useAuth } from '@/contexts/AuthContext';\n`) =>
  `${imports}\nexport function Card() {\n  const { user, session } = useAuth();\n${body}\n  return <p>{session.id}</p>;\n}\n`;
const imported = `import { useAuth } from '@/contexts/AuthContext';\nimport { useOrg } from '@/hooks/useOrg';\n`;

describe('a component that read user_metadata', () => {
  it.each([
    ['in a fallback', 'const orgId = (user?.app_metadata?.org_id || user?.user_metadata?.org_id) as string;', 'orgId'],
    ['alone', 'const orgId = user?.user_metadata?.org_id;', 'orgId'],
    ['under another name', 'const tenant = user?.user_metadata?.tenant_id;', 'orgId: tenant'],
    ['by destructuring', 'const { org_id } = user.user_metadata;', 'orgId: org_id'],
  ])('takes it from the hook: %s', async (_, line, taken) => {
    expect(await edited(card(`  ${line}`))).toBe(
      card(`  const { ${taken} } = useOrg();`, imported).replace('user, session', 'session'),
    );
  });

  it('does not keep what it only asked for that', async () => {
    const text = `import { useAuth } from './auth';\n\nexport const Card = () => {\n  const { user } = useAuth();\n  const orgId = user?.user_metadata?.org_id;\n  return <p>{orgId}</p>;\n};\n`;
    expect(await edited(text)).toBe(
      `import { useOrg } from '@/hooks/useOrg';\n\nexport const Card = () => {\n  const { orgId } = useOrg();\n  return <p>{orgId}</p>;\n};\n`,
    );
  });

  it('goes through a variable for the metadata, in a hook of its own, and in a memo', async () => {
    const own = `export function useLeads() {\n  const { user } = useAuth();\n  const meta = user?.user_metadata;\n  const mine = meta?.org_id;\n  useEffect(() => { if (mine) load(mine); }, [mine]);\n}\n`;
    expect(await edited(own)).toContain('  const { orgId: mine } = useOrg();\n');
    const memo = `export const Card = memo(() => {\n  const orgId = useAuth().user.user_metadata.org_id;\n  return <p>{orgId}</p>;\n});\n`;
    expect(await edited(memo)).toContain('const { orgId } = useOrg();');
  });

  it('waits for it in effects and handlers that ask for something of it', async () => {
    const text = card(
      `  const orgId = user?.user_metadata?.org_id;\n  useEffect(() => {\n    load(orgId);\n  }, [orgId]);`,
    );
    expect(await edited(text)).toContain('    if (!orgId) return;\n    load(orgId);\n');
  });

  it('keeps the type where the value is needed at once', async () => {
    const text = card(`  const orgId = user?.user_metadata?.org_id as string;\n  const rows = useRows(orgId);`);
    expect(await edited(text)).toContain('const orgId = useOrg().orgId as string;\n  const rows = useRows(orgId);');
    const narrowed = card(
      `  const orgId = user?.user_metadata?.org_id as string;\n  useSWR(orgId ? ['/x', orgId] : null, get);`,
    );
    expect(await edited(narrowed)).toContain('const { orgId } = useOrg();');
    const left = card(
      `  const orgId = user?.user_metadata?.org_id;\n  if (!orgId) return null;\n  const rows = make(orgId);`,
    );
    expect(await edited(left)).toContain('const { orgId } = useOrg();');
  });

  it('does not cast in JavaScript', async () => {
    const text = card(`  const orgId = user?.user_metadata?.org_id;\n  const rows = useRows(orgId);`);
    expect(await edited(text, {}, 'src/components/card.jsx')).toContain('const { orgId } = useOrg();');
  });

  it('calls the hook at the top where the value is read in a callback, and lets the callback depend on it', async () => {
    const text = card(
      `  const save = useCallback(() => {\n    const orgId = user?.user_metadata?.org_id;\n    send({ orgId });\n  }, [user]);`,
    );
    expect(await edited(text)).toBe(
      card(
        `  const save = useCallback(() => {\n    const orgId = currentOrgId as string;\n    send({ orgId });\n  }, [user, currentOrgId]);`,
        imported,
      ).replace('  const { user,', '  const { orgId: currentOrgId } = useOrg();\n  const { user,'),
    );
    const argument = card(`  const save = () => {\n    send(user?.user_metadata?.org_id);\n  };`);
    expect(await edited(argument)).toContain('    if (!orgId) return;\n    send(orgId);\n');
  });

  it('calls it once, and before any return', async () => {
    const twice = card(
      `  const a = () => show(user?.user_metadata?.org_id || '');\n  const b = () => show(user?.user_metadata?.org_id || '');`,
    );
    expect((await edited(twice)).match(/useOrg\(\)/g)).toHaveLength(1);
    const late = card(`  if (!user) return null;\n  const tenant = user.user_metadata.org_id;`);
    expect(await edited(late)).toContain(
      `export function Card() {\n  const { orgId } = useOrg();\n  const { user, session }`,
    );
  });

  it('sends nobody elsewhere while it is loading', async () => {
    const text = card(
      `  const orgId = user?.user_metadata?.org_id;\n  useEffect(() => {\n    if (!orgId) router.push('/login');\n  }, [orgId]);`,
    );
    const after = await edited(text);
    expect(after).toContain('const { orgId, loading } = useOrg();');
    expect(after).toContain(`if (!loading && !orgId) router.push('/login');\n  }, [orgId, loading]);`);
    const inline = card(`  if (!user?.user_metadata?.org_id) redirect('/login');`);
    expect(await edited(inline)).toBe(inline);
    expect(await edited(text, { keys: null })).toBe(text);
  });

  it('follows the shape of the hook that the app has', async () => {
    const text = card('  const orgId = user?.user_metadata?.org_id;');
    expect(await edited(text, { keys: [['tenantId', 'orgId']], name: 'useTenant' })).toContain(
      'const { tenantId: orgId } = useTenant();',
    );
    expect(await edited(text, { keys: null, isDefault: true })).toContain(
      `import useOrg from '@/hooks/useOrg';\n\nexport function Card() {\n  const { session } = useAuth();\n  const orgId = useOrg();`,
    );
  });

  it('keeps quotes, missing semicolons and CRLF', async () => {
    const text = `import { useAuth } from "./auth"\r\n\r\nexport function Card() {\r\n\tconst { user } = useAuth()\r\n\tconst org = () => user.user_metadata.org_id\r\n\treturn <p>{org()}{user.id}</p>\r\n}\r\n`;
    const after = await edited(text);
    expect(after).toContain('import { useOrg } from "@/hooks/useOrg"\r\n');
    expect(after).toContain('{\r\n\tconst { orgId } = useOrg()\r\n\tconst { user }');
    expect(after.replaceAll('\r\n', '')).not.toContain('\n');
  });
});

describe('where no hook can be called', () => {
  it.each([
    ['a plain function', `export function orgOf(user) {\n  return user.user_metadata.org_id;\n}\n`],
    [
      'a class',
      `class Card extends React.Component {\n  render() {\n    const orgId = this.props.user.user_metadata.org_id;\n    return <p>{orgId}</p>;\n  }\n}\n`,
    ],
    [
      'the provider of the session',
      `const Auth = createContext(null);\nexport function Provider({ user }) {\n  const orgId = user.user_metadata.org_id;\n  return <Auth.Provider value={orgId} />;\n}\n`,
    ],
    [
      'a component of the server',
      `export default async function Page() {\n  const orgId = (await session()).user.user_metadata.org_id;\n  return <p>{orgId}</p>;\n}\n`,
    ],
    ['a component without a body', `export const Card = ({ user }) => <p>{user.user_metadata.org_id}</p>;\n`],
  ])('%s', async (_, text) => {
    expect(await edited(text)).toBe(text);
  });

  it('a component of the app router that calls no hook yet', async () => {
    const text = `export function Card({ user }) {\n  const orgId = user.user_metadata.org_id;\n  return <p>{orgId}</p>;\n}\n`;
    expect(await edited(text, { serverFirst: true })).toBe(text);
    expect(await edited(`'use client';\n${text}`, { serverFirst: true })).toContain('useOrg()');
  });
});
