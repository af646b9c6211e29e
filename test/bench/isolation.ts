import { loadDatabase } from '../../src/demo/databases/load.ts';
import { applyDatabase, tinyDecisions } from '../helpers/cli.ts';
import { type BenchContext, type BenchResult, expectDone, median, ms, sql, timed, times, withClient } from './setup.ts';

const org = (number: number): string => `a0000000-0000-4000-8000-00000000000${number}`;
/** The organization with 10,000 of the million rows, and the one with 100,000. */
const [small, large] = [org(2), org(1)];

/** A page and a count under the policies of step 1.7, against the same WHERE without row security; 1 million rows. */
export async function isolation({ server, cli }: BenchContext): Promise<BenchResult> {
  await loadDatabase(server, 'tiny', 'isolation');
  const url = server.url('isolation');
  await sql(
    url,
    `set statement_timeout = 0;
     insert into organizations (id, name) select gen_random_uuid(), 'o' || n from generate_series(1, 88) n;
     insert into calls (organization_id, caller, seconds)
       select case when k < 10 then '${large}'::uuid else o.id end, n::text, n
       from (select n, n % 100 as k from generate_series(1, 1000000) n) r
       left join (select id, row_number() over (order by id <> '${small}', id) + 9 as k from organizations where id <> '${large}') o using (k);`,
  );
  await expectDone(cli, url, [...applyDatabase, ...tinyDecisions]);
  await sql(url, 'analyze calls');
  await sql(server.adminUrl('isolation'), 'vacuum (analyze) public.calls');
  const page = (id: string) => `select * from public.calls where org_id = '${id}' order by id desc limit 20`;
  const count = (id: string) => `select count(*) from public.calls where org_id = '${id}'`;
  type Result = { readonly name: string; readonly plain: number; readonly guarded: number };
  const results: Result[] = [];
  let floor: Result | null = null;
  await withClient(url, async (client) => {
    await client.query('set max_parallel_workers_per_gather = 0; set jit = off');
    const run = async (text: string, as: string | null): Promise<number> => {
      await client.query('begin');
      if (as !== null) {
        await client.query(
          `select set_config('request.jwt.claims', '{"role": "authenticated", "sub": "b0000000-0000-4000-8000-000000000003", "app_metadata": {"org_id": "${as}"}}', true)`,
        );
        await client.query('set local role authenticated');
      }
      const { ms: took } = await timed(() => client.query(text));
      await client.query('rollback');
      return took;
    };
    const compare = async (name: string, text: string, id: string): Promise<Result> => {
      const [plain, guarded]: [number[], number[]] = [[], []];
      for (let round = 0; round < 110; round++) {
        plain.push(await run(text, null));
        // As a client of the API sends it: with the filter. Row security adds its own.
        guarded.push(await run(text, id));
      }
      return { name, plain: median(plain.slice(10)), guarded: median(guarded.slice(10)) };
    };
    results.push(await compare('page of 20', page(small), small));
    results.push(await compare('count of 10,000', count(small), small));
    results.push(await compare('count of 100,000', count(large), large));
    // What a policy of this form costs by itself, whatever it asks: no function can be below it.
    await client.query(`do $$ declare p record; begin for p in select polname from pg_policy where polrelid = 'public.calls'::regclass and polcmd = 'r' loop
      execute format($x$alter policy %I on public.calls using (org_id = (select '${small}'::uuid))$x$, p.polname); end loop; end $$`);
    floor = await compare('the same form with a constant, count of 10,000', count(small), small);
  });
  const line = ({ name, plain, guarded }: Result): string =>
    `${name.padEnd(18)} ${ms(plain)} without, ${ms(guarded)} with   ${times(guarded / plain)}`;
  return {
    title: 'd. a protected query against the same WHERE without row security, 1,000,000 rows of 90 organizations',
    lines: [...results.map(line), ...(floor === null ? [] : [line(floor)])],
    goals: results.map(({ name, plain, guarded }) => ({
      goal: `${name}: no more than 1.1 times`,
      met: guarded <= 1.1 * plain,
    })),
  };
}
