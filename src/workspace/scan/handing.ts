import { callsToApp, callsWithin, nameOf, type Sought, type Target, targetOf } from './call-targets.ts';
import { isHeldToUser } from './calls.ts';
import { isForAnybody, isOfOperator } from './for-platform.ts';
import { hasOrgGuard, isCompared } from './guards.ts';
import { argumentsThatAre } from './held-objects.ts';
import { isForMachines } from './machine-guards.ts';
import { isLogCallee, isOrgIdName, orgLetters } from './names.ts';
import { isTenantUse, usesOf } from './org-reads.ts';
import { isWholeRequest, type Origin, type RequestPart } from './origin-of-path.ts';
import { originsOf } from './origins.ts';
import { decides } from './refusals.ts';
import { type Elsewhere, letsOrgIn } from './schemas.ts';
import { type Binding, bindingOf, declarationsIn, parametersOf } from './scope.ts';
import { isAuthenticated } from './sessions.ts';
import {
  callOf,
  functionAround,
  keyName,
  memberOf,
  nodeAt,
  type Source,
  type SyntaxNode,
  unwrap,
  wrapped,
} from './syntax.ts';

/** What a call gives to a function. */
export type Given = Target & {
  /** `0`, or `0.clinic` for a property of it. */
  readonly argument: string;
  /** The answer of the function decides whether the request goes on. */
  readonly decides: boolean;
};

/** What is settled of an object before it is handed on, by its keys. */
type Settled = {
  /** Keys that were set, taken out, or compared with the caller's own. */
  readonly without: readonly string[];
  /** Keys that were handed to functions which may check them. */
  readonly asked: readonly (Given & { readonly key: string })[];
};

/** A value of the request that is given to a function, under a name that says nothing of an organization. */
export type RequestArgument = Given &
  Settled & {
    /** The place that reads the request, and what it reads of it. */
    readonly read: { readonly node: SyntaxNode; readonly part: RequestPart; readonly name: string };
    /** The app says that anybody may ask: there is no user whose organization could be compared. */
    readonly isPublic: boolean;
    /** For what a schema has read as a whole: whether it lets an organization in, or the schema that decides. */
    readonly schema: boolean | Elsewhere;
    /** The answer of the function becomes a tenant, and nothing compares it. */
    readonly answerCounts: boolean;
    /** `list(filters, user.orgId)`: the function is told whose rows it may use; what else it is given may narrow them. */
    readonly besideOwn: boolean;
  };

/** A parameter of a function, as `name#0.clinic`, that the function hands on. */
export type Passed = Given &
  Settled & {
    readonly from: string;
    /** What the other function says is what this one says. */
    readonly returned: boolean;
  };

export type Handing = { readonly given: readonly RequestArgument[]; readonly passed: readonly Passed[] };

/** What the functions of a file hand to those that are sought without having compared it. */
export function handingIn(source: Source, sought: Sought, readsRequests: boolean): Handing {
  const given: RequestArgument[] = [];
  const passed: Passed[] = [];
  const seen = new Set<SyntaxNode>();
  const names = new Set(sought.own);
  let calls = [...callsToApp(source, sought), ...callsWithin(source, sought.own)];
  while (calls.length > 0) {
    const fresh = new Set<string>();
    for (const call of calls) {
      if (seen.has(call)) continue;
      seen.add(call);
      for (const one of argumentsOf(call)) {
        if (readsRequests) given.push(...ofRequest(one, call, originsOf(one.value)));
        if (!mayHandOn(one, call)) continue;
        for (const edge of ofParameter(one, call, originsOf(one.value))) {
          passed.push(edge);
          const name = edge.from.replace(/#.*$/, '');
          if (!names.has(name)) fresh.add(name);
        }
      }
    }
    for (const name of fresh) names.add(name);
    calls = [...callsWithin(source, [...fresh])];
  }
  return { given, passed };
}

type Argument = { readonly value: SyntaxNode; readonly argument: string; readonly without: readonly string[] };

const followed =
  /^(?:identifier|shorthand_property_identifier|member_expression|subscript_expression|call_expression|binary_expression)$/;

/** What a call is given: its arguments, and the values of the objects among them. */
function argumentsOf(call: SyntaxNode): readonly Argument[] {
  const parts = callOf(call);
  if (parts === null || isLogCallee(parts.callee.text)) return [];
  return parts.args.flatMap((argument, index) => valuesIn(argument, String(index), 0));
}

function valuesIn(node: SyntaxNode, argument: string, depth: number): readonly Argument[] {
  const inner = unwrap(node);
  if (inner.kind !== 'object') return followed.test(inner.kind) ? [{ value: inner, argument, without: [] }] : [];
  if (depth > 1) return [];
  return inner.children.flatMap((part, index) => {
    if (part.kind === 'spread_element') {
      const value = part.child(0);
      const after = inner.children.slice(index + 1).flatMap((one) => nameIn(one) ?? []);
      return value ? valuesIn(value, argument, depth + 1).map((one) => ({ ...one, without: after })) : [];
    }
    const name = nameIn(part);
    const value = part.kind === 'pair' ? part.child(1) : part;
    return name === null || value === null ? [] : valuesIn(value, `${argument}.${name}`, depth + 1);
  });
}

const nameIn = (part: SyntaxNode): string | null =>
  part.kind === 'pair' ? keyName(part.child(0)) : part.kind === 'shorthand_property_identifier' ? part.text : null;

function* ofRequest(
  { value, argument, without }: Argument,
  call: SyntaxNode,
  origins: readonly Origin[],
): Iterable<RequestArgument> {
  if (origins.some(isWholeRequest)) {
    yield* ofWholeRequest({ value, argument, without }, call);
    return;
  }
  const origin = origins.find((one) => one.kind === 'request');
  if (origin?.kind !== 'request' || origin.node.source !== value.source) return;
  const name = origin.path.at(-1);
  // A read under an organization's name has been looked at where it stands.
  if (name !== undefined && isOrgIdName(name)) return;
  if (name === undefined && !/^(?:body|query|params|message)$/.test(origin.part)) return;
  const argued = argumentOf({ value, argument, without }, call);
  if (argued === null) return;
  yield {
    ...argued,
    read: {
      node: origin.node,
      part: origin.part,
      name: name === undefined || name === 'argument' ? value.text : name,
    },
    schema: origin.parsed === true && origin.path.length === 0 ? letsOrgIn(origin.schema ?? null) : true,
  };
}

/** `list(request)`: the function takes what it needs out of the request. What it takes of the user is no part that a sender chose. */
function* ofWholeRequest(one: Argument, call: SyntaxNode): Iterable<RequestArgument> {
  const argued = argumentOf(one, call);
  if (argued === null || isCompared(readsOfWhole(one.value))) return;
  for (const part of ['body', 'query', 'params', 'headers', 'cookies'] as const)
    yield {
      ...argued,
      argument: `${one.argument}.${part}`,
      read: { node: one.value, part, name: one.value.text },
      schema: true,
    };
}

/** Where the request is used, also as `ctx.request` or by the `ctx` that it came in. */
function readsOfWhole(value: SyntaxNode): readonly SyntaxNode[] {
  const root = memberOf(value)?.object;
  const binding = root?.kind === 'identifier' ? bindingOf(root) : null;
  if (binding === null) return [];
  return usesOf({ node: binding.node, binding }).map((use) => (use.parent?.text === value.text ? use.parent : use));
}

/** What is the same of all that is handed on; null where it has been compared, or the function is not known. */
function argumentOf(
  { value, argument, without }: Argument,
  call: SyntaxNode,
): Omit<RequestArgument, 'read' | 'schema'> | null {
  const target = targetOf(call.child(0) ?? call);
  if (target === null) return null;
  const binding = /identifier/.test(value.kind) ? bindingOf(value) : null;
  const uses = usesOf({ node: binding?.node ?? value, binding });
  if (isCompared(uses) || hasOrgGuard(value) || isForMachines(value) || isOfOperator(value)) return null;
  const settled = settledBefore(value);
  const answers = usesOf({ node: call, binding: null });
  return {
    ...target,
    argument,
    decides: decides(call),
    without: [...without, ...settled.without, ...(binding?.without ?? [])],
    asked: settled.asked,
    isPublic: isForAnybody(value),
    answerCounts: answers.some(isTenantUse) && !isCompared(answers),
    besideOwn: isGivenOwnAsWell(call),
  };
}

const isGivenOwnAsWell = (call: SyntaxNode): boolean =>
  argumentsOf(call).some(({ value }) => {
    const name = memberOf(value)?.name ?? value.text;
    return isOrgIdName(name) && originsOf(value).every(({ kind }) => kind !== 'request') && isAuthenticated(value);
  });

function* ofParameter(
  { value, argument, without }: Argument,
  call: SyntaxNode,
  origins: readonly Origin[],
): Iterable<Passed> {
  for (const origin of origins) {
    if (origin.kind !== 'parameter' || origin.path.includes('*')) continue;
    const name = nameOf(origin.fn);
    const target = name === null ? null : targetOf(call.child(0) ?? call);
    if (target === null || isHeldToUser(origin)) continue;
    const settled = settledBefore(value);
    const binding = /identifier/.test(value.kind) ? bindingOf(value) : null;
    yield {
      ...target,
      argument,
      decides: decides(call),
      without: [...without, ...settled.without, ...(binding?.without ?? [])],
      asked: settled.asked,
      from: [`${name}#${origin.index}`, ...origin.path].join('.'),
      returned: /^(?:return_statement|arrow_function)$/.test(wrapped(call).parent?.kind ?? ''),
    };
  }
}

/** A name, a number or a flag that is handed on where nothing speaks of an organization becomes none two calls further. */
function mayHandOn({ value, argument }: Argument, call: SyntaxNode): boolean {
  let root = value;
  for (let member = memberOf(root); member !== null; member = memberOf(root)) root = unwrap(member.object);
  if (root.kind === 'call_expression') return true;
  const binding = /identifier/.test(root.kind) ? bindingOf(root) : null;
  if (binding === null || binding.kind === 'import') return false;
  if (binding.parameter === null) return binding.kind === 'variable' && isTakenOver(binding);
  if (orgLetters.test(`${value.text} ${argument} ${call.child(0)?.text ?? ''}`)) return true;
  if (/member|access|permission|belongs/i.test(call.child(0)?.text ?? '')) return true;
  const type = parametersOf(binding.parameter.fn)[binding.parameter.index]?.type ?? '';
  return root === value && !/^(?:string|number|boolean|Date|bigint|Buffer|null|undefined|['"\d])/.test(type);
}

/** What is asked of a database or of another service is nothing that the function was given. */
const isTakenOver = ({ init }: Binding): boolean => {
  const value = init === null ? null : unwrap(init);
  return (
    value !== null &&
    (value.kind !== 'call_expression' ||
      /parse|valid|cast|normali|clean|trim|String|to[A-Z]|assign/.test(value.child(0)?.text ?? ''))
  );
};

const nothing: Settled = { without: [], asked: [] };

/** `input.orgId = user.orgId`, `delete input.orgId`, `if (input.orgId !== user.orgId) throw …`, `await check(user, input.orgId)`. */
function settledBefore(value: SyntaxNode): Settled {
  let fn = functionAround(value);
  for (let outer = fn; outer !== null; outer = functionAround(outer)) fn = outer;
  if (fn === null || !/^[\w$.?!]+$/.test(value.text)) return nothing;
  const known = settled.get(fn) ?? new Map<string, Settled>();
  settled.set(fn, known);
  let found = known.get(value.text);
  if (found === undefined) {
    found = settledIn(fn, value.text);
    known.set(value.text, found);
  }
  return found;
}

const settled = new WeakMap<SyntaxNode, Map<string, Settled>>();

function settledIn(fn: SyntaxNode, text: string): Settled {
  const without: string[] = [];
  const asked: (Given & { key: string })[] = [];
  const weigh = (key: string, uses: readonly SyntaxNode[]): void => {
    if (!isOrgIdName(key)) return;
    if (isCompared(uses)) without.push(key);
    else asked.push(...uses.flatMap(givenBy).map((one) => ({ ...one, key })));
  };
  const whole = fn.source.text;
  for (let at = whole.indexOf(text, fn.start); at !== -1 && at < fn.end; at = whole.indexOf(text, at + text.length)) {
    if (/[\w$.]/.test(whole[at - 1] ?? '')) continue;
    const end = at + text.length;
    const key = /^\s*[?!]?\.\s*([\w$]+)/.exec(whole.slice(end, end + 80));
    if (key !== null && orgLetters.test(key[1] ?? '')) {
      const place = nodeAt(fn.source, end + key[0].length - 1, fn);
      const read = place.parent;
      const parent = read === null ? null : wrapped(read).parent;
      if (read?.kind !== 'member_expression' || parent === null) continue;
      if (parent.kind === 'assignment_expression' && parent.child(0) === read) without.push(place.text);
      else if (parent.kind === 'unary_expression' && parent.text.startsWith('delete')) without.push(place.text);
      else weigh(place.text, usesOf({ node: read, binding: null }));
    } else if (key === null && /\}\s*=\s*(?:await\s+)?$/.test(whole.slice(Math.max(0, at - 20), at))) {
      const declarator = nodeAt(fn.source, at, fn).above('variable_declarator');
      const scope = declarator?.above('statement_block', 'program');
      const pattern = declarator?.child(0);
      if (!scope || pattern?.kind !== 'object_pattern' || !orgLetters.test(pattern.text)) continue;
      for (const binding of declarationsIn(scope).values()) {
        const taken = binding.path.at(-1);
        if (taken !== undefined && pattern.contains(binding.node))
          weigh(taken, usesOf({ node: binding.node, binding }));
      }
    }
  }
  return { without, asked };
}

/** The call that a value is an argument of, itself or as a property of one. */
export function givenBy(use: SyntaxNode): readonly Given[] {
  let value = wrapped(use);
  let property: string | null = null;
  if (value.parent?.kind === 'arguments' && value.parent.parent?.child(0)?.text === 'String')
    value = wrapped(value.parent.parent);
  const parent = value.parent;
  if (value.kind === 'shorthand_property_identifier') property = value.text;
  else if (parent?.kind === 'pair' && parent.child(1) === value) property = keyName(parent.child(0));
  const object = value.kind === 'shorthand_property_identifier' ? value.parent : parent?.parent;
  const held = property === null || !object ? [value] : argumentsThatAre(object);
  return held.flatMap((argument) => {
    const list = argument.parent;
    const call = list?.kind === 'arguments' ? list.parent : null;
    const callee = call?.kind === 'call_expression' ? call.child(0) : null;
    const target = callee ? targetOf(callee) : null;
    if (!list || !call || target === null) return [];
    const place = String(list.children.indexOf(argument));
    return [{ ...target, argument: property === null ? place : `${place}.${property}`, decides: decides(call) }];
  });
}
