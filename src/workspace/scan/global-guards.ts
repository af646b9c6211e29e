import type { Told, World } from './across-files.ts';
import { handlerClassOf, isForAnybody } from './for-platform.ts';
import { isCompared } from './guards.ts';
import { orgPlaces } from './org-places.ts';
import { propertyReadAt, usesOf } from './org-reads.ts';
import type { RequestPart } from './origin-of-path.ts';
import { follower } from './passed-on.ts';
import { escapeRegExp, functionName } from './scope.ts';
import { functionAround, nodeAt, type Source, type SyntaxNode } from './syntax.ts';

/** What a file of a Nest app tells of guards that stand in front of every controller. */
export type Guarding = {
  /** Guards of the file that compare what the request names with the user's own, by the parts of it that they look at. */
  readonly guards: readonly { readonly name: string; readonly part: RequestPart }[];
  /** Guards that the file puts in front of all controllers. */
  readonly everywhere: readonly { readonly module: string; readonly name: string }[];
};

const none: Guarding = { guards: [], everywhere: [] };

/** `{ provide: APP_GUARD, useClass: TenantGuard }`, `app.useGlobalGuards(new TenantGuard())`. */
const registering =
  /\bprovide\s*:\s*APP_GUARD\s*,\s*use(?:Class|Existing)\s*:\s*([A-Z]\w*)|\buse(?:Class|Existing)\s*:\s*([A-Z]\w*)\s*,\s*provide\s*:\s*APP_GUARD\b|\.\s*useGlobalGuards\s*\(([^;]*)\)/g;

export function guardingOf(source: Source): Guarding {
  const { text } = source;
  const compares = text.includes('canActivate');
  const registers = /\bAPP_GUARD\b|\buseGlobalGuards\b/.test(text);
  return compares || registers
    ? { guards: compares ? guardsIn(source) : [], everywhere: registers ? registeredIn(text) : [] }
    : none;
}

function registeredIn(text: string): Guarding['everywhere'] {
  const names = [...text.matchAll(registering)].flatMap(([, first, second, list]) =>
    list === undefined
      ? [first ?? second ?? '']
      : [...list.matchAll(/\bnew\s+([A-Z]\w*)/g)].map(([, name]) => name ?? ''),
  );
  return names.flatMap((name) => {
    const from = new RegExp(
      `\\bimport\\b[^;'"]*\\{[^}]*\\b${escapeRegExp(name)}\\b[^}]*\\}\\s*from\\s*['"]([^'"]+)['"]`,
    ).exec(text)?.[1];
    return from === undefined ? [{ module: '', name }] : [{ module: from, name }];
  });
}

function guardsIn(source: Source): Guarding['guards'] {
  const found = new Map<string, Guarding['guards'][number]>();
  for (const offset of orgPlaces(source)) {
    const read = propertyReadAt(nodeAt(source, offset));
    const fn = read === null ? null : functionAround(read.node);
    if (read === null || fn === null || functionName(fn) !== 'canActivate') continue;
    const name = fn.above('class_declaration', 'class')?.childOfKind('type_identifier')?.text;
    for (const origin of read.origins) {
      if (name === undefined || origin.kind !== 'request' || !isCompared(usesOf(read))) continue;
      found.set(`${name}.${origin.part}`, { name, part: origin.part });
    }
  }
  return [...found.values()];
}

/** Whether guards of the app stand in front of a place: a method of a controller that is not open to anybody. */
export const mayBeGuarded = (node: SyntaxNode): boolean => handlerClassOf(node) !== null && !isForAnybody(node);

/** Parts of a request that a guard of the whole app has compared before any controller of a file's package runs. */
export function guardedParts(
  told: readonly Told<{ readonly guarding: Guarding }>[],
  world: World,
): (file: string) => ReadonlySet<RequestPart> {
  const follow = follower(world);
  const byPackage = new Map<string, Set<RequestPart>>();
  for (const { file, facts } of told)
    for (const { module, name } of facts.guarding.everywhere)
      for (const place of follow(file, module === '' ? null : module, name))
        for (const guard of told.find((one) => one.file === place.file)?.facts.guarding.guards ?? []) {
          if (guard.name !== place.name) continue;
          const parts = byPackage.get(world.packageOf(file)) ?? new Set();
          byPackage.set(world.packageOf(file), parts.add(guard.part));
        }
  return (file) => byPackage.get(world.packageOf(file)) ?? new Set();
}
