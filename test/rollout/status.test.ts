import { expect, test } from 'vitest';
import { waitsFor } from '../../src/rollout/status.ts';
import { Medium, never, phaseOf, stageOf, stepOf } from './stage.ts';

/** Three steps of two phases; nothing is done yet. */
function three() {
  const database = new Medium();
  const workspace = new Medium();
  const phases = [
    phaseOf(1, [stepOf('1.1', database, ['a', 'b']), stepOf('1.2', database, ['c'])]),
    phaseOf(2, [stepOf('2.1', workspace, ['f'])]),
  ];
  return { database, workspace, phases, ...stageOf(database, phases, { workspace }) };
}

const states = async ({ rollout }: Pick<ReturnType<typeof three>, 'rollout'>) =>
  (await rollout.status()).map((one) => `${one.step} ${one.state}`);

test('a step is open once the one before it is verified, and says which one keeps it shut', async () => {
  const { rollout } = three();
  expect((await rollout.status()).map((one) => one.gate)).toEqual([
    null,
    'Step 1.1 (Step 1.1) is pending; it must be verified first.',
    'Step 1.1 (Step 1.1) is pending; it must be verified first.',
  ]);
  await expect(rollout.apply('1.2', never)).rejects.toThrow('Step 1.2 is not open yet. Step 1.1 (Step 1.1) is pending');
  await rollout.apply('1.1', never);
  expect((await rollout.status())[1]?.gate).toContain('is applied');
  await rollout.verify('1.1', never);
  expect((await rollout.status()).map((one) => one.gate)).toEqual([
    null,
    null,
    'Step 1.2 (Step 1.2) is pending; it must be verified first.',
  ]);
});

test.each([
  ['pending', 'Step 1.1 (Survey) is pending; it must be verified first.'],
  ['applied', 'Step 1.1 (Survey) is applied but not verified; it must be verified first.'],
  ['failed', 'Step 1.1 (Survey) has failed; it must be verified first.'],
  ['rolled back', 'Step 1.1 (Survey) was rolled back; it must be verified first.'],
  ['interrupted', 'Step 1.1 (Survey) was stopped in the middle; it must be verified first.'],
] as const)('what is %s keeps a later step shut, in a sentence of its own', (state, text) => {
  expect(waitsFor({ id: '1.1', title: 'Survey' }, state)).toBe(text);
});

test('a step that is skipped keeps nothing shut', async () => {
  const { rollout } = three();
  await rollout.skip('1.1', 'it is done by hand');
  const [first, second] = await rollout.status();
  expect(first).toMatchObject({ state: 'skipped', last: { detail: 'it is done by hand', passed: 0 } });
  expect(second?.gate).toBeNull();
});

test('what a phase lacks keeps it shut, whatever is verified', async () => {
  const { database, workspace, phases } = three();
  const { rollout } = stageOf(database, phases, {
    workspace,
    missing: (phase) => (phase.id === 2 ? 'No workspace.' : null),
  });
  expect((await rollout.status()).map((one) => one.gate).at(-1)).toBe('No workspace.');
});

test('counts what a rollback would take back, of its own step alone', async () => {
  const stage = three();
  await stage.rollout.apply('1.1', never);
  expect((await stage.rollout.status()).map((one) => one.applied)).toEqual([2, 0, 0]);
  await stage.rollout.rollback('1.1', never);
  expect(await stage.rollout.status()).toMatchObject([
    { applied: 0, state: 'rolled back', interrupted: false },
    {},
    {},
  ]);
});

test('a change that was left half-done makes its step interrupted', async () => {
  for (const state of ['started', 'reverting'] as const) {
    const stage = three();
    stage.database.left('1.1', 'a', state);
    expect(await states(stage)).toEqual(['1.1 interrupted', '1.2 pending', '2.1 pending']);
  }
});

test('a step whose run was killed between two changes is interrupted, not pending', async () => {
  const stage = three();
  stage.database.left('1.1', 'a', 'applied');
  expect(await states(stage)).toContain('1.1 interrupted');
});

test('a step with nothing in force is pending, even where all of it was taken back without a record', async () => {
  const stage = three();
  stage.database.left('1.1', 'a', 'reverted');
  expect(await states(stage)).toContain('1.1 pending');
});

test('a step that went on after its record is interrupted; one that ended with it is not', async () => {
  const stage = three();
  await stage.rollout.apply('1.1', never);
  await stage.rollout.verify('1.1', never);
  expect(await states(stage)).toContain('1.1 verified');
  stage.database.left('1.1', 'x', 'applied', '999');
  expect(await states(stage)).toContain('1.1 interrupted');
});

test('a rollback that was killed half-way leaves the step interrupted', async () => {
  const stage = three();
  await stage.rollout.apply('1.1', never);
  const [first] = stage.database.entries;
  if (first !== undefined) stage.database.entries.splice(0, 1, { ...first, state: 'reverted', revertedAt: '999' });
  expect(await states(stage)).toContain('1.1 interrupted');
  const [record] = stage.database.records;
  if (record !== undefined) stage.database.records.push({ ...record, state: 'rolled back' });
  expect(await states(stage)).toContain('1.1 interrupted');
});

test('a failed step says failed, although changes of it are in force', async () => {
  const stage = three();
  stage.database.onApply = ({ id }) => {
    if (id === 'b') throw new Error('no');
  };
  await expect(stage.rollout.apply('1.1', never)).rejects.toThrow('no');
  expect(await states(stage)).toContain('1.1 failed');
});

test('names a step that does not exist, and one whose medium is not there', async () => {
  const { phases, database } = three();
  const { rollout } = stageOf(database, phases);
  await expect(rollout.plan('4.9')).rejects.toMatchObject({
    problem: 'There is no step 4.9.',
    remedy: 'The steps are 1.1, 1.2, 2.1.',
    exitCode: 2,
  });
  await expect(rollout.plan('2.1')).rejects.toThrow("Step 2.1 needs the app's code. Name its folder with --workspace.");
  expect((await rollout.status()).map((one) => one.step)).toEqual(['1.1', '1.2', '2.1']);
});
