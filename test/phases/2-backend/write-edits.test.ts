import { describe, expect, it } from 'vitest';
import { mendWrites } from '../../../phases/2-backend/write-edits.ts';
import { scanText } from '../../../src/workspace/scan/one-file.ts';
import { workspaceOf } from '../../workspace/scan/workspace.ts';
import { facts, targetOf } from '../sample.ts';

const workspace = workspaceOf();
const code = { workspace, facts, target: targetOf('/nowhere') };
const helpers = {
  requireOrgId: 'requireOrgId',
  assertSameOrg: 'assertSameOrg',
  importPath: () => '../services/org-validation',
};
const file = 'src/routes/a.ts';

async function mended(text: string) {
  const findings = (await scanText(workspace, file, text)).filter((one) => one.kind === 'body-spread');
  expect(findings).not.toEqual([]);
  const after = await mendWrites(code, file, text, findings, helpers);
  const left = (await scanText(workspace, file, after)).filter((one) => one.kind === 'body-spread');
  return { after, left: left.length };
}

const imports = `import { Router } from 'express';\n`;
const added = `${imports}import { requireOrgId } from '../services/org-validation';\n`;
const route = (body: string, guard = 'requireAuth, ') =>
  `router.patch('/:id', ${guard}async (req, res) => {\n  ${body}\n});\n`;

describe('a body that is written as a whole', () => {
  it.each([
    [
      'a spread in an insert',
      `await db.from('contacts').insert({ ...req.body });`,
      `await db.from('contacts').insert({ ...req.body, org_id: requireOrgId(req) });`,
    ],
    [
      'a spread on a line of its own, in a list',
      `await db.from('contacts').insert([{\n    ...req.body,\n    created_at: now(),\n  }]);`,
      `await db.from('contacts').insert([{\n    ...req.body,\n    org_id: requireOrgId(req),\n    created_at: now(),\n  }]);`,
    ],
    [
      'a spread through a variable',
      `const row = { ...req.body };\n  await db.from('contacts').insert(row).select();`,
      `const row = { ...req.body, org_id: requireOrgId(req) };\n  await db.from('contacts').insert(row).select();`,
    ],
    [
      'an organization in front of the spread',
      `await db.from('contacts').insert({ org_id: req.user.orgId, ...req.body });`,
      `await db.from('contacts').insert({ ...req.body, org_id: requireOrgId(req) });`,
    ],
    [
      'an update that is kept to its organization',
      `await db.from('contacts').update({ ...req.body }).eq('id', req.params.id).eq('org_id', req.user.orgId);`,
      `await db.from('contacts').update({ ...req.body, org_id: requireOrgId(req) }).eq('id', req.params.id).eq('org_id', req.user.orgId);`,
    ],
    [
      'an update by id alone, which would move the row of another organization over',
      `await db\n    .from('contacts')\n    .update({ ...req.body })\n    .eq('id', req.params.id);`,
      `await db\n    .from('contacts')\n    .update({ ...req.body, org_id: requireOrgId(req) })\n    .eq('org_id', requireOrgId(req))\n    .eq('id', req.params.id);`,
    ],
    [
      'the body itself in an update',
      `const changes = req.body;\n  await db.from('contacts').update(changes).eq('id', 1).eq('org_id', req.user.orgId);`,
      `const changes = req.body;\n  await db.from('contacts').update({ ...changes, org_id: requireOrgId(req) }).eq('id', 1).eq('org_id', req.user.orgId);`,
    ],
    [
      'an upsert that finds its row within the organization',
      `await db.from('contacts').upsert({ ...req.body }, { onConflict: 'org_id,phone' });`,
      `await db.from('contacts').upsert({ ...req.body, org_id: requireOrgId(req) }, { onConflict: 'org_id,phone' });`,
    ],
  ])('carries the validated organization: %s', async (_, before, after) => {
    const result = await mended(imports + route(before));
    expect(result).toEqual({ after: added + route(after), left: 0 });
  });

  it('keeps quotes and line ends', async () => {
    const text = `import { Router } from "express"\r\nrouter.patch("/x", requireAuth, async (req, res) => {\r\n\tawait db.from("contacts").update(req.body).match({ id: 1 })\r\n})\r\n`;
    expect((await mended(text)).after).toBe(
      `import { Router } from "express"\r\nimport { requireOrgId } from "../services/org-validation"\r\nrouter.patch("/x", requireAuth, async (req, res) => {\r\n\tawait db.from("contacts").update({ ...req.body, org_id: requireOrgId(req) }).eq("org_id", requireOrgId(req)).match({ id: 1 })\r\n})\r\n`,
    );
  });
});

describe('what stays with its instruction', () => {
  it.each([
    ['a route without authentication', route(`await db.from('contacts').insert({ ...req.body });`, '')],
    ['a table without an organization', route(`await db.from('countries').insert({ ...req.body });`)],
    ['an insert of what may be a list', route(`await db.from('contacts').insert(req.body);`)],
    [
      'an upsert that takes the row of whoever the body names',
      route(`await db.from('contacts').upsert({ ...req.body });`),
    ],
    [
      'a variable that goes to two tables',
      route(
        `const row = { ...req.body };\n  await db.from('contacts').insert(row);\n  await db.from('audit').insert(row);`,
      ),
    ],
    [
      'an organization under another name',
      route(`await db.from('contacts').insert({ tenant_id: req.user.orgId, ...req.body });`),
    ],
  ])('%s', async (_, text) => {
    const result = await mended(text);
    expect(result.after).toBe(text);
    expect(result.left).toBeGreaterThan(0);
  });
});
