import { authOf, importEdits, requestInScope } from '../fixes.ts';
import type { Rule } from '../rule.ts';
import { standsForOrg } from '../stands-for-org.ts';
import { operatorOf, type SyntaxNode, stringValue, wrapped } from '../syntax.ts';
import { exportedIds } from './hard-coded-org-across.ts';

/** A tenant's id written into the code: it is right for one organization at most, and wrong for all others. */
export const hardCodedOrg: Rule = {
  kind: 'hard-coded-org',
  // From the first hyphen on: of letters and digits there are too many to begin with.
  seeds: /-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi,
  *check(node, context) {
    const literal = node.kind === 'string_fragment' ? node.parent : node;
    if (!literal || !/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(stringValue(literal) ?? '')) return;
    if (!standsForOrg(literal, 0) || isSample(literal)) return;
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
  across: exportedIds,
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
      `export const samples = [{ body: { org_id: '00000000-0000-4000-8000-000000000001' } }];`,
      `const create = { perform, sample: { organizationId: '00000000-0000-4000-8000-000000000001' } };`,
      {
        path: 'src/outbound/demo-data.ts',
        code: `export const calls = [{ name: 'a', phone: { orgId: '00000000-0000-4000-8000-000000000001' } }];`,
      },
      `save({ user_id: '00000000-0000-4000-8000-000000000001' });`,
    ],
  },
};

const sampleFile = /(?:^|[/_.-])(?:demo|mock|sample|example|fixture)s?[-_.]?(?:data|rows|records)\.[cm]?[jt]sx?$/;

/** What a document or a catalogue of examples shows; nothing is asked with it. */
function isSample(literal: SyntaxNode): boolean {
  for (let at = literal.parent; at !== null; at = at.parent) {
    const name = at.kind === 'pair' || at.kind === 'variable_declarator' ? (at.child(0)?.text ?? '') : '';
    if (/^['"]?\w*(?:sample|example|fixture|mock)s?\w*['"]?$/i.test(name)) return true;
    // Rows of a file of its own that is there to be shown.
    if (at.kind === 'variable_declarator' && sampleFile.test(literal.source.path) && literal.parent?.kind === 'pair')
      return true;
    if (at.kind === 'decorator') return /^@Api\w+/.test(at.text);
  }
  return false;
}

/** A comparison or a constant at the top of a file cannot become a call. */
function isReplaceable(literal: SyntaxNode): boolean {
  const parent = wrapped(literal).parent;
  return parent !== null && !(parent.kind === 'binary_expression' && /^[!=]==?$/.test(operatorOf(parent)));
}
