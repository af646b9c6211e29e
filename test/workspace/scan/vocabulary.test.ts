import { afterAll, describe, expect, it } from 'vitest';
import { scanText } from '../../../src/workspace/scan/one-file.ts';
import { speak, type Vocabulary } from '../../../src/workspace/scan/vocabulary.ts';
import { workspaceOf } from './workspace.ts';

const none: Vocabulary = { columns: [], tables: [], memberships: [] };
afterAll(() => speak(none));

const apps: readonly (readonly [string, Vocabulary, (text: string) => string])[] = [
  [
    'team_id',
    { columns: ['team_id'], tables: ['teams'], memberships: ['team_members'] },
    (text) => text.replaceAll('ORG_', 'team_').replaceAll('ORGS', 'teams').replaceAll('ORG', 'team'),
  ],
  [
    'companyId',
    { columns: ['companyId'], tables: ['companies'], memberships: ['company_users'] },
    (text) => text.replaceAll('ORG_id', 'companyId').replaceAll('ORGS', 'companies').replaceAll('ORG', 'company'),
  ],
  [
    'account_id',
    { columns: ['account_id'], tables: ['accounts'], memberships: [] },
    (text) => text.replaceAll('ORG_', 'account_').replaceAll('ORGS', 'accounts').replaceAll('ORG', 'account'),
  ],
  [
    'business_unit_id',
    { columns: ['business_unit_id'], tables: ['business_units'], memberships: [] },
    (text) =>
      text.replaceAll('ORG_', 'business_unit_').replaceAll('ORGS', 'business_units').replaceAll('ORG', 'businessUnit'),
  ],
];

const faults: readonly (readonly [string, string, string])[] = [
  [
    'request-org',
    'src/routes/a.ts',
    `router.get('/x', async (req, res) => { res.json(await db.from('calls').select('*').eq('ORG_id', req.query.t)); });`,
  ],
  [
    'request-org',
    'src/routes/a.ts',
    `router.get('/x', async (req, res) => { const ORGId = req.headers['x-ORG-id']; res.json(await load(ORGId)); });`,
  ],
  [
    'first-org',
    'src/services/a.ts',
    `export async function f() { const { data } = await db.from('ORGS').select('id').limit(1).single(); return data.id; }`,
  ],
  ['user-metadata-org', 'src/a.ts', `const mine = user.user_metadata.ORG_id; load(mine);`],
  ['browser-org-header', 'src/a.tsx', `fetch('/api/x', { headers: { 'x-ORG-id': id } });`],
  ['stored-org', 'src/a.tsx', `localStorage.setItem('ORG_id', id);`],
  [
    'hard-coded-org',
    'src/a.ts',
    `await db.from('bookings').insert({ ORG_id: '00000000-0000-4000-8000-000000000001', name });`,
  ],
];

describe.each(apps)('an app that says %s', (_, vocabulary, spell) => {
  it.each(faults)('is found: %s in %s', async (kind, path, code) => {
    const text = spell(code);
    const found = await scanText(workspaceOf(), path, text, { vocabulary });
    expect([text, found.map((one) => one.kind)]).toEqual([text, [kind]]);
    // Of an app that says it otherwise, the same words are something else.
    expect(await scanText(workspaceOf(), path, text, { vocabulary: none })).toEqual([]);
  });
});
