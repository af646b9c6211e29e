import { expect, it } from 'vitest';
import { foundIn } from './found-in.ts';

const action = (body: string, before = ''): string => `'use server';
import { createClient } from '@/lib/supabase/server';
${before}
export async function act(orgId: string, name: string, id: string) {
  const supabase = await createClient();
  const { data: { user } } = await supabase.auth.getUser();
  if (!user) throw new Error('no');
  ${body}
  await supabase.from('calls').update({ name }).eq('org_id', orgId);
}
`;
const profile = `const { data: profile } = await supabase.from('profiles').select('role').eq('id', user.id).single();`;
const lookUp = (table: string, id: string): string =>
  `const { data: one } = await supabase.from('${table}').select('id').eq('user_id', ${id}).maybeSingle(); if (!one) redirect('/');`;

const forStaff: Readonly<Record<string, string>> = {
  'a-role': action(`if (user.app_metadata.role !== 'staff') return { error: 'no' };`),
  'a-role-of-the-profile': action(`${profile} if (profile?.role !== 'super_admin') return { error: 'no' };`),
  'a-role-in-a-name': action(
    `${profile} const isPlatform = profile?.role === 'platform_admin'; if (!isPlatform) throw new Error('no');`,
  ),
  'several-roles': action(`${profile} if (!['super_admin', 'staff'].includes(profile.role)) throw new Error('no');`),
  'a-table': action(lookUp('platform_admins', 'user.id')),
  'a-list': action(`if (!ADMIN_EMAILS.includes(user.email)) throw new Error('no');`, `const ADMIN_EMAILS = ['a@b.c'];`),
  'an-address': action(`if (user.email !== process.env.ADMIN_EMAIL) throw new Error('no');`),
  'a-function': action(
    `const access = await getPlatformMember(user.id); if (!access) redirect('/login');`,
    `import { getPlatformMember } from './x';`,
  ),
  'a-function-without-arguments': action(
    `if (!(await hasStaffAccess())) throw new Error('no');`,
    `import { hasStaffAccess } from './x';`,
  ),
};

const forEverybody: Readonly<Record<string, string>> = {
  'a-role-of-organizations': action(`${profile} if (profile?.role !== 'admin') throw new Error('no');`),
  'sends-the-staff-away': action(`${profile} if (profile?.role === 'super_admin') redirect('/admin');`),
  'roles-of-both': action(`${profile} if (!['admin', 'super_admin'].includes(profile.role)) throw new Error('no');`),
  'staff-by-a-sent-id': action(lookUp('platform_admins', 'id')),
  'a-function-of-a-sent-id': action(
    `const access = await getPlatformMember(id); if (!access) redirect('/login');`,
    `import { getPlatformMember } from './x';`,
  ),
  'staff-of-an-organization': action(lookUp('staff', 'user.id')),
  'a-word-that-was-sent': action(`if (name !== 'staff') throw new Error('no');`),
  'only-logged': action(
    `const access = await getPlatformMember(user.id); console.log(access);`,
    `import { getPlatformMember } from './x';`,
  ),
};

it('sees who works for the operator in a server action, and nobody else', async () => {
  const files = (all: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(all).map(([name, text]) => [`app/${name}/actions.ts`, text]));
  const open = files(forEverybody);
  const found = await foundIn('next', {
    'supabase/migrations/20240102000000_staff.sql':
      'create table staff (id uuid primary key, org_id uuid references organizations, user_id uuid);',
    ...files(forStaff),
    ...open,
  });
  expect(found).toEqual(Object.keys(open).sort());
});

const page = (body: string, module: string): string =>
  `import { getWorkspace } from '${module}';\nimport { admin } from '@/lib/db';\nexport default async function Page({ params }) {\n  const { id } = await params;\n  ${body}\n  const { data } = await admin.from('calls').select('id').eq('org_id', id);\n  return <p>{data.length}</p>;\n}\n`;
const asked = 'const org = await getWorkspace(id); if (!org) notFound();';
const user = 'const { data: { user } } = await server.auth.getUser();';
const membership = `const { data: member } = await admin.from('memberships').select('role').eq('org_id', id).eq('user_id', user.id).maybeSingle();`;
const organization = `const { data } = await admin.from('organizations').select('*').eq('id', id).single(); return data;`;
const getting = (body: string, before = ''): string =>
  `import { admin, prisma } from './db';\n${before}export async function getWorkspace(id: string) { ${body} }\n`;

it('looks into the function of another file that gives a workspace by its id', async () => {
  const open = {
    'app/nobody-looks/[id]/page.tsx': page('const org = await getWorkspace(id);', '@/lib/asks'),
    'app/not-asked/[id]/page.tsx': page(asked, '@/lib/open'),
    'app/asked-of-anybody/[id]/page.tsx': page(asked, '@/lib/anybody'),
  };
  const found = await foundIn('next', {
    'app/asks/[id]/page.tsx': page(asked, '@/lib/asks'),
    'app/passed-on/[id]/page.tsx': page(asked, '@/lib'),
    'app/by-people/[id]/page.tsx': page(asked, '@/lib/people'),
    'app/throws/[id]/page.tsx': page('await getWorkspace(id);', '@/lib/throws'),
    'app/through-another/[id]/page.tsx': page(asked, '@/lib/through'),
    ...open,
    'lib/index.ts': `export { getWorkspace } from './asks';\n`,
    'lib/asks.ts': getting(`${user} ${membership} if (!member) return null; ${organization}`),
    'lib/throws.ts': getting(`${user} ${membership} if (!member) throw new Error('no'); ${organization}`),
    'lib/people.ts': getting(
      'const session = await getSession(); return prisma.workspace.findFirst({ where: { id, members: { some: { userId: session.user.id } } } });',
    ),
    'lib/through.ts': getting(
      `const member = await getMembership(id); if (!member) return null; ${organization}`,
      `import { getMembership } from './member';\n`,
    ),
    'lib/member.ts': `import { admin } from './db';\nexport async function getMembership(orgId: string) { ${user} ${membership.replace("'org_id', id", "'org_id', orgId")} return member; }\n`,
    'lib/open.ts': getting('return prisma.workspace.findFirst({ where: { id } });'),
    'lib/anybody.ts': getting(
      `const { data: members } = await admin.from('memberships').select('role').eq('org_id', id); if (members.length === 0) return null; ${organization}`,
    ),
  });
  expect(found).toEqual(Object.keys(open).sort());
});
