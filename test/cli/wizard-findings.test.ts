import { afterAll, beforeAll, expect, test } from 'vitest';
import { phase as backend } from '../../phases/2-backend/phase.ts';
import { phase as frontend } from '../../phases/3-frontend/phase.ts';
import { phase as settings } from '../../phases/4-settings/phase.ts';
import { codeOffers } from '../../src/cli/wizard/findings.ts';
import { copySample, removeCopy, targetOf } from '../phases/sample.ts';

const { signal } = new AbortController();
let root: string;
beforeAll(async () => {
  root = await copySample();
});
afterAll(() => removeCopy(root));

test('the findings of a step are those that its checks fail for, one for one', async () => {
  const target = targetOf(root);
  const listed = (await codeOffers(target).codeFindings?.(signal)) ?? [];
  // The sample has places that no check counts, which are nobody's step.
  expect(listed.some((one) => one.step === null)).toBe(true);
  let failing = 0;
  for (const step of [backend, frontend, settings].flatMap((phase) => phase.steps)) {
    const failed: string[] = [];
    for await (const one of step.checks(target, signal, null))
      if (one.verdict === 'failed' && one.id.startsWith(`${step.id}/scan`)) failed.push(one.id);
    const own = listed.filter((one) => one.step === step.id && one.waived === null);
    expect(failed.sort(), step.id).toEqual(own.map((one) => `${step.id}/scan/${one.id}`).sort());
    failing += failed.length;
  }
  expect(failing).toBeGreaterThan(20);
});
