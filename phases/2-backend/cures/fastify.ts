import { applyEdits } from '../../../src/workspace/edit.ts';
import { indentAt } from '../../../src/workspace/scan/fixes.ts';
import type { RuleContext } from '../../../src/workspace/scan/rule.ts';
import { callOf, keyName, type SyntaxNode } from '../../../src/workspace/scan/syntax.ts';
import type { TextEdit } from '../../../src/workspace/scan/types.ts';
import type { Cure, Ground } from './cure.ts';
import { uses } from './ground.ts';
import { functionsAround, isForUsers, parameterName, routeAround } from './handlers.ts';

/** The app may have a property of that name already, with a meaning or a type of its own. */
const fieldOf = ({ files }: Ground): string =>
  files.some(
    ({ text }) =>
      /declare module ['"]fastify['"]/.test(text) && /\borgId\??\s*:/.test(text) && !/requireOrg\b/.test(text),
  ) ||
  files.some(
    ({ text }) =>
      /decorateRequest\(\s*['"]orgId['"]/.test(text) && !/decorateRequest\(\s*['"]orgId['"], null\)/.test(text),
  )
    ? 'validatedOrgId'
    : 'orgId';

const hooks = /^(?:preHandler|onRequest|preValidation|preParsing)$/;

/** Fastify: a decorated request, and a preHandler on the route. */
export const fastify: Cure = {
  framework: 'fastify',
  title: 'Fastify',
  detect: (ground) => ground.project?.frameworks.includes('fastify') === true && uses(ground, /fastify/),
  module: {
    template: 'org-fastify.ts',
    name: 'org-fastify',
    exports: ['requireOrg', 'assertSameOrg'],
    client: 'service',
  },
  fill: (ground) => ({ values: { FIELD: fieldOf(ground) } }),
  way: (node, context) => {
    const place = handlerAround(node);
    const carrier = place === null ? null : parameterName(place.fn);
    if (place === null || carrier === null) return null;
    const edits = preHandler(place);
    if (edits === null) return null;
    return {
      carrier,
      awaited: false,
      authenticated: isForUsers(place.fn, context) || hasHook(place, context),
      edits,
      imports: ['requireOrg'],
      words: `preHandler: requireOrg on ${place.words}`,
    };
  },
  mount: (ground) => {
    const field = fieldOf(ground);
    const there = new RegExp(`decorateRequest\\(\\s*['"]${field}['"]`);
    if (ground.files.some(({ text }) => there.test(text))) return null;
    for (const { path, text } of ground.files) {
      const made =
        /^([ \t]*)(?:export\s+)?(?:const|let|var)\s+(\w+)(?:\s*:\s*[\w<>, ]+)?\s*=\s*(?:await\s+)?(?:[fF]astify|server)\s*(?:<[^;]*?>)?\(/m.exec(
          text,
        );
      if (made === null || !/['"]fastify['"]/.test(text)) continue;
      const end = closing(text, made.index + made[0].length - 1);
      const rest = /^(?:\s*\.with\w+(?:<[^>]*>)?\([^)]*\))*;?/.exec(text.slice(end))?.[0] ?? '';
      const at = end + rest.length;
      const newline = text.includes('\r\n') ? '\r\n' : '\n';
      const quote = /from "/.test(text) ? '"' : "'";
      const line = `${newline}${made[1] ?? ''}${made[2] ?? 'app'}.decorateRequest(${quote}${field}${quote}, null)${rest.endsWith(';') ? ';' : ''}`;
      const after = applyEdits(text, [{ start: at, end: at, text: line }]);
      return { file: path, after, title: `Declare request.${field} in ${path}` };
    }
    return `The file that makes the Fastify instance was not found: call app.decorateRequest('${field}', null) there, before routes are registered.`;
  },
  instruction:
    "Give the route { preHandler: requireOrg } (or the plugin an addHook('preHandler', requireOrg)) and use request.orgId, or assertSameOrg(request, value) where the request names one; for a webhook verify its signature and look the organization up by what the sender owns.",
};

type Place = {
  readonly fn: SyntaxNode;
  /** The options of the route; null where it has none. */
  readonly options: SyntaxNode | null;
  /** Where options would be put in. */
  readonly handler: SyntaxNode;
  readonly words: string;
};

/** `app.get('/x', options, fn)` or `app.route({ handler: fn })`. */
function handlerAround(node: SyntaxNode): Place | null {
  for (const fn of functionsAround(node)) {
    const object =
      fn.parent?.kind === 'pair' && keyName(fn.parent.child(0)) === 'handler' ? fn.parent.parent : fn.parent;
    const call = object?.kind === 'object' && object.parent?.kind === 'arguments' ? object.parent.parent : null;
    if (object && call && /\.\s*route$/.test(callOf(call)?.callee.text ?? ''))
      return {
        fn,
        options: object,
        handler: object,
        words: /url:\s*['"`]([^'"`]*)/.exec(object.text)?.[1] ?? 'the route',
      };
  }
  const route = routeAround(node);
  const args = route === null ? undefined : callOf(route.call)?.args;
  if (route === null || args === undefined) return null;
  const middle = args.slice(1).filter((one) => one !== route.handler);
  if (middle.length > 1) return null;
  return { fn: route.fn, options: middle[0] ?? null, handler: route.handler, words: args[0]?.text ?? 'the route' };
}

function preHandler({ options, handler }: Place): readonly TextEdit[] | null {
  if (options === null) return [{ start: handler.start, end: handler.start, text: '{ preHandler: requireOrg }, ' }];
  if (options.kind !== 'object') return null;
  const pair = options.children.find((one) => keyName(one.child(0)) === 'preHandler');
  if (pair === undefined) {
    const [first] = options.children;
    if (first === undefined) return [{ start: options.start, end: options.end, text: '{ preHandler: requireOrg }' }];
    const { text } = options.source;
    const gap = text.slice(options.start + 1, first.start);
    const between = gap.includes('\n') ? `${text.includes('\r\n') ? '\r\n' : '\n'}${indentAt(text, first.start)}` : ' ';
    return [{ start: first.start, end: first.start, text: `preHandler: requireOrg,${between}` }];
  }
  const value = pair.child(1);
  if (value === null || /\brequireOrg\b/.test(value.text)) return value === null ? null : [];
  if (value.kind === 'array') {
    const last = value.child(-1);
    return last === null
      ? [{ start: value.start, end: value.end, text: '[requireOrg]' }]
      : [{ start: last.end, end: last.end, text: ', requireOrg' }];
  }
  return [{ start: value.start, end: value.end, text: `[${value.text}, requireOrg]` }];
}

/** A hook of the route, or one that the plugin adds for all of its routes, that lets nobody in without a token. */
function hasHook({ fn, options }: Place, { workspace }: RuleContext): boolean {
  const own = options?.children.find((one) => hooks.test(keyName(one.child(0)) ?? ''));
  const known = workspace.auth.flatMap(({ exports }) => exports);
  const speaks = (text: string): boolean =>
    known.some((name) => new RegExp(`(?<![\\w$])${name}(?![\\w$])`).test(text)) ||
    /\b(?:authenticate\w*|require(?:Auth|User|Login|Session)\w*|verify(?:Jwt|JWT|Token|Session)\w*|jwtVerify)\b/.test(
      text,
    );
  if (own !== undefined && speaks(own.text)) return true;
  return [
    ...fn.source.text.matchAll(/\.addHook\(\s*['"](?:preHandler|onRequest|preValidation)['"]\s*,([\s\S]{0,400})/g),
  ].some(([, text]) => speaks(text ?? ''));
}

/** Where a bracket that opens at an offset is closed, strings aside. */
function closing(text: string, open: number): number {
  let depth = 0;
  let quote = '';
  for (let at = open; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (quote !== '') {
      if (char === '\\') at += 1;
      else if (char === quote) quote = '';
    } else if (/['"`]/.test(char)) quote = char;
    else if (/[([{]/.test(char)) depth += 1;
    else if (/[)\]}]/.test(char)) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}
