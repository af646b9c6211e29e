import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { step } from '../../../phases/1-database/2-one-name.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { asAdmin } from '../../helpers/admin.ts';
import { roundTrip } from '../../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
let count = 0;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** Stands in for pg_cron: the table and the function that the extension would bring, with its argument names. */
const cron = `
  create schema cron; grant usage on schema cron to postgres;
  create table cron.job (jobid bigint generated always as identity primary key, schedule text not null default '* * * * *',
    command text not null, database text default current_database(), username text default 'postgres', active boolean default true, jobname text);
  grant select on cron.job to postgres;
  create function cron.alter_job(job_id bigint, schedule text default null, command text default null, database text default null,
    username text default null, active boolean default null) returns void language sql security definer
    as $$ update cron.job j set command = coalesce($3, j.command) where jobid = $1 $$;`;

const webhooks = `
  create schema supabase_functions; grant usage on schema supabase_functions to public;
  create function supabase_functions.http_request() returns trigger language plpgsql security definer as $$ begin return new; end $$;`;

const tables = `create table visits (id int primary key, organization_id uuid references organizations, name text);
  create table other (id int primary key, organization_id int, name text);`;

async function stage(admin: string, sql: string): Promise<TestTarget & { readonly name: string }> {
  const name = `outside_${count++}`;
  await loadDatabase(server, 'tiny', name);
  await asAdmin(server, name, admin);
  const at = await makeTarget(server, name);
  await at.sql(sql);
  return { ...at, name };
}

describe('scheduled jobs', () => {
  const jobs = (rows: readonly (readonly [name: string, command: string, user?: string])[]): string =>
    rows
      .map(
        ([name, command, user = 'postgres']) =>
          `insert into cron.job (jobname, command, username) values ('${name}', $c$${command}$c$, '${user}');`,
      )
      .join('\n');
  const commands = async (at: TestTarget): Promise<readonly string[]> =>
    (await at.sql<{ command: string }>('select command from cron.job order by jobid')).map((one) => one.command);

  test('follow the rename in its transaction, and come back', async () => {
    const before = [
      'delete from visits where organization_id is null; select 1',
      'vacuum analyze',
      `select net.http_post(url := 'https://x.test', body := '{"organization_id": 1}')`,
      'delete from other where organization_id = 7',
    ];
    await using at = await stage(`${cron}${jobs(before.map((command, index) => [`job ${index}`, command]))}`, tables);
    const { plan } = await at.rollout([step]).plan('1.2');
    expect(plan.blockers).toEqual([]);
    expect(plan.notes.map((one) => one.text)).toContain(
      'Scheduled job job 0 is rewritten with cron.alter_job in the transaction of its tables.',
    );
    await roundTrip(at, at.rollout([step]), '1.2');
    const [first, ...rest] = await commands(at);
    expect(first).toBe('delete from visits where org_id is null; select 1');
    expect(rest).toEqual(before.slice(1));
  });

  test('that cannot be read with certainty, or changed, stop the rename by name', async () => {
    await using at = await stage(
      `${cron}${jobs([
        ['hidden', `do $x$ begin delete from visits where organization_id is null; end $x$`],
        ['foreign', 'delete from visits where organization_id is null', 'supabase_admin'],
      ])}`,
      tables,
    );
    const { plan } = await at.rollout([step]).plan('1.2');
    expect(plan.changes).toEqual([]);
    const problems = plan.blockers.map((one) => one.problem);
    expect(problems.some((one) => one.startsWith('Scheduled job hidden'))).toBe(true);
    expect(problems.some((one) => one.startsWith('Scheduled job foreign'))).toBe(true);
    expect(plan.blockers[0]?.remedy).toContain('cron.unschedule');
  });

  test('that somebody changed since are not overwritten on the way back', async () => {
    await using at = await stage(
      `${cron}${jobs([['nightly', 'delete from visits where organization_id is null']])}`,
      tables,
    );
    const rollout = at.rollout([step]);
    const { signal } = new AbortController();
    await rollout.apply('1.2', signal);
    await asAdmin(
      server,
      at.name,
      `update cron.job set command = 'delete from visits where org_id is null and id > 7'`,
    );
    await expect(rollout.rollback('1.2', signal)).rejects.toThrow(/Scheduled job nightly was changed since/);
    await asAdmin(server, at.name, `delete from cron.job`);
    expect((await rollout.rollback('1.2', signal)).proven).toBe(true);
  });
});

describe('payloads', () => {
  test('of webhooks and publications are named with the key that changes', async () => {
    await using at = await stage(
      webhooks,
      `${tables}
       create trigger "notify crm" after insert on visits for each row
         execute function supabase_functions.http_request('https://crm.vendor.test/hook?key=secret', 'POST');
       create trigger "notify other" after insert on other for each row
         execute function supabase_functions.http_request('https://crm.vendor.test/hook', 'POST');
       create publication listeners for table visits, other;`,
    );
    const { plan } = await at.rollout([step]).plan('1.2');
    const notes = plan.notes.map((one) => `${one.text} ${one.detail ?? ''}`).join('\n');
    expect(notes).toContain(
      'Webhook "notify crm" sends whole rows of public.visits to https://crm.vendor.test/hook: in its payload the key organization_id becomes org_id.',
    );
    expect(notes).toContain('listeners: public.visits, organization_id becomes org_id');
    expect(notes).not.toContain('secret');
    expect(notes).not.toContain('public.other');
  });
});
