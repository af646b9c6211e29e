import { isOrgIdName } from './names.ts';
import { originsOfCall } from './origin-of-call.ts';
import { originsOfParameter } from './origin-of-parameter.ts';
import { globalOrigin, type Origin, parts, requestOrigin } from './origin-of-path.ts';
import type { Walk } from './origin-walk.ts';
import { assignmentsTo, type Binding, bindingOf, importedBy } from './scope.ts';
import { keyName, memberOf, operatorOf, type SyntaxNode, stringValue, unwrap } from './syntax.ts';

/** More steps than any hand-written assignment takes; a guard against cycles that names alone do not show. */
const maxDepth = 24;

/** Where the value of an expression comes from, through aliases, destructuring, fallbacks and calls in this file. */
export function originsOf(expression: SyntaxNode): readonly Origin[] {
  let origins = known.get(expression);
  if (origins === undefined) {
    origins = walk(expression, [], { frame: null, depth: 0, calls: 0, seen: new Set() });
    known.set(expression, origins);
  }
  return origins;
}

/** Several rules ask about the same expressions; trees are shared, so are the answers. */
const known = new WeakMap<SyntaxNode, readonly Origin[]>();

/** Where the value of a binding comes from, as `originsOf` its identifier. */
export function originsOfBinding(binding: Binding): readonly Origin[] {
  return walkBinding(binding, [], { frame: null, depth: 0, calls: 0, seen: new Set() });
}

function walk(expression: SyntaxNode, path: readonly string[], at: Walk): readonly Origin[] {
  const node = unwrap(expression);
  if (at.depth > maxDepth) return [{ kind: 'unknown', node, path }];
  const deeper: Walk = { ...at, depth: at.depth + 1 };
  switch (node.kind) {
    case 'identifier':
    case 'shorthand_property_identifier':
    case 'shorthand_property_identifier_pattern': {
      if (node.text === 'undefined') return [];
      const binding = bindingOf(node);
      return binding ? walkBinding(binding, path, deeper, node) : globalOrigin(node, path);
    }
    case 'member_expression':
    case 'subscript_expression': {
      const member = memberOf(node);
      if (member === null) {
        const object = node.child(0);
        return object ? walk(object, ['*', ...path], deeper) : [];
      }
      const special = specialMember(node, member.object, member.name, path, deeper);
      return (
        special ??
        walk(member.object, [member.name, ...path], deeper).map((origin) =>
          origin.path.length >= path.length + 1 || origin.kind !== 'request'
            ? { ...origin, node: pickNode(origin, node) }
            : origin,
        )
      );
    }
    case 'binary_expression': {
      const [left, right] = node.children;
      const operator = operatorOf(node);
      if (!left || !right) return [];
      if (operator === '&&') return walk(right, path, deeper);
      if (operator === '||' || operator === '??') return [...walk(left, path, deeper), ...walk(right, path, deeper)];
      if (operator === '+') return [...walk(left, path, deeper), ...walk(right, path, deeper)];
      return [];
    }
    case 'ternary_expression': {
      const [, yes, no] = node.children;
      return [...(yes ? walk(yes, path, deeper) : []), ...(no ? walk(no, path, deeper) : [])];
    }
    case 'assignment_expression':
    case 'augmented_assignment_expression': {
      const right = node.child(1);
      return right ? walk(right, path, deeper) : [];
    }
    case 'object':
      return walkObject(node, path, deeper);
    case 'array': {
      const [head, ...rest] = path;
      const items =
        head !== undefined && /^\d+$/.test(head) ? node.children.slice(Number(head), Number(head) + 1) : node.children;
      return items.flatMap((item) =>
        walk(item.kind === 'spread_element' ? (item.child(0) ?? item) : item, rest, deeper),
      );
    }
    case 'string':
      return [{ kind: 'literal', node, path, value: node.text.slice(1, -1) }];
    case 'template_string': {
      const value = stringValue(node);
      if (value !== null) return [{ kind: 'literal', node, path, value }];
      return node.children.flatMap((part) => {
        const inner = part.kind === 'template_substitution' ? part.child(0) : null;
        return inner ? walk(inner, path, deeper) : [];
      });
    }
    case 'call_expression':
    case 'new_expression':
      return originsOfCall(node, path, deeper, walk);
    case 'null':
    case 'undefined':
    case 'number':
    case 'true':
    case 'false':
      return [];
    default:
      return [{ kind: 'unknown', node, path }];
  }
}

/** The place to show for a read: where the property is named, rather than the request object as a whole. */
function pickNode(origin: Origin, read: SyntaxNode): SyntaxNode {
  return origin.node.source === read.source && read.contains(origin.node) ? read : origin.node;
}

function walkObject(node: SyntaxNode, path: readonly string[], at: Walk): readonly Origin[] {
  const [head, ...rest] = path;
  if (head === undefined) return [{ kind: 'unknown', node, path }];
  const found: Origin[] = [];
  for (const part of node.children) {
    if (part.kind === 'pair') {
      const value = part.child(1);
      if (value && (head === '*' || keyName(part.child(0)) === head)) return walk(value, rest, at);
    } else if (part.kind === 'shorthand_property_identifier' && part.text === head) {
      return walk(part, rest, at);
    } else if (part.kind === 'spread_element') {
      const inner = part.child(0);
      if (inner) found.push(...walk(inner, path, at));
    }
  }
  return found;
}

function walkBinding(binding: Binding, path: readonly string[], at: Walk, use?: SyntaxNode): readonly Origin[] {
  const key = `${binding.scope.source.path}:${binding.node.start}:${path.join('.')}`;
  if (at.seen.has(key)) return [];
  const deeper: Walk = { ...at, depth: at.depth + 1, seen: new Set(at.seen).add(key) };
  const full = [...binding.path, ...path];
  const found: Origin[] = [];
  const imported = importedBy(binding);
  if (binding.without !== null && path[0] !== undefined && binding.without.includes(path[0])) return [];
  if (binding.parameter !== null) found.push(...originsOfParameter(binding, full, deeper, walk));
  else if (imported !== null) {
    const rest = binding.kind === 'import' ? path : full.slice(binding.path.length > 0 ? 1 : 0);
    return [{ kind: 'unknown', node: use ?? binding.node, path: [imported.module, imported.name, ...rest] }];
  } else if (binding.kind === 'function' || binding.kind === 'class' || binding.kind === 'catch') {
    return [{ kind: 'unknown', node: use ?? binding.node, path }];
  } else if (binding.init !== null) {
    found.push(...walk(binding.init, full, deeper).map((origin) => destructured(origin, binding)));
  }
  if (binding.fallback !== null) found.push(...walk(binding.fallback, path, deeper));
  for (const { node, value } of assignmentsTo(binding)) {
    if (node.kind === 'augmented_assignment_expression' && !/^(?:\|\||\?\?)=$/.test(operatorOf(node))) continue;
    found.push(...walk(value, path, deeper));
  }
  return found;
}

/** A value taken by destructuring is read where the pattern names it. */
function destructured(origin: Origin, binding: Binding): Origin {
  if (binding.path.length === 0 || origin.kind !== 'request') return origin;
  return isOrgIdName(origin.path.at(-1) ?? '') || origin.path.length <= binding.path.length
    ? { ...origin, node: binding.node }
    : origin;
}

/** Members that mean something whatever their object is. */
function specialMember(
  node: SyntaxNode,
  object: SyntaxNode,
  name: string,
  path: readonly string[],
  at: Walk,
): readonly Origin[] | null {
  if (/^(?:user_metadata|raw_user_meta_data|userMetadata|app_metadata|raw_app_meta_data|appMetadata)$/.test(name)) {
    // The claims of a token that was only decoded are the sender's, whatever they are called.
    const sent = walk(object, [], at).find((origin) => origin.kind === 'request');
    if (sent?.kind === 'request') return [{ ...sent, node, path: [...sent.path, name, ...path] }];
    return /user/i.test(name)
      ? [{ kind: 'user-metadata', node, path }]
      : [{ kind: 'auth', node, path: [name, ...path] }];
  }
  if (name === 'env' && /^(?:process|import\.meta)$/.test(object.text)) return [{ kind: 'environment', node, path }];
  if (/^(?:localStorage|sessionStorage)$/.test(name)) return [{ kind: 'storage', node, path }];
  if (name === 'locals' && /^res(?:ponse)?$/.test(object.text)) return [{ kind: 'auth', node, path }];
  // socket.io: what the browser sent with its first request; `auth` is named by what it is for.
  if (name === 'handshake')
    return path[0] === 'auth'
      ? [{ kind: 'request', part: 'message', node, path: path.slice(1) }]
      : requestOrigin(node, path);
  const part = parts[name];
  if (part === undefined) return null;
  const base = walk(object, [], at);
  const request = base.find((origin) => origin.path.length === 1 && origin.path[0] === 'request');
  return request ? [{ kind: 'request', part, node, path }] : null;
}
