// The wizard on a real terminal, with a rollout made of a table. Arguments: what it should do otherwise.
import type { CheckResult } from '../../src/rollout/check.ts';
import { runWizard } from '../../src/wizard/index.ts';
import {
  check,
  type FakeStep,
  fakeRollout,
  fakeSession,
  sampleStart,
  sampleSteps,
  sampleTarget,
} from './fake-rollout.ts';

const flags = new Set(process.argv.slice(2));

/** Ten thousand results as fast as they can be said, with the event loop let through as a database does. */
async function* manyChecks(): AsyncIterable<CheckResult> {
  for (let index = 0; index < 10_000; index += 1) {
    yield check({ id: `1.1/many/${index}`, title: `public.table_${index}: a user of A reads rows of B` });
    if (index % 5 === 4) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const steps = sampleSteps.map((step): FakeStep => {
  if (step.id !== '1.1') return step;
  if (flags.has('hang')) return { ...step, hangs: 'function public.org_of' };
  return flags.has('stream') ? { ...step, checks: manyChecks } : step;
});
const target = { ...sampleTarget, environment: 'staging', production: false };

const code = await runWizard({
  start: { ...sampleStart, ...target, needsUrl: flags.has('url') },
  connect: async () => {
    if (flags.has('crash')) setTimeout(() => Promise.reject(new Error('crashed on purpose')), 10);
    return fakeSession(fakeRollout(steps), { target: flags.has('production') ? sampleTarget : target });
  },
  ...(flags.has('inline') ? { terminal: { inline: true } } : {}),
});
process.exit(code);
