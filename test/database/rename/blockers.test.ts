import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RenamePlan } from '../../../src/database/rename/index.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { database, plan, renamed } from './setup.ts';

const schema = `
  create table calls (id int, organization_id uuid, name text);
  create table members (id int, organization_id uuid);
  create table external (id int, organization_id uuid, org_id int);
  create table plain (id int);
  set check_function_bodies = off;`;

/** Bodies that cannot be rewritten with certainty, and what the blocker says about each. */
const bodies: readonly (readonly [name: string, returns: string, language: string, body: string, says: string])[] = [
  [
    'natural_half',
    'bigint',
    'sql',
    'select count(*) from calls natural join external',
    'NATURAL JOIN would join other columns',
  ],
  [
    'using_half',
    'bigint',
    'sql',
    'select count(*) from calls join external using (organization_id)',
    'only some are renamed',
  ],
  [
    'concatenated',
    'void',
    'plpgsql',
    `declare t text := 'calls'; begin execute 'delete from ' || t || ' where organization_id is null'; end`,
    'SQL as a text',
  ],
  [
    'stored_text',
    'void',
    'plpgsql',
    `declare s text; begin s := 'delete from calls where organization_id is null'; execute s; end`,
    'SQL as a text',
  ],
  [
    'any_table',
    'void',
    'plpgsql',
    `begin execute format('delete from %I where organization_id is null', 'calls'); end`,
    'columns are not known',
  ],
  [
    'column_name',
    'void',
    'plpgsql',
    `begin execute format('update calls set %I = null', 'organization_id'); end`,
    'built at run time',
  ],
  [
    'dynamic_row',
    'uuid',
    'plpgsql',
    `declare c calls; o uuid; begin execute 'select ($1).organization_id' into o using c; return o; end`,
    'type is not known',
  ],
  [
    'dynamic_record',
    'uuid',
    'plpgsql',
    `declare r record; begin execute 'select * from ' || 'calls' into r; return r.organization_id; end`,
    'not known',
  ],
  [
    'unknown_table',
    'bigint',
    'sql',
    'select count(*) from made_elsewhere where organization_id is null',
    'columns are not known',
  ],
  [
    'catalog_lookup',
    'boolean',
    'sql',
    `select exists (select from information_schema.columns where column_name = 'organization_id')`,
    'looks for the column',
  ],
  [
    'populated',
    'calls',
    'sql',
    `select jsonb_populate_record(null::calls, '{"organization_id": null}')`,
    'fills columns by the keys of JSON',
  ],
  [
    'mixed_json',
    'text',
    'plpgsql',
    `declare j jsonb := '{}'; c calls; begin if c is null then j := to_jsonb(c); end if; return j ->> 'organization_id'; end`,
    'something else in another',
  ],
  [
    'keys_of_row',
    'bigint',
    'sql',
    `select count(*) from calls c, jsonb_each(to_jsonb(c)) e where e.key = 'organization_id'`,
    'turns a row into JSON',
  ],
  [
    'ambiguous',
    'table (organization_id uuid)',
    'plpgsql',
    'begin return query select organization_id from calls; end',
    'PostgreSQL refuses it today',
  ],
  [
    'output_clash',
    'setof record',
    'sql',
    'select name as org_id, organization_id from calls order by organization_id',
    'two output columns',
  ],
  [
    'altered',
    'void',
    'plpgsql',
    'begin alter table calls alter column organization_id set not null; end',
    'statement names the column',
  ],
  [
    'loop_variable',
    'void',
    'plpgsql',
    'begin for org_id in 1..2 loop perform 1 from calls where id = org_id; end loop; end',
    'cannot be told from another',
  ],
  [
    'scheduled',
    'void',
    'sql',
    `select cron.schedule('x', '* * * * *', 'delete from calls where organization_id is null')`,
    'handed on as text',
  ],
  ['broken', 'void', 'plpgsql', 'begin selec organization_id from calls; end', 'could not be read'],
];

let server: EmbeddedServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(async () => {
  await server?.stop();
});

async function planOf(sql: string, tables: readonly string[] = ['calls', 'members']): Promise<RenamePlan> {
  const client = await database(server, sql);
  try {
    return await plan(
      client,
      tables.map((table) => renamed(table)),
    );
  } finally {
    await client.end();
  }
}

test('what is uncertain blocks, with the function, the line and a caret', async () => {
  const functions = bodies.map(
    ([name, returns, language, body]) =>
      `create function ${name}() returns ${returns} language ${language} as $body$${body}$body$;`,
  );
  const made = await planOf(`${schema} create schema if not exists cron; ${functions.join('\n')}`);
  for (const [name, , , , says] of bodies) {
    const own = made.blockers.filter((item) => item.problem.startsWith(`public.${name}()`));
    expect(own.map((item) => item.problem).join('\n'), name).toContain(says);
    for (const item of own) {
      expect(item.detail, name).toMatch(/^\d+ \| .*\n[\s\S]*\^$/);
      expect(item.remedy, name).not.toBe('');
    }
  }
  expect(made.groups.flatMap((group) => group.functions)).toEqual([]);
});

test('a trigger function of two tables of which one keeps its name blocks', async () => {
  const made = await planOf(`${schema}
    create function stamp() returns trigger language plpgsql as $$ begin new.organization_id := null; return new; end $$;
    create trigger a before insert on calls for each row execute function stamp();
    create trigger b before insert on external for each row execute function stamp();`);
  expect(made.blockers.map((item) => item.problem)).toEqual([expect.stringContaining('only some are renamed')]);
});

test('a trigger argument that does not show that it is a column blocks', async () => {
  const made = await planOf(`${schema}
    create function note() returns trigger language plpgsql as $$ begin raise notice '%', tg_argv[0]; return new; end $$;
    create trigger a before insert on calls for each row execute function note('organization_id');
    create trigger b before insert on plain for each row execute function note('organization_id');`);
  expect(made.blockers.map((item) => item.problem)).toEqual([
    expect.stringContaining('Trigger a on public.calls has the old name as an argument'),
  ]);
  expect(made.blockers.map((item) => item.problem)).toEqual([expect.stringMatching(/^public\.note\(\): /)]);
});

test('a trigger argument that the function never asks for is left as it is', async () => {
  const made = await planOf(`${schema}
    create function note() returns trigger language plpgsql as $$ begin return new; end $$;
    create trigger a before insert on calls for each row execute function note('organization_id');`);
  expect(made.blockers).toEqual([]);
});

test('a constraint trigger with the old name as an argument blocks: it cannot be replaced', async () => {
  const made = await planOf(`${schema}
    create function note() returns trigger language plpgsql as $$ begin raise notice '%', to_jsonb(new) ->> tg_argv[0]; return new; end $$;
    create constraint trigger a after insert on calls for each row execute function note('organization_id');`);
  expect(made.blockers.map((item) => item.problem)).toEqual([expect.stringContaining('constraint trigger')]);
});

test('what PostgreSQL refuses to rename blocks before it is tried', async () => {
  const made = await planOf(
    `create type shape as (organization_id uuid);
     create table typed of shape;
     create table parent (organization_id uuid);
     create table child () inherits (parent);
     create table one (organization_id uuid); create table two (organization_id uuid);
     create table both_parents () inherits (one, two);`,
    ['typed', 'child', 'one', 'absent'],
  );
  expect(made.blockers.map((item) => item.problem)).toEqual([
    expect.stringContaining('typed table'),
    expect.stringContaining('is inherited from public.parent'),
    expect.stringContaining('from 2 parents'),
    expect.stringContaining('does not exist'),
  ]);
});

test('a view or policy that reads the column out of a row turned into JSON blocks', async () => {
  const made = await planOf(`${schema}
    create view by_key as select to_jsonb(c) ->> 'organization_id' as o from calls c;
    create policy by_key on calls using (to_jsonb(calls) ->> 'organization_id' is not null);`);
  expect(made.blockers.map((item) => item.problem)).toEqual([
    expect.stringContaining('public.by_key'),
    expect.stringContaining('Policy by_key on public.calls'),
  ]);
});

test('text that only looks like the column is left alone', async () => {
  const made = await planOf(`${schema}
    create function words() returns text language plpgsql as $$ begin
      -- organization_id
      raise notice 'organization_id is missing: organization_id';
      return jsonb_build_object('organization_id', 1)::text || (select external.organization_id from external); end $$;`);
  expect(made.blockers).toEqual([]);
  expect(made.groups.flatMap((group) => group.functions)).toEqual([]);
  expect(made.notes.map((item) => item.text)).toEqual([expect.stringContaining('the name of a key stays')]);
});
