import { RolloutError } from '../rollout/errors.ts';
import type { Queried } from '../rollout/step.ts';
import { literal } from './quote.ts';

/** A check that a query answers, with the rows that it gave where the whole phase had been run and was rolled back. */
export type Asked = {
  readonly step: string;
  readonly title: string;
  readonly sql: string;
  readonly rows: string;
  readonly expected: string;
  readonly observed: string;
};

export type Ask = (sql: string) => Promise<readonly Record<string, unknown>[]>;

/**
 * Asks each query once where all changes are in place, for the rows that the script has to find as well.
 *
 * @param ask On the connection of the transaction in which the changes were run.
 * @throws {RolloutError} when a check does not pass: a script would make what cannot be verified.
 */
export async function askAll(queried: readonly Queried[], ask: Ask): Promise<readonly Asked[]> {
  const wrong = queried.find(({ result }) => result.verdict === 'failed');
  if (wrong !== undefined) {
    throw new RolloutError(
      `Step ${wrong.step} was tested and would not pass, so no script is written: ${wrong.result.title}: ${wrong.result.observed}`,
      wrong.result.advice ?? 'Fix what the check names.',
    );
  }
  const some = queried.flatMap(({ step, result: { title, expected, observed, evidence } }) =>
    evidence === undefined ? [] : [{ step, title, expected, observed, sql: rowsSql(evidence) }],
  );
  if (some.length === 0) return [];
  // Definitions that the catalog prints depend on the path, which the script empties too.
  await ask(`set local search_path = ''`);
  const answers = await ask(
    `select v.n, v.rows from (values ${some.map(({ sql }, n) => `(${n}, (${sql}))`).join(',\n')}) v(n, rows) order by v.n`,
  );
  return some.map((one, n) => ({ ...one, rows: String(answers[n]?.rows) }));
}

/** The rows of a query as one text, whatever order they come in. */
const rowsSql = (query: string): string =>
  `select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(q) order by pg_catalog.to_jsonb(q)::text), '[]')::text from (${query.replace(/;\s*$/, '')}) q`;

/**
 * Asks the same again and shows one table, the last result of the script: what an editor shows. A query that fails is a
 * check that failed, and the others are asked all the same. The function lives in the session alone.
 */
export const checksSql = (
  checks: readonly Asked[],
  tag: string,
): string => `create or replace function pg_temp.voxanne_rollout_checks()
returns table (step text, title text, result text, detail text) language plpgsql set search_path = '' as $${tag}$
declare
  one record;
  seen text;
begin
  for one in select * from pg_catalog.jsonb_to_recordset(${literal(JSON.stringify(checks))}::pg_catalog.jsonb)
    as x(step text, title text, sql text, rows text, expected text, observed text) loop
    step := one.step;
    title := one.title;
    begin
      execute one.sql into seen;
      result := case when seen = one.rows then 'ok' else 'failed' end;
      detail := case when seen = one.rows then one.observed
        else pg_catalog.concat('expected ', one.expected, '; got ', pg_catalog.left(seen, 500)) end;
    exception when others then
      result := 'failed';
      detail := sqlerrm;
    end;
    return next;
  end loop;
end
$${tag}$;

with asked as materialized (select row_number() over () as n, c.* from pg_temp.voxanne_rollout_checks() c),
whole as (select count(*) as checks, count(*) filter (where a.result = 'failed') as failed from asked a)
select shown.step, shown.title as "check", shown.result, shown.detail from (
  select 0 as n, '1' as step, 'Phase 1 was applied as tested' as title, case when w.failed = 0 then 'ok' else 'failed' end as result,
    case when w.failed = 0 then w.checks || ' of ' || w.checks || ' checks passed. Run "voxanne-rollout verify" for those that act as users.'
      else w.failed || ' of ' || w.checks || ' checks failed. Fix what they name, or run "voxanne-rollout rollback --all".' end as detail
  from whole w union all select a.n, a.step, a.title, a.result, a.detail from asked a
) shown order by shown.n > 0, shown.result = 'ok', shown.n;`;
