import { isOrgName, orgWords } from '../names.ts';
import { propertyReadAt } from '../org-reads.ts';
import type { Rule } from '../rule.ts';
import { memberOf, operatorOf, type SyntaxNode, unwrap, wrapped } from '../syntax.ts';
import type { TextEdit } from '../types.ts';

/** `user_metadata` is written by the user: `auth.updateUser({ data: { org_id } })` is all it takes to change tenant. */
export const userMetadataOrg: Rule = {
  kind: 'user-metadata-org',
  seeds: ({ source }) => (/user_?meta_?data/i.test(source.text) ? orgWords() : null),
  *check(node) {
    const statement = statementAsking(node);
    if (statement !== null) {
      yield {
        node: statement,
        reason: 'The organization is read from raw_user_meta_data, which every user can write.',
        instruction: 'Read raw_app_meta_data, or ask the membership.',
      };
      return;
    }
    const read = propertyReadAt(node);
    if (read === null || !isOrgName(read.key)) return;
    if (!read.origins.some((origin) => origin.kind === 'user-metadata' && isOrgName(origin.path.at(-1) ?? read.key)))
      return;
    // `{ orgId: user.user_metadata.org_id }.orgId`: the inner read is the place.
    const place = read.origins.find((origin) => origin.kind === 'user-metadata')?.node;
    if (place && readsOrgOf(place) && !read.node.contains(place) && read.binding === null) return;
    const reason = 'The organization is read from user_metadata, which every user can write.';
    const edits = fixOf(read.node);
    if (edits === null)
      yield { node: read.node, reason, instruction: 'Read app_metadata.org_id of the verified session instead.' };
    else yield { node: read.node, reason, edits };
  },
  examples: {
    finds: [
      {
        code: 'const orgId = (user.app_metadata?.org_id || user.user_metadata?.org_id) as string;',
        fixed: 'const orgId = (user.app_metadata?.org_id) as string;',
      },
      {
        code: 'const orgId = session.user.user_metadata.org_id;',
        fixed: 'const orgId = session.user.app_metadata.org_id;',
      },
      `const meta = user.user_metadata; const x = meta.organization_id;`,
      `const { org_id } = user.user_metadata ?? {};`,
      `const meta = { ...user.user_metadata, ...user.app_metadata }; const x = meta.org_id;`,
      `const { data: { user } } = await supabase.auth.getUser(token); const t = user?.user_metadata?.['tenant_id'];`,
      `const { user_metadata: { org_id: mine } } = user;`,
      `db.query("select raw_user_meta_data ->> 'org_id' from auth.users where id = $1", [id]);`,
    ],
    leaves: [
      'const name = user.user_metadata?.full_name;',
      'const orgId = user.app_metadata?.org_id;',
      'const { avatar_url } = user.user_metadata;',
      `db.query("select raw_user_meta_data ->> 'name', org_id from auth.users join members using (id)");`,
      '// user_metadata.org_id must never be trusted',
      'const org_id = user.app_metadata.org_id; show(user.user_metadata.name, org_id);',
    ],
  },
};

const sqlRead = /\braw_user_meta_data\s*(?:->>?\s*|#>>?\s*'\{|\[\s*)'?(\w+)/gi;

/** A text with SQL that takes the organization from metadata; found by the organization's name in it. */
function statementAsking(node: SyntaxNode): SyntaxNode | null {
  if (!/^(?:string_fragment|string|template_string)$/.test(node.kind)) return null;
  const literal = node.kind === 'string_fragment' ? (node.parent ?? node) : node;
  const reads = [...literal.text.matchAll(sqlRead)].some(([, key = '']) => isOrgName(key));
  return reads ? literal : null;
}

function readsOrgOf(metadata: SyntaxNode): boolean {
  const parent = wrapped(metadata).parent;
  const member = parent ? memberOf(parent) : null;
  return member !== null && isOrgName(member.name);
}

/** Drops the fallback, or reads app_metadata where it stands alone. */
function fixOf(node: SyntaxNode): readonly TextEdit[] | null {
  const value = wrapped(node);
  const parent = value.parent;
  if (parent?.kind === 'binary_expression' && /^(?:\|\||\?\?)$/.test(operatorOf(parent))) {
    const [left, right] = parent.children;
    if (left && right === value && left.text.includes('app_metadata'))
      return [{ start: left.end, end: right.end, text: '' }];
    if (right && left === value && right.text.includes('app_metadata'))
      return [{ start: left.start, end: right.start, text: '' }];
  }
  let at: SyntaxNode | null = unwrap(node);
  while (at !== null) {
    const member = memberOf(at);
    if (member === null) return null;
    const property = at.child(1);
    if (member.name === 'user_metadata' && property?.kind === 'property_identifier') {
      return [{ start: property.start, end: property.end, text: 'app_metadata' }];
    }
    at = unwrap(member.object);
  }
  return null;
}
