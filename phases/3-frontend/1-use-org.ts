import type { CheckResult } from '../../src/rollout/check.ts';
import type { Note, Plan, Step } from '../../src/rollout/step.ts';
import { projectOf } from '../../src/workspace/resolve.ts';
import { checkScan, checkTypes, notApplicable } from '../code/checks.ts';
import { type Code, dirtyNote, readCode, textOf } from '../code/code.ts';
import { changesOf, leftNotes } from '../code/fixes.ts';
import { checkEach, planEach, withoutHook } from '../code/frontends.ts';
import { scanCode } from '../code/scan.ts';
import type { Target } from '../target.ts';
import { guardedCallers } from './callers.ts';
import { isOurs, locateHook, renderHook } from './hook.ts';

/** 3.1: the one hook by which a component knows the organization. */
export const useOrg: Step<Target> = {
  id: '3.1',
  title: 'Read the organization from the session',
  why: 'Components need one answer to which organization they show: from app_metadata of the verified session, null while it loads, and never from storage, user_metadata or a default.',
  plan: async (target): Promise<Plan> => planEach(await readCode(target), plan),
  checks: async function* (target, signal) {
    yield* checkEach(await readCode(target), (code) => checks(code, signal));
  },
};

async function plan(code: Code): Promise<Plan> {
  const { frontend } = code.workspace;
  const reason = await noHook(code);
  if (frontend === null || reason !== null) {
    return { changes: [], blockers: [], notes: [{ text: `Nothing to do here: ${reason}.` }] };
  }
  const hook = await locateHook(code, frontend);
  if (hook.text !== null) {
    const { findings } = await scanCode(code);
    const own = findings.filter((one) => one.file === hook.file && !one.advice);
    if (isOurs(hook.text) || isSound(hook.text, own.length)) {
      return { changes: [], blockers: [], notes: [{ text: `${hook.file} is as it should be.` }] };
    }
    if (hook.unknown.length > 0) {
      const text = `${hook.file} also returns ${hook.unknown.join(', ')}, which the new hook would not; it needs a manual change.`;
      return { changes: [], blockers: [], notes: [{ text }, ...leftNotes(own)] };
    }
  }
  const after = await renderHook(code, frontend, hook);
  const notes: Note[] = [];
  if (hook.text !== null) {
    notes.push({
      text: `${hook.file} is there and trusts more than the session; its body is replaced, its name and result stay.`,
    });
  }
  const wanted = new Map([[hook.file, after]]);
  if (hook.text !== null) for (const [file, text] of await guardedCallers(code, hook)) wanted.set(file, text);
  const changes = await changesOf(code, wanted, (file) => {
    if (file !== hook.file) return `Wait for the organization in ${file}`;
    return hook.text === null ? `Create ${file}` : `Read only the verified session in ${file}`;
  });
  return { changes, blockers: [], notes: [...notes, ...(await dirtyNote(code.workspace, [...wanted.keys()]))] };
}

async function* checks(code: Code, signal: AbortSignal): AsyncIterable<CheckResult> {
  const { frontend } = code.workspace;
  const reason = await noHook(code);
  if (frontend === null || reason !== null) {
    yield notApplicable('3.1', reason ?? 'the workspace has no frontend');
    return;
  }
  const hook = await locateHook(code, frontend);
  yield await checkHook(code, hook.file);
  yield* checkScan(code, '3.1', (place) => place.file === hook.file, signal);
  yield* checkTypes(code, '3.1', signal);
}

/** Why a frontend gets no hook; null where it gets one. One of several that never speaks to Supabase needs none. */
async function noHook(code: Code): Promise<string | null> {
  const { backend, frontend, projects, supabaseClients } = code.workspace;
  const without = withoutHook(code, code.facts.column);
  if (frontend === null || without !== null || projects.length === 1 || frontend === backend) return without;
  if (supabaseClients.some(({ file }) => projectOf(file, projects) === frontend)) return null;
  const manifest = frontend.directory === '' ? 'package.json' : `${frontend.directory}/package.json`;
  if (/supabase/i.test((await textOf(code.workspace, manifest)) ?? '')) return null;
  const others = (await readCode(code.target)).workspace.frontends.length > 1;
  return others ? `${frontend.directory || frontend.name} never speaks to Supabase` : null;
}

/** A hook of the app's own that reads app_metadata and nothing that a user can write. */
const isSound = (text: string, findings: number): boolean =>
  findings === 0 && /app_metadata/.test(text) && !/(?:local|session)Storage\.(?:get|set)Item|user_metadata/.test(text);

async function checkHook(code: Code, file: string): Promise<CheckResult> {
  const began = performance.now();
  const text = await textOf(code.workspace, file);
  const faults = [
    ...(text === null ? ['it is not there'] : []),
    ...(text !== null && !/app_metadata/.test(text) ? ['it does not read app_metadata'] : []),
    ...(text !== null && /user_metadata(?!,)\s*[?.[]/.test(text) ? ['it reads user_metadata'] : []),
    ...(text !== null && /(?:router\.(?:push|replace)|navigate|location\.(?:href|assign|replace))\s*[(=]/.test(text)
      ? ['it redirects people']
      : []),
  ];
  return {
    id: '3.1/hook',
    title: 'The hook reads the session alone',
    kind: 'scan',
    verdict: faults.length === 0 ? 'passed' : 'failed',
    expected: `${file} reads app_metadata, keeps nothing and redirects nobody`,
    observed: faults.length === 0 ? 'it does' : faults.join(', '),
    milliseconds: performance.now() - began,
    ...(faults.length === 0 ? {} : { advice: 'Apply step 3.1, or change the hook by hand.' }),
  };
}
