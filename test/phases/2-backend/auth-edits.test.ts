import { describe, expect, it } from 'vitest';
import { rewriteAuth } from '../../../phases/2-backend/auth-edits.ts';

const helpers = {
  requireOrgId: 'requireOrgId',
  assertSameOrg: 'assertSameOrg',
  importPath: () => '../services/org-validation',
};
const rewrite = (text: string) => rewriteAuth('src/middleware/auth.ts', text, helpers);

const strict = `import { supabase } from './supabase';
export async function requireAuth(req, res, next) {
  const { data: { user } } = await supabase.auth.getUser(token);
  // Fallback to user_metadata for older accounts
  let orgId = user.app_metadata?.org_id || user.user_metadata?.org_id || 'default';
  if (orgId === 'default') {
    const { data } = await supabase.from('organizations').select('id').limit(1).single();
    if (data) orgId = data.id;
  }

  req.user = { id: user.id, orgId };
  next();
}
`;

describe('the rewriting of an auth middleware', () => {
  it('takes the fallbacks out and refuses without an organization', async () => {
    expect(await rewrite(strict)).toBe(`import { supabase } from './supabase';
import { resolveOrgId } from '../services/org-validation';
export async function requireAuth(req, res, next) {
  const { data: { user } } = await supabase.auth.getUser(token);
  const orgId = await resolveOrgId(user, req, res);
  if (orgId === null) return;

  req.user = { id: user.id, orgId };
  req.org_id = orgId;
  next();
}
`);
  });

  it('changes nothing the second time', async () => {
    const once = await rewrite(strict);
    expect(await rewrite(once)).toBe(once);
  });

  it('keeps CRLF, tabs and a byte order mark', async () => {
    const text = `\uFEFF${strict.replaceAll('  ', '\t').replaceAll('\n', '\r\n')}`;
    const edited = await rewrite(text);
    expect(edited.startsWith('\uFEFF')).toBe(true);
    expect(edited.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    expect(edited).toContain('\tconst orgId = await resolveOrgId(user, req, res);\r\n\tif (orgId === null) return;');
  });

  it('lets optional authentication go on as anonymous', async () => {
    const edited = await rewrite(strict.replace('requireAuth', 'optionalAuth'));
    expect(edited).toContain(
      'const orgId = await resolveOrgId(user, req);\n  if (orgId === null) {\n    next();\n    return;\n  }',
    );
  });

  it('asks a development bypass for DEV_ORG_ID', async () => {
    const edited = await rewrite(`export function dev(req, res, next) {
  req.user = { id: 'dev', orgId: 'b7a4c9d2-5e31-4f08-8c6a-93d1f2e0a7b4' };
  next();
}
`);
    expect(edited).not.toContain('b7a4c9d2');
    expect(edited).toContain(
      "const devOrg = devOrgId(req, res);\n  if (devOrg === null) return;\n  req.user = { id: 'dev', orgId: devOrg };\n  req.org_id = devOrg;",
    );
  });

  it('closes a comparison that the word default went past', async () => {
    const edited = await rewrite(`export function check(req, res, next) {
  const wanted = req.query.org_id || 'default';
  if (wanted !== 'default' && wanted !== req.user.orgId) {
    res.status(403).json({});
    return;
  }
  next();
}
`);
    expect(edited).toContain(
      'const wanted = req.query.org_id;\n  if (wanted && wanted !== req.user.orgId) {\n    reportRefusal(req, 403);',
    );
  });

  it('leaves a shape that it does not know, and a file with a syntax error', async () => {
    const unknown = `export async function requireAuth(ctx) { const orgId = ctx.user.user_metadata.org_id; return orgId; }\n`;
    expect(await rewrite(unknown)).toBe(unknown);
    expect(await rewrite(`${strict}\n}}`)).toBe(`${strict}\n}}`);
  });
});
