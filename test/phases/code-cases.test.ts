import { afterEach, describe, expect, it } from 'vitest';
import { orgValidation } from '../../phases/2-backend/1-org-validation.ts';
import { auth } from '../../phases/2-backend/2-auth.ts';
import { routes } from '../../phases/2-backend/3-routes.ts';
import { useOrg } from '../../phases/3-frontend/1-use-org.ts';
import { components } from '../../phases/3-frontend/2-components.ts';
import type { DatabaseFacts } from '../../phases/code/database-facts.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import { folderOf } from '../workspace/scan/files.ts';
import { targetOf } from './sample.ts';

const signal = new AbortController().signal;
const clean: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const remove of clean.splice(0)) await remove();
});

const known: Partial<DatabaseFacts> = {
  tenants: ['notes', 'profiles'],
  memberships: null,
  renames: ['notes', 'profiles'].map((table) => ({ table, from: 'organization_id', to: 'org_id' })),
};

const common = {
  'package.json': '{"name":"app","private":true,"workspaces":["backend","frontend"]}',
  'backend/package.json': '{"name":"backend","type":"module","dependencies":{"express":"^4.19.0","pg":"^8.11.0"}}',
  'backend/src/index.ts': `import express from 'express';\nconst app = express();\napp.listen(3000);\n`,
  'backend/src/supabase.ts': `import { createClient } from '@supabase/supabase-js';\nexport const supabase = createClient(process.env.SUPABASE_URL!, process.env.SUPABASE_SERVICE_ROLE_KEY!);\n`,
  'frontend/package.json': '{"name":"frontend","type":"module","dependencies":{"react":"^18.3.0","vite":"^5.4.0"}}',
  'frontend/src/supabase.ts': `import { createClient } from '@supabase/supabase-js';\nexport const supabase = createClient(import.meta.env.VITE_SUPABASE_URL, import.meta.env.VITE_SUPABASE_ANON_KEY);\n`,
};

async function appOf(files: Readonly<Record<string, string>>) {
  const { root, remove } = await folderOf({ ...common, ...files });
  clean.push(remove);
  const target = targetOf(root, known);
  const planned = async (step: typeof routes) => {
    const plan = await step.plan(target);
    return {
      notes: plan.notes.map(({ text }) => text),
      after: new Map(plan.changes.map((one) => (one.kind === 'file' ? [one.path, one.after] : ['', null]))),
    };
  };
  const checked = async (step: typeof routes): Promise<readonly CheckResult[]> => {
    const results: CheckResult[] = [];
    for await (const result of step.checks(target, signal, null)) results.push(result);
    return results;
  };
  return { root, planned, checked };
}

describe('names of renamed columns, wherever they stand', () => {
  it('follows constants, realtime rows and rows of a driver, and keeps what means something else', async () => {
    const route = `import { Router } from 'express';
import { Pool } from 'pg';
import { supabase } from '../supabase.js';
const router = Router();
const pool = new Pool();
const TENANT_COLUMN = 'organization_id';
router.get('/list', async (req: any, res) => {
  const orgId = req.user.orgId;
  const b = await supabase.from('notes').select('id, org:organization_id(name)').eq(TENANT_COLUMN, orgId);
  const e = await supabase.rpc('count_notes', { organization_id: orgId });
  const f = await pool.query('select id, organization_id from notes where organization_id = $1', [orgId]);
  const g = (f.rows as any[]).map((row) => row.organization_id);
  const { data: h } = await supabase.rpc('note_stats');
  const i = (h ?? []).find((row: any) => row.organization_id === orgId);
  const session = await stripe.checkout.sessions.create({ metadata: { organization_id: orgId } });
  res.json({ b, e, g, i, paidFor: session.metadata?.organization_id });
});
export default router;
`;
    const page = `import { supabase } from './supabase';
export function listen(orgId: string, add: (row: unknown) => void) {
  supabase.channel('notes').on('postgres_changes', { event: '*', schema: 'public', table: 'notes', filter: \`organization_id=eq.\${orgId}\` }, (payload: any) => {
    if (payload.new.organization_id === orgId) add(payload.new);
  }).subscribe();
}
`;
    const app = await appOf({ 'backend/src/routes/notes.ts': route, 'frontend/src/notes.tsx': page });
    expect((await app.planned(routes)).after.get('backend/src/routes/notes.ts')).toBe(
      route
        .replace("TENANT_COLUMN = 'organization_id'", "TENANT_COLUMN = 'org_id'")
        .replace('org:organization_id', 'org:org_id')
        .replace('id, organization_id from notes where organization_id', 'id, org_id from notes where org_id')
        .replace('(row) => row.organization_id', '(row) => row.org_id'),
    );
    expect((await app.planned(components)).after.get('frontend/src/notes.tsx')).toBe(
      page.replace('organization_id=eq', 'org_id=eq').replace('payload.new.organization_id', 'payload.new.org_id'),
    );
  });

  it('mends seeds and database tests, and says what a reset makes of the migrations', async () => {
    const seed = `insert into organizations (id, name) values ('a', 'organization_id');
-- organization_id
insert into notes (organization_id, body) values ('a', 'the organization_id of it'), ('b', 'x');
insert into public.profiles (id, organization_id) select u.id, n.organization_id from users u join notes n on true;
insert into payments (organization_id) values ('a');
`;
    const tests = `begin; select plan(2);
select has_column('public', 'notes', 'organization_id', 'notes have an organization_id');
select results_eq($$ select organization_id from notes $$, $$ values (1) $$);
select has_column('payments', 'organization_id');
select * from finish(); rollback;
`;
    const app = await appOf({
      'supabase/seed.sql': seed,
      'supabase/tests/notes.test.sql': tests,
      'supabase/migrations/20240101000000_init.sql': 'create table notes (organization_id uuid);',
    });
    const { after, notes } = await app.planned(routes);
    expect(after.get('supabase/seed.sql')).toBe(
      seed
        .replace('notes (organization_id', 'notes (org_id')
        .replace('profiles (id, organization_id)', 'profiles (id, org_id)')
        .replace('n.organization_id', 'n.org_id'),
    );
    expect(after.get('supabase/tests/notes.test.sql')).toBe(
      tests
        .replace("'notes', 'organization_id'", "'notes', 'org_id'")
        .replace('select organization_id from', 'select org_id from'),
    );
    expect(after.has('supabase/migrations/20240101000000_init.sql')).toBe(false);
    expect(notes.join('\n')).toMatch(/db reset brings the column organization_id back.*--register/);
    expect(await app.checked(routes)).toContainEqual(
      expect.objectContaining({ id: '2.3/history/organization_id', verdict: 'skipped' }),
    );
  });

  it('is silent on a history that ends with the new name', async () => {
    const app = await appOf({
      'supabase/migrations/1_init.sql': 'create table notes (organization_id uuid);',
      'supabase/migrations/2_rollout.sql': 'alter table notes rename column organization_id to org_id;',
    });
    expect((await app.planned(routes)).notes.join('\n')).not.toMatch(/db reset/);
  });

  it('finds the organization that an edge function takes from the body, in its own terms', async () => {
    const app = await appOf({
      'supabase/functions/report/index.ts': `import { createClient } from 'npm:@supabase/supabase-js@2';
Deno.serve(async (req: Request) => {
  const { organization_id, format } = await req.json();
  const admin = createClient(Deno.env.get('SUPABASE_URL')!, Deno.env.get('SUPABASE_SERVICE_ROLE_KEY')!);
  const { data } = await admin.from('notes').select('id, body').eq('organization_id', organization_id);
  return new Response(JSON.stringify({ format, data }));
});
`,
    });
    const { after, notes } = await app.planned(routes);
    expect(after.get('supabase/functions/report/index.ts')).toContain(".eq('org_id', organization_id)");
    const note = notes.find((text) => text.startsWith('supabase/functions/report/index.ts'));
    expect(note).toMatch(/getUser|JWT/);
    expect(note).not.toMatch(/middleware|webhook/);
  });
});

describe('what is not read', () => {
  it('keeps the gate shut where it speaks of an organization, and is counted where it does not', async () => {
    const app = await appOf({
      'backend/src/routes/a.ts': 'export const a = 1;\n',
      'backend/jobs/sync.py': `rows = db.table("notes").eq("organization_id", org)\n`,
      'backend/jobs/other.py': 'print(1)\n',
    });
    const results = await app.checked(routes);
    expect(results).toContainEqual(
      expect.objectContaining({ id: '2.3/scan/backend/jobs/sync.py', verdict: 'skipped', matters: true }),
    );
    expect(results.filter((one) => one.id.includes('other.py'))).toEqual([]);
    expect(results.find((one) => one.id === '2.3/scan')?.observed).toMatch(/2 \.py/);
  });

  it('reads a Vue app that no step used to look at', async () => {
    const text = `<script setup>\nconst { data: notes } = await supabase.from('notes').select().eq('organization_id', org)\n</script>\n<template><p v-for="note in notes">{{ note.organization_id }}</p></template>\n`;
    const app = await appOf({ 'frontend/src/App.vue': text });
    expect((await app.planned(components)).after.get('frontend/src/App.vue')).toBe(
      text.replaceAll('organization_id', 'org_id'),
    );
    expect((await app.checked(components)).filter((one) => one.verdict === 'failed').length).toBeGreaterThan(0);
  });

  it('calls no step verified that had nothing to look at, and names a framework without a cure', async () => {
    const { root, remove } = await folderOf({
      'package.json': '{"name":"web","dependencies":{"vue":"3"}}',
      'src/App.vue': '<template><p>{{ 1 }}</p></template>\n',
    });
    clean.push(remove);
    const target = targetOf(root, known);
    const results: CheckResult[] = [];
    for (const step of [orgValidation, auth, routes, useOrg])
      for await (const result of step.checks(target, signal, null)) results.push(result);
    expect(results.filter((one) => one.verdict === 'passed').map((one) => one.id)).toEqual([]);
    expect(results.find((one) => one.id === '2.1/service')?.observed).toMatch(/not applicable.*no backend/);
    expect(results.find((one) => one.id === '2.3/scan')?.observed).toMatch(/not applicable/);
    expect(results.find((one) => one.id === '3.1/applies')).toMatchObject({ verdict: 'skipped', matters: true });
    expect(results.find((one) => one.id === '3.1/applies')?.observed).toMatch(/Vue/);
  });

  it('looks into a folder called build that git keeps, and not into one that it ignores', async () => {
    const { execa } = await import('execa');
    const code = `db.from('notes').select().eq('organization_id', id);\n`;
    const app = await appOf({
      '.gitignore': 'dist\n',
      'backend/src/routes/quiz/build/a.ts': code,
      'backend/src/routes/quiz/build/bundle.js': `"use strict";\nvar __x = 1;\n${code}`,
      'backend/dist/a.js': code,
    });
    await execa('git', ['init', '-q'], { cwd: app.root });
    expect([...(await app.planned(routes)).after.keys()]).toEqual(['backend/src/routes/quiz/build/a.ts']);
  });
});
