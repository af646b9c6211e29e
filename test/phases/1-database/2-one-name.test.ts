import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { step } from '../../../phases/1-database/2-one-name.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { differences } from '../../../src/rollout/fingerprint.ts';
import { roundTrip } from '../../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

const { signal } = new AbortController();
let server: EmbeddedServer;
let count = 0;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

async function stage(sql: string, overrides: Readonly<Record<string, unknown>> = {}): Promise<TestTarget> {
  const name = `one_name_${count++}`;
  await loadDatabase(server, 'tiny', name);
  const at = await makeTarget(server, name, overrides);
  await at.sql(sql);
  return at;
}

const both = `
  create table agents (id int primary key, org_id uuid, organization_id uuid not null, name text);
  create function agents_of(org uuid) returns setof int language sql stable as
    $$ select id from public.agents where organization_id = org order by id $$;
  insert into agents select 1, null, id, 'empty' from organizations limit 1;
  insert into agents select 2, id, id, 'agrees' from organizations limit 1;`;

describe('a table that has the new and an old name both', () => {
  test('is merged, its function follows, and all of it comes back', async () => {
    await using at = await stage(both);
    await roundTrip(at, at.rollout([step]), '1.2');
    const [row] = await at.sql<{ all: number }>(
      `select count(*)::int as all from agents_of((select id from organizations limit 1))`,
    );
    expect(row?.all).toBe(2);
    // Nobody writes the old column any more: a row without it is accepted and found.
    await at.sql(`insert into agents (id, org_id, name) select 3, id, 'new' from organizations limit 1`);
    const found = await at.sql(`select * from agents_of((select id from organizations limit 1))`);
    expect(found).toHaveLength(3);
  });

  const torn = `${both}
    insert into agents select 4, min(id::text)::uuid, max(id::text)::uuid, 'torn' from organizations;`;

  test('stops on rows that disagree, with their number and a sample', async () => {
    await using at = await stage(torn);
    const { plan } = await at.rollout([step]).plan('1.2');
    expect(plan.changes).toEqual([]);
    expect(plan.blockers.map((one) => one.problem).join()).toContain('1 row of public.agents holds different values');
    expect(plan.blockers[0]?.remedy).toContain('--disagreeing-columns');
    expect(plan.blockers[0]?.detail).toContain('4: org_id');
  });

  test.each([
    ['keep-new', 'min'],
    ['keep-old', 'max'],
  ] as const)('%s takes that column, keeps the other value, and gives both back', async (choice, which) => {
    await using at = await stage(torn, { decisions: { disagreeingColumns: choice } });
    await roundTrip(at, at.rollout([step]), '1.2');
    const [row] = await at.sql<{ right: boolean }>(
      `select org_id = (select ${which}(id::text)::uuid from organizations) as right from agents where id = 4`,
    );
    expect(row?.right).toBe(true);
  });
});

test('old names stay readable while the window is open, and are gone when it is closed', async () => {
  await using open = await stage('', { legacyReads: true });
  const rollout = open.rollout([step]);
  await rollout.apply('1.2', signal);
  const read = 'select c.organization_id = c.org_id as same from calls c where c.org_id is not null limit 1';
  expect(await open.sql(read)).toEqual([{ same: true }]);
  const before = await open.executor.fingerprint();

  await using closing = await makeTarget(server, `one_name_${count - 1}`, { legacyReads: 'close' });
  await open.session.close();
  const again = closing.rollout([step]);
  expect(await again.apply('1.2', signal)).toBe(3);
  await expect(closing.sql(read)).rejects.toThrow('organization_id');
  expect(await again.apply('1.2', signal)).toBe(0);
  expect(
    differences(before, await closing.executor.fingerprint()).every((line) =>
      /^only before: (?:comment )?function /.test(line),
    ),
  ).toBe(true);
  const back = await again.rollback('1.2', signal);
  expect(back.proven).toBe(true);
});

test('old names of text keys stay readable as text when the key becomes a uuid', async () => {
  await using at = await stage(
    `create table notes (id int primary key, tenant_id text); insert into notes select 1, id::text from organizations limit 1;`,
    { legacyReads: true },
  );
  await at.rollout([step]).apply('1.2', signal);
  const read = 'select pg_typeof(n.tenant_id)::text as type, n.tenant_id = n.org_id::text as same from notes n';
  expect(await at.sql(read)).toEqual([{ type: 'text', same: true }]);
  await at.sql('alter table notes alter column org_id type uuid using org_id::uuid');
  expect(await at.sql(read)).toEqual([{ type: 'text', same: true }]);
});

test('profiles that are absent are created on consent, closed, and go again', async () => {
  const drop = 'drop policy calls_by_profile on calls; drop table profiles;';
  await using without = await stage(drop);
  expect((await without.rollout([step]).plan('1.2')).plan.changes.map((one) => one.id)).not.toContain(
    'table public.profiles',
  );
  await using at = await stage(drop, { decisions: { createProfiles: true } });
  await roundTrip(at, at.rollout([step]), '1.2');
  expect(
    await at.as('authenticated', { sub: 'b0000000-0000-4000-8000-000000000001' }, 'select * from profiles'),
  ).toEqual([]);
});

test('a function that hides its errors must answer as before, or the rename does not happen', async () => {
  // The text keeps the old name out of sight of any rewriting; at run time it fails, and the error is swallowed.
  await using at = await stage(`
    create function hook(event jsonb) returns jsonb language plpgsql stable as $$
    declare org uuid;
    begin
      select organization_id into org from public.profiles where id = (event ->> 'user_id')::uuid;
      return jsonb_build_object('org', org, 'rows', (select count(*) from public.contacts where tenant_id is not null));
    exception when others then return '{}';
    end $$;`);
  const ask = `select hook('{"user_id": "b0000000-0000-4000-8000-000000000001"}') as answer`;
  const before = await at.sql(ask);
  await roundTrip(at, at.rollout([step]), '1.2');
  expect(await at.sql(ask)).toEqual(before);
});

test('another answer is shown with its call, and may be accepted; one that always differs is no reason', async () => {
  const functions = `
    create function whole(org uuid) returns jsonb language plpgsql stable as $$
    begin
      return (select jsonb_agg(to_jsonb(c)) from public.contacts c where c.tenant_id = org);
    exception when others then return '{}';
    end $$;
    create function stamped(org uuid) returns text language plpgsql as $$
    begin
      return (select count(*) || ' at ' || clock_timestamp() from public.contacts c where c.tenant_id = org);
    exception when others then return '';
    end $$;`;
  const { signal } = new AbortController();
  await using at = await stage(functions);
  const refused = await at
    .rollout([step])
    .apply('1.2', signal)
    .then(
      () => '',
      (error: { message: string; detail?: string; remedy?: string }) => JSON.stringify(error) + error.message,
    );
  expect(refused).toContain('public.whole(uuid) gives another answer after the rename, and it swallows its errors');
  expect(refused).toContain('asked: select public.whole(');
  expect(refused).toMatch(/before: .*tenant_id.*after: .*org_id/s);
  expect(refused).toContain('--accept-answers public.whole');
  await using accepted = await stage(functions, { decisions: { acceptAnswers: ['public.whole'] } });
  await roundTrip(accepted, accepted.rollout([step]), '1.2');
});
