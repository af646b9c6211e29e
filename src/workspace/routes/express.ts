import { type Binding, bindingOf, declaredBy, parametersOf, placesOf, referencesOf } from '../scan/scope.ts';
import { callOf, isFunction, memberOf, positionOf, type SyntaxNode, unwrap, wrapped } from '../scan/syntax.ts';
import { type Given, meaningOf, type Program, textOf } from './values.ts';

/** A line of the app. */
export type Place = { readonly file: string; readonly line: number };

/** What a request meets before the handler of its route. */
export type Front = Place & { readonly name: string };

export type Route = Place & {
  readonly method: string;
  /** As Express matches it, from the root of the app; what is a pattern is as it is written. */
  readonly path: string;
  /** In the order in which Express asks them. */
  readonly fronts: readonly Front[];
};

export type Routes = {
  readonly routes: readonly Route[];
  /** What is mounted and could not be followed. */
  readonly unread: readonly Place[];
};

const methods = /^(?:get|post|put|patch|delete|all|options|head)$/;
const makesRouter = /^(?:express|(?:.+\.)?Router)$/;

type Layer =
  | { readonly kind: 'front'; readonly at: readonly string[]; readonly exact: boolean; readonly front: Front }
  | { readonly kind: 'route'; readonly route: Route };

/**
 * Every route of an Express app with what stands in front of it: the mounts are followed in the order in which Express
 * asks them, through routers, files and functions that are given the app. A middleware of a router meets every request
 * whose path begins where the router is mounted, also one that is meant for the router mounted there next.
 */
export function expressRoutes(program: Program): Routes {
  const layers: Layer[] = [];
  const unread: Place[] = [];
  const walk = new Walk(program, layers, unread);
  for (const source of program.sources.values()) {
    if (!/\bexpress\s*\(\s*\)/.test(source.text) || source.errorAt !== null) continue;
    for (const name of placesOf(source, /\bexpress(?=\s*\(\s*\))/g)) {
      const declarator = name.above('variable_declarator');
      const binding = declarator === null ? null : declaredBy(declarator.child(0) ?? declarator);
      const made = baseOf(binding?.init ?? null);
      if (binding !== null && made?.contains(name) === true) walk.enter({ made, binding }, '', new Map());
    }
  }
  walk.rest();
  const routes = layers.flatMap((layer, at) =>
    layer.kind !== 'route'
      ? []
      : [{ ...layer.route, fronts: [...frontsOf(layers, at, layer.route.path), ...layer.route.fronts] }],
  );
  return { routes, unread: [...new Map(unread.map((one) => [`${one.file}:${one.line}`, one])).values()] };
}

function frontsOf(layers: readonly Layer[], before: number, path: string): readonly Front[] {
  const segments = segmentsOf(path);
  return layers
    .slice(0, before)
    .flatMap((layer) =>
      layer.kind === 'front' &&
      (!layer.exact || layer.at.length === segments.length) &&
      layer.at.every((one, at) => sameSegment(one, segments[at]))
        ? [layer.front]
        : [],
    );
}

const segmentsOf = (path: string): readonly string[] => path.split('/').filter(Boolean);
const sameSegment = (one: string, other: string | undefined): boolean =>
  other !== undefined && (/^:|[*(]/.test(one) || /^:|[*(]/.test(other) || one.toLowerCase() === other.toLowerCase());

/** The innermost call of a chain: `Router()` of `Router().use(a).get('/x', b)`. */
function baseOf(node: SyntaxNode | null): SyntaxNode | null {
  let call = node === null ? null : unwrap(node);
  for (;;) {
    const callee = call === null ? null : callOf(call)?.callee;
    if (!callee) return null;
    const object = memberOf(callee)?.object;
    if (!object || callOf(unwrap(object)) === null || makesRouter.test(callee.text)) return call;
    call = unwrap(object);
  }
}

const nowhere = '?';

/** Whether no mount was found that leads to a route. */
export const isUnmounted = ({ path }: Route): boolean => path.startsWith(`/${nowhere}`);

/** Where a router is made, and the name that it then has; `made` is null for the parameter of a function. */
type Router = { readonly made: SyntaxNode | null; readonly binding: Binding | null };

class Walk {
  readonly #program: Program;
  readonly #layers: Layer[];
  readonly #unread: Place[];
  readonly #inside: SyntaxNode[] = [];
  readonly #met = new Set<SyntaxNode>();

  constructor(program: Program, layers: Layer[], unread: Place[]) {
    this.#program = program;
    this.#layers = layers;
    this.#unread = unread;
  }

  /** Everything that is registered on a router, in order. */
  enter({ made, binding }: Router, prefix: string, given: Given): void {
    const key = made ?? binding?.node;
    if (key === undefined || this.#inside.includes(key) || this.#inside.length > 20) return;
    this.#inside.push(key);
    this.#met.add(key);
    if (made !== null) this.#registered(made, prefix, given);
    const uses = binding === null ? [] : referencesOf(binding);
    for (const use of [...uses].sort((a, b) => a.start - b.start)) {
      if (use.parent !== null && memberOf(use.parent)?.object === use) this.#registered(use, prefix, given);
      else this.#handedOn(use, prefix, given);
    }
    this.#inside.pop();
  }

  /** Routers to which no mount leads, each by itself. */
  rest(): void {
    for (const source of this.#program.sources.values()) {
      if (!/\bRouter\s*\(/.test(source.text) || source.errorAt !== null) continue;
      for (const place of placesOf(source, /\bRouter(?=\s*\()/g)) {
        const declarator = place.above('variable_declarator');
        const binding = declarator === null ? null : declaredBy(declarator.child(0) ?? declarator);
        const made = baseOf(binding?.init ?? null);
        if (made?.contains(place) && !this.#met.has(made))
          this.enter({ made, binding }, `/${nowhere}${source.path.replaceAll('/', '.')}`, new Map());
      }
    }
  }

  /** `registerRoutes(app)`: what that function registers on its parameter. */
  #handedOn(use: SyntaxNode, prefix: string, given: Given): void {
    const call = use.parent?.kind === 'arguments' && use.parent.parent !== null ? callOf(use.parent.parent) : null;
    if (call === null) return;
    const member = memberOf(call.callee);
    // It is mounted on another one, or served: that place leads here by itself.
    if (member !== null && (member.name === 'use' || methods.test(member.name))) return;
    const fn = meaningOf(call.callee, this.#program, given);
    if (fn === null || !isFunction(fn)) return;
    const values = new Map(given);
    const parameters = parametersOf(fn);
    for (const [index, argument] of call.args.entries()) {
      const pattern = parameters[index]?.pattern;
      if (pattern?.kind === 'identifier') values.set(pattern, argument);
    }
    const own = parameters[call.args.indexOf(use)]?.pattern;
    const binding = own?.kind === 'identifier' ? declaredBy(own) : null;
    if (binding !== null) this.enter({ made: null, binding }, prefix, values);
  }

  /** The calls behind a router: `router.use(a).get('/x', b)`, `router.route('/x').all(a).get(b)`. */
  #registered(start: SyntaxNode, prefix: string, given: Given): void {
    let at = start;
    let own: readonly (string | null)[] | null = null;
    for (;;) {
      const member = at.parent === null ? null : memberOf(at.parent);
      const node = at.parent?.parent ?? null;
      const call = node === null ? null : callOf(node);
      if (member?.object !== at || node === null || call?.callee !== at.parent) return;
      if (member.name === 'route') own = this.#paths(call.args[0] ?? null);
      else if (member.name === 'use') this.#use(node, call.args, prefix, given);
      else if (methods.test(member.name)) this.#route(node, member.name, call.args, prefix, own);
      at = node;
    }
  }

  #use(node: SyntaxNode, args: readonly SyntaxNode[], prefix: string, given: Given): void {
    const [first] = args;
    const pathed = first !== undefined && this.#isPath(first);
    const paths = pathed ? this.#paths(first) : [''];
    for (const path of paths) {
      if (path === null) this.#unread.push(placeOf(node));
      // Where its path is not known, a mount stands in front of its own routes alone.
      const at = join(prefix, path ?? `/(${first?.text ?? ''})`);
      for (const argument of flat(args.slice(pathed ? 1 : 0))) {
        const made = this.#routerOf(argument, given);
        if (made === 'unknown') this.#unread.push(placeOf(argument));
        else if (made !== null) this.enter(made, at, given);
        else this.#front(at, false, argument);
      }
    }
  }

  #route(
    node: SyntaxNode,
    method: string,
    args: readonly SyntaxNode[],
    prefix: string,
    chained: readonly (string | null)[] | null,
  ): void {
    const [first] = args;
    // `app.get('port')` reads a setting.
    if (first === undefined || (chained === null && args.length < 2)) return;
    const handlers = flat(chained === null ? args.slice(1) : args);
    for (const path of chained ?? this.#paths(first)) {
      const at = join(prefix, path ?? `/(${first.text})`);
      const own = handlers.slice(0, -1).map((one) => frontOf(one));
      if (method === 'all') for (const one of handlers) this.#front(at, true, one);
      else this.#layers.push({ kind: 'route', route: { ...placeOf(node), method, path: at || '/', fronts: own } });
      if (method === 'all' && chained === null)
        this.#layers.push({ kind: 'route', route: { ...placeOf(node), method, path: at || '/', fronts: [] } });
    }
  }

  #front(at: string, exact: boolean, node: SyntaxNode): void {
    const fn = unwrap(node);
    // An error handler meets errors alone.
    if (isFunction(fn) && parametersOf(fn).length === 4) return;
    this.#layers.push({ kind: 'front', at: segmentsOf(at), exact, front: frontOf(node) });
  }

  #isPath(node: SyntaxNode): boolean {
    const { kind } = unwrap(node);
    if (/^(?:string|template_string|regex|binary_expression)$/.test(kind)) return true;
    if (kind === 'array') return unwrap(node).children.every((one) => this.#isPath(one));
    return textOf(node, this.#program) !== null;
  }

  #paths(node: SyntaxNode | null): readonly (string | null)[] {
    if (node === null) return [null];
    const inner = unwrap(node);
    if (inner.kind === 'array') return inner.children.flatMap((one) => this.#paths(one));
    return [textOf(inner, this.#program)];
  }

  /** The router that an argument is; null for a middleware; `unknown` where the app has it and it was not followed. */
  #routerOf(node: SyntaxNode, given: Given): Router | 'unknown' | null {
    const value = meaningOf(node, this.#program, given);
    const base = baseOf(value);
    if (value !== null && base !== null && makesRouter.test(callOf(base)?.callee.text ?? '')) {
      // In the function that makes it, or in its file; one that is handed on at once has no name.
      const declarator = wrapped(value).parent;
      const name = declarator?.kind === 'variable_declarator' ? declarator.child(0) : null;
      return { made: base, binding: name && declaredBy(name) };
    }
    if (value !== null) return null;
    // A name of the app of which nothing is known: `for (const one of routers) app.use(one.path, one.router)`.
    const root = rootOf(unwrap(node));
    const binding = root === null ? null : bindingOf(root);
    if (binding === null || isPackage(binding, this.#program)) return null;
    return /rout(?:e|er|es|ers)\d*$/i.test(unwrap(node).text) || binding.kind === 'loop' ? 'unknown' : null;
  }
}

const rootOf = (node: SyntaxNode): SyntaxNode | null => {
  let at: SyntaxNode | null = node;
  while (at !== null && at.kind !== 'identifier') at = callOf(at)?.callee ?? memberOf(at)?.object ?? null;
  return at;
};

const isPackage = ({ imported, node }: Binding, program: Program): boolean =>
  imported !== null && program.resolve(node.source.path, imported.module) === null;

const flat = (args: readonly SyntaxNode[]): readonly SyntaxNode[] =>
  args.flatMap((one) => (unwrap(one).kind === 'array' ? flat(unwrap(one).children) : [one]));

function frontOf(node: SyntaxNode): Front {
  const inner = unwrap(node);
  const wrapped = /^answeringRefusals\(\s*([\s\S]*?)\s*\)$/.exec(inner.text)?.[1] ?? inner.text;
  const name = isFunction(inner) || /=>|\bfunction\b/.test(wrapped) ? 'a function' : wrapped.replace(/\s+/g, ' ');
  return { ...placeOf(node), name };
}

const placeOf = ({ source, start }: SyntaxNode): Place => ({
  file: source.path,
  line: positionOf(source.text, start).line,
});

const join = (prefix: string, path: string): string => `${prefix}/${path}`.replace(/\/{2,}/g, '/').replace(/\/$/, '');
