import type pg from 'pg';
import { appOf, throughPhaseOne } from '../helpers/phase-one.ts';
import { type BenchContext, type BenchResult, median, ms, sql, timed, times, withClient } from './setup.ts';

const org = (number: number): string => `a0000000-0000-4000-8000-00000000000${number}`;
const user = 'b0000000-0000-4000-8000-000000000001';
/** The organization with a hundredth of the rows, and the one with a tenth: the user belongs to both. */
const [small, large] = [org(2), org(1)];

/** What each model has in the place of the app's own words. */
const models = {
  one: {
    tables:
      'create table profiles (id uuid primary key references auth.users, organization_id uuid references organizations);',
    helper: 'select organization_id from profiles where id = auth.uid()',
    policy: 'organization_id = mine()',
    joins: (id: string): string => `insert into profiles values ('${user}', '${id}');`,
    opens: (id: string): string => `update profiles set org_id = '${id}';`,
    floor: (id: string): string => `org_id = (select '${id}'::uuid)`,
  },
  all: {
    tables:
      'create table members (organization_id uuid not null references organizations, user_id uuid not null references auth.users, primary key (organization_id, user_id));',
    helper: 'select organization_id from members where user_id = auth.uid()',
    policy: 'organization_id in (select mine())',
    joins: (): string =>
      `insert into members select id, '${user}' from organizations where id in ('${small}', '${large}');`,
    opens: (): string => 'select 1',
    floor: (): string => `org_id = any (array(select unnest(array['${small}', '${large}']::uuid[])))`,
  },
  active: {
    tables: `create table members (organization_id uuid not null references organizations, user_id uuid not null references auth.users, primary key (organization_id, user_id));
      create table profiles (id uuid primary key references auth.users, active_organization_id uuid references organizations);`,
    helper:
      'select p.active_organization_id from profiles p join members m on m.user_id = p.id and m.organization_id = p.active_organization_id where p.id = auth.uid()',
    policy: 'organization_id = mine()',
    joins: (
      id: string,
    ): string => `insert into members select id, '${user}' from organizations where id in ('${small}', '${large}');
      insert into profiles values ('${user}', '${id}');`,
    opens: (id: string): string => `update profiles set org_id = '${id}';`,
    floor: (id: string): string => `org_id = (select '${id}'::uuid)`,
  },
} as const;

type Model = keyof typeof models;

const app = (model: Model, rows: number): string => {
  const { tables, helper, policy, joins } = models[model];
  return `set statement_timeout = 0;
    create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
    ${tables}
    create table calls (id bigint generated always as identity primary key, organization_id uuid not null references organizations, caller text, seconds int);
    create function mine() returns ${model === 'all' ? 'setof ' : ''}uuid language sql stable security definer set search_path = public as $$ ${helper} $$;
    alter table calls enable row level security;
    create policy mine on calls for all to authenticated using (${policy});
    grant all on all tables in schema public to authenticated;
    insert into auth.users (id, aud, role, email, raw_app_meta_data, raw_user_meta_data, created_at) values ('${user}', 'authenticated', 'authenticated', 'a@example.test', '{}', '{}', now());
    insert into organizations select id, 'o' from (values ('${small}'::uuid), ('${large}')) o(id) union all select gen_random_uuid(), 'o' from generate_series(1, 89);
    ${joins(small)}
    insert into calls (organization_id, caller, seconds)
      select case when k < 10 then '${large}'::uuid else o.id end, n::text, n
      from (select n, n % 100 as k from generate_series(1, ${rows}) n) r
      left join (select id, row_number() over (order by id <> '${small}', id) + 9 as k from organizations where id <> '${large}') o using (k) order by r.n;`;
};

type Measured = {
  readonly name: string;
  readonly plain: number;
  readonly guarded: number;
  /** With a constant in the place of the helper, and with one of PL/pgSQL that looks nothing up. */
  readonly form: number;
  readonly empty: number;
};

/**
 * A page and a count under the policies of step 1.7, in each model, against the same WHERE without row security, and
 * against a policy of the same form that asks a constant, and one that asks a function which looks nothing up: below
 * those no function can be.
 */
export async function isolation({ server, full }: BenchContext): Promise<BenchResult> {
  const rows = full ? 1_000_000 : 300_000;
  const lines: string[] = [];
  const goals: { goal: string; met: boolean }[] = [];
  for (const model of ['one', 'all', 'active'] as const) {
    const decisions = { ambiguousMemberships: 'oldest' };
    await using at = await appOf(server, `isolation_${model}`, app(model, rows), { decisions });
    const { stopped, said } = await throughPhaseOne(at);
    if (stopped !== null) throw new Error(`${model}: stopped at ${stopped}\n${said.join('\n')}`);
    const [place] = await at.sql<{ name: string }>('select current_database() as name');
    const name = place?.name ?? '';
    await sql(server.adminUrl(name), 'vacuum (analyze) public.calls');
    const results = await withClient(server.url(name), (client) => measured(client, model));
    for (const { name: what, plain, form, empty, guarded } of results) {
      lines.push(
        `${model.padEnd(7)}${what.padEnd(18)} ${ms(plain)} without, ${ms(guarded)} with   ${times(guarded / plain)}, a constant in the same form ${times(form)}, a function that looks nothing up ${times(empty)}`,
      );
      goals.push(
        what.startsWith('page')
          ? { goal: `${model}, ${what}: no more than 1.1 times`, met: guarded <= 1.1 * plain }
          : {
              goal: `${model}, ${what}: no more than 1.1 times a constant in the same form`,
              met: guarded / plain <= 1.1 * form,
            },
      );
    }
  }
  return {
    title: `d. a protected query in each model against the same WHERE without row security, ${rows.toLocaleString('en')} rows of 91 organizations`,
    lines,
    goals,
  };
}

async function measured(client: pg.Client, model: Model): Promise<readonly Measured[]> {
  await client.query('set max_parallel_workers_per_gather = 0; set jit = off');
  const page = (id: string) => `select * from public.calls where org_id = '${id}' order by id desc limit 20`;
  const count = (id: string) => `select count(*) from public.calls where org_id = '${id}'`;
  const queries = [
    ['page of 20', page(small), small],
    ['count of 1 %', count(small), small],
    ['count of 10 %', count(large), large],
  ] as const;
  const run = async (text: string, claims: string | null): Promise<number> => {
    await client.query('begin');
    if (claims !== null) {
      await client.query(`select set_config('request.jwt.claims', $1, true)`, [claims]);
      await client.query('set local role authenticated');
    }
    const { ms: took } = await timed(() => client.query(text));
    await client.query('rollback');
    return took;
  };
  /** Medians of the query as it is, and with row security: as a client of the API sends it, with the filter. */
  const compare = async (text: string, id: string): Promise<readonly [number, number]> => {
    const claims = JSON.stringify({ role: 'authenticated', sub: user, app_metadata: { org_id: id } });
    const [plain, guarded]: [number[], number[]] = [[], []];
    for (let round = 0; round < 110; round++) {
      plain.push(await run(text, null));
      guarded.push(await run(text, claims));
    }
    return [median(plain.slice(10)), median(guarded.slice(10))];
  };
  const { opens, floor } = models[model];
  const ids = model === 'all' ? `return query select unnest(array['${small}', '${large}']::uuid[])` : '';
  const nothing = (id: string): string =>
    `create or replace function public.nothing() returns ${model === 'all' ? 'setof ' : ''}uuid language plpgsql stable
       parallel restricted security definer set search_path = '' as $$ begin ${ids === '' ? `return '${id}'::uuid` : ids}; end $$`;
  const asks = model === 'all' ? 'org_id = any (array(select public.nothing()))' : 'org_id = (select public.nothing())';
  const found: { name: string; plain: number; guarded: number }[] = [];
  for (const [name, text, id] of queries) {
    await client.query(opens(id));
    const [plain, guarded] = await compare(text, id);
    found.push({ name, plain, guarded });
  }
  const results: Measured[] = [];
  const { rows } = await client.query<{ name: string }>(
    `select quote_ident(polname) as name from pg_catalog.pg_policy where polrelid = 'public.calls'::regclass and polcmd = 'r'`,
  );
  for (const [index, one] of found.entries()) {
    const [, text, id] = queries[index] ?? queries[0];
    await client.query(`alter policy ${rows[0]?.name} on public.calls using (${floor(id)})`);
    const [plain, form] = await compare(text, id);
    await client.query(nothing(id));
    await client.query(`alter policy ${rows[0]?.name} on public.calls using (${asks})`);
    const [again, empty] = await compare(text, id);
    results.push({ ...one, form: form / plain, empty: empty / again });
  }
  return results;
}
