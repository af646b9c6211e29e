import { functionOf } from './functions.ts';
import { type Binding, bindingOf, declarationIn, escapeRegExp, functionName, importedBy, placesOf } from './scope.ts';
import { callOf, isFunction, memberOf, type Source, type SyntaxNode, unwrap } from './syntax.ts';

/** The function that a call reaches, as the file that calls it knows it. */
export type Target = {
  /** The module that it comes from; null: this file has it. */
  readonly module: string | null;
  /** What is imported from there, or the function of this file. */
  readonly name: string;
  /** The method or property of what is imported that is called; null where that is called itself. */
  readonly member: string | null;
};

/** Calls that are looked for in a file. */
export type Sought = {
  /** Modules, as the file names them, that have such functions or pass them on. */
  readonly modules: readonly string[];
  /** Names of functions, and those under which modules pass them on. */
  readonly names: readonly string[];
  /** Functions of the file itself. */
  readonly own: readonly string[];
};

/** What a callee reaches: `load`, `calls.load`, `service.load` of a `new CallService()`, `this.service.load` of a typed field. */
export function targetOf(callee: SyntaxNode): Target | null {
  const inner = unwrap(callee);
  if (inner.kind === 'identifier') {
    const binding = bindingOf(inner);
    if (binding === null) return null;
    const imported = importedBy(binding);
    if (imported !== null) return { ...imported, member: null };
    return isOwnFunction(binding) ? { module: null, name: binding.name, member: null } : null;
  }
  const member = memberOf(inner);
  if (member === null) return null;
  const object = unwrap(member.object);
  if (/^(?:this|super)$/.test(object.kind)) return { module: null, name: member.name, member: null };
  const holder = originOfObject(object);
  if (holder === null) return null;
  return holder === 'own'
    ? { module: null, name: member.name, member: null }
    : { module: holder.module, name: holder.name, member: member.name };
}

const isOwnFunction = (binding: Binding): boolean => binding.kind === 'function' || functionOf(binding) !== null;

type Holder = NonNullable<Binding['imported']> | 'own' | null;

function originOfObject(object: SyntaxNode): Holder {
  if (object.kind === 'identifier') {
    const binding = bindingOf(object);
    return binding === null ? null : originOfBinding(binding);
  }
  const field = memberOf(object);
  if (field !== null && unwrap(field.object).kind === 'this') return originOfField(object, field.name);
  return madeBy(object);
}

function originOfBinding(binding: Binding): Holder {
  const imported = importedBy(binding);
  if (imported !== null) return imported;
  if (binding.kind === 'class') return 'own';
  if (binding.parameter !== null) {
    const type = binding.path.length === 0 ? binding.node.parent?.childOfKind('type_annotation') : null;
    return type ? named(/^:\s*([A-Z][\w$]*)/.exec(type.text)?.[1], binding.scope.source) : null;
  }
  if (binding.init === null || binding.path.length > 0) return null;
  return unwrap(binding.init).kind === 'object' ? 'own' : madeBy(binding.init);
}

/** `new CallService(db)`, `makeCalls(db)`, `CallService.instance()`, `container.get(CallService)`. */
function madeBy(expression: SyntaxNode): Holder {
  const call = callOf(unwrap(expression));
  if (call === null) return null;
  const callee = unwrap(call.callee);
  const base = callee.kind === 'identifier' ? callee : memberOf(callee)?.object;
  const binding = base?.kind === 'identifier' ? bindingOf(base) : null;
  const asked = call.args[0];
  const made = asked?.kind === 'identifier' && /^[A-Z]/.test(asked.text) ? named(asked.text, expression.source) : null;
  if (made !== null) return made;
  if (binding === null) return null;
  if (binding.kind === 'class') return 'own';
  return importedBy(binding);
}

function named(name: string | undefined, { root }: Source): Holder {
  const binding = name === undefined ? null : declarationIn(root, name);
  if (binding === null) return null;
  return binding.kind === 'class' ? 'own' : importedBy(binding);
}

const fields = new WeakMap<SyntaxNode, Map<string, Holder>>();

/** What a field of a class holds, by its type, by what it is made with, or by the constructor's parameter. */
function originOfField(node: SyntaxNode, field: string): Holder {
  const body = node.above('class_body');
  if (body === null) return null;
  let known = fields.get(body);
  if (known === undefined) {
    known = new Map();
    fields.set(body, known);
  }
  let holder = known.get(field);
  if (holder === undefined) {
    const name = escapeRegExp(field);
    const { text, source } = body;
    const type = new RegExp(`(?<![\\w$.])${name}\\s*[!?]?\\s*:\\s*([A-Z][\\w$]*)`).exec(text)?.[1];
    const made = new RegExp(
      `(?<![\\w$])${name}\\s*(?::[^=;\\n]+)?=\\s*(?:new\\s+)?([A-Za-z_$][\\w$]*)[^(;\\n]*\\(\\s*([A-Z][\\w$]*)?`,
    ).exec(text);
    holder = named(type, source) ?? named(made?.[2], source) ?? named(made?.[1], source);
    known.set(field, holder);
  }
  return holder;
}

/** A path, an alias, or a package under a scope, which may be one of the workspace. */
const isOfApp = (module: string): boolean =>
  /^(?:\.|~|#|\$|@\/|@[\w-]+\/|[\w-]+\/)/.test(module) &&
  !/^(?:next|react|react-dom|hono|drizzle-orm|rxjs|lodash|date-fns|firebase|@supabase|@trpc|@tanstack|@sveltejs|@radix-ui|@hookform|@prisma|@nestjs|@aws-sdk|@sentry|@types|@testing-library)\//.test(
    module,
  );

/** What every file uses: clients, logs, settings, errors, answers. None of these is a function that a query stands in. */
const ofEveryFile =
  /^(?:\w*[pP]risma\w*|\w*[lL]og(?:ger)?\w*|log[A-Z]\w*|db|pool|supabase\w*|\w*[sS]upabase(?:Client)?|env|\w*[cC]onfig\w*|\w*(?:Error|Exception|Schema|Dto|DTO|Module|Guard|Decorator|Type|Props|Enum)|Public|cn|t|[A-Z][A-Z0-9_]*|Inject\w*|\w*(?:Redis|Metrics|Clock)\w*)$/;

const imports =
  /\bimport\b([^;'"]*)\bfrom\s*['"]([^'"]+)['"]|\b(?:const|let|var)\s+([\w$]+|\{[^}]*\})\s*=\s*(?:await\s+)?(?:require|import)\s*\(\s*['"]([^'"]+)['"]/g;

/** Names by which a file knows what other files of the app give it, by module; components and hooks are given no tenant. */
function importsOfApp({ text }: Source): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const [, clause, from = '', pattern, required = ''] of text.matchAll(imports)) {
    const module = clause === undefined ? required : from;
    if (!isOfApp(module)) continue;
    for (const [name] of (clause ?? pattern ?? '').matchAll(/(?<![\w$])(?!use[A-Z]|type\b|as\b)[A-Za-z_$][\w$]*/g))
      if (!ofEveryFile.test(name)) found.set(module, (found.get(module) ?? new Set()).add(name));
  }
  return found;
}

/** Modules of the app whose functions a file may call. */
export const modulesOfApp = (source: Source): readonly string[] => [...importsOfApp(source).keys()];

const typed = /(?<![\w$.])([A-Za-z_$][\w$]*)\s*[!?]?\s*:\s*$/;
const made = /(?<![\w$.])([A-Za-z_$][\w$]*)\s*(?::[^=;\n]{0,80})?=\s*(?:await\s+)?(?:new\s+|[\w$.]+\s*\(\s*)?$/;

/** Variables, parameters and fields that hold what is made of, or typed as, one of the names. */
function holdersOf(names: ReadonlySet<string>, { text }: Source): readonly string[] {
  const found: string[] = [];
  for (const { index } of text.matchAll(wordOf(names))) {
    // Most words stand in a call or an import: what comes right before them says so without a look further back.
    let end = index;
    while (/\s/.test(text[end - 1] ?? '')) end -= 1;
    const last = text[end - 1] ?? '';
    if (!/[:=(wt]/.test(last)) continue;
    const before = text.slice(Math.max(0, index - 120), index);
    const holder = last === ':' ? typed.exec(before) : made.exec(before);
    if (holder?.[1] !== undefined) found.push(holder[1]);
  }
  return found;
}

const wordOf = (names: Iterable<string>): RegExp =>
  new RegExp(`(?<![\\w$.])(?:${[...names].map(escapeRegExp).join('|')})(?![\\w$])`, 'g');

const open = '(?:<[^()\\n]{1,80}>)?\\(';
const given = '(?:<[^()\\n]{1,80}>)?\\(\\s*[^)\\s]';

/** Calls of the functions that are sought; `bare`: also those that are given nothing. */
export function callsToApp(source: Source, { modules, names: sought }: Sought, bare = false): readonly SyntaxNode[] {
  if (modules.length === 0) return [];
  const known = importsOfApp(source);
  const names = new Set(modules.flatMap((module) => [...(known.get(module) ?? [])]));
  if (names.size === 0) return [];
  for (const name of holdersOf(names, source)) names.add(name);
  const called = [...names].map(escapeRegExp).join('|');
  const member = `(?:${sought.map(escapeRegExp).join('|')})`;
  return callsAt(
    source,
    `(?<![\\w$.])(?:this\\s*\\.\\s*)?(?:${called})(?=\\s*(?:\\??\\.\\s*${member}\\s*)?${bare ? open : given}|\\s*\\([^()\\n]*\\)\\s*\\.\\s*${member}\\s*\\()`,
  );
}

/** Calls of functions and methods of the file itself. */
export function callsWithin(source: Source, names: readonly string[], bare = false): readonly SyntaxNode[] {
  if (names.length === 0) return [];
  const called = names.map(escapeRegExp).join('|');
  return callsAt(source, `(?<![\\w$.])(?:(?:this|super)\\s*\\.\\s*)?(?:${called})(?=\\s*${bare ? open : given})`);
}

function callsAt(source: Source, pattern: string): readonly SyntaxNode[] {
  return placesOf(source, new RegExp(pattern, 'g')).flatMap((place) => callAt(place) ?? []);
}

/** `load(…)`, `calls.load(…)`, `this.calls.load(…)`, `new CallService().load(…)` */
function callAt(place: SyntaxNode): SyntaxNode | null {
  let at = place;
  for (let parent = at.parent; parent !== null; at = parent, parent = at.parent) {
    if (parent.child(0) !== at) return null;
    if (parent.kind === 'call_expression') return parent;
    if (!/^(?:member_expression|new_expression)$/.test(parent.kind)) return null;
  }
  return null;
}

/** The name by which others reach a function; `default` for one that has none of its own. */
export function nameOf(fn: SyntaxNode): string | null {
  const name = functionName(fn);
  if (name === 'exports') return 'default';
  if (name !== null) return name;
  const outer = fn.parent;
  return isFunction(fn) && outer?.kind === 'export_statement' && /^export\s+default\b/.test(outer.text.slice(0, 30))
    ? 'default'
    : null;
}
