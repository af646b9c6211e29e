import { decide } from '../../src/config/answers.ts';
import type { Config } from '../../src/config/schema.ts';
import type { Note } from '../../src/rollout/step.ts';
import { applyEdits } from '../../src/workspace/edit.ts';
import { classOfPath, listFiles } from '../../src/workspace/files.ts';
import { projectOf, resolveModule, specifierFor } from '../../src/workspace/resolve.ts';
import { authOf, importEdits, requestInScope } from '../../src/workspace/scan/fixes.ts';
import { registrationOf, routeCallOf } from '../../src/workspace/scan/flow.ts';
import { mountsIn } from '../../src/workspace/scan/mounts.ts';
import type { RuleContext } from '../../src/workspace/scan/rule.ts';
import { contextOf } from '../../src/workspace/scan/scan.ts';
import { declarationIn, escapeRegExp } from '../../src/workspace/scan/scope.ts';
import {
  callOf,
  memberOf,
  nodeAt,
  parseSource,
  type Source,
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
  const answering = await answeringIn(code);
  for (const file of new Set(findings.filter(({ fix }) => fix === null).map((one) => one.file))) {
    if (file === middleware.file || projectOf(file, code.workspace.projects) !== code.workspace.backend) continue;
    const text = await textOf(code.workspace, file);
    const one = text === null ? null : await guarded(code, file, text, findings, middleware, answering);
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
  for (const { path, fileClass } of (await listFiles(workspace.root)).files) {
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
  answering: readonly Answering[],
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
  const whole = sharesItsPath(answering, file) ? null : routerEdits(source, first, name, context);
  const edits = whole ?? [...routes].flatMap((route) => routeEdits(route, name));
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

/** Where something answers: a mounted router, by its file, or a route. */
type Answering = { readonly path: string; readonly file: string | null };

async function answeringIn({ workspace }: Code): Promise<readonly Answering[]> {
  const { files } = await listFiles(workspace.root);
  const known = new Set(files.map(({ path }) => path));
  const found: Answering[] = [];
  for (const { path, fileClass } of files) {
    if (fileClass !== 'source' || projectOf(path, workspace.projects) !== workspace.backend) continue;
    const text = (await textOf(workspace, path)) ?? '';
    if (!/\.\s*use\s*\(/.test(text)) continue;
    for (const mount of mountsIn(await parseSource(path, text))) {
      const file = mount.module === null ? null : resolveModule(path, mount.module, known, workspace.projects);
      found.push({ path: mount.path ?? '/', file });
    }
    for (const [, route = ''] of text.matchAll(/\.\s*(?:get|post|put|patch|delete|all)\s*\(\s*['"`](\/[^'"`]+)['"`]/g))
      found.push({ path: route, file: path });
  }
  return found;
}

/**
 * Whether requests that are meant for others come through this router: Express asks every mount whose path is where the
 * request's begins, and a middleware of the first one would refuse them all.
 */
const sharesItsPath = (answering: readonly Answering[], file: string): boolean =>
  answering.some(
    (own) =>
      own.file === file &&
      answering.some(
        (other) =>
          other.file !== file &&
          (other.path === own.path || other.path.startsWith(own.path.endsWith('/') ? own.path : `${own.path}/`)),
      ),
  );

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

/** `router.use(requireAuth)` behind `const router = Router()`; null where some of its routes have their own. */
function routerEdits(
  source: Source,
  route: SyntaxNode,
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

function outsideOf(file: string, routes: readonly SyntaxNode[]): string | null {
  const words = /webhook|callback|oauth|public|health|vapi|twilio|stripe|book-?demo|handoff|\bcron\b|\bhooks?\b/i;
  const named = words.exec(file.replace(/^.*\//, ''))?.[0];
  if (named !== undefined) return `the file's name has ${named}`;
  for (const route of routes) {
    const path = stringValue(callOf(route)?.args[0] ?? null) ?? '';
    const word = words.exec(path)?.[0];
    if (word !== undefined) return `the address has ${word}`;
    if (/-signature['"`]|constructEvent\s*\(|x-[\w-]*secret/i.test(route.text)) return 'a signature is checked';
  }
  return null;
}
