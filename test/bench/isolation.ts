import { loadDatabase } from '../../src/demo/databases/load.ts';
import { applyDatabase, tinyDecisions } from '../helpers/cli.ts';
import { type BenchContext, type BenchResult, expectDone, median, ms, sql, timed, times, withClient } from './setup.ts';

const org = 'a0000000-0000-4000-8000-000000000002';

/** A page and a count under the policies of step 1.7, against the same WHERE without row security; 1 million rows. */
export async function isolation({ server, cli }: BenchContext): Promise<BenchResult> {
  await loadDatabase(server, 'tiny', 'isolation');
  const url = server.url('isolation');
  await sql(
    url,
    `set statement_timeout = 0;
     insert into organizations (id, name) select gen_random_uuid(), 'o' || n from generate_series(1, 97) n;
     insert into calls (organization_id, caller, seconds)
       select o.id, n::text, n from (select id, row_number() over (order by id) - 1 as k from organizations) o
       join generate_series(1, 1000000) n on n % 100 = o.k;`,
  );
  await expectDone(cli, url, [...applyDatabase, ...tinyDecisions]);
  await sql(url, 'analyze calls');
  await sql(server.adminUrl('isolation'), 'vacuum (analyze) public.calls');
  const page = (where: string) => `select * from public.calls ${where} order by id desc limit 20`;
  const count = (where: string) => `select count(*) from public.calls ${where}`;
  const results: { readonly name: string; readonly plain: number; readonly guarded: number }[] = [];
  await withClient(url, async (client) => {
    await client.query('set max_parallel_workers_per_gather = 0; set jit = off');
    const run = async (text: string, guarded: boolean): Promise<number> => {
      await client.query('begin');
      if (guarded) {
        await client.query(
          `select set_config('request.jwt.claims', '{"role": "authenticated", "sub": "b0000000-0000-4000-8000-000000000003", "app_metadata": {"org_id": "${org}"}}', true)`,
        );
        await client.query('set local role authenticated');
      }
      const { ms: took } = await timed(() => client.query(text));
      await client.query('rollback');
      return took;
    };
    for (const [name, query] of [
      ['page of 20', page],
      ['count', count],
    ] as const) {
      const [plain, guarded]: [number[], number[]] = [[], []];
      for (let round = 0; round < 60; round++) {
        plain.push(await run(query(`where org_id = '${org}'`), false));
        // As a client of the API sends it: with the filter. Row security adds its own.
        guarded.push(await run(query(`where org_id = '${org}'`), true));
      }
      results.push({ name, plain: median(plain.slice(10)), guarded: median(guarded.slice(10)) });
    }
  });
  return {
    title: 'd. a protected query against the same WHERE without row security, 1,000,000 rows of 100 organizations',
    lines: results.map(
      ({ name, plain, guarded }) =>
        `${name.padEnd(12)} ${ms(plain)} without, ${ms(guarded)} with   ${times(guarded / plain)}`,
    ),
    goals: results.map(({ name, plain, guarded }) => ({
      goal: `${name}: no more than 1.1 times`,
      met: guarded <= 1.1 * plain,
    })),
  };
}
