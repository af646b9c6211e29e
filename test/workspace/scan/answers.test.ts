import { afterEach, describe, expect, it } from 'vitest';
import { discoverWorkspace } from '../../../src/workspace/discover.ts';
import { editSource } from '../../../src/workspace/edit.ts';
import { scan } from '../../../src/workspace/scan/scan.ts';
import { folderOf } from './files.ts';

const clean: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const remove of clean.splice(0)) await remove();
});

const server = `import { teamRouter } from './routes/team';\napp.use('/api/team', teamRouter);\n`;
const route = (body: string) =>
  `import { db } from '../db';\nteamRouter.get('/members', async (req, res) => {\n  ${body}\n});\n`;
const withDetails =
  route(`const { data } = await db.from('user_org_roles').select('id, user_id, role').eq('org_id', req.user.orgId);
  const members = await Promise.all((data || []).map(async (member) => {
    const { data: found } = await db.auth.admin.getUserById(member.user_id);
    return { ...member, user: found?.user ? { id: found.user.id, email: found.user.email } : null };
  }));
  res.json(members);`);

const list = (read: string, hook = `useSWR(user ? '/api/team/members' : null, fetcher)`) => `'use client';
import useSWR from 'swr';

interface Member {
  id: string;
  email: string;
}

const fetcher = (url: string) => authedFetch<any>(url);

export function Members({ user }) {
  const { data: members = [], mutate } = ${hook};
  return <ul>{members.map((member: Member) => (
    <li key={member.id}>${read}</li>
  ))}</ul>;
}
`;
const page = 'web/src/app/settings/components/Members.tsx';

async function scanned(component: string, answers: string, file = page) {
  const { root, remove } = await folderOf({
    'api/package.json': JSON.stringify({ name: 'api', dependencies: { express: '4' } }),
    'api/src/server.ts': server,
    'api/src/routes/team.ts': answers,
    'web/package.json': JSON.stringify({ name: 'web', dependencies: { next: '14', react: '18' } }),
    [file]: component,
  });
  clean.push(remove);
  const { findings } = await scan(await discoverWorkspace(root));
  return findings.filter((one) => one.kind === 'settings-placeholder');
}

describe('a field of a list that the API has one level deeper', () => {
  it('is found through SWR, with every line that reads it, and read where it is', async () => {
    const component = list('{member.email?.charAt(0)}{member.email} {`Remove ${member.email}`}\n{member.email}');
    const [finding, ...others] = await scanned(component, withDetails);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ line: 14, certainty: 'likely' });
    expect(finding?.reason).toContain('email is read from each element of the answer of /api/team/members');
    expect(finding?.instruction).toBe('Read it where the API puts it, in user.email, also in line 15.');
    const edited = await editSource(page, component, finding?.fix?.edits ?? []);
    expect(edited).toContain('  id: string;\n  user: { email: string } | null;\n}');
    expect(edited).toContain(
      '{member.user?.email?.charAt(0)}{member.user?.email} {`Remove ${member.user?.email}`}\n{member.user?.email}',
    );
    expect(await scanned(edited, withDetails)).toEqual([]);
  });

  it.each([
    ['useQuery', `useQuery({ queryKey: ['members'], queryFn: () => api('/api/team/members') })`],
    ['SWR with options', `useSWR('/api/team/members', fetcher, { revalidateOnFocus: false })`],
  ])('is found through %s', async (_, hook) => {
    expect(await scanned(list('{member.email}', hook), withDetails)).toHaveLength(1);
  });

  it('is found in a state, and where it is destructured', async () => {
    const state = (read: string) =>
      `export function Members() {\n  const [members, setMembers] = useState<Member[]>([]);\n  useEffect(() => { api('/api/team/members').then(setMembers); }, []);\n  return members.map(${read});\n}\n`;
    expect(await scanned(state('(member) => <p>{member.email}</p>'), withDetails)).toHaveLength(1);
    expect(await scanned(state('({ id, email }) => <p>{email}</p>'), withDetails)).toMatchObject([{ fix: null }]);
  });

  it('is left to a person where an absent value would not do', async () => {
    const [finding] = await scanned(list('{show(member.email)}'), withDetails);
    expect(finding).toMatchObject({ fix: null, instruction: 'Read it where the API puts it, in user.email.' });
    const mixed = `${list('{member.email}')}const mail = (m: Member) => m.email;\n`;
    expect(await scanned(mixed, withDetails)).toMatchObject([{ fix: null }]);
  });
});

describe('what is no such field', () => {
  it.each([
    ['a key that the answer has', list('{member.role}'), withDetails],
    ['a key that is nowhere in it', list('{member.nickname}'), withDetails],
    ['a key that is read where it is', list('{member.user?.email}'), withDetails],
    ['the list itself', list('{members.length}'), withDetails],
    ['an answer that may bring any key', list('{member.email}'), withDetails.replace(`'id, user_id, role'`, `'*'`)],
    [
      'a second answer of the route that is not known',
      list('{member.email}'),
      withDetails.replace(
        'res.json(members)',
        'if (req.query.all) return res.json(await everybody());\n  res.json(members)',
      ),
    ],
    ['another route', list('{member.email}', `useSWR('/api/team/invitations', fetcher)`), withDetails],
    [
      'an object whose envelope a fetcher may have taken off',
      list('').replace('members.map', 'members.email, [].map'),
      route(`res.json({ data: { email: 'a' } });`),
    ],
    [
      'an answer that is changed before it is sent',
      list('{member.email}'),
      route(
        `let members = rows.map((row) => ({ id: row.id, user: { email: row.email } }));\n  members = flat(members);\n  res.json(members);`,
      ),
    ],
    ['a value of another function', list('{member.email}').replace('members.map', 'others(members).map'), withDetails],
  ])('%s', async (_, component, answers) => {
    expect(await scanned(component, answers)).toEqual([]);
  });

  it('a page that is not about settings', async () => {
    expect(await scanned(list('{member.email}'), withDetails, 'web/src/app/calls/Members.tsx')).toEqual([]);
  });
});
