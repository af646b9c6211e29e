import { describe, expect, test } from 'vitest';
import type { RolloutEvent } from '../../src/rollout/events.ts';
import { createEffects } from '../../src/wizard/effects.ts';
import { unicode } from '../../src/wizard/glyphs.ts';
import type { WizardEvent } from '../../src/wizard/state/events.ts';
import { initialState } from '../../src/wizard/state/state.ts';
import { fakeRollout, fakeSession, sampleStart, sampleSteps } from './fake-rollout.ts';

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const look = { glyphs: unicode, accessible: false };

describe('events of the rollout', () => {
  test('come in few batches while each takes long to draw, so that keys find time between them', async () => {
    const drawing = 30;
    const batches: number[] = [];
    const seen: WizardEvent['type'][] = [];
    let emit: (event: RolloutEvent) => void = () => undefined;
    const rollout = {
      ...fakeRollout(sampleSteps),
      listen: (listener: (event: RolloutEvent) => void) => {
        emit = listener;
        return () => undefined;
      },
    };
    const state = initialState(sampleStart, look, { columns: 80, rows: 24 }, 0);
    const effects = createEffects({
      connect: async () => fakeSession(rollout),
      look,
      getState: () => state,
      dispatch: (event) => {
        seen.push(event.type);
        if (event.type !== 'rollout') return;
        batches.push(event.events.length);
        const until = performance.now() + drawing;
        while (performance.now() < until);
      },
      edit: async () => undefined,
      redraw: () => undefined,
      suspend: async () => undefined,
    });
    effects.perform({ type: 'connect', job: 1, url: undefined });
    await expect.poll(() => seen).toContain('connected');
    const began = performance.now();
    let emitted = 0;
    while (performance.now() - began < 900) {
      emit({ type: 'change-progress', step: '1.1', change: 'x', done: emitted, total: 1000, perSecond: 1 });
      emitted += 1;
      await pause(2);
    }
    await pause(300);
    const lasted = performance.now() - began;
    await effects.finish(true);
    // Drawing takes at most a fifth of the time, but for the first frame, which nothing is known about yet.
    expect(batches.length).toBeLessThanOrEqual(Math.ceil(lasted / (5 * drawing)) + 1);
    expect(batches.length).toBeGreaterThan(1);
    expect(batches.reduce((sum, one) => sum + one, 0)).toBe(emitted);
  });
});
