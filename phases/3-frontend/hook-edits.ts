import { applyEdits } from '../../src/workspace/edit.ts';
import { importEdits, indentAt } from '../../src/workspace/scan/fixes.ts';
import { isOrgName } from '../../src/workspace/scan/names.ts';
import { declarationsIn, functionName } from '../../src/workspace/scan/scope.ts';
import {
  functionAround,
  memberOf,
  nodeAt,
  parseSource,
  type Source,
  type SyntaxNode,
  wrapped,
} from '../../src/workspace/scan/syntax.ts';
import type { Finding, TextEdit } from '../../src/workspace/scan/types.ts';
import { countOf, offsetOf } from '../code/nodes.ts';
import { guard, nameIn } from './callers.ts';
import type { Hook } from './hook.ts';
import { isDependencies, isGuardable, nullUsesOf, toleratesNull } from './null-uses.ts';

/** The hook as a file calls it. */
export type HookCall = Pick<Hook, 'name' | 'keys' | 'isDefault'> & {
  /** The module specifier for this file. */
  readonly from: string;
  /** Files of the app router are components of the server unless they say otherwise. */
  readonly serverFirst: boolean;
};

/**
 * Lets components take the organization from the hook instead of `user_metadata`, one place at a time. A place where no
 * hook can be called (a class, a plain function, a provider that the hook may need itself) stays, as does one where the
 * value is needed at once and its type does not say so.
 */
export async function readThroughHook(
  file: string,
  text: string,
  findings: (text: string) => Promise<readonly Finding[]>,
  hook: HookCall,
): Promise<string> {
  // The provider of the session stands above every component that may call the hook.
  if (/\bcreateContext\s*[<(]/.test(text)) return text;
  let now = text;
  const left = new Set<string>();
  for (let round = 0; round < 20; round += 1) {
    const open = (await findings(now)).find(
      (one) => one.file === file && one.kind === 'user-metadata-org' && !left.has(one.id),
    );
    if (open === undefined) break;
    const next = await withHook(file, now, open, hook);
    if (next === null) left.add(open.id);
    else now = next;
  }
  return now;
}

async function withHook(file: string, text: string, finding: Finding, hook: HookCall): Promise<string | null> {
  const source = await parseSource(file, text);
  if (source.errorAt !== null) return null;
  const place = placeOf(source, finding, hook);
  if (place === null) return null;
  const edited = declared(place, hook) ?? inserted(place, hook);
  if (edited === null) return null;
  const next = applyEdits(text, edited.edits);
  const result = await finished(file, next, edited.name, hook);
  return result === null ? null : withImport(file, result, hook);
}

type Place = {
  readonly source: Source;
  readonly component: SyntaxNode;
  readonly body: SyntaxNode;
  /** What gives the organization, casts and fallbacks of the same kind included. */
  readonly value: SyntaxNode;
  /** `const x = value`, where it stands in one. */
  readonly declarator: SyntaxNode | null;
};

type Edited = { readonly edits: readonly TextEdit[]; readonly name: string };

function placeOf(source: Source, finding: Finding, hook: HookCall): Place | null {
  const node = nodeAt(source, offsetOf(source.text, finding));
  const component = componentAround(node);
  const body = component?.childOfKind('statement_block') ?? null;
  if (component === null || body === null) return null;
  const isClient = /^\s*['"]use client['"]/m.test(source.text) || /\buse[A-Z]\w*\s*[(<]/.test(body.text);
  if (hook.serverFirst && !isClient) return null;
  const pattern = node.above('object_pattern') ?? (node.kind === 'object_pattern' ? node : null);
  const target = pattern?.parent;
  if (pattern && target?.kind === 'variable_declarator' && target.child(0) === pattern) {
    const value = target.child(-1);
    return value && pattern.children.length === 1 ? { source, component, body, value, declarator: target } : null;
  }
  const read = readAt(node);
  if (read === null) return null;
  const value = wholeOf(read);
  const declarator =
    value.parent?.kind === 'variable_declarator' && value.parent.child(-1) === value ? value.parent : null;
  return { source, component, body, value, declarator };
}

/** The component or the hook in which a node stands: where another hook may be called. */
function componentAround(node: SyntaxNode): SyntaxNode | null {
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) {
    if (fn.kind === 'method_definition' || /^async\b/.test(fn.text)) {
      if (fn.kind === 'method_definition') return null;
      continue;
    }
    if (isComponent(fn)) return fn;
  }
  return null;
}

function isComponent(fn: SyntaxNode): boolean {
  const name = functionName(fn);
  if (name !== null) return /^(?:[A-Z]|use[A-Z])/.test(name);
  // `const Card = memo(() => …)`, `export default () => …` of a file with elements
  const call = fn.parent?.kind === 'arguments' ? fn.parent.parent : null;
  if (call && /^(?:React\.)?(?:memo|forwardRef)$|^observer$/.test(call.child(0)?.text ?? '')) return true;
  return fn.parent?.kind === 'export_statement' && /<[A-Za-z]/.test(fn.text);
}

/** `user?.user_metadata?.org_id` from its first word on. */
function readAt(node: SyntaxNode): SyntaxNode | null {
  let at = node;
  for (;;) {
    const member = memberOf(at);
    if (member !== null && isOrgName(member.name)) return at;
    const parent = wrapped(at).parent;
    const goesOn = parent !== null && (memberOf(parent) !== null || parent.kind === 'call_expression');
    if (!goesOn || !parent.child(0)?.contains(at)) return null;
    at = parent;
  }
}

/** With casts, and with `||` and `??` beside which the same is read from `app_metadata`, or nothing. */
function wholeOf(read: SyntaxNode): SyntaxNode {
  let at = wrapped(read);
  for (;;) {
    const { parent } = at;
    if (parent?.kind !== 'binary_expression') return at;
    const [left, right] = parent.children;
    if (!left || !right || !/^\s*(?:\|\||\?\?)/.test(left.source.text.slice(left.end, right.start))) return at;
    const other = left === at ? right : left;
    const same = /\b(?:app|user)_metadata\b/.test(other.text) || /^(?:null|undefined|''|"")$/.test(other.text);
    if (!same) return at;
    at = wrapped(parent);
  }
}

const castOf = (value: SyntaxNode): string => {
  const inner = value.kind === 'parenthesized_expression' ? value.child(0) : value;
  return inner?.kind === 'as_expression' ? (inner.child(-1)?.text ?? '') : '';
};

const isTyped = (source: Source): boolean => /\.[cm]?tsx?$/.test(source.path);

/** `const orgId = user?.user_metadata?.org_id` at the top of a component becomes `const { orgId } = useOrg()`. */
function declared({ source, component, body, declarator }: Place, hook: HookCall): Edited | null {
  const statement = declarator?.parent;
  const target = declarator?.child(0);
  if (!declarator || !target || statement?.parent !== body || statement.children.length !== 1) return null;
  if (!/^const\b/.test(statement.text) || declarator.childOfKind('type_annotation') !== null) return null;
  const [entry] = target.kind === 'object_pattern' ? target.children : [target];
  const name = entry?.kind === 'pair_pattern' ? entry.child(1) : entry;
  if (!name || !/^(?:identifier|shorthand_property_identifier_pattern)$/.test(name.kind)) return null;
  if (existing(body, hook) !== null || mayReturnBefore(statement, body)) return null;
  const binding = declarationsIn(body).get(name.text);
  if (!binding) return null;
  const uses = nullUsesOf(binding, component);
  const typed = isTyped(source) && !uses.accepted;
  if (uses.unclear || (uses.redirects.length > 0 && (typed || loadingKey(hook) === null))) return null;
  if (typed) {
    const value = `${hook.name}()${hook.keys === null ? '' : `.${idKey(hook)}`}`;
    const edit = { start: declarator.start, end: declarator.end, text: `${name.text} = ${value} as string` };
    return { edits: [edit], name: name.text };
  }
  const loading = loadingName(source);
  const waits = uses.redirects.flatMap((one) => waitEdits(one, loading));
  const wanted = [
    take(idKey(hook), name.text),
    ...(uses.redirects.length > 0 ? [take(loadingKey(hook) ?? '', loading)] : []),
  ];
  const pattern = hook.keys === null ? name.text : `{ ${wanted.join(', ')} }`;
  return {
    edits: [{ start: declarator.start, end: declarator.end, text: `${pattern} = ${hook.name}()` }, ...waits],
    name: name.text,
  };
}

/** The hook at the top of the component, and its value where the organization was read. */
function inserted({ source, component, body, value, declarator }: Place, hook: HookCall): Edited | null {
  const first = body.child(0);
  if (first === null || declarator?.child(0)?.kind === 'object_pattern') return null;
  const { text } = source;
  const known = existing(body, hook);
  const name = known ?? ['orgId', 'currentOrgId', 'sessionOrgId'].find((one) => countOf(text, one) === 0);
  if (name === undefined || redirectsOn(value, component)) return null;
  const cast = castOf(value);
  const free = declarator === null && cast === '' && (toleratesNull(value, component) || isGuardable(value, component));
  const typed = isTyped(source) && !free && !/^string \| null$/.test(cast);
  // A promise of `undefined` is kept; any other place is told what it was told before.
  const given = !typed ? name : cast === 'string | undefined' ? `${name} ?? undefined` : `${name} as string`;
  const bare = declarator !== null && (!typed || cast !== 'string | undefined');
  const edits: TextEdit[] = [
    { start: value.start, end: value.end, text: given === name || bare ? given : `(${given})` },
    ...dependencyEdits(value, component, name),
  ];
  if (known === null) {
    const newline = text.includes('\r\n') ? '\r\n' : '\n';
    const end = /;\s*$/.test(first.text) ? ';' : '';
    const pattern = hook.keys === null ? name : `{ ${take(idKey(hook), name)} }`;
    edits.push({
      start: first.start,
      end: first.start,
      text: `const ${pattern} = ${hook.name}()${end}${newline}${indentAt(text, first.start)}`,
    });
  }
  return { edits, name };
}

const take = (key: string, name: string): string => (key === name ? key : `${key}: ${name}`);

const idKey = ({ keys }: HookCall): string => keys?.find(([, meaning]) => meaning === 'orgId')?.[0] ?? 'orgId';
const loadingKey = ({ keys }: HookCall): string | null =>
  keys?.find(([, meaning]) => meaning === 'loading')?.[0] ?? null;
const loadingName = ({ text }: Source): string => (countOf(text, 'loading') === 0 ? 'loading' : 'orgLoading');

/** The name under which the component has the organization from the hook already. */
function existing(body: SyntaxNode, hook: HookCall): string | null {
  for (const statement of body.children) {
    for (const declarator of statement.children) {
      const [target, value] = [declarator.child(0), declarator.child(-1)];
      if (declarator.kind !== 'variable_declarator' || !target || value?.text !== `${hook.name}()`) continue;
      const name = nameIn(target, hook);
      if (name !== null) return name;
    }
  }
  return null;
}

/** A hook that stands behind a `return` is not called each time. */
function mayReturnBefore(statement: SyntaxNode, body: SyntaxNode): boolean {
  return body.children.some(
    (one) =>
      one.end <= statement.start &&
      /^(?:if|switch|try|for|while|return)_/.test(one.kind) &&
      /\breturn\b/.test(one.text),
  );
}

/** The test that decides with this value whether somebody is sent elsewhere. */
function redirectsOn(value: SyntaxNode, component: SyntaxNode): boolean {
  const fn = functionAround(value);
  const scope = fn === null || fn === component ? component : fn;
  return /\b(?:router|history)\s*\??\.\s*(?:push|replace)\s*\(|\b(?:navigate|redirect)\s*\(|\blocation\b|<(?:Navigate|Redirect)\b/.test(
    scope.text,
  );
}

/** `if (!orgId) router.push('/login')` waits until the organization is known, or known to be none. */
function waitEdits(statement: SyntaxNode, loading: string): readonly TextEdit[] {
  const condition = statement.child(0);
  if (condition === null) return [];
  const inner = condition.kind === 'parenthesized_expression' ? (condition.child(0) ?? condition) : condition;
  const simple = !/\|\||\?/.test(inner.text);
  const edits: TextEdit[] = [
    {
      start: inner.start,
      end: inner.end,
      text: simple ? `!${loading} && ${inner.text}` : `!${loading} && (${inner.text})`,
    },
  ];
  const fn = functionAround(statement);
  const array = fn?.parent?.child(-1);
  if (fn && array?.kind === 'array' && isDependencies(array)) edits.push(...appended(array, loading));
  return edits;
}

/** The value is one more of what an effect or a callback depends on. */
function dependencyEdits(value: SyntaxNode, component: SyntaxNode, name: string): readonly TextEdit[] {
  for (let fn = functionAround(value); fn !== null && fn !== component; fn = functionAround(fn)) {
    const array = fn.parent?.child(-1);
    if (array?.kind === 'array' && isDependencies(array)) return appended(array, name);
  }
  return [];
}

function appended(array: SyntaxNode, name: string): readonly TextEdit[] {
  if (array.children.some((one) => one.text === name)) return [];
  const last = array.child(-1);
  const at = last === null ? array.start + 1 : last.end;
  return [{ start: at, end: at, text: last === null ? name : `, ${name}` }];
}

/** Effects and handlers that ask for something of the organization wait for it. */
async function finished(file: string, text: string, name: string, hook: HookCall): Promise<string | null> {
  const source = await parseSource(file, text);
  return source.errorAt === null ? guard(file, text, hook, name) : null;
}

async function withImport(file: string, text: string, hook: HookCall): Promise<string> {
  const source = await parseSource(file, text);
  if (hook.isDefault && new RegExp(`import\\s+${hook.name}\\b`).test(text)) return text;
  const helpers = { requireOrgId: '', assertSameOrg: '', importPath: () => hook.from };
  const edited = applyEdits(text, importEdits(source, helpers, hook.name) ?? []);
  return hook.isDefault ? edited.replace(`import { ${hook.name} }`, `import ${hook.name}`) : edited;
}
