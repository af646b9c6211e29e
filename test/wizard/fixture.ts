// The wizard on a real terminal, with a rollout made of a table. Arguments: what it should do otherwise.
import { runWizard } from '../../src/wizard/index.ts';
import { type FakeStep, fakeRollout, fakeSession, sampleStart, sampleSteps, sampleTarget } from './fake-rollout.ts';

const flags = new Set(process.argv.slice(2));
const steps = sampleSteps.map(
  (step): FakeStep => (flags.has('hang') && step.id === '1.1' ? { ...step, hangs: 'function public.org_of' } : step),
);
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
