import { type Chain, chainAround, identifiesRow, identifiesRowInText, linkOf, writeNames } from '../chains.ts';
import { authOf, importEdits, requestInScope } from '../fixes.ts';
import { isOrgColumn, isOrgIdName, isOrgTable, orgLetters } from '../names.ts';
import type { Hit, Rule, RuleContext } from '../rule.ts';
import { type Binding, bindingOf, declarationsIn, referencesOf } from '../scope.ts';
import { memberOf, type SyntaxNode, stringValue, unwrap, wrapped } from '../syntax.ts';
import type { TextEdit } from '../types.ts';
import { vocabulary } from '../vocabulary.ts';
import { offsetsOfMatches } from '../words.ts';

const oneRow =
  /\.\s*(?:limit|range|take)\s*\(\s*(?:0\s*,\s*0|1)\s*\)|\.\s*(?:maybeSingle|single)\s*\(|\[\s*0\s*\]|\bfindFirst\s*\(|\.at\s*\(\s*0\s*\)|\blimit\s+1\b/gi;
const queries = /\b(?:from|table)\s*['"]?\]?\s*[(<]|\bfindFirst\b|\blimit\s+1\b/i;

/**
 * The first row of organizations (or of a table that belongs to organizations) taken as the tenant. 12 of the 16 such
 * places in the app this was measured on are unconditional, so a fallback is not asked for. What counts is that the
 * chain does not say whose row it wants and that the code then uses the row's id: a probe that only looks at `error`
 * or at the number of rows uses none.
 */
export const firstOrg: Rule = {
  kind: 'first-org',
  // Only rows of a table are looked at, and what is told of them has an organization in its name.
  seeds: ({ source: { text } }) =>
    orgLetters.test(text) && queries.test(text)
      ? offsetsOfMatches(text, oneRow).filter((offset) => mayPickOrg(text, offset))
      : null,
  *check(node, context) {
    const sql = firstRowSql(node);
    if (sql !== null) {
      yield {
        node: sql,
        reason: 'The first organization of the table is taken as the tenant.',
        instruction: 'Filter by the organization of the authenticated user.',
      };
      return;
    }
    const element = firstElement(node);
    if (element !== null) {
      yield* elementHit(element, context);
      return;
    }
    const chain = chainAround(node);
    if (chain === null || !picksOneRow(chain) || identifiesRow(chain)) return;
    const table = tableOf(chain);
    if (table === null || chain.links.some((link) => writeNames.has(link.name))) return;
    if (!rowIsUsed(chain, isOrgTable(table))) return;
    yield hitFor(chain, table, context);
  },
  examples: {
    finds: [
      {
        path: 'src/routes/a.ts',
        code: `router.get('/x', requireAuth, async (req, res) => {
  const { data: org } = await supabase.from('organizations').select('id').limit(1).single();
  await list(org.id);
});`,
        fixed: `import { requireOrgId } from '../services/org-validation';

router.get('/x', requireAuth, async (req, res) => {
  const { data: org } = await supabase.from('organizations').select('id').eq('id', requireOrgId(req)).single();
  await list(org.id);
});`,
      },
      `async function job() { const { data } = await db.from('organizations').select('*').order('created_at').limit(1).maybeSingle(); return data?.id; }`,
      `async function job() { const { data: orgs } = await db.from('organizations').select('id'); const tenant = orgs?.[0]; await run(tenant.id); }`,
      `async function job() { const { data } = await db.from('organizations').select('id').eq('status', 'active').limit(1); return data[0].id; }`,
      `async function job() { const { data: profile } = await db.from('profiles').select('org_id').limit(1).single(); return profile.org_id; }`,
      `async function f(req) { const { data: org, error } = await db.from('organizations').select('id, name').limit(1).single(); if (!error) req.org = org; }`,
      `const org = await prisma.organization.findFirst(); use(org.id);`,
      `async function job() { const result = await db.from('organizations').select('id').limit(1); const target = result.data?.at(0); await run(target.id); }`,
      `async function job() { const { data: orgs } = await db.from('organizations').select('id'); await run(orgs.at(0).id); }`,
      `async function job() { const { data: orgs } = await db.from('organizations').select('id'); return db.from('calls').select('id').eq('org_id', orgs?.at(0)?.id ?? ''); }`,
    ],
    leaves: [
      `async function health() { const { error } = await supabase.from('organizations').select('id').limit(1); return !error; }`,
      `async function health() { const { data, error } = await supabase.from('organizations').select('id').limit(1); if (error || !data) throw error; }`,
      `async function one(orgId) { const { data } = await db.from('calls').select('*').eq('org_id', orgId).limit(1).single(); return data.org_id; }`,
      `async function one(id) { const { data: org } = await db.from('organizations').select('*').eq('id', id).single(); return org.id; }`,
      `async function all() { const { data: orgs } = await db.from('organizations').select('id').eq('status', 'active'); for (const org of orgs) await run(org.id); }`,
      `async function byPhone(n) { const { data } = await db.from('phone_number_mapping').select('org_id').eq('number', n).limit(1).single(); return data.org_id; }`,
      `async function flow(state) { const { data } = await db.from('oauth_states').select('org_id').eq('state', state).maybeSingle(); return data.org_id; }`,
      `async function any(args) { return prisma.organization.findFirst(args); }`,
      `async function newest() { const { data } = await db.from('job_runs').select('finished_at').order('id').limit(1).single(); return data.finished_at; }`,
    ],
  },
};

/**
 * Most queries say whose row they want, and most elements are those of a call or a property: their text tells before any
 * tree is built.
 */
function mayPickOrg(text: string, offset: number): boolean {
  if (text[offset] === '[') return !/\.\s*[\w$]+\s*$/.test(text.slice(Math.max(0, offset - 80), offset));
  // An element may be taken in the middle of another query, which says whose rows it wants.
  if (text[offset] !== '.' || /^\.\s*at\b/.test(text.slice(offset, offset + 8))) return true;
  const before = text.slice(Math.max(0, offset - 1000), offset);
  const query = before.slice(before.lastIndexOf('.from(') + 1);
  return query === before || query.includes(';') || !identifiesRowInText(query);
}

function picksOneRow(chain: Chain): boolean {
  return chain.links.some((link) => {
    if (link.name === 'single' || link.name === 'maybeSingle' || link.name === 'findFirst') return true;
    if (link.name === 'limit' || link.name === 'take') return link.args[0]?.text === '1';
    return link.name === 'range' && link.args[0]?.text === '0' && link.args[1]?.text === '0';
  });
}

/** The table that a chain reads: `.from('t')`, Drizzle's `.from(t)`, Prisma's `client.t.findFirst()` without a where. */
function tableOf(chain: Chain): string | null {
  if (chain.table !== null) return chain.table;
  const from = linkOf(chain, 'from')?.args[0];
  if (from?.kind === 'identifier') return from.text;
  const first = linkOf(chain, 'findFirst');
  const options = first?.args[0];
  // What is handed on as a name may hold a condition.
  if (first && (options === undefined || (options.kind === 'object' && !/\bwhere\b|\.\.\./.test(options.text))))
    return memberOf(chain.base)?.name ?? null;
  return null;
}

/** The SQL string around a node that takes one row of organizations without a WHERE. */
function firstRowSql(node: SyntaxNode): SyntaxNode | null {
  const literal = /^(?:string|template_string)$/.test(node.kind) ? node : node.above('string', 'template_string');
  if (literal === null || (node !== literal && node.kind !== 'string_fragment')) return null;
  const text = literal.text;
  const first = new RegExp(
    `\\bselect\\b[^;]*?\\bfrom\\s+(?:public\\.)?"?(?:${vocabulary().tableWord})"?\\s+(?!.*\\bwhere\\b)[^;]*\\blimit\\s+1\\b`,
    'is',
  );
  return first.test(text) ? literal : null;
}

/** `orgs[0]` as its array; null for other nodes. */
function firstElement(node: SyntaxNode): { readonly node: SyntaxNode; readonly object: SyntaxNode } | null {
  const around =
    node.kind === 'subscript_expression' ? node : node.parent?.kind === 'subscript_expression' ? node.parent : null;
  if (around !== null) {
    const [object, index] = around.children;
    return object && index?.text === '0' ? { node: around, object: unwrap(object) } : null;
  }
  const call =
    node.kind === 'call_expression'
      ? node
      : node.parent?.kind === 'call_expression'
        ? node.parent
        : node.parent?.parent;
  const member = call?.kind === 'call_expression' ? memberOf(call.child(0) ?? call) : null;
  if (call && member?.name === 'at' && /\(\s*0\s*\)$/.test(call.text))
    return { node: call, object: unwrap(member.object) };
  return null;
}

/** `orgs[0]` where `orgs` are all organizations, and the element is used as the tenant. */
function* elementHit(
  element: { readonly node: SyntaxNode; readonly object: SyntaxNode },
  context: RuleContext,
): Iterable<Hit> {
  if (element.object.kind !== 'identifier') return;
  const chain = rowsOf(element.object);
  // A chain that picks one row is reported where it stands.
  if (chain === null || picksOneRow(chain) || identifiesRow(chain) || chain.table === null) return;
  const orgs = isOrgTable(chain.table);
  if (!elementIsUsed(element.node, orgs)) return;
  yield { ...hitFor(chain, chain.table, context), node: element.node };
}

/** The query whose rows an identifier holds. */
function rowsOf(identifier: SyntaxNode): Chain | null {
  const binding = bindingOf(identifier);
  if (!binding?.init || binding.path.join('.') !== 'data') return null;
  const inner = unwrap(binding.init);
  return inner.kind === 'call_expression' ? chainAround(inner) : null;
}

/** Whether the row of a chain is used as a tenant. */
function rowIsUsed(chain: Chain, orgs: boolean): boolean {
  const outer = wrapped(chain.node);
  return valueIsUsed(outer, orgs, []);
}

/** Follows the result of a query (`path`: what is already taken from it) to a use of the id. */
function valueIsUsed(value: SyntaxNode, orgs: boolean, path: readonly string[]): boolean {
  const parent = value.parent;
  if (parent === null) return false;
  switch (parent.kind) {
    case 'variable_declarator': {
      const pattern = parent.child(0);
      const scope = parent.above('statement_block', 'program', 'switch_case');
      if (!pattern || !scope) return false;
      return [...declarationsIn(scope).values()].some(
        (binding) => pattern.contains(binding.node) && bindingIsUsed(binding, orgs, [...path, ...binding.path]),
      );
    }
    case 'member_expression': {
      const member = memberOf(parent);
      return member !== null && parent.child(0) === value && memberIsUsed(parent, member.name, orgs, path);
    }
    case 'array':
    case 'arguments': {
      // const [{ data: org }, …] = await Promise.all([query, …])
      const call = parent.kind === 'array' ? parent.parent?.parent : null;
      if (call?.kind !== 'call_expression' || !/^Promise\.all/.test(call.text)) return false;
      const index = String(parent.children.indexOf(value));
      const declarator = wrapped(call).parent;
      const scope = declarator?.above('statement_block', 'program', 'switch_case');
      if (declarator?.kind !== 'variable_declarator' || !scope) return false;
      const pattern = declarator.child(0);
      return [...declarationsIn(scope).values()].some(
        (binding) =>
          pattern?.contains(binding.node) &&
          binding.path[0] === index &&
          bindingIsUsed(binding, orgs, binding.path.slice(1)),
      );
    }
    case 'return_statement':
    case 'arrow_function':
      return true;
    default:
      return false;
  }
}

/** `path` is what was taken from the result: data, then the row or an element of the rows. */
function bindingIsUsed(binding: Binding, orgs: boolean, path: readonly string[]): boolean {
  const [head, ...rest] = path;
  if (head === 'error' || head === 'count' || head === 'status') return false;
  const columns =
    head === 'data'
      ? rest.filter((name) => !/^\d+$/.test(name))
      : path.filter((name) => name !== 'data' && !/^\d+$/.test(name));
  if (columns.length > 0) return isIdColumn(columns[0] ?? '', orgs) && referencesOf(binding).length > 0;
  return referencesOf(binding).some((reference) => elementIsUsed(reference, orgs));
}

/** Whether a row (or rows, or a whole result) is used for its id: `.id` is read, or it is handed on. */
function elementIsUsed(reference: SyntaxNode, orgs: boolean): boolean {
  const value = wrapped(reference);
  const parent = value.parent;
  if (parent === null) return false;
  switch (parent.kind) {
    case 'member_expression': {
      const member = memberOf(parent);
      return member !== null && parent.child(0) === value && memberIsUsed(parent, member.name, orgs, []);
    }
    case 'subscript_expression':
      return parent.child(0) === value && elementIsUsed(parent, orgs);
    case 'variable_declarator': {
      if (parent.child(0) === value) return false;
      const pattern = parent.child(0);
      const scope = parent.above('statement_block', 'program', 'switch_case');
      if (!pattern || !scope) return false;
      return [...declarationsIn(scope).values()].some(
        (binding) => pattern.contains(binding.node) && bindingIsUsed(binding, orgs, binding.path),
      );
    }
    case 'assignment_expression':
      return orgs && parent.child(1) === value;
    case 'return_statement':
      return orgs;
    case 'pair':
      return orgs && parent.child(1) === value && /org|tenant/i.test(parent.child(0)?.text ?? '');
    case 'arguments':
      return (
        orgs &&
        !/^(?:console|log|logger|expect)\b|\.(?:json|send|log|info|warn|error|debug)$/.test(
          parent.parent?.child(0)?.text ?? '',
        )
      );
    case 'binary_expression':
    case 'ternary_expression':
      return /^(?:\|\||\?\?)/.test(parent.source.text.slice(value.end).trimStart()) && elementIsUsed(parent, orgs);
    default:
      return false;
  }
}

function memberIsUsed(member: SyntaxNode, name: string, orgs: boolean, path: readonly string[]): boolean {
  if (name === 'data') return elementIsUsed(member, orgs);
  if (/^(?:at|shift|pop)$/.test(name) && member.parent?.kind === 'call_expression')
    return elementIsUsed(member.parent, orgs);
  if (/^\d+$/.test(name)) return elementIsUsed(member, orgs);
  if (!isIdColumn(name, orgs)) return false;
  if (path.length > 0 && path[0] !== 'data') return false;
  return !isOnlyTested(wrapped(member));
}

/** `if (!org?.id)`: a test alone is no use. */
function isOnlyTested(value: SyntaxNode): boolean {
  let at = value;
  for (let parent = at.parent; parent !== null; parent = at.parent) {
    if (parent.kind === 'if_statement') return true;
    if (parent.kind === 'parenthesized_expression' || parent.kind === 'unary_expression') at = parent;
    else if (
      parent.kind === 'binary_expression' &&
      /^(?:\|\||&&)$/.test(parent.source.text.slice(parent.child(0)?.end ?? 0, parent.child(1)?.start ?? 0).trim())
    )
      at = parent;
    else return false;
  }
  return false;
}

function isIdColumn(name: string, orgs: boolean): boolean {
  return orgs ? name === 'id' || isOrgIdName(name) : isOrgColumn(name) || isOrgIdName(name);
}

function hitFor(chain: Chain, table: string, context: RuleContext): Hit {
  const orgs = isOrgTable(table);
  const { node } = chain;
  const reason = orgs
    ? `The first row of ${table} is taken as the tenant, whoever is asking.`
    : `The first row of ${table} decides the tenant, whoever is asking.`;
  const base = { node, reason };
  if (context.isAuthMiddleware) {
    return {
      ...base,
      instruction: 'The auth middleware resolves the org from app_metadata.org_id alone and answers 401 without one.',
    };
  }
  const request = requestInScope(chain.node);
  if (request === null) {
    return {
      ...base,
      instruction:
        'No request is in scope here: pass the organization id in as a parameter, or loop over all organizations if the job is for each of them.',
    };
  }
  const edits = fixEdits(chain, orgs, request.name, context);
  if (edits === null) return { ...base, instruction: 'Filter by the organization of the authenticated user.' };
  if (authOf(request.fn, context) !== 'yes') {
    return {
      ...base,
      instruction: `This route has no authentication that the tool can see: put the auth middleware in front of it, then filter by ${context.helpers?.requireOrgId ?? 'requireOrgId'}(${request.name}).`,
    };
  }
  return { ...base, edits };
}

/** `.limit(1)` becomes the filter; where there is none, the filter goes in before the row is taken. */
function fixEdits(chain: Chain, orgs: boolean, request: string, context: RuleContext): readonly TextEdit[] | null {
  const { helpers, source } = context;
  if (helpers === null || chain.table === null) return null;
  const imports = importEdits(source, helpers, helpers.requireOrgId);
  if (imports === null) return null;
  const selected = stringValue(linkOf(chain, 'select')?.args[0] ?? null) ?? '*';
  const column = orgs ? 'id' : (selected.match(/\w+/g)?.find(isOrgColumn) ?? 'org_id');
  const quote = /\.from\(\s*"/.test(chain.node.text) ? '"' : "'";
  const filter = `.eq(${quote}${column}${quote}, ${helpers.requireOrgId}(${request}))`;
  const limit = chain.links.find((link) => link.name === 'limit');
  if (limit && orgs) {
    return [{ start: limit.dot, end: limit.call.end, text: filter }, ...imports];
  }
  const before = limit ?? linkOf(chain, 'order', 'single', 'maybeSingle', 'range');
  const at = before ? before.dot : chain.node.end;
  return [{ start: at, end: at, text: filter + gapBefore(source.text, at) }, ...imports];
}

/** The line break and indentation in front of a link, to put the new one on a line of its own where the others are. */
function gapBefore(text: string, offset: number): string {
  return /\r?\n[ \t]*$/.exec(text.slice(0, offset))?.[0] ?? '';
}
