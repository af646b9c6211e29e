import type { Plan, Step } from '../../src/rollout/step.ts';
import type { Finding } from '../../src/workspace/scan/types.ts';
import { checkCommand, checkScan, checkTypes, counts, type Place } from '../code/checks.ts';
import { type Code, readCode, sideOfPlace, textOf } from '../code/code.ts';
import { fixFindings, type Overlay, planOf } from '../code/fixes.ts';
import { checkHistory, historyNotes } from '../code/history.ts';
import { scanCode } from '../code/scan.ts';
import { helpersOf, locateService } from '../code/service.ts';
import type { Target } from '../target.ts';
import { authFiles } from './2-auth.ts';
import { answerRefusals, checkAnswers, unansweredNote } from './answers.ts';
import { doorsOf } from './cures/index.ts';
import { mendPlaces, proposed } from './cures/mend.ts';
import { checkHttp } from './http.ts';
import { checkInFront } from './in-front.ts';
import { isAgreed, namedInVain, proposal, unguardedRouters } from './router-guards.ts';
import { mendWrites } from './write-edits.ts';

/** 2.3: every route, job and socket acts for the organization of whoever asks. */
export const routes: Step<Target> = {
  id: '2.3',
  title: 'Fix routes, jobs and websockets',
  why: 'Each place that took the first organization, a default, or the one that the request named now uses the validated one; old column names are renamed. Each edit is the smallest that does it.',
  running: {
    before: '',
    after: 'Deploy the backend together with 1.2, since its queries use the new column name.',
  },
  plan: async (target): Promise<Plan> => {
    const code = await readCode(target);
    const overlay: Overlay = new Map();
    const routers = await unguardedRouters(code, (await scanCode(code)).findings.filter(isMine(code)));
    for (const { file, text } of routers.filter((one) => isAgreed(one, target.config))) overlay.set(file, text);
    await mendAllWrites(code, overlay);
    const doors = await doorsOf(code);
    const found = (await scanCode(code, { overlay })).findings.filter(isMine(code));
    const proposals = await mendPlaces(code, doors, found, overlay);
    const fixed = await fixFindings(code, routePlaces(code), overlay);
    const edited = new Set(overlay.keys());
    const unanswered = await answerRefusals(code, overlay);
    const open = routers.filter((one) => !isAgreed(one, target.config));
    const title = (file: string): string =>
      edited.has(file) ? `Use the validated organization in ${file}` : `Answer refusals in ${file}`;
    return planOf(code, fixed, title, [
      ...unanswered.map(unansweredNote),
      ...(await namedInVain(code)),
      ...open.map(proposal),
      ...proposals.map(proposed),
      ...(await historyNotes(code)),
    ]);
  },
  checks: async function* (target, signal) {
    const code = await readCode(target);
    yield* checkScan(code, '2.3', routePlaces(code), signal);
    yield* checkHistory(code, '2.3');
    yield* checkAnswers(code);
    yield* checkInFront(code);
    yield* checkTypes(code, '2.3', signal);
    yield* checkCommand(code, '2.3/tests', "The app's own tests pass", code.target.config.code.tests, signal);
    yield* checkHttp(code, signal);
  },
};

/** Findings of the backend that are not in the auth middleware. */
export function routePlaces(code: Code): (finding: Place) => boolean {
  const auth = authFiles(code);
  return (finding) =>
    sideOfPlace(code.workspace, finding) === 'backend' &&
    !auth.includes(finding.file) &&
    finding.kind !== 'settings-placeholder';
}

const isMine = (code: Code): ((finding: Finding) => boolean) => {
  const own = routePlaces(code);
  return (finding) => counts(finding) && own(finding);
};

/** A body that is written as a whole gets the validated organization behind it. */
async function mendAllWrites(code: Code, overlay: Overlay): Promise<void> {
  const { backend } = code.workspace;
  if (backend === null) return;
  const helpers = helpersOf(code.workspace, await locateService(code, backend));
  const own = (await scanCode(code, { overlay })).findings.filter(isMine(code));
  for (const file of new Set(own.filter((one) => one.kind === 'body-spread').map((one) => one.file))) {
    const text = overlay.get(file) ?? (await textOf(code.workspace, file));
    if (text !== null) overlay.set(file, await mendWrites(code, file, text, own, helpers));
  }
}
