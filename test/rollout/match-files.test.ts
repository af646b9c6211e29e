import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { standingOf } from '../../src/rollout/match-files.ts';
import type { SavedCode } from '../../src/rollout/saved-plan.ts';
import type { StepId } from '../../src/rollout/step.ts';

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
const change = (path: string, before: string | null, after: string | null, mark = '') => ({
  change: {
    kind: 'file' as const,
    id: `edit ${path}`,
    title: `Edit ${path}`,
    path,
    before: before === null ? null : hash(before) + mark,
    after: after === null ? null : hash(after),
    diff: '',
  },
  hash: hash(`${path} ${before} ${after}`),
  hidden: false,
});
const step = (id: StepId, ...changes: SavedCode['steps'][number]['changes']) => ({
  step: id,
  title: '',
  changes,
  notes: [],
});
/** auth.ts is edited twice, new.ts is made and edited, gone.ts is removed, run.sh may be executed. */
const code: SavedCode = {
  files: { 'auth.ts': hash('a'), 'gone.ts': hash('g'), 'run.ts': `${hash('r')} executable`, 'other.ts': hash('o') },
  steps: [
    step('2.1', change('new.ts', null, 'n')),
    step('2.2', change('auth.ts', 'a', 'b'), change('run.ts', 'r', 's', ' executable')),
    step('2.3', change('auth.ts', 'b', 'c'), change('new.ts', 'n', 'm'), change('gone.ts', 'g', null)),
  ],
};
const before = code.files;
const after = { 'auth.ts': hash('c'), 'new.ts': hash('m'), 'run.ts': `${hash('s')} executable`, 'other.ts': hash('o') };
const stand = (now: Readonly<Record<string, string>>, journalled: readonly string[] = []) => {
  const { drift, inForce } = standingOf(code, now, new Set(journalled));
  return {
    drift: drift.map(({ text, changes }) => [text, changes.length] as const),
    inForce: inForce.flatMap((one) => one.changes.map(({ id }) => `${one.step} ${id.slice(5)}`)).sort(),
  };
};

describe('how far a plan has come on the files', () => {
  test('before anything, in the middle of a step, and to its end', () => {
    expect(stand(before)).toEqual({ drift: [], inForce: [] });
    expect(stand({ ...before, 'new.ts': hash('n'), 'auth.ts': hash('b') })).toEqual({
      drift: [],
      inForce: ['2.1 new.ts', '2.2 auth.ts'],
    });
    expect(stand(after)).toEqual({
      drift: [],
      inForce: ['2.1 new.ts', '2.2 auth.ts', '2.2 run.ts', '2.3 auth.ts', '2.3 gone.ts', '2.3 new.ts'],
    });
  });

  test.each([
    ['edited', { ...before, 'auth.ts': hash('x') }, 'changed: file auth.ts', 2],
    ['there too early', { ...before, 'new.ts': hash('x') }, 'only now: file new.ts', 2],
    ['no longer to be executed', { ...before, 'run.ts': hash('r') }, 'changed: file run.ts', 1],
    ['missing', { 'gone.ts': hash('g'), 'run.ts': `${hash('r')} executable` }, 'only before: file auth.ts', 2],
    ['nobody changes', { ...before, 'other.ts': hash('x') }, 'changed: file other.ts', 0],
    ['new', { ...before, 'more.ts': hash('x') }, 'only now: file more.ts', 0],
  ])('a file that is %s', (_, now, text, changes) => {
    expect(stand(now).drift).toContainEqual([text, changes]);
  });

  test('edited after its last change only where the journal says that it came so far', () => {
    const edited = { ...after, 'auth.ts': hash('by hand') };
    expect(stand(edited).drift).toEqual([['changed: file auth.ts', 2]]);
    const one = [`2.2 ${hash('auth.ts a b')}`];
    expect(stand(edited, one).drift).toEqual([['changed: file auth.ts', 2]]);
    const both = [...one, `2.3 ${hash('auth.ts b c')}`];
    expect(stand(edited, both)).toEqual({
      drift: [['edited since the plan changed it: file auth.ts', 0]],
      inForce: stand(after).inForce,
    });
  });
});
