import type { Rule } from '../rule.ts';
import { memberOf, type SyntaxNode } from '../syntax.ts';
import type { TextEdit } from '../types.ts';
import { vocabulary } from '../vocabulary.ts';

/** The browser tells the API which tenant it is; whoever sends the request chooses the tenant. */
export const browserOrgHeader: Rule = {
  kind: 'browser-org-header',
  seeds: ({ side }) => (side === 'server' ? null : vocabulary().header),
  *check(node) {
    const literal = node.kind === 'string_fragment' ? node.parent : node;
    const parent = literal?.parent;
    if (!literal || !parent) return;
    const reason = 'The browser sends the organization in a header, which the API must not trust.';
    if (parent.kind === 'pair' && parent.child(0) === literal) {
      yield { node: parent, reason, edits: removalOf(parent) };
      return;
    }
    const target = parent.kind === 'computed_property_name' ? parent.parent : null;
    if (target?.kind === 'pair') {
      yield { node: target, reason, edits: removalOf(target) };
      return;
    }
    const instruction = 'Leave the header out: the API takes the organization from the token.';
    if (parent.kind === 'arguments' && parent.child(0) === literal && parent.children.length > 1) {
      const call = parent.parent;
      const name = call ? memberOf(call.child(0) ?? call)?.name : null;
      if (call && name && /^(?:set|append|setRequestHeader|setHeader|header)$/.test(name))
        yield { node: call, reason, instruction };
      return;
    }
    if (parent.kind === 'subscript_expression') {
      const assignment = parent.parent;
      if (assignment?.kind === 'assignment_expression' && assignment.child(0) === parent)
        yield { node: assignment, reason, instruction };
    }
  },
  examples: {
    finds: [
      {
        path: 'src/components/pulse.tsx',
        code: `const load = (url, id) => fetch(url, { headers: { 'x-org-id': id, Accept: 'text/plain' } });`,
        fixed: `const load = (url, id) => fetch(url, { headers: { Accept: 'text/plain' } });`,
      },
      {
        path: 'src/components/pulse.tsx',
        code: `fetch(url, {\n  headers: {\n    Accept: 'a',\n    "X-Org-Id": id,\n  },\n});`,
        fixed: `fetch(url, {\n  headers: {\n    Accept: 'a',\n  },\n});`,
      },
      {
        path: 'src/lib/api.tsx',
        code: `fetch(url, { headers: { ...auth, ...(held ? { 'X-Org-Id': held } : {}) } });`,
        fixed: `fetch(url, { headers: { ...auth, ...(held ? {} : {}) } });`,
      },
      { path: 'src/lib/api.tsx', code: `headers.set('x-tenant-id', tenant);` },
      { path: 'src/lib/api.tsx', code: `api.defaults.headers.common['X-Organization-Id'] = org.id;` },
    ],
    leaves: [
      { path: 'src/components/pulse.tsx', code: `fetch(url, { headers: { 'x-request-id': id } });` },
      {
        path: 'app/api/x/route.ts',
        code: `const id = request.headers.get('x-org-id'); const cors = { allowedHeaders: ['x-org-id'] };`,
      },
      { path: 'src/lib/proxy.tsx', code: `headers.delete('x-org-id');` },
    ],
  },
};

/** Takes a property out with its comma, and with its line where it stands on one of its own. */
export function removalOf(pair: SyntaxNode): readonly TextEdit[] {
  const { text } = pair.source;
  const object = pair.parent;
  if (object?.kind === 'object' && object.children.length === 1)
    return [{ start: object.start, end: object.end, text: '{}' }];
  const after = /^\s*,/.exec(text.slice(pair.end));
  const lineStart = text.lastIndexOf('\n', pair.start - 1) + 1;
  if (after) {
    const end = pair.end + after[0].length;
    const alone = /^[ \t]*$/.test(text.slice(lineStart, pair.start));
    const rest = /^[ \t]*(?:\r?\n)/.exec(text.slice(end));
    if (alone && rest) return [{ start: lineStart, end: end + rest[0].length, text: '' }];
    const space = /^[ \t]*/.exec(text.slice(end))?.[0].length ?? 0;
    return [{ start: pair.start, end: end + space, text: '' }];
  }
  const before = /,\s*$/.exec(text.slice(0, pair.start));
  return [{ start: before ? before.index : pair.start, end: pair.end, text: '' }];
}
