import { afterAll, beforeAll, expect, test } from 'vitest';
import { requireReversible } from '../../src/database/reversible.ts';
import type { BatchChange } from '../../src/rollout/change.ts';
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
