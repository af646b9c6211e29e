import type { Note, Plan, Step } from '../../src/rollout/step.ts';
import type { Finding } from '../../src/workspace/scan/types.ts';
import { checkCommand, checkScan, checkTypes, type Place } from '../2-backend/checks.ts';
import { type Code, dirtyNote, readCode, sideOfFile, textOf } from '../2-backend/code.ts';
import { changesOf, fixFindings, leftNotes, type Overlay } from '../2-backend/fixes.ts';
import { scanCode } from '../2-backend/scan.ts';
import type { Target } from '../target.ts';
import { isTenantRoute } from './3-tenant-route.ts';
import { mendBrowserCode, tidy } from './browser-edits.ts';
import { locateHook } from './hook.ts';

/** 3.2: what the browser keeps, sends and reads. */
export const components: Step<Target> = {
  id: '3.2',
  title: 'AuthContext and components',
  why: 'The browser kept an organization id in storage, sent it in a header, or read it from a profile that the user can write. The session says it, and the API takes it from the token.',
  plan: async (target): Promise<Plan> => {
    const code = await readCode(target);
    const mine = await scope(code);
    const overlay: Overlay = new Map();
    const { findings, waived } = await scanCode(code);
    for (const file of new Set(findings.filter(mine).map((one) => one.file))) {
      const text = await textOf(code.workspace, file);
      if (text !== null) overlay.set(file, await mendBrowserCode(file, text, findings));
    }
    const { left, notes } = await fixFindings(code, mine, overlay);
    for (const [file, text] of overlay) {
      if (/\.[jt]sx?$/.test(file)) {
        overlay.set(file, await tidy(file, (await textOf(code.workspace, file)) ?? '', text));
      }
    }
    const changes = await changesOf(code, overlay, (file) => `Trust only the session in ${file}`);
    return {
      changes,
      blockers: [],
      notes: [
        ...notes,
        ...leftNotes(left),
        ...(findings.some((one) => mine(one) && one.kind === 'browser-org-header')
          ? headerNotes([...findings, ...waived])
          : []),
        ...dirtyNote(
          code.workspace,
          changes.map((one) => one.path),
        ),
      ],
    };
  },
  checks: async function* (target, signal) {
    const code = await readCode(target);
    yield* checkScan(code, '3.2', await scope(code), signal);
    yield* checkTypes(code, '3.2', signal);
    yield* checkCommand(code, '3.2/build', "The app's own build", code.target.config.code.build, signal);
  },
};

/** Routes that were left as they are and need the header that the browser sends no longer: their pages would stay empty. */
const headerNotes = (findings: readonly Finding[]): readonly Note[] =>
  findings.flatMap(({ file, kind, line, reason }) => {
    const header = kind === 'request-org' ? /from a request header \(([\w-]+)\)/.exec(reason)?.[1] : undefined;
    return header === undefined
      ? []
      : [
          {
            text: `${file}:${line} still takes the organization from the header ${header}, which the browser no longer sends: mend it before this goes live.`,
          },
        ];
  });

/** Places in the frontend that no other step answers for. */
async function scope(code: Code): Promise<(place: Place) => boolean> {
  const { frontend } = code.workspace;
  const hook = frontend === null ? null : (await locateHook(code, frontend)).file;
  return ({ file, kind }) =>
    frontend !== null &&
    sideOfFile(code.workspace, file) === 'frontend' &&
    file !== hook &&
    !isTenantRoute(file) &&
    kind !== 'settings-placeholder';
}
