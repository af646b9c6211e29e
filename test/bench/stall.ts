import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { applyDatabase, tinyDecisions } from '../helpers/cli.ts';
import { type BenchContext, type BenchResult, expectDone, ms, runScript, sql, times, withClient } from './setup.ts';

const clients = 20;
const holdMilliseconds = 5_000;

/** The longest that one of 20 readers and writers of profiles waits, while a session holds the table for 5 s. */
export async function stall({ server, cli }: BenchContext): Promise<BenchResult> {
  await loadDatabase(server, 'tiny', 'stall_base');
  await sql(
    server.url('stall_base'),
    `insert into auth.users (id, aud, role, email, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
       select gen_random_uuid(), 'authenticated', 'authenticated', 'u' || n || '@example.test', '{}', '{}', now(), now() from generate_series(1, 2000) n;
     insert into profiles (id, organization_id, email)
       select id, 'a0000000-0000-4000-8000-000000000001', email from auth.users where email like 'u%';`,
  );
  const script = await expectDone(cli, server.url('stall_base'), ['plan', '--sql', ...tinyDecisions]);
  // As people write it: no lock timeout, so that it waits for as long as it takes.
  const plain = script.replaceAll(/set local lock_timeout = '5s';\n/g, '');

  const none = await measure(server.url(await copy(server, 'stall_none')), () => pause(holdMilliseconds));
  const tool = await measure(server.url(await copy(server, 'stall_tool')), async (url) => {
    await expectDone(cli, url, [...applyDatabase, ...tinyDecisions]);
  });
  const naive = await measure(server.url(await copy(server, 'stall_naive')), (url) => runScript(url, plain));
  return {
    title: `a. longest stall of ${clients} readers and writers of profiles, one session holding it for 5 s`,
    lines: [
      `no migration   ${ms(none)}`,
      `voxanne        ${ms(tool)}   ${times(tool / none)} of no migration`,
      `plain script   ${ms(naive)}   ${times(naive / none)} of no migration, ${times(naive / tool)} of voxanne`,
    ],
    goals: [{ goal: 'no more than twice the stall without a migration', met: tool <= 2 * none }],
  };
}

async function copy(server: BenchContext['server'], name: string): Promise<string> {
  await server.createDatabase(name, 'stall_base');
  return name;
}

async function measure(url: string, migration: (url: string) => Promise<unknown>): Promise<number> {
  let on = true;
  let longest = 0;
  const load = Array.from({ length: clients }, async (_, number) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    while (on) {
      const began = performance.now();
      if (number % 2 === 0) await client.query(`select email from profiles where email = 'u${number}@example.test'`);
      else await client.query(`update profiles set full_name = 'n' where email = 'u${number}@example.test'`);
      longest = Math.max(longest, performance.now() - began);
      // Bounded: some 20 statements a second from each.
      await pause(50);
    }
    await client.end();
  });
  await pause(1_000);
  longest = 0;
  const holder = withClient(url, async (client) => {
    await client.query('begin; select count(*) from profiles');
    await pause(holdMilliseconds);
    await client.query('commit');
  });
  await pause(300);
  await migration(url);
  await holder;
  on = false;
  await Promise.all(load);
  return longest;
}
