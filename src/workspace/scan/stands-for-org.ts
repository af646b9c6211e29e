import { chainAround } from './chains.ts';
import { isOrgColumn, isOrgIdName, isOrgTable, mentionsOrg } from './names.ts';
import { type Binding, declaredBy, functionName, referencesOf } from './scope.ts';
import {
  functionAround,
  keyName,
  memberOf,
  operatorOf,
  type SyntaxNode,
  stringValue,
  unwrap,
  wrapped,
} from './syntax.ts';

/** Whether what stands at a node becomes, or is compared with, the id of an organization. */
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
