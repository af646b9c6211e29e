import { describe, expect, test } from 'vitest';
import { actionOf } from '../../src/wizard/keys.ts';
import { documentText } from '../../src/wizard/preview/document.ts';
import { atOverview, shown } from './drive.ts';
import { type FakeStep, fakeRollout, sampleSteps, sampleTarget } from './fake-rollout.ts';

const local = { ...sampleTarget, environment: 'staging', production: false };
/** Every step of the sample is in place. */
const all = sampleSteps.map((step): FakeStep => ({ ...step, state: 'verified' }));
const ids = all.map((step) => step.id);

const open = async (steps: readonly FakeStep[] = all) => {
  const driven = await atOverview({ rollout: fakeRollout(steps), session: { target: local } });
  driven.press('home');
  return driven;
};

describe('rolling back from the overview', () => {
  test('a step takes along what was applied after it, with one preview and one question', async () => {
    const driven = await open();
    driven.press('down', 'u');
    await driven.until((state) => state.rollback?.reading != null);
    const later = ids.slice(1).reverse();
    expect(driven.state().rollback?.steps).toEqual(later);
    expect(shown(driven.state())).toContain(`Roll back ${later.length} steps: ${later.join(', ')}`);
    driven.press('u');
    const question = shown(driven.state());
    expect(question).toMatch(new RegExp(`Roll back ${later.length} steps: ${later.join(', ')} \\(\\d+ changes?\\)`));
    driven.press('n');
    expect(driven.rollout.calls.filter((call) => call.startsWith('rollback '))).toEqual([]);
    driven.press('u', 'y');
    await driven.until((state) => state.run?.outcome === 'done');
    expect(driven.rollout.calls.filter((call) => call.startsWith('rollback '))).toEqual(
      later.map((id) => `rollback ${id}`),
    );
    expect(driven.state().run?.changes.every((change) => change.state === 'done')).toBe(true);
    expect(driven.state().deeds.map((one) => one.what)).toEqual(later.map(() => 'rolled back'));
    driven.press('escape');
    expect(driven.state().screen).toBe('overview');
  });

  test('t goes on to the phase and to everything, and only where that means other steps', async () => {
    const driven = await open();
    driven.press('end', 'u');
    await driven.until((state) => state.rollback?.reading != null);
    expect(driven.state().rollback?.steps).toEqual(ids.slice(-1));
    const seen: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      driven.press('t');
      await driven.until((state) => state.job === null && state.rollback?.reading != null);
      seen.push(driven.state().rollback?.steps.join(' ') ?? '');
    }
    expect(seen).toContain([...ids].reverse().join(' '));
    expect(seen).toContain(ids.slice(-1).join(' '));
    driven.press('escape');
    expect(driven.state().screen).toBe('overview');
  });

  test('on a step that is not applied it is about the newest one that is', async () => {
    const driven = await open(
      sampleSteps.map((step, index) => ({ ...step, ...(index === 0 ? { state: 'verified' } : {}) })),
    );
    driven.press('end', 'u');
    await driven.until((state) => state.rollback?.reading != null);
    expect(driven.state().rollback?.steps).toEqual([ids[0]]);
  });

  test('on a step that is in place and changed nothing it is about everything after it', async () => {
    const [first, ...others] = all;
    const driven = await open(first === undefined ? all : [{ ...first, changes: [] }, ...others]);
    expect(driven.state().steps?.[0]).toMatchObject({ state: 'verified', applied: 0 });
    driven.press('u');
    await driven.until((state) => state.rollback?.reading != null);
    expect(driven.state().rollback?.steps).toEqual(ids.slice(1).reverse());
    driven.press('u', 'y');
    await driven.until((state) => state.run?.outcome === 'done');
    const head = shown(driven.state()).split('\n')[2] ?? '';
    expect(head.trim()).toMatch(new RegExp(`^Roll back ${ids.length - 1} steps: ${ids.slice(1).reverse().join(', ')}`));
  });

  test('where nothing is applied there is nothing to roll back, and the key says nothing', async () => {
    const driven = await open(sampleSteps);
    driven.press('u');
    expect(driven.state().screen).toBe('overview');
    expect(shown(driven.state())).not.toContain('u roll back');
  });
});

describe('a long rollback', () => {
  const verbs = ['select', 'insert', 'update', 'delete'];
  const many = Array.from({ length: 20 }, (_, table) => `public.t${table}`);
  const long: FakeStep = {
    ...(all[1] ?? sampleSteps[0]),
    id: '1.2',
    title: 'Isolation',
    why: 'Every organization reads its own rows.',
    state: 'verified',
    changes: many.flatMap((table) =>
      verbs.map((verb) => ({
        kind: 'sql',
        id: `policy ${table} ${verb}`,
        title: `policy ${table} ${verb}`,
        mode: 'transaction',
        up: `CREATE POLICY own_${verb} ON ${table} FOR ${verb} USING (true);`,
        down: `DROP POLICY own_${verb} ON ${table};`,
      })),
    ),
  };
  const steps = [...all.slice(0, 1), long];
  const text = (state: Parameters<typeof shown>[0]) =>
    state.rollback?.reading ? documentText(state.rollback.reading.document) : '';

  test('is shown by kinds of change with their counts, and z shows every statement', async () => {
    const driven = await open(steps);
    driven.press('end', 'u');
    await driven.until((state) => state.rollback?.reading != null);
    expect(text(driven.state())).toContain(
      '80 changes  roll back: Create policies  20 tables × delete, update, insert, read',
    );
    expect(text(driven.state())).toContain('and 77 more; z shows every statement');
    expect(text(driven.state())).not.toContain('DROP POLICY');
    expect(shown(driven.state())).toContain('80 changes to roll back');
    expect(actionOf(driven.state(), 'z')).toBe('fold');
    driven.press('z');
    expect(text(driven.state()).match(/DROP POLICY/g)).toHaveLength(80);
    expect(text(driven.state())).toContain('80/80');
    driven.press('z');
    expect(text(driven.state())).not.toContain('DROP POLICY');
  });

  test('F shows only the changes that fit, with their statements; the question is about all of them', async () => {
    const driven = await open(steps);
    driven.press('end', 'u');
    await driven.until((state) => state.rollback?.reading != null);
    driven.press('F', ...'table:t7', 'enter');
    expect(text(driven.state()).match(/DROP POLICY/g)).toHaveLength(4);
    expect(shown(driven.state())).toContain('4 with "table:t7"');
    driven.press('u');
    expect(shown(driven.state())).toContain('(80 changes)');
    driven.press('n', 'F', 'ctrl-u', 'enter');
    expect(text(driven.state()).match(/DROP POLICY/g)).toHaveLength(80);
  });

  test('keeps each step apart, and ] and i go from group to group', async () => {
    const driven = await open(steps);
    driven.press('u');
    await driven.until((state) => state.rollback?.reading != null);
    expect(
      driven
        .state()
        .rollback?.reading?.document.anchors.map((one) => one.label)
        .slice(0, 3),
    ).toEqual(['step 1.2', 'Create policies', 'step 1.1']);
  });

  test('is saved with every statement, however it is shown', async () => {
    let saved = '';
    const driven = await atOverview({
      rollout: fakeRollout(steps),
      session: {
        target: local,
        savePreview: async (_step, content) => {
          saved = content;
          return 'preview.txt';
        },
      },
    });
    driven.press('end', 'u');
    await driven.until((state) => state.rollback?.reading != null);
    driven.press('w');
    await driven.until((state) => state.notice !== null);
    expect(saved.match(/DROP POLICY/g)).toHaveLength(80);
  });

  test('a short one shows every statement at once', async () => {
    const driven = await open();
    driven.press('home', 'u');
    await driven.until((state) => state.rollback?.reading != null);
    expect(driven.state().rollback?.folded).toBe(false);
    expect(text(driven.state())).toContain('DROP FUNCTION public.org_of(uuid);');
  });
});
