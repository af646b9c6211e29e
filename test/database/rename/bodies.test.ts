import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RenamePlan } from '../../../src/database/rename/index.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { database, down, plan, renamed, rows, state, up } from './setup.ts';

/** A function, how to call it, and what its body must hold afterwards. The result must be the same before and after. */
type Case = {
  readonly name: string;
  readonly args?: string;
  readonly returns: string;
  readonly language: 'sql' | 'plpgsql';
  readonly body: string;
  readonly call: string;
  /** The body after; absent when it must not be touched. */
  readonly after?: string;
};

const org = `'a0000000-0000-4000-8000-000000000001'::uuid`;

const cases: readonly Case[] = [
  {
    name: 'parameter_capture',
    args: 'organization_id uuid',
    returns: 'bigint',
    language: 'sql',
    body: 'select count(*) from calls where organization_id = $1',
    after: 'select count(*) from calls where calls.org_id = $1',
    call: `parameter_capture(${org})`,
  },
  {
    name: 'parameter_capture_column_first',
    args: 'organization_id uuid',
    returns: 'bigint',
    language: 'plpgsql',
    body: '#variable_conflict use_column\nbegin return (select count(*) from calls where organization_id = $1); end',
    after: '#variable_conflict use_column\nbegin return (select count(*) from calls where calls.org_id = $1); end',
    call: `parameter_capture_column_first(${org})`,
  },
  {
    name: 'new_name_is_a_parameter',
    args: 'org_id uuid',
    returns: 'bigint',
    language: 'sql',
    body: 'select count(*) from calls where organization_id = org_id',
    after: 'select count(*) from calls where calls.org_id = new_name_is_a_parameter.org_id',
    call: `new_name_is_a_parameter(${org})`,
  },
  {
    name: 'new_name_is_a_variable',
    returns: 'bigint',
    language: 'plpgsql',
    body: `declare org_id uuid := ${org}; begin return (select count(*) from calls where organization_id = org_id); end`,
    after: `<<block_1>>\ndeclare org_id uuid := ${org}; begin return (select count(*) from calls where calls.org_id = block_1.org_id); end`,
    call: 'new_name_is_a_variable()',
  },
  {
    name: 'outer_capture',
    returns: 'bigint',
    language: 'sql',
    body: 'select count(*) from calls where organization_id in (select organization_id from members where user_id = 1)',
    after: 'select count(*) from calls where org_id in (select members.org_id from members where user_id = 1)',
    call: 'outer_capture()',
  },
  {
    name: 'inner_capture',
    returns: 'bigint',
    language: 'sql',
    // The bare org_id is the outer table's and means something else; calls gets a column of that name.
    body: 'select count(*) from foreign_orders f where exists (select 1 from calls where calls.organization_id is not null and org_id = 7)',
    after:
      'select count(*) from foreign_orders f where exists (select 1 from calls where calls.org_id is not null and f.org_id = 7)',
    call: 'inner_capture()',
  },
  {
    name: 'natural_join',
    returns: 'bigint',
    language: 'sql',
    body: 'select count(*) from (select organization_id from calls) c natural join (select organization_id from members) m',
    after: 'select count(*) from (select org_id from calls) c natural join (select org_id from members) m',
    call: 'natural_join()',
  },
  {
    name: 'using_join',
    returns: 'text',
    language: 'sql',
    body: 'select string_agg(organization_id::text, $$,$$ order by organization_id) from calls join members using (organization_id)',
    after: 'select string_agg(org_id::text, $$,$$ order by org_id) from calls join members using (org_id)',
    call: 'using_join()',
  },
  {
    name: 'propagates',
    returns: 'bigint',
    language: 'sql',
    body: `with x as (select organization_id, id from calls), y(organization_id) as (select organization_id from members)
      select count(*) from x join y on x.organization_id = y.organization_id join (select * from calls) z on z.organization_id = x.organization_id`,
    after: `with x as (select org_id, id from calls), y(organization_id) as (select org_id from members)
      select count(*) from x join y on x.org_id = y.organization_id join (select * from calls) z on z.org_id = x.org_id`,
    call: 'propagates()',
  },
  {
    name: 'keeps_json_keys',
    returns: 'text',
    language: 'sql',
    body: 'select json_agg(row_to_json(s))::text from (select organization_id, name from calls order by id) s',
    after:
      'select json_agg(row_to_json(s))::text from (select org_id as organization_id, name from calls order by id) s',
    call: 'keeps_json_keys()',
  },
  {
    name: 'recursive_and_union',
    returns: 'bigint',
    language: 'sql',
    body: `with recursive t as (select organization_id, 1 as n from calls union all select t.organization_id, n + 1 from t where n < 3)
      select count(*) from (select organization_id from t union select organization_id from members order by organization_id) u`,
    after: `with recursive t as (select org_id, 1 as n from calls union all select t.org_id, n + 1 from t where n < 3)
      select count(*) from (select org_id from t union select org_id from members order by org_id) u`,
    call: 'recursive_and_union()',
  },
  {
    name: 'order_by_output',
    returns: 'setof text',
    language: 'sql',
    body: 'select x.organization_id::text from (select distinct on (organization_id) organization_id from calls order by organization_id desc) x group by organization_id order by 1',
    after:
      'select x.org_id::text from (select distinct on (org_id) org_id from calls order by org_id desc) x group by org_id order by 1',
    call: '(select string_agg(o, $$,$$) from order_by_output() o)',
  },
  {
    name: 'upsert',
    args: 'org_id uuid',
    returns: 'uuid',
    language: 'plpgsql',
    body: `declare kept uuid; begin
      insert into members (organization_id, user_id) values (org_id, 1)
      on conflict (organization_id, user_id) do update set organization_id = excluded.organization_id where members.organization_id = org_id
      returning organization_id into kept; return kept; end`,
    after: `declare kept uuid; begin
      insert into members (org_id, user_id) values (org_id, 1)
      on conflict ((members.org_id), user_id) do update set org_id = excluded.org_id where members.org_id = upsert.org_id
      returning members.org_id into kept; return kept; end`,
    call: `upsert(${org})`,
  },
  {
    name: 'writes',
    returns: 'bigint',
    language: 'plpgsql',
    body: `declare n bigint; begin
      update calls c set organization_id = m.organization_id, (name) = (select c.name) from members m where m.organization_id = c.organization_id;
      delete from calls using members m where m.organization_id = calls.organization_id and false;
      merge into calls c using members m on c.organization_id = m.organization_id
        when matched then update set organization_id = m.organization_id
        when not matched then insert (organization_id, name) values (m.organization_id, 'new');
      get diagnostics n = row_count; return n; end`,
    after: `declare n bigint; begin
      update calls c set org_id = m.org_id, (name) = (select c.name) from members m where m.org_id = c.org_id;
      delete from calls using members m where m.org_id = calls.org_id and false;
      merge into calls c using members m on c.org_id = m.org_id
        when matched then update set org_id = m.org_id
        when not matched then insert (org_id, name) values (m.org_id, 'new');
      get diagnostics n = row_count; return n; end`,
    call: 'writes()',
  },
  {
    name: 'records',
    returns: 'text',
    language: 'plpgsql',
    body: `declare r record; q calls%rowtype; z public.calls; arr calls[]; o calls.organization_id%type; t text := ''; begin
      select * into q from calls order by id limit 1; z := q; q.organization_id := z.organization_id; o := q.organization_id;
      arr := array[z]; foreach z in array arr loop t := t || z.organization_id; end loop;
      for r in select organization_id, count(*) as n from calls group by organization_id order by 1 loop t := t || r.organization_id || r.n; end loop;
      select c into r from calls c order by id limit 1; t := t || (r.c).organization_id;
      select c.* into r from calls c order by id limit 1;
      return t || r.organization_id || arr[1].organization_id || (q).organization_id || o; end`,
    after: `declare r record; q calls%rowtype; z public.calls; arr calls[]; o calls.org_id%type; t text := ''; begin
      select * into q from calls order by id limit 1; z := q; q.org_id := z.org_id; o := q.org_id;
      arr := array[z]; foreach z in array arr loop t := t || z.org_id; end loop;
      for r in select org_id, count(*) as n from calls group by org_id order by 1 loop t := t || r.org_id || r.n; end loop;
      select c into r from calls c order by id limit 1; t := t || (r.c).org_id;
      select c.* into r from calls c order by id limit 1;
      return t || r.org_id || arr[1].org_id || (q).org_id || o; end`,
    call: 'records()',
  },
  {
    name: 'record_of_two_queries',
    returns: 'text',
    language: 'plpgsql',
    // external.organization_id is another table's and stays: the record keeps one name for both.
    body: `declare r record; begin select organization_id into r from calls order by id limit 1;
      if found then return r.organization_id; end if; select organization_id into r from external; return r.organization_id; end`,
    after: `declare r record; begin select org_id as organization_id into r from calls order by id limit 1;
      if found then return r.organization_id; end if; select organization_id into r from external; return r.organization_id; end`,
    call: 'record_of_two_queries()',
  },
  {
    name: 'cursors',
    returns: 'text',
    language: 'plpgsql',
    body: `declare k cursor (o uuid) for select * from calls where organization_id = o; r record; t text := ''; begin
      for r in k(${org}) loop t := t || r.organization_id; end loop;
      open k(${org}); fetch k into r; close k; return t || r.organization_id; end`,
    after: `declare k cursor (o uuid) for select * from calls where org_id = o; r record; t text := ''; begin
      for r in k(${org}) loop t := t || r.org_id; end loop;
      open k(${org}); fetch k into r; close k; return t || r.org_id; end`,
    call: 'cursors()',
  },
  {
    name: 'temporary_tables',
    returns: 'bigint',
    language: 'plpgsql',
    body: `declare n bigint; m bigint; begin create temp table t1 on commit drop as select organization_id from calls;
      create temp table t2 on commit drop as select * from calls;
      select count(organization_id) into n from t1; select count(organization_id) into m from t2; drop table t1; drop table t2; return n + m; end`,
    after: `declare n bigint; m bigint; begin create temp table t1 on commit drop as select org_id as organization_id from calls;
      create temp table t2 on commit drop as select * from calls;
      select count(organization_id) into n from t1; select count(org_id) into m from t2; drop table t1; drop table t2; return n + m; end`,
    call: 'temporary_tables()',
  },
  {
    name: 'dynamic',
    returns: 'bigint',
    language: 'plpgsql',
    body: `declare n bigint; m bigint; begin
      execute 'select count(*) from calls where organization_id = $1 and name <> ''organization_id''' into n using ${org};
      execute format('select count(*) from calls where organization_id = %L and %I is not null', ${org}, 'name') into m;
      return n * 10 + m; end`,
    after: `declare n bigint; m bigint; begin
      execute 'select count(*) from calls where org_id = $1 and name <> ''organization_id''' into n using ${org};
      execute format('select count(*) from calls where org_id = %L and %I is not null', ${org}, 'name') into m;
      return n * 10 + m; end`,
    call: 'dynamic()',
  },
  {
    name: 'row_argument',
    args: 'c calls',
    returns: 'uuid',
    language: 'sql',
    body: 'select coalesce((c).organization_id, ($1).organization_id, c.organization_id)',
    after: 'select coalesce((c).org_id, ($1).org_id, c.org_id)',
    call: '(select string_agg(row_argument(c)::text, $$,$$ order by id) from calls c)',
  },
  {
    name: 'result_table',
    returns: 'table (organization_id uuid, name text)',
    language: 'plpgsql',
    body: 'begin return query select c.organization_id, c.name from calls c order by 2; end',
    after: 'begin return query select c.org_id, c.name from calls c order by 2; end',
    call: '(select json_agg(r)::text from result_table() r)',
  },
  {
    name: 'of_functions',
    returns: 'text',
    language: 'sql',
    body: 'select string_agg(a.organization_id::text || b.organization_id, $$,$$) from result_table() a, rows_of() b',
    after: 'select string_agg(a.organization_id::text || b.org_id, $$,$$) from result_table() a, rows_of() b',
    call: 'of_functions()',
  },
  {
    name: 'rows_of',
    returns: 'setof calls',
    language: 'sql',
    body: 'select * from calls order by id limit 1',
    call: '(select count(*) from rows_of())',
  },
  {
    name: 'of_views',
    returns: 'bigint',
    language: 'sql',
    body: 'select count(*) from call_view v join call_counts using (organization_id) where v.organization_id is not null',
    after: 'select count(*) from call_view v join call_counts using (org_id) where v.org_id is not null',
    call: 'of_views()',
  },
  {
    name: 'json_of_a_row',
    returns: 'text',
    language: 'plpgsql',
    body: `declare j jsonb; c calls; begin select * into c from calls order by id limit 1; j := to_jsonb(c); return j ->> 'organization_id' || (to_jsonb(c) - 'organization_id')::text; end`,
    after: `declare j jsonb; c calls; begin select * into c from calls order by id limit 1; j := to_jsonb(c); return j ->> 'org_id' || (to_jsonb(c) - 'org_id')::text; end`,
    call: 'json_of_a_row()',
  },
  {
    name: 'contracts',
    returns: 'text',
    language: 'sql',
    body: `select jsonb_build_object('organization_id', max(organization_id::text), 'claim', auth.jwt() ->> 'organization_id', 'setting', current_setting('app.organization_id', true))::text from calls`,
    after: `select jsonb_build_object('organization_id', max(org_id::text), 'claim', auth.jwt() ->> 'organization_id', 'setting', current_setting('app.organization_id', true))::text from calls`,
    call: 'contracts()',
  },
  {
    name: 'longer_words',
    returns: 'bigint',
    language: 'sql',
    body: 'select count(buyer_organization_id) from calls -- organization_id',
    call: 'longer_words()',
  },
  {
    name: 'spelling',
    returns: 'bigint',
    language: 'plpgsql',
    body: `declare n bigint; begin /* ü€𝄞 organization_id */ SELECT count(*) INTO n FROM Calls WHERE name <> 'ñandú 𝄞' AND Organization_ID IS NOT NULL AND public.calls."organization_id" IS NOT NULL; return n; end`,
    after: `declare n bigint; begin /* ü€𝄞 organization_id */ SELECT count(*) INTO n FROM Calls WHERE name <> 'ñandú 𝄞' AND org_id IS NOT NULL AND public.calls.org_id IS NOT NULL; return n; end`,
    call: 'spelling()',
  },
  {
    name: 'swallows',
    returns: 'text',
    language: 'plpgsql',
    body: `begin return (select max(organization_id::text) from calls); exception when others then return 'nothing'; end`,
    after: `begin return (select max(org_id::text) from calls); exception when others then return 'nothing'; end`,
    call: 'swallows()',
  },
  {
    name: 'rows_in_expressions',
    returns: 'text',
    language: 'sql',
    body: `select string_agg(coalesce((c.l).organization_id, c.a[1].organization_id)::text, ',') || (select c from calls c order by id limit 1).organization_id || (select max(u.organization_id::text) from unnest((select array_agg(c) from calls c)) u) from (select lag(c) over (order by id) as l, array[c] as a from calls c) c`,
    after: `select string_agg(coalesce((c.l).org_id, c.a[1].org_id)::text, ',') || (select c from calls c order by id limit 1).org_id || (select max(u.org_id::text) from unnest((select array_agg(c) from calls c)) u) from (select lag(c) over (order by id) as l, array[c] as a from calls c) c`,
    call: `rows_in_expressions()`,
  },
  {
    name: 'loop_row_as_json',
    returns: 'text',
    language: 'plpgsql',
    body: `declare r record; t text := ''; begin for r in select c.organization_id, m.organization_id as m_org from calls c, members m order by 1, 2 loop t := t || row_to_json(r)::text; end loop; return t; end`,
    after: `declare r record; t text := ''; begin for r in select c.org_id as organization_id, m.org_id as m_org from calls c, members m order by 1, 2 loop t := t || row_to_json(r)::text; end loop; return t; end`,
    call: `loop_row_as_json()`,
  },
  {
    name: 'outer_joins',
    returns: 'bigint',
    language: 'sql',
    body: `select (select count(*) from calls c left join members m using (organization_id) where organization_id is not null and m.organization_id is null) * 10 + (select count(*) from calls c full join members m using (organization_id) where coalesce(organization_id, m.organization_id) is not null) * (select count(*) from (calls c join members m using (organization_id)) j where j.organization_id is not null)`,
    after: `select (select count(*) from calls c left join members m using (org_id) where org_id is not null and m.org_id is null) * 10 + (select count(*) from calls c full join members m using (org_id) where coalesce(org_id, m.org_id) is not null) * (select count(*) from (calls c join members m using (org_id)) j where j.org_id is not null)`,
    call: `outer_joins()`,
  },
  {
    name: 'nested_blocks',
    returns: 'text',
    language: 'plpgsql',
    body: `declare org_id text := $$x$$; n bigint; begin declare org_id int := 1; begin select count(*) into n from calls where id = org_id; end; return org_id || n; end`,
    after: `declare org_id text := $$x$$; n bigint; begin <<block_1>>\ndeclare org_id int := 1; begin select count(*) into n from calls where id = block_1.org_id; end; return org_id || n; end`,
    call: `nested_blocks()`,
  },
  {
    name: 'update_of_another',
    returns: 'bigint',
    language: 'plpgsql',
    body: `declare n bigint; begin update foreign_orders o set org_id = 1 from calls where calls.organization_id is not null and org_id = 7; get diagnostics n = row_count; return n; end`,
    after: `declare n bigint; begin update foreign_orders o set org_id = 1 from calls where calls.org_id is not null and o.org_id = 7; get diagnostics n = row_count; return n; end`,
    call: `update_of_another()`,
  },
  {
    name: 'returning_into',
    returns: 'text',
    language: 'plpgsql',
    body: `declare r record; begin with x as (insert into calls (organization_id) values (null) returning *) select * into r from x; r.organization_id := (select max(organization_id::text)::uuid from calls); return r.organization_id; end`,
    after: `declare r record; begin with x as (insert into calls (org_id) values (null) returning *) select * into r from x; r.org_id := (select max(org_id::text)::uuid from calls); return r.org_id; end`,
    call: `returning_into()`,
  },
  {
    name: 'named_by_hand',
    returns: 'text',
    language: 'sql',
    body: `select string_agg(x.organization_id::text, ',' order by 1) from (values ('a0000000-0000-4000-8000-000000000001'::uuid)) x(organization_id) join calls c on c.organization_id = x.organization_id`,
    after: `select string_agg(x.organization_id::text, ',' order by 1) from (values ('a0000000-0000-4000-8000-000000000001'::uuid)) x(organization_id) join calls c on c.org_id = x.organization_id`,
    call: `named_by_hand()`,
  },
  {
    name: 'statements',
    returns: 'text',
    language: 'plpgsql',
    body: `declare n int := 0; begin
      if exists (select 1 from calls where organization_id is null) then n := 1; elsif n = 2 then null; else n := 3; end if;
      case (select count(organization_id) from calls) when 0 then n := 4; else n := n + 5; end case;
      for i in reverse 3..(select count(organization_id)::int from calls) by 1 loop n := n + i; end loop;
      <<again>> while n < (select count(organization_id) from calls) loop exit again when n > 1; continue; end loop;
      perform organization_id from calls; assert (select count(organization_id) from calls) > 0, 'organization_id';
      raise notice 'organization_id %', (select max(organization_id::text) from calls) using hint = 'organization_id';
      return n; end`,
    after: `declare n int := 0; begin
      if exists (select 1 from calls where org_id is null) then n := 1; elsif n = 2 then null; else n := 3; end if;
      case (select count(org_id) from calls) when 0 then n := 4; else n := n + 5; end case;
      for i in reverse 3..(select count(org_id)::int from calls) by 1 loop n := n + i; end loop;
      <<again>> while n < (select count(org_id) from calls) loop exit again when n > 1; continue; end loop;
      perform org_id from calls; assert (select count(org_id) from calls) > 0, 'organization_id';
      raise notice 'organization_id %', (select max(org_id::text) from calls) using hint = 'organization_id';
      return n; end`,
    call: 'statements()',
  },
];

const schema = `
  create table members (id int generated always as identity, organization_id uuid, user_id int, unique (organization_id, user_id));
  create table calls (id int generated always as identity, organization_id uuid, name text, buyer_organization_id uuid);
  create table foreign_orders (org_id int);
  create table external (organization_id uuid);
  create view call_view as select organization_id, name from calls;
  create materialized view call_counts as select organization_id, count(*) from calls group by 1;
  insert into members (organization_id, user_id) values ('a0000000-0000-4000-8000-000000000001', 1), ('a0000000-0000-4000-8000-000000000002', 2);
  insert into calls (organization_id, name) values ('a0000000-0000-4000-8000-000000000001', 'a'), ('a0000000-0000-4000-8000-000000000002', 'b'),
    ('a0000000-0000-4000-8000-000000000003', 'c'), ('a0000000-0000-4000-8000-000000000003', 'd');
  insert into foreign_orders values (7), (8);
  insert into external values ('a0000000-0000-4000-8000-000000000009');
  refresh materialized view call_counts;
  set check_function_bodies = off;`;

let server: EmbeddedServer;
let client: pg.Client;
let made: RenamePlan;
let start: unknown;
const before = new Map<string, unknown>();

/** Every call in a transaction of its own that is taken back, so that the cases do not see each other's writes. */
async function answer(call: string): Promise<unknown> {
  await client.query('begin');
  try {
    return await rows(client, `select ${call}`);
  } finally {
    await client.query('rollback');
  }
}

const bodyOf = async (name: string): Promise<unknown> =>
  ((await rows(client, `select prosrc from pg_proc where proname = '${name}'`)) as unknown[][])[0]?.[0];

beforeAll(async () => {
  server = await startServer();
  const functions = cases.map(
    (item) =>
      `create function ${item.name}(${item.args ?? ''}) returns ${item.returns} language ${item.language} as $body$${item.body}$body$;`,
  );
  client = await database(server, schema + functions.join('\n'));
  start = await state(client);
  for (const item of cases) before.set(item.name, await answer(item.call));
  made = await plan(client, [renamed('calls'), renamed('members')]);
  await up(client, made);
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
});

test('nothing blocks', () => {
  expect(made.blockers).toEqual([]);
});

test.each(cases)('$name keeps its meaning', async (item) => {
  expect(await bodyOf(item.name)).toBe(item.after ?? item.body);
  expect(await answer(item.call)).toEqual(before.get(item.name));
});

test('a body that swallows errors is named', () => {
  expect(made.groups.flatMap((group) => group.swallowing)).toEqual(['public.swallows()']);
});

test('the way back restores every definition', async () => {
  await down(client, made);
  expect(await state(client)).toEqual(start);
  for (const item of cases) expect(await answer(item.call), item.name).toEqual(before.get(item.name));
});
