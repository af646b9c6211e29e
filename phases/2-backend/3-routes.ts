import type { Plan, Step } from '../../src/rollout/step.ts';
import type { Target } from '../target.ts';
import { authFiles } from './2-auth.ts';
import { checkCommand, checkScan, checkTypes, counts, type Place } from './checks.ts';
import { type Code, readCode, sideOfFile, textOf } from './code.ts';
import { fixFindings, type Overlay, planOf } from './fixes.ts';
import { checkHttp } from './http.ts';
import { scanCode } from './scan.ts';
import { helpersOf, locateService } from './service.ts';
import { mendWrites } from './write-edits.ts';

/** 2.3: every route, job and socket acts for the organization of whoever asks. */
export const routes: Step<Target> = {
  id: '2.3',
  title: 'Routes, jobs and websockets',
  why: 'Each place that took the first organization, a default, or the one that the request named now uses the validated one; old column names are renamed. Each edit is the smallest that does it.',
  plan: async (target): Promise<Plan> => {
    const code = await readCode(target);
    const fixed = await fixFindings(code, mine(code), await writes(code));
    return planOf(code, fixed, (file) => `Use the validated organization in ${file}`);
  },
  checks: async function* (target, signal) {
    const code = await readCode(target);
    yield* checkScan(code, '2.3', mine(code), signal);
    yield* checkTypes(code, '2.3', signal);
    yield* checkCommand(code, '2.3/tests', "The app's own tests", code.target.config.code.tests, signal);
    yield* checkHttp(code, signal);
  },
};

/** Findings of the backend that are not in the auth middleware. */
function mine(code: Code): (finding: Place) => boolean {
  const auth = authFiles(code);
  return (finding) =>
    sideOfFile(code.workspace, finding.file) === 'backend' &&
    !auth.includes(finding.file) &&
    finding.kind !== 'settings-placeholder';
}

/** Texts in which a body that was written as a whole carries the validated organization. */
async function writes(code: Code): Promise<Overlay> {
  const overlay: Overlay = new Map();
  const { backend } = code.workspace;
  if (backend === null) return overlay;
  const helpers = helpersOf(code.workspace, await locateService(code, backend));
  const { findings } = await scanCode(code);
  const own = findings.filter((one) => counts(one) && mine(code)(one));
  for (const file of new Set(own.map((one) => one.file))) {
    const text = await textOf(code.workspace, file);
    if (text !== null) overlay.set(file, await mendWrites(code, file, text, own, helpers));
  }
  return overlay;
}
