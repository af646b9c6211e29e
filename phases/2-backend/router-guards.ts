import { decide } from '../../src/config/answers.ts';
import type { Config } from '../../src/config/schema.ts';
import type { Note } from '../../src/rollout/step.ts';
import { applyEdits } from '../../src/workspace/edit.ts';
import { classOfPath } from '../../src/workspace/files.ts';
import { projectOf, specifierFor } from '../../src/workspace/resolve.ts';
import { movedRoutes } from '../../src/workspace/routes/compare.ts';
import { expressRoutes, isUnmounted, type Routes } from '../../src/workspace/routes/express.ts';
import { programOf } from '../../src/workspace/routes/program.ts';
import type { Program } from '../../src/workspace/routes/values.ts';
import { authOf, importEdits, requestInScope } from '../../src/workspace/scan/fixes.ts';
import { registrationOf, routeCallOf } from '../../src/workspace/scan/flow.ts';
import { contextOf } from '../../src/workspace/scan/one-file.ts';
import type { RuleContext } from '../../src/workspace/scan/rule.ts';
import { declarationIn, escapeRegExp } from '../../src/workspace/scan/scope.ts';
import {
  callOf,
  memberOf,
  nodeAt,
  parseSource,
  Source,
  type SyntaxNode,
  stringValue,
} from '../../src/workspace/scan/syntax.ts';
import type { Finding, TextEdit } from '../../src/workspace/scan/types.ts';
import { type Code, textOf } from '../code/code.ts';
import { offsetOf } from '../code/nodes.ts';

/** A router without authentication, whose places cannot be mended since nothing says who is asking. */
export type Unguarded = {
  readonly file: string;
  readonly middleware: string;
  /** The lines that would be put in, as they would read. */
  readonly lines: readonly string[];
  /** Places that wait for it. */
  readonly places: number;
  /** Why a caller from outside may be meant, who has no token; null where nothing says so. */
  readonly outside: string | null;
  /** The file with the middleware in front. */
  readonly text: string;
};

/**
 * What would put authentication in front of the routers that have none. It is proposed and never assumed: a webhook or a
 * public form has callers without a token, and would be refused from then on.
 */
export async function unguardedRouters(code: Code, findings: readonly Finding[]): Promise<readonly Unguarded[]> {
  const middleware = await middlewareOf(code);
  if (middleware === null) return [];
  const found: Unguarded[] = [];
  const { backend } = code.workspace;
  if (backend === null) return [];
  const app: App = await programOf(code.workspace, backend).then((program) => ({
    program,
    routes: expressRoutes(program),
  }));
  for (const file of new Set(findings.filter(({ fix }) => fix === null).map((one) => one.file))) {
    if (file === middleware.file || projectOf(file, code.workspace.projects) !== backend) continue;
    const text = await textOf(code.workspace, file);
    const one = text === null ? null : await guarded(code, file, text, findings, middleware, app);
    if (one !== null) found.push(one);
  }
  return found;
}

/** Whether the operator has agreed to it: by its file, or for all that nobody from outside seems to call. */
export const isAgreed = ({ file, outside }: Unguarded, { decisions }: Config): boolean =>
  decisions.protectRouters === 'all' ? outside === null : (decisions.protectRouters?.includes(file) ?? false);

/** The question, as a note of the plan. */
export const proposal = ({ file, lines, middleware, outside, places }: Unguarded): Note => ({
  text: `${file} has no authentication in front of ${places === 1 ? 'a place' : `${places} places`} that ${places === 1 ? 'needs' : 'need'} it. With --protect-routers ${file} this step puts ${middleware} there.`,
  detail: [
    ...lines,
    outside === null
      ? 'Whoever calls it without a token is refused from then on.'
      : `Callers from outside may be meant (${outside}), and they have no token: look before you agree.`,
  ].join('\n'),
  answers: [decide('protectRouters', [file], `Requests to ${file} without a valid token are refused from then on.`)],
});

/** Files that the operator named and that are not there: a slip of the pen must not look like a protected router. */
export async function namedInVain({ workspace, target }: Code): Promise<readonly Note[]> {
  const { protectRouters } = target.config.decisions;
  const notes: Note[] = [];
  for (const file of Array.isArray(protectRouters) ? protectRouters : []) {
    if ((await textOf(workspace, file)) !== null) continue;
    notes.push({
      text: `--protect-routers names ${file}, which is not there: name it as it stands from ${workspace.root}.`,
    });
  }
  return notes;
}

type Middleware = { readonly file: string; readonly name: string };

/** The middleware that the app's routes use most. */
async function middlewareOf({ workspace }: Code): Promise<Middleware | null> {
  const candidates = workspace.auth
    .filter(({ side, decodesOnly }) => side === 'server' && decodesOnly !== true)
    .flatMap(({ file, exports }) => exports.map((name) => ({ file, name })))
    .filter(({ name }) => /^(?:require|ensure|authenticate|protect)/i.test(name))
    .filter(({ name }) => !/optional|role|permission|access|admin/i.test(name));
  if (candidates.length === 0) return null;
  const texts: string[] = [];
  for (const { path, fileClass } of workspace.list.files) {
    if (fileClass !== 'source' || projectOf(path, workspace.projects) !== workspace.backend) continue;
    const text = (await textOf(workspace, path)) ?? '';
    if (/\bRouter\s*\(|\bexpress\s*\(/.test(text)) texts.push(text);
  }
  const uses = ({ name }: Middleware): number =>
    texts.filter((text) => new RegExp(`(?<![\\w$])${escapeRegExp(name)}(?![\\w$])`).test(text)).length;
  return candidates.reduce((best, one) => (uses(one) > uses(best) ? one : best));
}

async function guarded(
  { workspace }: Code,
  file: string,
  text: string,
  findings: readonly Finding[],
  { file: from, name }: Middleware,
  app: App,
): Promise<Unguarded | null> {
  const source = await parseSource(file, text);
  if (source.errorAt !== null) return null;
  const context = contextOf(workspace, source, classOfPath(file), {});
  const routes = new Set<SyntaxNode>();
  let places = 0;
  for (const finding of findings) {
    // Nobody is signed in when an OAuth provider comes back: its state has to be signed.
    if (finding.file !== file || /OAuth state/.test(finding.reason)) continue;
    const route = routeOf(nodeAt(source, offsetOf(text, finding)), context);
    if (route === null) continue;
    places += 1;
    routes.add(route);
  }
  const [first] = routes;
  if (first === undefined) return null;
  const whole = routerEdits(source, first, routes, name, context);
  const alone = whole !== null && meetsOthers(app, file, applyEdits(text, whole)) ? null : whole;
  const edits = alone ?? [...routes].flatMap((route) => routeEdits(route, name));
  if (edits.length === 0) return null;
  const helpers = {
    requireOrgId: '',
    assertSameOrg: '',
    importPath: () => specifierFor(file, from, workspace.projects),
  };
  const after = applyEdits(text, [...edits, ...(importEdits(source, helpers, name) ?? [])]);
  const known = new Set(text.split(/\r?\n/));
  return {
    file,
    middleware: name,
    lines: after
      .split(/\r?\n/)
      .filter(
        (line) => !known.has(line) && new RegExp(`\\b${name}\\b`).test(line) && !/\bimport\b|\brequire\(/.test(line),
      )
      .map((line) => line.trim()),
    places,
    outside: outsideOf(file, [...routes]),
    text: after,
  };
}

/** The backend as it stands, with its routes. */
type App = { readonly program: Program; readonly routes: Routes };

/**
 * Whether requests that are meant for others would meet what is put in front of this router: Express asks every mount
 * whose path is where the request's begins, and a middleware of the first one would refuse them all. Where it is not to
 * be told which requests come here, they may.
 */
function meetsOthers({ program, routes }: App, file: string, text: string): boolean {
  const sources = new Map([...program.sources, [file, new Source(file, text)]]);
  const after = expressRoutes({ ...program, sources });
  const isMounted = routes.routes.some((one) => one.file === file && !isUnmounted(one));
  return !isMounted || movedRoutes(routes.routes, after.routes).some(({ route }) => route.file !== file);
}

/** The route around a place, where it has no authentication and nothing that stands for it. */
function routeOf(node: SyntaxNode, context: RuleContext): SyntaxNode | null {
  const request = requestInScope(node);
  const route = request === null ? null : routeCallOf(request.fn);
  if (request === null || route === null || authOf(request.fn, context) === 'yes') return null;
  // `optionalAuth` lets callers without a token in on purpose.
  return hasAuth(route, context) ? null : route;
}

function hasAuth(route: SyntaxNode, { workspace }: RuleContext): boolean {
  const names = workspace.auth.flatMap(({ exports }) => exports);
  const last = callOf(route)?.args.at(-1);
  const { before } = registrationOf(route, last ?? route);
  return before.some((one) => names.some((name) => one.text === name || one.text.startsWith(`${name}(`)));
}

/**
 * `router.use(requireAuth)` behind `const router = Router()`; null where some of its routes have their own, or are for
 * callers who have no token and need no organization.
 */
function routerEdits(
  source: Source,
  route: SyntaxNode,
  needing: ReadonlySet<SyntaxNode>,
  name: string,
  context: RuleContext,
): readonly TextEdit[] | null {
  const { router } = registrationOf(route, route);
  const binding = /^\w+$/.test(router) ? declarationIn(source.root, router) : null;
  const statement = binding?.node.parent?.parent;
  if (!statement || !/\bRouter\s*\(/.test(binding?.init?.text ?? '')) return null;
  const statements = source.root.children.flatMap((one) => (one.kind === 'expression_statement' ? one.children : []));
  const own = statements.filter((one) => memberOf(callOf(one)?.callee ?? one)?.object.text === router);
  if (own.some((one) => hasAuth(one, context))) return null;
  const others = own.filter((one) => ![...needing].some((need) => need.start === one.start));
  if (outsideOf('', others) !== null || others.some((one) => beforeSignIn.test(addressOf(one)))) return null;
  const outer = statement.parent?.kind === 'export_statement' ? statement.parent : statement;
  const newline = source.text.includes('\r\n') ? '\r\n' : '\n';
  const end = outer.text.endsWith(';') ? ';' : '';
  return [{ start: outer.end, end: outer.end, text: `${newline}${newline}${router}.use(${name})${end}` }];
}

function routeEdits(route: SyntaxNode, name: string): readonly TextEdit[] {
  const [first] = callOf(route)?.args ?? [];
  if (first === undefined) return [];
  if (stringValue(first) !== null) return [{ start: first.end, end: first.end, text: `, ${name}` }];
  // `router.route('/x').get(handler)`
  return isFunctionLike(first) ? [{ start: first.start, end: first.start, text: `${name}, ` }] : [];
}

const isFunctionLike = ({ kind }: SyntaxNode): boolean =>
  /^(?:identifier|member_expression|call_expression|arrow_function|function_expression)$/.test(kind);

const fromOutside = /webhook|callback|oauth|public|health|vapi|twilio|stripe|book-?demo|handoff|\bcron\b|\bhooks?\b/i;
/** What needs no organization, and is asked before anybody has signed in. */
const beforeSignIn = /\b(?:ping|status|version|sign-?(?:in|up)|log-?in|register|refresh|invit\w+)\b/i;

/** Whether a route seems to be for callers from outside, by its file and its address. */
export const isForOutside = ({ file, path }: { readonly file: string; readonly path: string }): boolean =>
  fromOutside.test(file.replace(/^.*\//, '')) || fromOutside.test(path);

function outsideOf(file: string, routes: readonly SyntaxNode[]): string | null {
  const named = fromOutside.exec(file.replace(/^.*\//, ''))?.[0];
  if (named !== undefined) return `the file's name has ${named}`;
  for (const route of routes) {
    const word = fromOutside.exec(addressOf(route))?.[0];
    if (word !== undefined) return `the address has ${word}`;
    if (/-signature['"`]|constructEvent\s*\(|x-[\w-]*secret/i.test(route.text)) return 'a signature is checked';
  }
  return null;
}

const addressOf = (route: SyntaxNode): string => stringValue(callOf(route)?.args[0] ?? null) ?? '';
