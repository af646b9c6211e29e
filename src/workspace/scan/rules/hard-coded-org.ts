import { chainAround } from '../chains.ts';
import { authOf, importEdits, requestInScope } from '../fixes.ts';
import { isOrgColumn, isOrgIdName, isOrgTable, mentionsOrg } from '../names.ts';
import type { Rule } from '../rule.ts';
import { type Binding, declaredBy, functionName, referencesOf } from '../scope.ts';
import {
  functionAround,
  keyName,
  memberOf,
  operatorOf,
  type SyntaxNode,
  stringValue,
  unwrap,
  wrapped,
} from '../syntax.ts';

/** A tenant's id written into the code: it is right for one organization at most, and wrong for all others. */
export const hardCodedOrg: Rule = {
  kind: 'hard-coded-org',
  // From the first hyphen on: of letters and digits there are too many to begin with.
  seeds: /-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi,
  *check(node, context) {
    const literal = node.kind === 'string_fragment' ? node.parent : node;
    if (!literal || !/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(stringValue(literal) ?? '')) return;
    if (!standsForOrg(literal, 0)) return;
    const reason = 'An organization id is written into the code.';
    const instruction =
      'Take the organization from the authenticated user; for local development ask for an explicit DEV_ORG_ID; for a public form let the URL or its host name the organization and look it up.';
    const request = requestInScope(literal);
    const { helpers } = context;
    if (
      request !== null &&
      helpers !== null &&
      !context.isAuthMiddleware &&
      isReplaceable(literal) &&
      authOf(request.fn, context) === 'yes'
    ) {
      const imports = importEdits(context.source, helpers, helpers.requireOrgId);
      if (imports !== null) {
        yield {
          node: literal,
          reason,
          edits: [
            { start: literal.start, end: literal.end, text: `${helpers.requireOrgId}(${request.name})` },
            ...imports,
          ],
        };
        return;
      }
    }
    yield { node: literal, reason, instruction };
  },
  examples: {
    finds: [
      `const defaultOrgId = '00000000-0000-4000-8000-000000000001';`,
      `req.user = { id: 'dev', orgId: '00000000-0000-4000-8000-000000000001' };`,
      `let orgId; orgId = process.env.X || "00000000-0000-4000-8000-000000000001";`,
      `await db.from('bookings').insert({ org_id: '00000000-0000-4000-8000-000000000001', name });`,
      `if (orgId === '00000000-0000-4000-8000-000000000001') grantAll();`,
      `const FALLBACK = '00000000-0000-4000-8000-000000000001'; db.from('calls').select('*').eq('org_id', FALLBACK);`,
      `function getEffectiveOrgId(req) { return '00000000-0000-4000-8000-000000000001'; }`,
      `await db.from('organizations').select('*').eq('id', '00000000-0000-4000-8000-000000000001').single();`,
    ],
    leaves: [
      `const voiceId = '00000000-0000-4000-8000-000000000001';`,
      `await db.from('plans').select('*').eq('id', '00000000-0000-4000-8000-000000000001');`,
      `const namespace = '6ba7b810-9dad-11d1-80b4-00c04fd430c8'; uuidv5(name, namespace);`,
      `<input placeholder="00000000-0000-4000-8000-000000000001" />`,
      `save({ user_id: '00000000-0000-4000-8000-000000000001' });`,
    ],
  },
};

/** A comparison or a constant at the top of a file cannot become a call. */
function isReplaceable(literal: SyntaxNode): boolean {
  const parent = wrapped(literal).parent;
  return parent !== null && !(parent.kind === 'binary_expression' && /^[!=]==?$/.test(operatorOf(parent)));
}

export function standsForOrg(node: SyntaxNode, depth: number): boolean {
  const value = wrapped(node);
  const parent = value.parent;
  if (parent === null) return false;
  switch (parent.kind) {
    case 'variable_declarator': {
      const name = parent.child(0);
      if (!name || name === value) return false;
      if (mentionsOrg(name.text)) return true;
      const binding = name.kind === 'identifier' ? declaredBy(name) : null;
      return binding !== null && depth < 3 && usedAsOrg(binding, depth);
    }
    case 'pair':
      return parent.child(1) === value && isOrgIdName(keyName(parent.child(0)) ?? '');
    case 'public_field_definition':
      return mentionsOrg(parent.childOfKind('property_identifier')?.text ?? '');
    case 'assignment_expression':
    case 'augmented_assignment_expression': {
      const left = parent.child(0);
      return left !== null && left !== value && isOrgIdName(memberOf(left)?.name ?? left.text);
    }
    case 'binary_expression': {
      const other = parent.children.find((child) => child !== value);
      const operator = operatorOf(parent);
      if (other && isOrgIdName(lastName(other))) return true;
      return /^(?:\|\||\?\?)$/.test(operator) && standsForOrg(parent, depth);
    }
    case 'ternary_expression':
      return parent.child(0) !== value && standsForOrg(parent, depth);
    case 'required_parameter':
    case 'optional_parameter':
    case 'assignment_pattern':
    case 'object_assignment_pattern':
      return isOrgIdName(parent.child(0)?.text ?? '');
    case 'return_statement':
    case 'arrow_function': {
      const fn = parent.kind === 'arrow_function' ? parent : functionAround(parent);
      return fn !== null && mentionsOrg(functionName(fn) ?? '');
    }
    case 'array': {
      const declarator = wrapped(parent).parent;
      return declarator?.kind === 'variable_declarator' && mentionsOrg(declarator.child(0)?.text ?? '');
    }
    case 'arguments': {
      const call = parent.parent;
      const callee = call?.child(0);
      const name = callee ? (memberOf(callee)?.name ?? callee.text) : '';
      if (!call || name === '') return false;
      if (/^(?:eq|neq|filter|is|contains)$/.test(name)) {
        const column = stringValue(parent.child(0)) ?? '';
        return isOrgColumn(column) || (column === 'id' && isOrgTable(chainAround(call)?.table ?? ''));
      }
      if (/^(?:set|append|setItem|header)$/.test(name)) return isOrgIdName(stringValue(parent.child(0)) ?? '');
      return /^(?:use(?:State|Ref)|String)$/.test(name) ? standsForOrg(call, depth) : false;
    }
    case 'jsx_attribute':
      return isOrgIdName(parent.child(0)?.text ?? '');
    case 'jsx_expression':
      return parent.parent?.kind === 'jsx_attribute' && isOrgIdName(parent.parent.child(0)?.text ?? '');
    default:
      return false;
  }
}

function usedAsOrg(binding: Binding, depth: number): boolean {
  return referencesOf(binding).some(
    (reference) =>
      standsForOrg(reference, depth + 1) ||
      (reference.kind === 'shorthand_property_identifier' && isOrgIdName(reference.text)),
  );
}

function lastName(node: SyntaxNode): string {
  const inner = unwrap(node);
  return memberOf(inner)?.name ?? (/identifier/.test(inner.kind) ? inner.text : '');
}
