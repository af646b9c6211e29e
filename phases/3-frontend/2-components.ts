import type { CheckResult } from '../../src/rollout/check.ts';
import type { Note, Plan, Step } from '../../src/rollout/step.ts';
import { usesReactHooks } from '../../src/workspace/frameworks.ts';
import { importPath, projectOf, resolveModule } from '../../src/workspace/resolve.ts';
import { scanText } from '../../src/workspace/scan/one-file.ts';
import type { Finding } from '../../src/workspace/scan/types.ts';
import { exportsOf } from '../../src/workspace/traits.ts';
import { checkCommand, checkScan, checkTypes, type Place } from '../code/checks.ts';
import { type Code, readCode, sideOfPlace, textOf, vocabularyOf } from '../code/code.ts';
import { fixFindings, type Overlay, planOf } from '../code/fixes.ts';
import { checkEach, planEach } from '../code/frontends.ts';
import { scanCode } from '../code/scan.ts';
import type { Target } from '../target.ts';
import { isTenantRoute } from './3-tenant-route.ts';
import { mendBrowserCode, tidy } from './browser-edits.ts';
import { addressedKeys, keepApart, mayKeepAnswers } from './cache-edits.ts';
import { cachesOf, locateHook } from './hook.ts';
import { type HookCall, readThroughHook } from './hook-edits.ts';

/** 3.2: what the browser keeps, sends and reads. */
export const components: Step<Target> = {
  id: '3.2',
  title: 'Fix contexts, caches and headers',
  why: 'The browser kept an organization id in storage, sent it in a header, or read it from a profile that the user can write. The session says it, and the API takes it from the token.',
  running: {
    before: '',
    after: 'Deploy the frontend after the backend: it no longer sends the organization, the token does.',
  },
  plan: async (target): Promise<Plan> => planEach(await readCode(target), plan),
  checks: async function* (target, signal) {
    const code = await readCode(target);
    yield* checkEach(code, (one) => checks(one, signal));
    yield* checkCommand(code, '3.2/build', "The app's own build succeeds", target.config.code.build, signal);
  },
};

async function plan(code: Code): Promise<Plan> {
  const { mine } = await componentPlaces(code);
  const overlay: Overlay = new Map();
  const { findings, waived } = await scanCode(code);
  const known = new Set(waived.map((one) => one.id));
  const hookFor = await hookCalls(code);
  for (const file of new Set(findings.filter(mine).map((one) => one.file))) {
    const text = await textOf(code.workspace, file);
    if (text === null) continue;
    const left = async (now: string): Promise<readonly Finding[]> =>
      (await scanText(code.workspace, file, now, { vocabulary: vocabularyOf(code.facts) })).filter(
        (one) => !known.has(one.id),
      );
    const hook = hookFor(file);
    const taken = hook === null ? text : await readThroughHook(file, text, left, hook);
    overlay.set(file, await mendBrowserCode(file, taken, await left(taken)));
  }
  const { left, notes } = await fixFindings(code, mine, overlay);
  const caching = await keepCachesApart(code, overlay, hookFor);
  for (const [file, text] of overlay) {
    if (/\.[jt]sx?$/.test(file)) {
      overlay.set(file, await tidy(file, (await textOf(code.workspace, file)) ?? '', text));
    }
  }
  const sent = findings.some((one) => mine(one) && one.kind === 'browser-org-header');
  return planOf(
    code,
    { overlay, left, notes: [...notes, ...caching] },
    (file) => `Trust only the session in ${file}`,
    sent ? headerNotes([...findings, ...waived]) : [],
  );
}

async function* checks(code: Code, signal: AbortSignal): AsyncIterable<CheckResult> {
  yield* checkScan(code, '3.2', (await componentPlaces(code)).mine, signal);
  yield* checkTypes(code, '3.2', signal);
}

/** What the browser keeps of answers goes with the session, and is kept by organization. */
async function keepCachesApart(
  code: Code,
  overlay: Overlay,
  hookFor: (file: string) => HookCall | null,
): Promise<readonly Note[]> {
  const { workspace } = code;
  const { frontend } = workspace;
  if (frontend === null || !usesReactHooks(frontend)) return [];
  const { swr, queries } = await cachesOf(code, frontend);
  if (!swr && queries === null) return [];
  const { file: hookFile, text: hookText } = await locateHook(code, frontend);
  const exports = hookText === null ? [] : exportsOf(hookText);
  const texts = new Map<string, string>();
  for (const { path, fileClass } of workspace.list.files) {
    if (fileClass !== 'source' || path === hookFile || projectOf(path, workspace.projects) !== frontend) continue;
    if (!/\.[cm]?[jt]sx?$/.test(path)) continue;
    texts.set(path, overlay.get(path) ?? (await textOf(workspace, path)) ?? '');
  }
  const addressed = new Set([...texts.values()].flatMap(addressedKeys));
  for (const [file, text] of texts) {
    const hook = mayKeepAnswers(text) ? hookFor(file) : null;
    if (hook === null) continue;
    const apart = await keepApart(file, text, hook, exports, (key) => addressed.has(key));
    if (apart !== text) overlay.set(file, apart);
  }
  if (exports.includes('clearOrg')) return [];
  const text = `${hookFile} does not empty the caches of ${[...(swr ? ['SWR'] : []), ...(queries === null ? [] : ['TanStack Query'])].join(' and ')}: do so where people sign out.`;
  return hookText === null ? [] : [{ text }];
}

/** How a component calls the hook; null where it cannot: in the hook itself and in what the hook needs. */
async function hookCalls(code: Code): Promise<(file: string) => HookCall | null> {
  const { frontend, projects, list } = code.workspace;
  if (frontend === null || !usesReactHooks(frontend)) return () => null;
  const hook = await locateHook(code, frontend);
  const { name, keys, isDefault } = hook;
  const gives = keys === null || keys.some(([, meaning]) => meaning === 'orgId');
  if (hook.unknown.length > 0 || !gives) return () => null;
  const files = new Set(list.files.map(({ path }) => path));
  const needed = new Set(
    [...(hook.text ?? '').matchAll(/from\s*['"]([^'"]+)['"]/g)].map(([, specifier]) =>
      resolveModule(hook.file, specifier ?? '', files, projects),
    ),
  );
  const serverFirst = frontend.frameworks.includes('next-app');
  return (file) =>
    file === hook.file || needed.has(file)
      ? null
      : { name, keys, isDefault, serverFirst, from: importPath(code.workspace, frontend, file, hook.file) };
}

/** Routes that were left as they are and need the header that the browser sends no longer: their pages would stay empty. */
const headerNotes = (findings: readonly Finding[]): readonly Note[] =>
  findings.flatMap(({ file, kind, line, reason }) => {
    const header = kind === 'request-org' ? /from a request header \(([\w-]+)\)/.exec(reason)?.[1] : undefined;
    return header === undefined
      ? []
      : [
          {
            text: `${file}:${line} still takes the organization from the header ${header}, which the browser no longer sends: fix it before deploying.`,
          },
        ];
  });

/** Places in the frontend that no other step answers for, and the file of the hook, for which 3.1 does. */
export async function componentPlaces(
  code: Code,
): Promise<{ readonly mine: (place: Place) => boolean; readonly hook: string | null }> {
  const { frontend } = code.workspace;
  const hook = frontend === null || !usesReactHooks(frontend) ? null : (await locateHook(code, frontend)).file;
  const mine = ({ file, kind }: Place): boolean =>
    frontend !== null &&
    sideOfPlace(code.workspace, { file, kind }) === 'frontend' &&
    file !== hook &&
    !isTenantRoute(file) &&
    kind !== 'settings-placeholder';
  return { mine, hook };
}
