import { routeCallOf } from '../../src/workspace/scan/flow.ts';
import { declarationIn, declarationsIn, functionName, placesOf, referencesOf } from '../../src/workspace/scan/scope.ts';
import {
  callOf,
  functionAround,
  isFunction,
  memberOf,
  type Source,
  type SyntaxNode,
} from '../../src/workspace/scan/syntax.ts';
import {
  type AnswerEdits,
  catchEdits,
  isWrapped,
  pathEdits,
  rejects,
  responseOf,
  takerOf,
  wrapEdits,
} from './answer-edits.ts';

/** The file that a module specifier means in a file. */
export type Resolve = (from: string, module: string) => string | null;

const modulesIn = (text: string): readonly string[] =>
  Array.from(
    text.matchAll(/(?:from\s*|require\(\s*|import\(\s*|import\s+)['"]([^'"]+)['"]/g),
    ([, name]) => name ?? '',
  );

export const importsFrom = ({ path, text }: Source, file: string, resolve: Resolve): boolean =>
  modulesIn(text).some((module) => resolve(path, module) === file);

/** Why nobody would answer; null where somebody does. */
type Reason = string | null;

const unawaited = 'nothing waits for the promise that it runs in';
const atLoad = 'it runs while the file is loaded';

/** Follows the throw of a call, noting what has to be put in on its way. */
export function followRefusals(
  sources: ReadonlyMap<string, Source>,
  resolve: Resolve,
  edits: Map<string, AnswerEdits>,
  /** Whether an index may be undefined in the eyes of the compiler. */
  uncheckedIndex: boolean,
): (call: SyntaxNode) => Reason {
  const seen = new Map<SyntaxNode, Reason>();

  const put = ({ source }: SyntaxNode, more: AnswerEdits | null): void => {
    if (more === null) return;
    const there = edits.get(source.path) ?? { edits: [], imports: [] };
    const fresh = more.edits.filter(
      (one) => !there.edits.some(({ start, end, text }) => start === one.start && end === one.end && text === one.text),
    );
    edits.set(source.path, {
      edits: [...there.edits, ...fresh],
      imports: [...new Set([...there.imports, ...more.imports])],
      typed: there.typed === true || more.typed === true,
    });
  };

  /** Something throws here. */
  const thrown = (node: SyntaxNode): Reason => {
    for (let at = node, up = at.parent; up !== null; at = up, up = at.parent) {
      if (up.kind === 'try_statement' && up.child(0) === at) {
        const clause = up.childOfKind('catch_clause');
        const caught = clause === null ? null : catchEdits(clause);
        if (clause !== null) put(clause, caught?.edits ?? null);
        if (caught?.outcome === 'unclear') return 'the catch clause takes the error apart';
        if (caught?.outcome === 'answered') return null;
      }
      if (isFunction(up)) return leaves(up);
    }
    return atLoad;
  };

  /** A promise that is rejected comes out of an expression here. */
  const rejected = (node: SyntaxNode): Reason => {
    for (let at = node, up = at.parent; up !== null; at = up, up = at.parent) {
      if (up.kind === 'await_expression') return thrown(up);
      if (up.kind === 'return_statement') return leaves(functionAround(up));
      if (up.kind === 'arrow_function') return leaves(up);
      if (up.kind === 'variable_declarator') return awaitedLater(up);
      if (up.kind === 'member_expression' && up.child(0) === at) {
        const name = memberOf(up)?.name ?? '';
        const call = up.parent;
        if (!/^(?:then|finally|catch)$/.test(name) || call?.kind !== 'call_expression') return unawaited;
        if (name === 'catch' || (name === 'then' && (callOf(call)?.args.length ?? 0) > 1)) return handled(call);
        up = call;
      } else if (!passesOn.test(up.kind)) return unawaited;
    }
    return atLoad;
  };

  /** `const loading = load(req)`, awaited further down. */
  const awaitedLater = (declarator: SyntaxNode): Reason => {
    const name = declarator.child(0);
    const binding = name?.kind === 'identifier' ? declarationIn(scopeOf(declarator), name.text) : null;
    const uses = binding === null ? [] : referencesOf(binding);
    return uses.length === 0 ? unawaited : firstOf(uses, (use) => once(use, () => rejected(use)));
  };

  /** What fails in a function comes out of it. */
  const leaves = (fn: SyntaxNode | null): Reason => (fn === null ? atLoad : once(fn, () => comesOut(fn)));

  /** Where a place leads to is found once; what leads back to itself is answered where the rest of it is. */
  const once = (node: SyntaxNode, find: () => Reason): Reason => {
    const known = seen.get(node);
    if (known !== undefined) return known;
    seen.set(node, null);
    const reason = find();
    seen.set(node, reason);
    return reason;
  };

  const comesOut = (fn: SyntaxNode): Reason => {
    // A decorator hands a method to a framework, which waits for it.
    if (isWrapped(fn) || (fn.kind === 'method_definition' && isDecorated(fn))) return null;
    const taker = takerOf(fn);
    if (taker !== null) return taken(fn, taker);
    const { calls, given } = usesOf(fn, sources, resolve);
    const name = functionName(fn);
    if (responseOf(fn) !== null && (given || calls.length === 0)) {
      const wrap = wrapEdits(fn);
      put(fn, wrap);
      return wrap === null ? `${name ?? 'the handler'} cannot be wrapped where it stands` : null;
    }
    if (calls.length === 0 && given) return `nothing shows who calls ${name ?? 'the function around it'}`;
    return firstOf(calls, rejects(fn) ? rejected : thrown);
  };

  /** A function that is handed to a call. */
  const taken = (fn: SyntaxNode, call: SyntaxNode): Reason => {
    const callee = callOf(call)?.callee;
    const member = callee ? memberOf(callee) : null;
    const name = member?.name ?? callee?.text ?? '';
    const isRoute = routeCallOf(fn) !== null;
    if (responseOf(fn) !== null && (isRoute || member === null || name === 'createServer')) {
      put(fn, wrapEdits(fn));
      if (uncheckedIndex) put(fn, pathEdits(fn));
      return null;
    }
    if (isRoute && !rejects(fn)) return null;
    if (later.test(name)) return `it runs in a callback of ${name}`;
    return overElements.test(name) && !rejects(fn) ? thrown(call) : rejected(call);
  };

  return thrown;
}

/** The first reason among these; every one of them is looked at. */
const firstOf = (nodes: readonly SyntaxNode[], find: (node: SyntaxNode) => Reason): Reason =>
  nodes.map(find).find((reason) => reason !== null) ?? null;

/** `.catch((error) => …)`: whoever catches it there answers with what it says, or with nothing. */
const handled = (call: SyntaxNode): Reason =>
  /^next$|\bnext\s*\(|\bres(?:ponse)?\s*\.|\breply\s*\.|\bthrow\b/.test(callOf(call)?.args.at(-1)?.text ?? '')
    ? null
    : 'what catches it answers nothing';

/** What gives the promise of a part of it on. */
const passesOn =
  /^(?:arguments|array|call_expression|(?:parenthesized|as|ternary|binary|non_null|satisfies)_expression)$/;

const overElements =
  /^(?:map|forEach|filter|find|findIndex|findLast|some|every|flatMap|sort|toSorted|reduce|reduceRight)$/;

/** What calls back from the event loop, where nobody stands around who could catch anything. */
const later =
  /^(?:on|once|addListener|addEventListener|setTimeout|setInterval|setImmediate|nextTick|queueMicrotask|schedule|subscribe)$/;

const isDecorated = (fn: SyntaxNode): boolean =>
  fn.children.some(({ kind }) => kind === 'decorator') ||
  (fn.parent?.children[(fn.parent?.children.indexOf(fn) ?? 0) - 1]?.kind ?? '') === 'decorator';

function scopeOf(node: SyntaxNode): SyntaxNode {
  return node.above('statement_block', 'program') ?? node.source.root;
}

type Uses = {
  /** Where it is called. */
  readonly calls: readonly SyntaxNode[];
  /** Whether it is handed on without being called: as a handler, or to who knows whom. */
  readonly given: boolean;
};

/** Who uses a function by its name, in its own file and in those that take it from there. */
function usesOf(fn: SyntaxNode, sources: ReadonlyMap<string, Source>, resolve: Resolve): Uses {
  const name = functionName(fn);
  // `return async (req, res) => …`, `export default (req, res) => …`
  if (name === null) return { calls: [], given: true };
  const { path } = fn.source;
  const places: SyntaxNode[] = [];
  const isMember = /^(?:method_definition|pair|public_field_definition|assignment_expression)$/.test(
    fn.kind === 'method_definition' ? fn.kind : (fn.parent?.kind ?? ''),
  );
  const own = isMember ? null : declarationIn(scopeOf(fn), name);
  if (own !== null) places.push(...referencesOf(own));
  for (const source of sources.values()) {
    if (!new RegExp(`(?<![\\w$])${name.replace(/\$/g, '\\$')}(?![\\w$])`).test(source.text)) continue;
    const near = source.path === path;
    if (!near && !takesFrom(source, path, name, sources, resolve)) continue;
    if (near && !isMember) continue;
    if (!near) {
      for (const binding of declarationsIn(source.root).values()) {
        const { imported } = binding;
        const from = imported?.module ?? /require\(\s*['"]([^'"]+)['"]/.exec(binding.init?.text ?? '')?.[1];
        if (from === undefined || resolve(source.path, from) === null) continue;
        const named =
          imported === null ? binding.path.at(-1) === name : imported.name === name || imported.name === 'default';
        if (named && (binding.name === name || imported?.name === name)) places.push(...referencesOf(binding));
      }
    }
    places.push(...placesOf(source, new RegExp(`(?<=\\.\\s*)${name.replace(/\$/g, '\\$')}(?![\\w$])`, 'g')));
  }
  const calls: SyntaxNode[] = [];
  let given = false;
  for (const place of places) {
    if (place.above('export_specifier', 'import_specifier') !== null) continue;
    const whole = place.kind === 'property_identifier' ? (place.parent ?? place) : place;
    if (whole.parent?.kind === 'assignment_expression' && whole.parent.child(0) === whole) continue;
    const call = whole.parent?.kind === 'call_expression' && whole.parent.child(0) === whole ? whole.parent : null;
    if (call !== null) calls.push(call);
    // `{ list }` of module.exports, `typeof list`
    else if (!isListed(place)) given = true;
  }
  return { calls, given };
}

const isListed = (place: SyntaxNode): boolean =>
  place.kind === 'shorthand_property_identifier' || /^(?:type_query|export_statement)$/.test(place.parent?.kind ?? '');

/** Whether a file takes a name from another one, or from a file that passes it on. */
function takesFrom(
  { path, text }: Source,
  file: string,
  name: string,
  sources: ReadonlyMap<string, Source>,
  resolve: Resolve,
): boolean {
  return modulesIn(text).some((module) => {
    const from = resolve(path, module);
    if (from === file) return true;
    const between = from === null ? undefined : sources.get(from);
    return (
      between !== undefined &&
      /export\s*(?:\*|\{)/.test(between.text) &&
      (between.text.includes(name) || /export\s*\*/.test(between.text)) &&
      modulesIn(between.text).some((one) => resolve(between.path, one) === file)
    );
  });
}
