import { expect, test } from 'vitest';
import { RolloutError } from '../../src/rollout/errors.ts';
import { Medium, never, phaseOf, stageOf, stepOf } from './stage.ts';

/** Step 1.1 made a and b, 1.2 made c; both are verified. */
async function rolledOut(
  start: Record<string, string> = { x: '1', y: '1' },
  options: Parameters<typeof stageOf>[2] = {},
) {
  const database = new Medium(start);
  const phases = [phaseOf(1, [stepOf('1.1', database, ['a', 'b']), stepOf('1.2', database, ['c'])])];
  const stage = stageOf(database, phases, options);
  await stage.rollout.apply('1.1', never);
  await stage.rollout.verify('1.1', never);
  await stage.rollout.apply('1.2', never);
  stage.events.length = 0;
  database.guarded.length = 0;
  return { database, phases, ...stage };
}

test('is proven where everything is as before; the last change is taken back first', async () => {
  const { rollout, database, events } = await rolledOut();
  expect(await rollout.rollback('1.2', never)).toEqual({ proven: true, differences: [], stayed: [], unchecked: [] });
  expect(await rollout.rollback('1.1', never)).toMatchObject({ proven: true });
  expect(database.objects).toEqual({ x: '1', y: '1' });
  expect(events.flatMap((event) => (event.type === 'change-reverted' ? [event.change] : []))).toEqual(['c', 'b', 'a']);
  expect(database.records.slice(-2)).toMatchObject([
    { step: '1.2', state: 'rolled back', detail: '' },
    { step: '1.1', state: 'rolled back' },
  ]);
  expect(database.guarded).toEqual([null, null]);
});

test('a step that others build upon stays until those are taken back', async () => {
  const { rollout, database } = await rolledOut();
  await expect(rollout.rollback('1.1', never)).rejects.toMatchObject({
    problem: 'Step 1.2 was applied later and builds on step 1.1.',
    remedy: 'Roll that back first, or use rollback --to 1.1.',
  });
  expect(database.objects).toMatchObject({ a: 'made', c: 'made' });
  expect((await rollout.rollbackPlan('1.2')).refusal).toBeNull();
});

test('what others changed since is named, and not blamed on the rollback', async () => {
  const { rollout, database } = await rolledOut();
  database.objects.x = '2';
  database.objects.z = 'new';
  const { proven, differences, stayed } = await rollout.rollback('1.2', never);
  expect({ proven, differences }).toEqual({ proven: true, differences: [] });
  expect(stayed).toEqual(['changed: x (not by this step)', 'only now: z (not by this step)']);
});

test('what the rollback itself left different is no proof, beside what others changed', async () => {
  const { rollout, database } = await rolledOut();
  database.onRevert = () => {
    delete database.objects.c;
    database.objects.y = 'broken';
  };
  database.objects.x = '2';
  const { proven, differences } = await rollout.rollback('1.2', never);
  expect({ proven, differences }).toEqual({ proven: false, differences: ['changed: y'] });
  expect(database.records.at(-1)).toMatchObject({ state: 'failed', detail: expect.stringContaining('changed: y') });
});

test('rows that were lost on the way are no proof; rows that were not compared are named', async () => {
  const { rollout, database, events } = await rolledOut();
  database.guardFinds = {
    tables: 2,
    rows: 30,
    columns: 4,
    changed: ['public.x: 3 rows less'],
    unchecked: ['public.y'],
  };
  expect(await rollout.rollback('1.2', never)).toEqual({
    proven: false,
    differences: ['public.x: 3 rows less'],
    stayed: [],
    unchecked: ['public.y'],
  });
  expect(events.at(-1)).toMatchObject({ proven: false, compared: { objects: 4, tables: 2, rows: 30 } });
});

test('without the state from before there is no proof', async () => {
  const { rollout, database } = await rolledOut();
  database.kept.delete('1.2 before');
  expect(await rollout.rollback('1.2', never)).toMatchObject({ proven: false });
  expect(database.records.at(-1)).toMatchObject({ state: 'failed' });
});

test('with nothing in force there is nothing to guard, and the step is rolled back', async () => {
  const database = new Medium();
  const { rollout } = stageOf(database, [phaseOf(1, [stepOf('1.1', database, ['a'])])]);
  expect(await rollout.rollback('1.1', never)).toMatchObject({ proven: false, differences: [] });
  expect([database.records[0]?.state, database.guarded]).toEqual(['rolled back', []]);
});

test('an obstacle is named before the first change is taken back', async () => {
  const { rollout, database } = await rolledOut();
  database.obstacles = [
    { problem: 'The table is closed.', remedy: 'Open it.', detail: 'public.x' },
    { problem: 'Another one.', remedy: 'Open that.' },
  ];
  await expect(rollout.rollback('1.2', never)).rejects.toMatchObject({
    problem: 'Step 1.2 was not rolled back: the table is closed.',
    remedy: 'Open it. Then roll back again; nothing of it was rolled back.',
    detail: 'public.x\nAnother one.',
  });
  expect(database.objects.c).toBe('made');
  database.obstacles = [{ problem: 'The table is closed.', remedy: 'Open it.' }];
  await expect(rollout.rollback('1.2', never)).rejects.toMatchObject({ detail: undefined });
});

test('a journal that is not what was written is never replayed', async () => {
  const { rollout, database } = await rolledOut();
  database.suspicion = 'Row 3 was edited.';
  await expect(rollout.rollback('1.2', never)).rejects.toMatchObject({ problem: 'Row 3 was edited.' });
  expect(database.objects.c).toBe('made');
  expect(await rollout.suspicion()).toMatchObject({ problem: 'Row 3 was edited.' });
  database.suspicion = null;
  expect(await rollout.suspicion()).toBeNull();
});

test('of the heads that the workspace keeps, the last one of this journal speaks', async () => {
  const workspace = new Medium();
  const { rollout, database } = await rolledOut({}, { workspace });
  const head = (journal: string, links: number) => ({ journal, links, hash: 'h' });
  database.head = head('mine', 9);
  workspace.heads = [head('mine', 1), head('mine', 2), head('other', 7)];
  await rollout.suspicion();
  expect(database.heads).toEqual([head('mine', 2)]);
  workspace.heads = [head('other', 7)];
  await rollout.suspicion();
  expect(database.heads).toEqual([]);
});

test('a step of the code is rolled back whatever is thought of the journal of the database', async () => {
  const database = new Medium();
  const workspace = new Medium();
  const { rollout } = stageOf(database, [phaseOf(2, [stepOf('2.1', workspace, ['f'])])], { workspace });
  await rollout.apply('2.1', never);
  database.suspicion = 'Row 3 was edited.';
  expect(await rollout.rollback('2.1', never)).toMatchObject({ proven: true });
});

test('a change that cannot be taken back is told and recorded; those before it stay taken back', async () => {
  const { rollout, database, events } = await rolledOut();
  await rollout.rollback('1.2', never);
  database.onRevert = ({ change }) => {
    if (change.id === 'a') throw new RolloutError('It is locked.', 'Wait.');
    delete database.objects[change.id];
  };
  await expect(rollout.rollback('1.1', never)).rejects.toThrow('It is locked.');
  expect(events.at(-1)).toMatchObject({
    type: 'change-failed',
    change: 'a',
    problem: 'It is locked.',
    remedy: 'Wait.',
  });
  expect(database.records.at(-1)).toMatchObject({ state: 'failed', detail: 'Rolling back A: It is locked.' });
  expect(database.objects).toEqual({ x: '1', y: '1', a: 'made' });
  database.onRevert = () => void delete database.objects.a;
  expect(await rollout.rollback('1.1', never)).toMatchObject({ proven: true });
});

test('a rollback that is stopped says how far it came', async () => {
  const { rollout, database } = await rolledOut();
  await rollout.rollback('1.2', never);
  const operator = new AbortController();
  database.onRevert = ({ change }) => {
    delete database.objects[change.id];
    operator.abort();
  };
  await expect(rollout.rollback('1.1', operator.signal)).rejects.toMatchObject({
    problem: expect.stringContaining('1 of 2 changes rolled back and journalled'),
    exitCode: 130,
  });
  expect(database.objects).toEqual({ x: '1', y: '1', a: 'made' });
});

test('what a crash left is settled first, in its own step alone', async () => {
  const { rollout, database } = await rolledOut();
  database.left('1.2', 'd', 'started');
  database.objects.d = 'made';
  await rollout.rollback('1.2', never);
  expect(database.settled).toEqual(['d']);
  expect(database.objects).toEqual({ x: '1', y: '1', a: 'made', b: 'made' });
});

test('what others made since, and uses what goes, needs a yes', async () => {
  const { rollout, database } = await rolledOut();
  const view = { object: 'view public.v', uses: ['column c', 'function f'], blocks: false };
  database.dependants = [view];
  await expect(rollout.rollback('1.2', never)).rejects.toMatchObject({
    problem: 'Step 1.2 was not rolled back: an object made since uses what would go, and will break.',
    remedy: expect.stringContaining('--break-dependants'),
    detail: 'view public.v uses column c, function f',
    exitCode: 2,
  });
  database.dependants = [view, view];
  await expect(rollout.rollback('1.2', never)).rejects.toThrow('2 objects made since use what would go');
  expect(await rollout.rollback('1.2', never, true)).toMatchObject({ proven: true });
});

test('what the database itself forbids to break is no matter of a yes', async () => {
  const { rollout, database } = await rolledOut();
  database.dependants = [
    { object: 'view public.v', uses: ['column c'], blocks: true },
    { object: 'view public.w', uses: ['column c'], blocks: false },
  ];
  await expect(rollout.rollback('1.2', never, true)).rejects.toMatchObject({
    remedy: 'Change or drop what is named here, then roll back again; nothing was rolled back.',
    detail: 'view public.v uses column c',
  });
  expect(database.objects.c).toBe('made');
});

test('only what others made is asked about, between later steps as well, and nothing that is as before', async () => {
  const { rollout, database } = await rolledOut();
  await rollout.verify('1.2', never);
  const askedBy = async (step: '1.1' | '1.2') => {
    database.asked.length = 0;
    await rollout.rollbackPlan(step);
    return [...database.asked].sort();
  };
  expect(await askedBy('1.2')).toEqual([]);
  database.objects.x = '2';
  database.objects.v = 'new';
  expect(await askedBy('1.2')).toEqual(['v', 'x']);
  // Before 1.2, which made c and is in force: made between the steps.
  database.kept.set('1.2 before', { ...database.kept.get('1.2 before'), between: 'new' });
  database.kept.set('1.2 after', { ...database.kept.get('1.2 after'), between: 'new' });
  database.objects.between = 'new';
  expect(await askedBy('1.1')).toEqual(['between', 'v', 'x']);
  // What stands as it did before the step is nobody's.
  database.objects.x = '1';
  expect(await askedBy('1.1')).toEqual(['between', 'v']);
});

test('of a step that is not in force nothing is asked', async () => {
  const database = new Medium();
  const { rollout } = stageOf(database, [phaseOf(1, [stepOf('1.1', database, ['a'])])]);
  database.dependants = [{ object: 'view public.v', uses: [], blocks: true }];
  expect((await rollout.rollbackPlan('1.1')).dependants).toEqual([]);
});

test('what was taken back already is not taken back again, and no step that is gone stands in the way', async () => {
  const { rollout, database } = await rolledOut();
  await rollout.rollback('1.2', never);
  const plan = await rollout.rollbackPlan('1.1');
  expect([plan.entries.map((entry) => entry.change.id), plan.refusal]).toEqual([['b', 'a'], null]);
  expect((await rollout.rollbackPlan('1.2')).entries).toEqual([]);
  database.asked.length = 0;
  database.objects.x = '2';
  expect((await rollout.rollbackPlan('1.2')).dependants).toEqual([]);
  expect(database.asked).toEqual([]);
});

test('where the state from before or after was not kept, nobody is asked who depends on it', async () => {
  for (const when of ['before', 'after']) {
    const { rollout, database } = await rolledOut();
    database.kept.delete(`1.2 ${when}`);
    database.objects.v = 'new';
    database.asked.length = 0;
    expect((await rollout.rollbackPlan('1.2')).dependants).toEqual([]);
    expect(database.asked).toEqual([]);
  }
});

test('a later step whose state was not kept hides nothing that others made since', async () => {
  const { rollout, database } = await rolledOut();
  database.kept.delete('1.2 before');
  database.kept.delete('1.2 after');
  database.objects.v = 'new';
  database.asked.length = 0;
  await rollout.rollbackPlan('1.1');
  expect([...database.asked].sort()).toEqual(['c', 'v']);
});

test('what a later step made and took back is nobody else’s', async () => {
  const { rollout, database } = await rolledOut();
  await rollout.rollback('1.2', never);
  database.asked.length = 0;
  await rollout.rollbackPlan('1.1');
  expect(database.asked).toEqual([]);
});

test('what others removed since, and what the rollback left, are told apart', async () => {
  const { rollout, database, events } = await rolledOut();
  delete database.objects.x;
  database.onRevert = () => {
    delete database.objects.c;
    database.objects.left = 'over';
  };
  const result = await rollout.rollback('1.2', never);
  expect(result).toMatchObject({
    proven: false,
    differences: ['only now: left'],
    stayed: ['only before: x (not by this step)'],
  });
  expect(events.filter((event) => event.type === 'rollback-started')).toEqual([
    { type: 'rollback-started', step: '1.2', changes: 1 },
  ]);
  expect(database.records.at(-1)?.detail).toBe('only now: left; only before: x (not by this step)');
});

test('without the state from after the step everything that differs is the rollback’s', async () => {
  const { rollout, database } = await rolledOut();
  database.kept.delete('1.2 after');
  database.objects.x = '2';
  expect(await rollout.rollback('1.2', never)).toMatchObject({
    proven: false,
    differences: ['changed: x'],
    stayed: [],
  });
});

test('one obstacle of the database itself says so, whatever else only needs a yes', async () => {
  const { rollout, database } = await rolledOut();
  database.dependants = [
    { object: 'view public.w', uses: ['column c'], blocks: false },
    { object: 'view public.v', uses: ['column c'], blocks: true },
  ];
  await expect(rollout.rollback('1.2', never)).rejects.toMatchObject({
    remedy: 'Change or drop what is named here, then roll back again; nothing was rolled back.',
    detail: 'view public.w uses column c\nview public.v uses column c',
  });
});

test('the record of a rollback names the first fifty differences', async () => {
  const { rollout, database } = await rolledOut();
  database.onRevert = () => {
    delete database.objects.c;
    for (let index = 0; index < 60; index++) database.objects[`left${index}`] = 'over';
  };
  expect((await rollout.rollback('1.2', never)).differences).toHaveLength(60);
  expect(database.records.at(-1)?.detail.split('; ')).toHaveLength(50);
});
