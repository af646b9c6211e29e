import { afterAll, beforeAll, expect, test } from 'vitest';
import { phase } from '../../phases/1-database/phase.ts';
import { cannotWrite, requireReversible } from '../../src/database/reversible.ts';
import type { BatchChange, SqlChange } from '../../src/rollout/change.ts';
import { runHere } from '../helpers/in-process.ts';
import { makeTarget } from '../helpers/target.ts';
import { openStage, type Stage } from './setup.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

const change = (kind: 'insert' | 'update'): BatchChange => ({
  kind: 'batches',
  id: 'x',
  title: 'X',
  table: 'public.x',
  key: { column: 'id', type: 'int' },
  quiet: false,
  write:
    kind === 'insert'
      ? { kind, columns: ['id'], source: 'select 1' }
      : { kind, column: 'v', type: 'int', where: 'true', value: '1' },
});

test.each([
  [
    'insert',
    'alter table x replica identity nothing; create publication p for table x',
    /cannot delete from table "x"/,
  ],
  ['update', 'alter table x replica identity nothing; create publication p for table x', /cannot update table "x"/],
  ['insert', 'create rule keep as on insert to x do instead nothing', /The rule keep of public.x/],
  ['update', 'alter table x add w int; create publication p for table x where (v > 1)', /cannot update table "x"/],
  ['update', 'create publication p for table x (v)', /cannot update table "x"/],
  ['update', `create publication p for table x where (v > 1) with (publish = 'insert')`, null],
  ['update', 'alter table x replica identity full; create publication p for table x where (v > 1)', null],
  [
    'update',
    'alter table x drop v; alter table x add v int generated always as (id + 1) stored',
    /computed by the table/,
  ],
  [
    'update',
    'create role poorer; grant poorer to current_user; grant select, update (id) on x to poorer; set role poorer',
    /permission denied for table x/,
  ],
  [
    'update',
    'alter table x rename to y; create table x (id int, v int) partition by range (id); create table x1 partition of x for values from (0) to (9); alter table x1 replica identity nothing; create publication p for table x1',
    /cannot update table "x1"/,
  ],
  ['insert', 'create rule keep as on delete to x do instead nothing', /The rule keep of public.x/],
  ['update', 'create rule keep as on update to x do instead nothing', /The rule keep of public.x/],
  [
    'insert',
    'create role poor; grant poor to current_user; grant select, insert on x to poor; set role poor',
    /permission denied for table x/,
  ],
  ['insert', 'create rule also as on delete to x do also select 1; create publication p for table x', null],
  ['update', 'create rule also as on delete to x do instead nothing', null],
] as const)('%s after "%s"', async (kind, made, said) => {
  const client = await stage.connect(await stage.tiny(`reversible_${Math.random().toString(36).slice(2)}`));
  await client.query(`begin; create table public.x (id int primary key, v int); ${made}`);
  const asked = requireReversible(client, change(kind));
  if (said === null) await asked;
  else await expect(asked).rejects.toThrow(said);
  await client.query('rollback');
});

test('tables of many kinds of change are asked for at once, also outside a transaction, and nothing is left', async () => {
  const client = await stage.connect(await stage.tiny('reversible_kinds'));
  await client.query(
    `create schema "s s"; create table "s s"."t;t" (id int, v int); create publication p for table "s s"."t;t"`,
  );
  const sql = (up: string, down: string): SqlChange => ({
    kind: 'sql',
    id: 'y',
    title: 'Y',
    mode: 'transaction',
    up,
    down,
  });
  const found = await cannotWrite(client, [
    change('update'),
    sql(
      `update "s s"."t;t" set v = 1;`,
      `create function f() returns void as $$ delete from "s s"."t;t" $$ language sql;`,
    ),
    sql(`comment on table contacts is 'x; delete from "s s"."t;t"';`, `delete from "s s"."t;t" where id = 1;`),
    sql('create policy one on contacts for update using (true);', ''),
  ]);
  expect(found.map((one) => one.problem.replace(/.*: /, ''))).toEqual([
    'cannot update table "t;t" because it does not have a replica identity and publishes updates.',
    'cannot delete from table "t;t" because it does not have a replica identity and publishes deletes.',
  ]);
  const { rows } = await client.query(
    `select nullif(current_setting('voxanne_rollout.cannot_write', true), '') as left`,
  );
  expect(rows).toEqual([{ left: null }]);
});

test.each([
  [
    'published',
    `alter table profiles replica identity nothing; create publication p for table profiles`,
    /profiles could not be rolled back/,
  ],
  [
    'guarded',
    `create function no() returns trigger language plpgsql as $$ begin raise exception 'profiles stay'; end $$;
     create trigger no before delete on profiles for each row execute function no()`,
    /could not be rolled back.*profiles stay/,
  ],
])('the survey names it before anything is changed: %s', async (name, made, said) => {
  await stage.tiny(`survey_${name}`, made);
  await using at = await makeTarget(stage.server, `survey_${name}`, {
    decisions: { orphans: 'own-organization', trustProfiles: true },
  });
  const rollout = at.rollout([phase]);
  const failed: string[] = [];
  rollout.listen((event) => {
    if (event.type === 'check' && event.result.verdict === 'failed') failed.push(event.result.observed);
  });
  const { signal } = new AbortController();
  await rollout.verify('1.1', signal);
  expect(failed.join('\n')).toMatch(said);
  expect(await at.executor.entries()).toEqual([]);
});

test('what came to stand in the way since is named before a rollback begins', async () => {
  const url = await stage.tiny('reversible_since');
  await stage.succeed(url, '--yes', '--to', '1.5', '--orphans=own-organization', '--trust-profiles');
  await stage.sql(url, 'alter table profiles replica identity nothing; create publication p for table profiles');
  const { code, stdout, stderr } = await runHere(['rollback', '--yes'], { url });
  expect(code).toBe(1);
  expect(stderr).toMatch(/1\.5 was not rolled back: what is written to public\.profiles could not be rolled back/);
  expect(stdout).not.toMatch(/failed/);
  await stage.sql(url, 'drop publication p');
  await stage.succeed(url, 'rollback', '--yes');
});
