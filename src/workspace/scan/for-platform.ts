import { registeredAs } from './flow.ts';
import { escapeRegExp, placesOf } from './scope.ts';
import { functionAround, type SyntaxNode } from './syntax.ts';

/** `requireSuperAdmin`, `isPlatformAdmin`, `staffOnly`: whoever passes works for all organizations, and not for the own one. */
const platform =
  /(?:super|platform|global|system|root)[_-]?(?:admin|user|operator|owner)|\bis_?staff\b|(?:require|ensure|only)_?staff|staff_?only|back_?office/i;

/** Whether a handler is for the people who run the app, by its place, its route or what it asks for. */
export function isForPlatform(fn: SyntaxNode): boolean {
  const { before, router } = registeredAs(fn) ?? { before: [], router: '' };
  if (platform.test(fn.source.path) || platform.test(fn.text) || before.some((one) => platform.test(one.text)))
    return true;
  return (
    router !== '' &&
    placesOf(fn.source, new RegExp(`(?<![\\w$])${escapeRegExp(router)}\\s*\\.\\s*use\\s*\\(`, 'g')).some(
      (place) => place.start < fn.start && platform.test(place.above('call_expression')?.text.slice(0, 200) ?? ''),
    )
  );
}

/** The decorators of a method and of its class. */
export function decoratorsOf(method: SyntaxNode): readonly string[] {
  const found: string[] = [];
  const body = method.parent;
  const siblings = body?.children ?? [];
  for (let at = siblings.indexOf(method) - 1; siblings[at]?.kind === 'decorator'; at -= 1)
    found.push(siblings[at]?.text ?? '');
  const declared = body?.parent;
  for (const holder of [declared, declared?.parent])
    for (const child of holder?.children ?? []) if (child.kind === 'decorator') found.push(child.text);
  return found;
}

/** Whether whoever asks works for the one who runs the app, as far as the place of a file and its decorators say. */
export const isOfOperator = (node: SyntaxNode): boolean =>
  /(?:^|[/._-])(?:super-?)?(?:admin|platform|internal|back-?office|staff-only)(?:[/._-]|$)/i.test(node.source.path) ||
  functionsAround(node).some(
    (fn) =>
      isForPlatform(fn) ||
      (fn.kind === 'method_definition' &&
        decoratorsOf(fn).some((text) => /['"`.](?:platform|super_?admin|system)\b/i.test(text))),
  );

/** The class of a controller that a place stands in a method of; null for every other place. */
export function handlerClassOf(node: SyntaxNode): SyntaxNode | null {
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn))
    if (fn.kind === 'method_definition' && decoratorsOf(fn).some((text) => /^@(?:Controller|Resolver)\b/.test(text)))
      return fn.above('class_declaration', 'class');
  return null;
}

/** `@Public()`, `publicProcedure`: anybody may ask, and the app says so. */
export const isForAnybody = (node: SyntaxNode): boolean =>
  functionsAround(node).some(
    (fn) =>
      (fn.kind === 'method_definition' &&
        decoratorsOf(fn).some((text) =>
          /^@(?:Public|IsPublic|AllowAnonymous|SkipAuth|NoAuth|Anonymous)\b/.test(text),
        )) ||
      (fn.parent?.kind === 'arguments' && /^public\w*/i.test(fn.parent.parent?.text ?? '')),
  );

function functionsAround(node: SyntaxNode): readonly SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) found.push(fn);
  return found;
}
