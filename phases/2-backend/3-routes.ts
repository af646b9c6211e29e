import type { Plan, Step } from '../../src/rollout/step.ts';
import type { Target } from '../target.ts';
import { authFiles } from './2-auth.ts';
import { checkCommand, checkScan, checkTypes, type Place } from './checks.ts';
import { type Code, dirtyNote, readCode, sideOfFile } from './code.ts';
import { changesOf, fixFindings, leftNotes } from './fixes.ts';
import { checkHttp } from './http.ts';

/** 2.3: every route, job and socket acts for the organization of whoever asks. */
export const routes: Step<Target> = {
  id: '2.3',
  title: 'Routes, jobs and websockets',
  why: 'Each place that took the first organization, a default, or the one that the request named now uses the validated one; old column names are renamed. Each edit is the smallest that does it.',
  plan: async (target): Promise<Plan> => {
    const code = await readCode(target);
    const { overlay, left, notes } = await fixFindings(code, mine(code));
    const changes = await changesOf(code, overlay, (file) => `Use the validated organization in ${file}`);
    return {
      changes,
      blockers: [],
      notes: [
        ...notes,
        ...leftNotes(left),
        ...dirtyNote(
          code.workspace,
          changes.map((one) => one.path),
        ),
      ],
    };
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
