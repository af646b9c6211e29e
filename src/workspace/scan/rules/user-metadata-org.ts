import { statementAround } from '../fixes.ts';
import { isOrgName, orgWords } from '../names.ts';
import { propertyReadAt } from '../org-reads.ts';
import type { Rule } from '../rule.ts';
import { memberOf, operatorOf, type SyntaxNode, unwrap, wrapped } from '../syntax.ts';
import type { TextEdit } from '../types.ts';

/** `user_metadata` is written by the user: `auth.updateUser({ data: { org_id } })` is all it takes to change tenant. */
export const userMetadataOrg: Rule = {
  kind: 'user-metadata-org',
  seeds: ({ source }) => (/user_?meta_?data/i.test(source.text) ? orgWords() : null),
  *check(node, { claim }) {
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
    const edits = fixOf(read.node, claim);
    if (edits === null)
      yield { node: read.node, reason, instruction: 'Read app_metadata.org_id of the verified session instead.' };
    else yield { node: read.node, reason, edits };
  },
  examples: {
    finds: [
      {
        code: 'const orgId = (user.app_metadata?.org_id || user.user_metadata?.org_id) as string;',
        fixed: 'const orgId = user.app_metadata?.org_id as string;',
      },
      {
        code: 'const orgId = session.user.user_metadata.org_id;',
        fixed: 'const orgId = session.user.app_metadata.org_id;',
      },
      {
        code: 'const orgId = user.user_metadata?.organization_id;',
        fixed: 'const orgId = user.app_metadata?.org_id;',
      },
      {
        code: `const orgId = session.user.user_metadata['tenant_id'];`,
        fixed: `const orgId = session.user.app_metadata['org_id'];`,
      },
      {
        code: `function f() {\n  // fall back to what the user wrote\n  const orgId = user.user_metadata?.org_id ?? user.app_metadata?.org_id;\n  return orgId;\n}`,
        fixed: `function f() {\n  const orgId = user.app_metadata?.org_id;\n  return orgId;\n}`,
      },
      {
        code: `// The organization of the user, for billing.\nconst orgId = user.app_metadata?.org_id || user.user_metadata?.org_id;`,
        fixed: `// The organization of the user, for billing.\nconst orgId = user.app_metadata?.org_id;`,
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

/** Drops the fallback, or reads the stamped key of app_metadata where it stands alone. */
function fixOf(node: SyntaxNode, claim: string): readonly TextEdit[] | null {
  const value = wrapped(node);
  const parent = value.parent;
  if (parent?.kind === 'binary_expression' && /^(?:\|\||\?\?)$/.test(operatorOf(parent))) {
    const [left, right] = parent.children;
    if (left && right === value && left.text.includes('app_metadata')) return keepOnly(parent, left);
    if (right && left === value && right.text.includes('app_metadata')) return keepOnly(parent, right);
  }
  const edits = keyEdits(node, claim);
  let at: SyntaxNode | null = unwrap(node);
  while (at !== null) {
    const member = memberOf(at);
    if (member === null) return null;
    const property = at.child(1);
    if (member.name === 'user_metadata' && property?.kind === 'property_identifier') {
      return [{ start: property.start, end: property.end, text: 'app_metadata' }, ...edits];
    }
    at = unwrap(member.object);
  }
  return null;
}

/** The database phase stamps one key; what the code called it in user_metadata is not there. */
function keyEdits(node: SyntaxNode, claim: string): readonly TextEdit[] {
  const read = unwrap(node);
  const key = read.child(1);
  if (key === null || memberOf(read)?.name === claim) return [];
  if (key.kind === 'property_identifier') return [{ start: key.start, end: key.end, text: claim }];
  return key.kind === 'string' ? [{ start: key.start + 1, end: key.end - 1, text: claim }] : [];
}

/** One side of a fallback without the other, without brackets that only held both, and without the note in front that explained it. */
function keepOnly(whole: SyntaxNode, kept: SyntaxNode): readonly TextEdit[] {
  const bare = kept.kind !== 'binary_expression' && kept.kind !== 'ternary_expression';
  const outer = bare && whole.parent?.kind === 'parenthesized_expression' ? whole.parent : whole;
  // Brackets of a callee's or an operand's own stay where a member follows on an awaited value.
  const from = outer.parent?.kind === 'member_expression' && /^await\b/.test(kept.text) ? whole : outer;
  return [
    { start: from.start, end: kept.start, text: '' },
    { start: kept.end, end: from.end, text: '' },
    ...noteBefore(whole),
  ].filter(({ start, end }) => start !== end);
}

const ofFallback = /fall(?:s|ing)?[\s-]*back|user[_\s-]?meta_?data|legacy|or else/i;

function noteBefore(node: SyntaxNode): readonly TextEdit[] {
  const { text } = node.source;
  const statement = statementAround(node);
  const line = text.lastIndexOf('\n', statement.start - 1) + 1;
  const note = /(?:^|\n)([ \t]*\/\/[^\n]*\r?\n)$/.exec(text.slice(0, line))?.[1];
  // A longer note says more than this.
  if (
    note === undefined ||
    !ofFallback.test(note) ||
    /(?:^|\n)[ \t]*\/\/[^\n]*\r?\n$/.test(text.slice(0, line - note.length))
  )
    return [];
  return [{ start: line - note.length, end: line, text: '' }];
}
