import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { phase } from '../../../phases/1-database/phase.ts';
import { differences } from '../../../src/rollout/fingerprint.ts';
import { appOf, throughPhaseOne } from '../../helpers/phase-one.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';

const read = (name: string): string =>
  readFileSync(new URL(`../../fixtures/cases/${name}.sql`, import.meta.url), 'utf8');
const alpha = 'aaaaaaaa-0000-4000-8000-000000000001';
const beta = 'bbbbbbbb-0000-4000-8000-000000000002';
const me = '00000000-0000-4000-8000-000000000001';

/** Jobs that refer to clients (required, cascading) and to a crew (optional, emptied), and to jobs before them. */
const app = (jobs: string): string => `${read('common')}
  create table clients (id bigint generated always as identity primary key, organization_id uuid not null references organizations, name text);
  create table crews (code text primary key, organization_id uuid not null references organizations);
  create table jobs (id bigint generated always as identity primary key, organization_id uuid not null references organizations,
    client_id bigint not null references clients on delete cascade, crew text references crews on delete set null on update cascade,
    after_id bigint references jobs deferrable initially deferred, title text);
  alter table clients enable row level security; create policy "org" on clients using (organization_id = my_org());
  alter table crews enable row level security; create policy "org" on crews using (organization_id = my_org());
  alter table jobs enable row level security; create policy "org" on jobs using (organization_id = my_org());
  reset role;
  ${read('common_seed')}
  insert into profiles (id, email, organization_id) values ('00000000-0000-4000-8000-000000000003','user3@example.test','${alpha}'),
    ('00000000-0000-4000-8000-000000000004','user4@example.test','${beta}');
  insert into clients (organization_id, name) select id, name from organizations order by name;
  insert into crews (code, organization_id) values ('a', '${alpha}'), ('b', '${beta}');
  insert into jobs (organization_id, client_id, crew, title) values ('${alpha}', 1, 'a', 'ok'), ('${beta}', 2, null, 'ok')${jobs};`;

const closed = { decisions: { sameOrganizationReferences: true } };

describe('references across organizations', () => {
  let server: EmbeddedServer;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  it('names each with the rows that cross, and leaves them open without a decision', async () => {
    await using at = await appOf(server, 'ref_open', app(`, ('${alpha}', 2, 'b', 'crosses')`));
    const { stopped, said } = await throughPhaseOne(at);
    expect(stopped, said.join('\n')).toBe(null);
    for (const step of ['1.1', '1.7']) {
      const note = said.find((line) => line.startsWith(`note ${step}: 3 foreign keys let a row point`)) ?? '';
      expect(note, step).toMatch(/2 rows do so today/);
      expect(note).toMatch(/jobs\.client_id → public\.clients: 1 row crosses already/);
      expect(note).toMatch(/jobs\.after_id → public\.jobs: 0 rows cross/);
    }
  });

  it('stops with a list of the rows that cross, before anything is live', async () => {
    await using at = await appOf(server, 'ref_cross', app(`, ('${alpha}', 2, null, 'crosses')`), closed);
    const { stopped, said } = await throughPhaseOne(at);
    // What 1.7 needs is known in the first step.
    expect(stopped).toBe('1.1');
    expect(said.join('\n')).toMatch(
      new RegExp(
        `1 row of public\\.jobs already points at a row of another organization.*id = 3 of ${alpha} points at a row of ${beta}`,
        's',
      ),
    );
    expect(await at.sql(`select from pg_policies where policyname like 'org\\_%'`)).toEqual([]);
  });

  it('closes them, shows that a user of A is refused, and goes back to what there was', async () => {
    await using at = await appOf(server, 'ref_close', app(''), closed);
    const start = await at.executor.fingerprint();
    const { rollout, stopped, said, checks } = await throughPhaseOne(at);
    expect(stopped, said.join('\n')).toBe(null);
    const tried = checks.filter((one) => one.id.includes('/reference-'));
    expect(tried.map(({ id, verdict }) => `${verdict} ${id}`).sort()).toEqual(
      ['after_id', 'client_id', 'crew'].map((column) => `passed 1.7/two-org/public.jobs/reference-${column}`),
    );
    for (const one of tried) expect(one.observed).toMatch(/violates foreign key constraint "jobs_.*_org_id_fkey"/);
    expect(said.join('\n')).not.toMatch(/let a row point/);
    expect((await rollout.plan('1.7')).plan.changes).toEqual([]);

    const claims = { sub: me, app_metadata: { org_id: alpha } };
    const add = (client: number, crew: string): string =>
      `insert into jobs (org_id, client_id, crew, title) values ('${alpha}', ${client}, ${crew}, 'x') returning title`;
    expect(await at.as('authenticated', claims, add(1, `'a'`))).toEqual([{ title: 'x' }]);
    await expect(at.as('authenticated', claims, add(2, 'null'))).rejects.toThrow(/jobs_client_id_org_id_fkey/);
    await expect(at.as('authenticated', claims, add(1, `'b'`))).rejects.toThrow(/jobs_crew_org_id_fkey/);
    // What the app's own keys do when a row goes or is renamed goes on.
    expect(
      await at.sql(
        `with x as (update crews set code = 'z' where code = 'a' returning 1) select count(*)::int as n from x`,
      ),
    ).toEqual([{ n: 1 }]);
    expect(await at.sql(`select crew, org_id from jobs where id = 1`)).toEqual([{ crew: 'z', org_id: alpha }]);
    await at.sql(`delete from crews where code = 'z'`);
    expect(await at.sql(`select crew, org_id from jobs where id = 1`)).toEqual([{ crew: null, org_id: alpha }]);
    await at.sql(`delete from clients where id = 1`);
    expect(await at.sql(`select from jobs where id = 1`)).toEqual([]);

    const { signal } = new AbortController();
    for (const step of [...phase.steps].reverse())
      expect((await rollout.rollback(step.id, signal)).differences, step.id).toEqual([]);
    expect(differences(start, await at.executor.fingerprint())).toEqual([]);
  });
});
