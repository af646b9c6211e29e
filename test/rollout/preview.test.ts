import { expect, test } from 'vitest';
import { answersTo, verdictWord } from '../../src/rollout/check.ts';
import { differences } from '../../src/rollout/fingerprint.ts';
import { changeOf, check, Medium, never, phaseOf, stageOf, stepOf, typesOf } from './stage.ts';

function one(more: Parameters<typeof stepOf>[3] = {}) {
  const database = new Medium();
  return { database, ...stageOf(database, [phaseOf(1, [stepOf('1.1', database, ['a', 'b'], more)])]) };
}

test('runs every change and its checks, tells the impact, and leaves nothing', async () => {
  const { rollout, database, events } = one({ running: { after: ['Deploy.'] } as never });
  const preview = await rollout.preview('1.1', never);
  expect(preview.results.map((each) => each.change.id)).toEqual(['a', 'b']);
  expect(preview.proofs).toMatchObject([{ title: 'Step 1.1', reason: null, results: [{ verdict: 'passed' }] }]);
  expect(preview.open).toEqual([]);
  expect(preview.impact.running).toEqual({ after: ['Deploy.'] });
  expect([database.objects, database.entries, database.records]).toEqual([{}, [], []]);
  expect(typesOf(events)).toEqual(['planned', 'previewed', 'previewed', 'proven']);
});

test('names the checks that keep the step from being applied', async () => {
  const { rollout } = one({ results: () => [check('failed'), check('passed'), check('skipped', { matters: true })] });
  expect((await rollout.preview('1.1', never)).open.map((each) => each.verdict)).toEqual(['failed', 'skipped']);
});

test('what is blocked is not tested', async () => {
  const { rollout, database } = one({ blockers: [{ problem: 'No.', remedy: 'Yes.' }] });
  expect((await rollout.preview('1.1', never)).proofs).toEqual([]);
  expect(database.asked).toEqual([]);
});

test('where the whole would make people wait, it is tested in parts; each sees its own changes', async () => {
  const seen: string[] = [];
  const database = new Medium();
  const part = (title: string, changes: string[]) => ({
    title,
    changes,
    look: async () => `before ${title}`,
    checks: async function* (_target: null, _signal: AbortSignal, before: unknown) {
      seen.push(`${title}: ${Object.keys(database.objects).join(' ')}, ${String(before)}`);
      yield check('passed');
    },
  });
  const { rollout, events } = stageOf(database, [
    phaseOf(1, [
      stepOf('1.1', database, ['a', 'b'], {
        proofs: async () => ({ whole: part('whole', ['a', 'b']), parts: [part('A', ['a']), part('B', ['b'])] }),
      }),
    ]),
  ]);
  database.within = ['busy'];
  const { proofs } = await rollout.preview('1.1', never);
  expect(proofs.map((each) => each.title)).toEqual(['A', 'B']);
  expect(seen).toEqual(['A: a, before A', 'B: b, before B']);
  const numbers = events.flatMap((event) => (event.type === 'proven' ? [[event.number, event.of, event.passed]] : []));
  expect(numbers).toEqual([
    [1, 2, 1],
    [2, 2, 1],
  ]);
  database.within = ['busy', 'busy'];
  expect((await rollout.preview('1.1', never)).proofs).toMatchObject([
    { title: 'A', reason: 'it is busy', results: [] },
    { title: 'B', reason: null },
  ]);
  database.within = ['not executed'];
  expect((await rollout.preview('1.1', never)).proofs).toMatchObject([
    { title: 'whole', reason: 'it is not executed' },
  ]);
  events.length = 0;
  await rollout.preview('1.1', never);
  expect(events.at(-1)).toMatchObject({ type: 'proven', title: 'whole', number: 1, of: 1 });
});

test('the plans of a phase are made upon each other, without what is skipped, until one is blocked', async () => {
  const database = new Medium();
  const needs = (id: '1.2' | '1.3', object: string, needed: string) =>
    stepOf(id, database, [object], {
      plan: async () => ({
        changes: [changeOf(object)],
        blockers: database.objects[needed] === undefined ? [{ problem: `No ${needed}.`, remedy: '' }] : [],
        notes: [],
      }),
    });
  const phases = [phaseOf(1, [stepOf('1.1', database, ['a']), needs('1.2', 'b', 'a'), needs('1.3', 'c', 'b')])];
  const { rollout } = stageOf(database, phases);
  const planned = await rollout.planAhead(1, never);
  expect(planned.map((each) => [each.step, each.plan.blockers.length])).toEqual([
    ['1.1', 0],
    ['1.2', 0],
    ['1.3', 0],
  ]);
  expect(planned[0]?.hash).toBe((await rollout.plan('1.1')).hash);
  expect(database.objects).toEqual({});
  await rollout.skip('1.1', 'by hand');
  const without = await rollout.planAhead(1, never);
  expect(without.map((each) => [each.step, each.plan.blockers.length])).toEqual([['1.2', 1]]);
  expect(await rollout.planAhead(4, never)).toEqual([]);
  database.within = ['busy'];
  await expect(rollout.planAhead(1, never)).rejects.toThrow(
    'could not be planned one on top of the other: it is busy.',
  );
});

test('who stopped listening hears nothing more', async () => {
  const { rollout, events } = one();
  const heard: string[] = [];
  const stop = rollout.listen((event) => heard.push(event.type));
  await rollout.plan('1.1');
  stop();
  await rollout.plan('1.1');
  expect([heard.length, events.length]).toEqual([1, 2]);
});

test('two states differ by what is gone, what is new and what is otherwise', () => {
  expect(differences({ a: '1', b: '1', c: '1' }, { a: '1', b: '2', d: '1' })).toEqual([
    'changed: b',
    'only before: c',
    'only now: d',
  ]);
});

test('a check that was not made and matters can be accepted by its id, and no other', () => {
  expect(answersTo(check('skipped', { matters: true }))).toMatchObject([{ value: ['check/skipped'] }]);
  expect(answersTo(check('skipped'))).toEqual([]);
  expect(answersTo(check('failed', { matters: true }))).toEqual([]);
  expect(answersTo(check('failed', { answers: [] }))).toEqual([]);
  expect((['passed', 'failed', 'skipped'] as const).map(verdictWord)).toEqual(['passed', 'failed', 'not checked']);
});

test('what was tested is told in counts, with what did not pass', async () => {
  const { rollout, events } = one({
    look: async () => 'before',
    checks: async function* (_target, _signal, before) {
      yield check('passed', { observed: String(before) });
      yield check('skipped');
      yield check('skipped', { id: 'other', matters: true });
      yield check('failed');
    },
  });
  const { proofs } = await rollout.preview('1.1', never);
  expect(proofs[0]?.results[0]?.observed).toBe('before');
  expect(proofs[0]?.milliseconds).toBe(5);
  const [told] = events.flatMap((event) => (event.type === 'proven' ? [event] : []));
  expect(told).toMatchObject({ passed: 1, skipped: 2, milliseconds: 5, reason: null });
  expect(told?.open.map((each) => each.id)).toEqual(['other', 'check/failed']);
});

test('a test that could not be run tells no time, and has no parts to fall back on', async () => {
  const { rollout, database } = one();
  database.within = ['busy'];
  expect((await rollout.preview('1.1', never)).proofs).toEqual([
    { title: 'Step 1.1', reason: 'it is busy', results: [], milliseconds: 0 },
  ]);
});
