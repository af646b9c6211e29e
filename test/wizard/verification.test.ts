import { describe, expect, test } from 'vitest';
import { actionOf } from '../../src/wizard/keys.ts';
import { asciiLook, atStep, type DriveOptions, shown } from './drive.ts';
import { check, fakeRollout, sampleTarget } from './fake-rollout.ts';

const target = { ...sampleTarget, environment: 'staging', production: false };
const verbs = ['read', 'insert', 'update', 'delete'] as const;
const tables = Array.from({ length: 72 }, (_, index) => `public.t${index}`);

/** Of 72 tables one fails, another was not looked at, and 70 pass everything. */
const checks = tables.flatMap((table, index) =>
  verbs.map((verb) =>
    check({
      id: `1.7/two-org/${table}/${verb}`,
      title: `${table}: a user of A cannot ${verb}`,
      ...(index === 40 ? { verdict: 'failed', observed: '3 rows' } : {}),
      ...(index === 41 ? { verdict: 'skipped', advice: 'The server gave up.' } : {}),
    }),
  ),
);

const verified = async (of = checks, options: DriveOptions = {}) => {
  const rollout = fakeRollout([
    { id: '1.1', title: 'Isolation', why: 'Each reads its own.', changes: [], state: 'applied', checks: of },
  ]);
  const driven = await atStep('1.1', { rollout, session: { target }, size: { columns: 100, rows: 40 }, ...options });
  driven.press('v');
  await driven.until((state) => state.verification !== null && state.job === null);
  return driven;
};

describe('many checks', () => {
  test('what passed is folded into groups with counts; what did not stays whole and on top', async () => {
    const driven = await verified();
    const rows = shown(driven.state()).split('\n');
    const at = (text: string): number => rows.findIndex((row) => row.includes(text));
    const group = at('✓ 70 tables × read, insert, update, delete · 280 checks passed');
    expect(group).toBeGreaterThan(0);
    for (const verb of verbs) {
      expect(rows.filter((row) => row.includes(`public.t40: a user of A cannot ${verb}`))).not.toEqual([]);
      expect(at(`public.t41: a user of A cannot ${verb}`)).toBeLessThan(group);
      expect(at(`public.t41: a user of A cannot ${verb}`)).toBeGreaterThan(at('public.t40: a user of A cannot read'));
    }
    expect(at('public.t0: a user of A')).toBe(-1);
    expect(shown(driven.state())).toContain('4 failed   4 not checked   280 passed');
    expect(shown(driven.state())).not.toContain('only in the report');
  });

  test('z shows each of them and folds them again, and the cursor reaches the group', async () => {
    const driven = await verified();
    driven.press('z', 'end');
    expect(shown(driven.state())).toContain('public.t71: a user of A cannot delete');
    expect(shown(driven.state())).not.toContain('70 tables');
    driven.press('z', 'end');
    expect(shown(driven.state())).toContain('› ✓ 70 tables × read, insert, update, delete · 280 checks passed');
    expect(shown(driven.state())).toContain('public.t0, public.t1, public.t2');
    expect(shown(driven.state())).toContain('z shows every check');
  });

  test('e on a group shows its first check with what proves it, for a group proves nothing by itself', async () => {
    const driven = await verified();
    driven.press('end', 'e');
    expect(shown(driven.state())).toContain('› ✓ passed');
    expect(shown(driven.state())).toContain('public.t0: a user of A cannot read');
    expect(shown(driven.state())).not.toContain('70 tables');
    expect(driven.state().verification?.evidence).toBe(true);
  });

  test('a few are shown as they are, and z says that there is nothing to fold', async () => {
    const driven = await verified(checks.slice(0, 8));
    expect(shown(driven.state())).toContain('public.t0: a user of A cannot read');
    expect(actionOf(driven.state(), 'z')).toBeNull();
    driven.press('z');
    expect(driven.state().notice?.text).toBe('Nothing to fold: few checks passed.');
  });

  test('without Unicode the line holds none, and for screen readers each check stays by itself', async () => {
    const plain = await verified(checks, { look: asciiLook });
    expect(shown(plain.state())).toContain('+ 70 tables x read, insert, update, delete | 280 checks passed');
    const heard = await verified(checks, { look: { ...asciiLook, accessible: true } });
    expect(shown(heard.state())).not.toContain('70 tables');
    expect(actionOf(heard.state(), 'z')).toBeNull();
  });
});
