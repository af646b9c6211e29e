import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { survey } from '../../phases/1-database/survey.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { full, seed } from '../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { makeTarget } from '../helpers/target.ts';
import { type AppShape, appShapes, nameOfKey, nameOfMemberships, sqlOf } from './apps.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

let made = 0;

/** The survey finds everything, or asks a question that has the right answer among its candidates. */
async function found(shape: AppShape): Promise<void> {
  const name = `shape_${++made}`;
  await loadDatabase(server, 'base', name);
  await using at = await makeTarget(server, name);
  await at.sql(sqlOf(shape));
  const result = await survey(at.target);
  const at_ = (table: string): string => `${shape.schema}.${table}`;
  const named = (table: { readonly schema: string; readonly name: string } | null): string | null =>
    table === null ? null : `${table.schema}.${table.name}`;
  const context = `${sqlOf(shape)}\n${result.evidence.map((one) => `${one.what}: ${one.because}`).join('\n')}\n${result.questions.map((one) => one.problem).join('\n')}`;
  expect(named(result.organizations), context).toBe(at_(shape.directory.plural));
  expect(named(result.profiles), context).toBe(at_(shape.people));
  expect(named(result.memberships?.table ?? null), context).toBe(
    shape.memberships === 'none' ? null : at_(nameOfMemberships(shape)),
  );
  expect(result.idType).toBe(shape.id === 'domain' ? 'uuid' : shape.id);
  expect(result.profileOrg, context).toBe(shape.peopleHaveKey ? nameOfKey(shape) : null);
  expect(result.truth).toBe(shape.memberships === 'none' ? 'profiles' : 'memberships');
  for (const { table, key } of result.tenants) expect(key.name, table.name).toBe(nameOfKey(shape));
  const keyed = new Set(result.tenants.map((one) => one.table.name));
  for (let n = 0; n < shape.tables; n += 1) expect(keyed, context).toContain(`things${n}`);
  for (const name_ of ['plans', 'tasks', 'comments', 'orders', 'user_settings', 'project_members'])
    expect(keyed, context).not.toContain(name_);
  expect(result.questions, context).toEqual([]);
}

test(
  'organizations, keys, people and memberships are found whatever they are called',
  async () => {
    await fc.assert(fc.asyncProperty(appShapes, found), { numRuns: full ? 300 : 25, seed, endOnFailure: !full });
  },
  full ? 1_800_000 : 300_000,
);
