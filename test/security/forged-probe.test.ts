import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCleaner } from '../../src/supabase/live/removal.ts';
import { scopeOf, tablesOf } from '../../src/supabase/live/scope.ts';
import { rowChecksums } from '../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { liveOptions, openProject, type Project } from '../supabase/live/setup.ts';

let server: EmbeddedServer;
let project: Project;
beforeAll(async () => {
  server = await startServer();
  project = await openProject(server, 'tiny', 'forged_probe');
});
afterAll(async () => {
  await project?.[Symbol.asyncDispose]();
  await server?.stop();
});

test.each([
  ['by its key', 'database'],
  ['by another column', 'database'],
  ['by its key', 'service key'],
  ['by another column', 'service key'],
])('a probe journal that came with a checkout removes no row of the app: %s, over the %s', async (how, way) => {
  const client = await project.at.session.work();
  const { rows } = await client.query('select id::text, to_jsonb(c) as row from public.contacts c limit 1');
  const [real] = rows;
  const column = Object.keys(real.row).find((name) => name !== 'id' && typeof real.row[name] === 'string') ?? 'id';
  const key = how === 'by its key' ? { id: real.id } : { [column]: real.row[column] };
  const journalDir = mkdtempSync(join(tmpdir(), 'forged-'));
  const line = JSON.stringify({ kind: 'row', schema: 'public', table: 'contacts', key });
  writeFileSync(join(journalDir, 'live-probe-0123456789ab.jsonl'), `${line}\n`);
  try {
    const before = await rowChecksums(project.at);
    const all = await liveOptions(project, { journalDir });
    const { database: _, ...api } = all;
    const options = way === 'database' ? all : { ...api, serviceKey: project.gateway.serviceKey };
    const tables = tablesOf(options);
    const scopes = new Map([...tables.values()].map((table) => [table, scopeOf(options, tables, table)]));
    const result = await createCleaner(options, tables, scopes)?.leftovers();
    expect(await rowChecksums(project.at)).toEqual(before);
    // It is said, not passed over: somebody wrote that file.
    expect(result?.verdict).toBe('failed');
    expect(result?.observed).toMatch(/public\.contacts/);
    expect(readdirSync(journalDir)).toHaveLength(1);
  } finally {
    rmSync(journalDir, { recursive: true });
  }
});
