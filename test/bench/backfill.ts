import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { jsonLines, tinyDecisions } from '../helpers/cli.ts';
import {
  type BenchContext,
  type BenchResult,
  expectDone,
  ms,
  percentile,
  sql,
  timed,
  times,
  withClient,
} from './setup.ts';

/** Stamping many users whose profile names their organization, against one UPDATE of them all. */
export async function backfill({ server, cli, full }: BenchContext): Promise<BenchResult> {
  const users = full ? 1_000_000 : 100_000;
  await loadDatabase(server, 'tiny', 'backfill');
  await sql(
    server.url('backfill'),
    `set statement_timeout = 0;
     insert into auth.users (id, aud, role, email, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
       select gen_random_uuid(), 'authenticated', 'authenticated', 'u' || n || '@example.test', '{"provider": "email"}', '{}', now(), now() from generate_series(1, ${users}) n;
     insert into profiles (id, organization_id, email)
       select id, 'a0000000-0000-4000-8000-000000000001', email from auth.users where email like 'u%';
     insert into calls (organization_id, caller) select 'a0000000-0000-4000-8000-000000000001', n::text from generate_series(1, ${users}) n;`,
  );
  await expectDone(cli, server.url('backfill'), ['--yes', '--to', '1.4', ...tinyDecisions]);
  await sql(server.adminUrl('backfill'), 'vacuum analyze auth.users; '.trim());
  await server.createDatabase('backfill_update', 'backfill');

  const url = server.url('backfill');
  const alone = await readers(url, () => pause(3_000));
  const memory: number[] = [];
  let rate = 0;
  const under = await readers(url, async () => {
    const run = cli.start(['--yes', '--to', '1.5', '--json', ...tinyDecisions], { url });
    const watch = setInterval(() => memory.push(residentMegabytes(run.child.pid)), 200);
    const { stdout, code, stderr } = await run.ended;
    clearInterval(watch);
    if (code !== 0) throw new Error(stderr);
    const lines = jsonLines(stdout);
    const slowest = lines
      .filter((line) => line.type === 'change-progress')
      .reduce((most, line) => (line.type === 'change-progress' && line.done >= most.done ? line : most), {
        done: 0,
        perSecond: 0,
      });
    rate = slowest.perSecond;
  });
  const one = await timed(() =>
    sql(
      server.url('backfill_update'),
      `set statement_timeout = 0;
       update auth.users u set raw_app_meta_data = coalesce(u.raw_app_meta_data, '{}') || jsonb_build_object('org_id', p.org_id)
       from profiles p where p.id = u.id and p.org_id is not null and u.raw_app_meta_data ->> 'org_id' is null`,
    ),
  );
  const plain = users / (one.ms / 1000);
  const known = memory.filter((megabytes) => megabytes > 0);
  const quarter = known.slice(Math.floor(known.length / 4), Math.floor(known.length / 2));
  const growth = Math.max(0, ...known.slice(-3)) / Math.max(1, ...quarter);
  return {
    title: `c. backfill of ${users.toLocaleString('en')} users`,
    lines: [
      `one UPDATE   ${Math.round(plain).toLocaleString('en')} rows/s (old values lost)`,
      `voxanne      ${Math.round(rate).toLocaleString('en')} rows/s   ${times(rate / plain)}`,
      `readers' p99 ${ms(alone)} alone, ${ms(under)} meanwhile   ${times(under / alone)}`,
      `memory       ${Math.round(Math.max(0, ...known))} MB at most, end against second quarter ${times(growth)}`,
    ],
    goals: [
      { goal: 'at least half the rate of one UPDATE', met: rate >= 0.5 * plain },
      { goal: "readers' p99 within twice", met: under <= 2 * alone },
      { goal: 'flat memory', met: growth <= 1.5 },
    ],
  };
}

/** The p99 of four readers of users and profiles while `work` runs. */
async function readers(url: string, work: () => Promise<unknown>): Promise<number> {
  const seen: number[] = [];
  let on = true;
  const ids = await withClient(url, async (client) =>
    (await client.query<{ id: string }>('select id from profiles limit 1000')).rows.map((row) => row.id),
  );
  const loads = Array.from({ length: 4 }, async (_, number) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    for (let n = number; on; n += 7) {
      const began = performance.now();
      await client.query('select p.email, u.email from profiles p join auth.users u on u.id = p.id where p.id = $1', [
        ids[n % ids.length],
      ]);
      seen.push(performance.now() - began);
      await pause(10);
    }
    await client.end();
  });
  await work();
  on = false;
  await Promise.all(loads);
  return percentile(seen, 0.99);
}

/** Linux only; 0 elsewhere, and then memory counts as not measured. */
function residentMegabytes(pid: number | undefined): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
