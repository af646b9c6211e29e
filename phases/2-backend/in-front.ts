import type { CheckResult } from '../../src/rollout/check.ts';
import { plural } from '../../src/rollout/text.ts';
import { textsBefore } from '../../src/workspace/before.ts';
import { speaksExpress } from '../../src/workspace/frameworks.ts';
import { type Moved, movedRoutes } from '../../src/workspace/routes/compare.ts';
import { expressRoutes, isUnmounted, type Place } from '../../src/workspace/routes/express.ts';
import { programOf } from '../../src/workspace/routes/program.ts';
import type { Code } from '../code/code.ts';
import { isForOutside } from './router-guards.ts';

/**
 * What stands in front of each route now is what stood there before the first change, but for the routers that the
 * operator agreed to protect. From the sources of both, in the order in which Express asks its mounts.
 */
export async function* checkInFront(code: Code): AsyncIterable<CheckResult> {
  const { workspace } = code;
  const { backend, root } = workspace;
  if (backend === null || !speaksExpress(backend)) return;
  const began = performance.now();
  const old = await textsBefore(root);
  const [before, after] = [
    expressRoutes(await programOf(workspace, backend, old)),
    expressRoutes(await programOf(workspace, backend)),
  ];
  const moved = movedRoutes(before.routes, after.routes);
  const open = moved.filter((one) => one.gone.length > 0 || !isMeant(code, one));
  // Where a mount could not be followed, nobody knows what else comes through these.
  const lost =
    after.unread.length === 0
      ? []
      : [
          ...new Set(
            moved
              .map(({ route }) => route)
              .filter(isUnmounted)
              .map(({ file }) => file),
          ),
        ];
  const base = {
    id: '2.3/in-front',
    title: 'Every route lets in whom it let in before',
    kind: 'scan' as const,
    expected: 'nothing new in front of a route but what was agreed to, and nothing gone',
    milliseconds: performance.now() - began,
  };
  if (after.routes.length === 0) {
    yield { ...base, verdict: 'skipped', observed: 'not applicable: no route of an Express app was found' };
    return;
  }
  if (open.length > 0) {
    const [first] = open;
    yield {
      ...base,
      verdict: 'failed',
      observed: open.slice(0, 3).map(wordsOf).join('; '),
      evidence: open.map(wordsOf).join('\n'),
      ...(first === undefined ? {} : { advice: adviceFor(first) }),
    };
    return;
  }
  if (lost.length > 0) {
    yield {
      ...base,
      verdict: 'skipped',
      matters: true,
      observed: `not checked: ${lost.join(', ')} ${lost.length === 1 ? 'has' : 'have'} something new in front, and the mount could not be followed (${after.unread.slice(0, 3).map(lineOf).join(', ')})`,
      advice:
        'Look by hand which routes these files answer, and that webhooks and public routes behind the same path are still let in; then list the id of this check under decisions.acceptNotChecked in the configuration file.',
    };
    return;
  }
  const counted = `${plural(after.routes.length, 'route')} compared`;
  const beside =
    after.unread.length === 0
      ? ''
      : `; ${plural(after.unread.length, 'mount')} not followed, nothing new in front of their routes`;
  yield {
    ...base,
    verdict: 'passed',
    observed: `${counted}${moved.length === 0 ? ', as before' : `, ${moved.length} protected as agreed`}${beside}`,
    ...(moved.length === 0 ? {} : { evidence: moved.map(wordsOf).join('\n') }),
  };
}

/** Whether the operator agreed to it: the file of the route was named, or all were, and it is for nobody from outside. */
function isMeant({ target }: Code, { route, added }: Moved): boolean {
  const { protectRouters } = target.config.decisions;
  if (protectRouters === 'all') return added.every(({ file }) => file === route.file) && !isForOutside(route);
  return protectRouters?.includes(route.file) === true;
}

const lineOf = ({ file, line }: Place): string => `${file}:${line}`;

const wordsOf = ({ route, added, gone }: Moved): string =>
  [
    `${route.method.toUpperCase()} ${route.path} (${lineOf(route)})`,
    ...added.map((one) => `is behind ${one.name} (${lineOf(one)}) now`),
    ...gone.map((one) => `is no longer behind ${one.name}`),
  ].join(' ');

function adviceFor({ route, added: [added], gone: [gone] }: Moved): string {
  if (added === undefined)
    return `Put ${gone?.name ?? 'it'} back in front of ${route.path} in ${lineOf(route)}, or roll the step back; then verify again.`;
  return `Take ${added.name} out of ${lineOf(added)} and put it on the routes of that file that need it, router.${route.method}('/…', ${added.name}, …); then verify again. If ${route.path} is meant to be refused without a token, name its file too: --protect-routers ${route.file}.`;
}
