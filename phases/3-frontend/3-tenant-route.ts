import type { CheckResult } from '../../src/rollout/check.ts';
import type { Plan, Step } from '../../src/rollout/step.ts';
import { vocabulary } from '../../src/workspace/scan/vocabulary.ts';
import { checkScan, checkTypes } from '../code/checks.ts';
import { type Code, dirtyNote, readCode, textOf } from '../code/code.ts';
import { changesOf, fixFindings, leftNotes } from '../code/fixes.ts';
import { eachFrontend } from '../code/frontends.ts';
import type { Target } from '../target.ts';

/** A route that tells the browser its organization: `api/auth/tenant-id`, `api/current-team`. */
export const isTenantRoute = (file: string): boolean => {
  const { word } = vocabulary();
  return new RegExp(
    `(?:^|/)api/(?:auth/)?(?:(?:${word})-?id|tenant|current-?(?:${word})(?:-?id)?)(?:/route|/index)?\\.[cm]?[jt]sx?$`,
    'i',
  ).test(file);
};

/** 3.3: the route that looked the organization up goes, or says what the token says. */
export const tenantRoute: Step<Target> = {
  id: '3.3',
  title: 'Fix the tenant-id route',
  why: 'A route that looks the organization up by a renamed column answers 404 to everybody, and what it says is in the session anyway. Without callers it is removed; with callers it is reduced to display data.',
  plan: async (target): Promise<Plan> => {
    const code = await readCode(target);
    const files = await routesOf(code);
    if (files.length === 0) {
      return { changes: [], blockers: [], notes: [{ text: 'The app has no such route; there is nothing to do.' }] };
    }
    const wanted = new Map<string, string | null>();
    const notes: { text: string; detail?: string }[] = [];
    for (const file of files) {
      const callers = await callersOf(code, file);
      if (callers.length === 0) {
        wanted.set(file, null);
        notes.push({ text: `Nothing calls ${file}; it is removed.` });
        continue;
      }
      const { overlay, left } = await fixFindings(code, (finding) => finding.file === file);
      const after = overlay.get(file);
      if (after !== undefined) wanted.set(file, after);
      notes.push({ text: `${file} stays, since it is called.`, detail: callers.join(', ') }, ...leftNotes(left));
    }
    const changes = await changesOf(code, wanted, (file) =>
      wanted.get(file) === null ? `Remove ${file}` : `Reduce ${file} to display data`,
    );
    return { changes, blockers: [], notes: [...notes, ...(await dirtyNote(code.workspace, [...wanted.keys()]))] };
  },
  checks: async function* (target, signal) {
    const code = await readCode(target);
    yield await checkRoutes(code);
    yield* checkScan(code, '3.3', ({ file }) => isTenantRoute(file), signal);
    for (const one of eachFrontend(code)) yield* checkTypes(one, '3.3', signal);
  },
};

async function routesOf({ workspace }: Code): Promise<readonly string[]> {
  const { files } = workspace.list;
  return files.filter(({ path, fileClass }) => fileClass === 'source' && isTenantRoute(path)).map(({ path }) => path);
}

/** Files that name the address of a route: `/api/auth/tenant-id`. */
async function callersOf({ workspace }: Code, file: string): Promise<readonly string[]> {
  const address = /\/?(api\/.*?)(?:\/route|\/index)?\.[cm]?[jt]sx?$/.exec(file)?.[1] ?? file;
  const { files } = workspace.list;
  const callers: string[] = [];
  for (const { path } of files) {
    if (path === file) continue;
    if (((await textOf(workspace, path)) ?? '').includes(address)) callers.push(path);
  }
  return callers;
}

async function checkRoutes(code: Code): Promise<CheckResult> {
  const began = performance.now();
  const old = new Set(code.facts.renames.map((one) => one.from));
  const naming: string[] = [];
  for (const file of await routesOf(code)) {
    const text = (await textOf(code.workspace, file)) ?? '';
    if ([...old].some((name) => new RegExp(`['"\`.{,\\s]${name}\\b`).test(text))) naming.push(file);
  }
  return {
    id: '3.3/route',
    title: 'No route looks up a renamed column',
    kind: 'scan',
    verdict: naming.length === 0 ? 'passed' : 'failed',
    expected: `no ${[...old].join(', ') || 'old column'} in a tenant-id route`,
    observed: naming.length === 0 ? 'none' : naming.join(', '),
    milliseconds: performance.now() - began,
    ...(naming.length === 0 ? {} : { advice: 'Apply step 3.3, or remove the lookup by hand.' }),
  };
}
