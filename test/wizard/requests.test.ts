import { describe, expect, test } from 'vitest';
import { RolloutError } from '../../src/rollout/errors.ts';
import type { Plan, StepId } from '../../src/rollout/step.ts';
import type { Requests, WaitingRequest } from '../../src/wizard/session.ts';
import { atOverview, shown, type } from './drive.ts';
import { sampleTarget } from './fake-rollout.ts';

const local = { ...sampleTarget, environment: 'staging', production: false };
const request = (letter: string, step: StepId, action: WaitingRequest['action'] = 'apply'): WaitingRequest => ({
  id: letter.repeat(64),
  action,
  step,
  at: '2026-03-01T10:00:00.000Z',
});
const plan = (title: string): Plan => ({
  changes: [{ kind: 'sql', id: title, title, mode: 'transaction', up: `alter table ${title}`, down: '' }],
  blockers: [],
  notes: [],
});

/** Requests of programs that are kept in memory. */
const fake = (...first: readonly WaitingRequest[]) => {
  let open = first;
  const calls: string[] = [];
  let refuse: string | null = null;
  const answer = (what: string) => async (id: string) => {
    if (refuse !== null) throw new RolloutError(refuse, 'Propose it again.');
    calls.push(`${what} ${id[0]}`);
    open = open.filter((one) => one.id !== id);
  };
  const requests: Requests = {
    waiting: async () => open,
    look: async (id) => {
      if (refuse !== null) throw new RolloutError(refuse, 'Propose it again.');
      calls.push(`look ${id[0]}`);
      return {
        plans: [
          { step: '1.2', plan: plan('of.calls') },
          { step: '1.3', plan: plan('of.contacts') },
        ],
      };
    },
    approve: answer('approve'),
    decline: answer('decline'),
  };
  return {
    requests,
    calls,
    refuse: (why: string) => {
      refuse = why;
    },
    add: (one: WaitingRequest) => {
      open = [...open, one];
    },
  };
};

describe('requests of programs', () => {
  test('one that waits is said above everything, read word for word, and approved with a key of its own', async () => {
    const { requests, calls } = fake(request('a', '1.3', 'rollout'));
    const driven = await atOverview({ session: { target: local, requests } });
    await driven.until((state) => state.waiting.length === 1);
    expect(shown(driven.state())).toContain('1 request waits for approval: R reads it');
    driven.press('R');
    await driven.until((state) => state.request?.reading != null);
    const screen = shown(driven.state());
    expect(screen).toContain('Apply everything up to step 1.3  asked for by a program at 2026-03-01 10:00 UTC');
    expect(screen).toMatch(/Step 1\.2[\s\S]*ALTER TABLE of\.calls/i);
    driven.press('a');
    expect(shown(driven.state())).toContain('Approve: Apply everything up to step 1.3 on this target?');
    // A paste is no consent.
    driven.burst(['y', 'y']);
    expect(calls).toEqual(['look a']);
    driven.press('y');
    await driven.until((state) => state.waiting.length === 0);
    expect(calls).toEqual(['look a', 'approve a']);
    expect(driven.state().screen).toBe('overview');
    expect(shown(driven.state())).toContain('Approved: once, for this plan and this target, for ten minutes.');
    expect(shown(driven.state())).not.toContain('waits for approval');
  });

  test('on production the project is typed, as for everything that changes something there', async () => {
    const { requests, calls } = fake(request('a', '1.2'));
    const driven = await atOverview({ session: { requests } });
    await driven.until((state) => state.waiting.length === 1);
    driven.press('R');
    await driven.until((state) => state.request?.reading != null);
    driven.press('a', 'y', 'enter');
    expect(calls).toEqual(['look a']);
    driven.press('ctrl-u');
    type(driven, sampleTarget.project);
    driven.press('enter');
    await driven.until((state) => state.waiting.length === 0);
    expect(calls).toEqual(['look a', 'approve a']);
  });

  test('of several one is chosen; declined, it waits no longer', async () => {
    const { requests, calls } = fake(request('a', '1.2'), request('b', '1.1', 'rollback'));
    const driven = await atOverview({ session: { target: local, requests } });
    await driven.until((state) => state.waiting.length === 2);
    expect(shown(driven.state())).toContain('2 requests wait for approval');
    driven.press('R');
    expect(shown(driven.state())).toContain('bbbbbbbbbbbb  Roll back step 1.1');
    driven.press('down', 'enter');
    await driven.until((state) => state.request?.reading != null);
    driven.press('x', 'n');
    expect(calls).toEqual(['look b']);
    driven.press('x', 'y');
    await driven.until((state) => state.waiting.length === 1);
    expect(calls).toEqual(['look b', 'decline b']);
    expect(driven.state().deeds).toEqual([{ what: 'declined', subject: 'request bbbbbbbbbbbb', detail: '' }]);
  });

  test('what is for something else than what is here says why, and cannot be approved', async () => {
    const { requests, calls, refuse } = fake(request('a', '1.2'));
    const driven = await atOverview({ session: { target: local, requests } });
    await driven.until((state) => state.waiting.length === 1);
    refuse('The request is for another database.');
    driven.press('R');
    await driven.until((state) => state.request?.problem != null);
    expect(shown(driven.state())).toContain('The request is for another database.');
    driven.press('a');
    expect(driven.state().dialog).toBeNull();
    expect(calls).toEqual([]);
  });

  test('between reading and answering it may have changed: the last look decides', async () => {
    const { requests, calls, refuse } = fake(request('a', '1.2'));
    const driven = await atOverview({ session: { target: local, requests } });
    await driven.until((state) => state.waiting.length === 1);
    driven.press('R');
    await driven.until((state) => state.request?.reading != null);
    refuse('The plan of step 1.2 is no longer the one of the request.');
    driven.press('a', 'y');
    await driven.until((state) => state.notice?.tone === 'failed');
    expect(shown(driven.state())).toContain('no longer the one of the request');
    expect(calls).toEqual(['look a']);
  });

  test('one that comes while the wizard is open appears by itself', async () => {
    const { requests, add } = fake();
    const driven = await atOverview({ session: { target: local, requests } });
    expect(shown(driven.state())).not.toContain('for approval');
    add(request('a', '1.2'));
    await driven.until((state) => state.waiting.length === 1);
    expect(shown(driven.state())).toContain('1 request waits for approval');
  });
});
