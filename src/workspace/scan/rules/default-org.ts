import { isCaughtWhenEmpty, isPartOfKey, isRowInOtherForm, isTestedAround } from '../caught-empty.ts';
import { authOf, importEdits, requestInScope } from '../fixes.ts';
import { elementOfCallback } from '../flow.ts';
import { isLogCallee, isOrgIdName, isReplyCallee, orgLetters } from '../names.ts';
import { originsOf } from '../origins.ts';
import type { Rule } from '../rule.ts';
import { bindingOf, declaredBy, functionName, referencesOf } from '../scope.ts';
import { callOf, keyName, memberOf, operatorOf, type SyntaxNode, stringValue, unwrap, wrapped } from '../syntax.ts';
import { vocabulary } from '../vocabulary.ts';
import { offsetsOfMatches } from '../words.ts';

const stands =
  'default|main|global|shared|public|system|demo|test|unknown|none|anonymous|anon|root|master|platform|null|undefined|0|1';
const word = `(?:${stands})(?:[-_](?:org|tenant|organi[sz]ation)(?:[-_]id)?)?|(?:org|tenant)[-_]?(?:${stands})`;
const placeholders = new RegExp(`^(?:${word})?$`, 'i');
const quoted = `(['"\`])(?:${word})?\\1`;
/** After `||` and `??`, after the `:` of a condition, and as the default of a name with an org in it. */
const seeds = (): RegExp =>
  new RegExp(
    `(?:(?:\\|\\||\\?\\?)=?|\\?[^?:;{}]{1,120}:|(?:${vocabulary().word})\\w*\\??\\s*(?::[\\s\\w|]+)?=)\\s*${quoted}`,
    'gi',
  );

/**
 * A word that stands in for a missing organization id: rows of several tenants then share one, or a filter by '' goes on
 * with nothing. A placeholder that only reaches a log or an answer harms nobody.
 */
export const defaultOrg: Rule = {
  kind: 'default-org',
  seeds: ({ source: { text } }) =>
    orgLetters.test(text) ? offsetsOfMatches(text, seeds()).filter((offset) => mayStandForOrg(text, offset)) : null,
  *check(found, context) {
    // A seed may start at the name before the `=`.
    const node = /identifier/.test(found.kind) ? (found.parent ?? found) : found;
    const place = fallbackAt(node);
    if (place === null) return;
    const value = stringValue(place.literal);
    if (value === null || !placeholders.test(value)) return;
    if (!namesAnOrg(place.value) && !goesToAnOrg(place.whole)) return;
    if (isHarmless(place.whole) || onlyCounts(place.whole, place.value) || isPartOfKey(place.whole)) return;
    if (place.value !== null && isTestedAround(place.whole, place.value)) return;
    if (value === '' && (isFieldOfTemplate(place.whole) || isHandedToCheck(place.whole))) return;
    if (value === '' && isCaughtWhenEmpty(place.whole, isHarmless)) return;
    if (value === '' && place.value !== null && isRowInOtherForm(place.whole, place.value)) return;
    const supplied = place.value !== null && originsOf(place.value).some((origin) => origin.kind === 'request');
    // `req.headers['x-org-id'] ?? ''`: whether the request may name one at all is the other rule's; where that one puts
    // a comparison in its place, the empty text beside it has to go as well.
    if (value === '' && supplied && context.helpers === null) return;
    const shown = value === '' ? 'an empty text' : `the word '${value}'`;
    const reason = `A missing organization id becomes ${shown}, and the code goes on as if it knew the tenant.`;
    const instruction = 'Refuse instead: without an organization id the request ends with 401, a job skips the item.';
    const request = requestInScope(node);
    const { helpers } = context;
    if (
      request === null ||
      helpers === null ||
      context.isAuthMiddleware ||
      supplied ||
      place.operator === '' ||
      authOf(request.fn, context) !== 'yes'
    ) {
      yield { node: place.whole, reason, instruction };
      return;
    }
    const imports = importEdits(context.source, helpers, helpers.requireOrgId);
    if (imports === null) yield { node: place.whole, reason, instruction };
    else
      yield {
        node: place.whole,
        reason,
        edits: [
          { start: place.literal.start, end: place.literal.end, text: `${helpers.requireOrgId}(${request.name})` },
          ...imports,
        ],
      };
  },
  examples: {
    finds: [
      `export class CallMapper { toRow(call: Call): CallRow { return { id: call.id, orgId: call.orgId || '', name: call.name }; } }`,
      `export class CallMapper { mapToExport(call: Call): CallExport { return { id: call.id, orgId: this.user.orgId || '', name: call.name }; } }`,
      `trpc.call.list.useQuery({ orgId: org?.id ?? '' }, { enabled: open });`,
      `const orgId = user.org_id ?? ''; if (!orgId) note('no org'); load(orgId);`,
      `const scope = await authorizeOrgCapability({ context, orgId: group.orgId ?? 'default' });`,
      `const orgId = user.org_id ?? ''; load(orgId); if (!orgId) return;`,
      `const orgId = user.org_id ?? 'default'; if (!orgId) return; load(orgId);`,
      `const orgId = user.org_id ?? ''; if (orgId) note(orgId); load(orgId);`,
      `useQuery({ queryFn: () => db.from('calls').select('id').eq('org_id', orgId ?? ''), enabled: open });`,
      `const [orgId, setOrgId] = useState(''); setOrgId(profile.org_id ?? ''); load(orgId);`,
      `function toRow(call) { return { org_id: call.orgId ?? '', name: call.name }; }`,
      `const apiKey = await keyOf(orgId ?? 'default');`,
      {
        path: 'src/A.astro',
        code: `---\nconst { orgId = '' } = Astro.props;\nconst rows = await load(orgId);\n---\n<p>{rows.length}</p>`,
      },
      `const orgId = user.app_metadata?.org_id || 'default';`,
      `const orgId: string = (user.app_metadata?.org_id) as string || 'default';`,
      `save({ orgId: item.org_id || 'default' });`,
      `const org_id = profile?.org_id ?? '';`,
      `const tenant = ctx.tenantId ?? "default";`,
      `function load(orgId = 'default') { return db.from('calls').select('*').eq('org_id', orgId); }`,
      `const orgId = user ? user.orgId : 'default';`,
      `const orgId = user.org_id ? user.org_id : 'demo-org';`,
      `let orgId = user.orgId; orgId ||= 'default';`,
      `const orgId = user.orgId || 'default'; const kept = cache.get(orgId); cache.set(orgId, kept);`,
      `useQuery({ queryKey: ['calls'], queryFn: () => db.from('calls').select('id').eq('org_id', orgId ?? '') });`,
      `useQuery({ queryKey: ['calls', orgId ?? ''], queryFn: ({ queryKey }) => load(queryKey[1]) });`,
      { path: 'src/a.tsx', code: `const a = <OrgContext.Provider value={orgId || ''}>{b}</OrgContext.Provider>;` },
      { path: 'src/a.tsx', code: `const a = <input type="hidden" name="org_id" value={orgId || ''} />;` },
      { path: 'src/a.tsx', code: `const a = <Calls orgId={orgId || ''} />;` },
      { path: 'src/A.vue', code: `<template><Calls :org-id="row.orgId ?? ''" /></template>` },
      { path: 'src/A.svelte', code: `<Calls orgId={row.orgId ?? ''} />` },
      { path: 'src/a.tsx', code: `const a = <button onClick={() => save(orgId || '')} />;` },
      {
        path: 'src/routes/keys.ts',
        code: `router.get('/k', requireAuth, async (req, res) => { const orgId = req.user?.orgId; res.json(await key('x', orgId || 'default')); });`,
        fixed: `import { requireOrgId } from '../services/org-validation';

router.get('/k', requireAuth, async (req, res) => { const orgId = req.user?.orgId; res.json(await key('x', orgId || requireOrgId(req))); });`,
      },
    ],
    leaves: [
      `export class CallMapper { mapToExport(call: Call): CallExport { return { id: call.id, orgId: call.orgId || '', name: call.org?.name || '' }; } }`,
      `const orgId = profile?.org_id ?? ''; if (!orgId) throw new Error('no'); load(orgId);`,
      `const orgId = String(form.get('orgId') ?? '').trim(); if (!file || !orgId) { return fail(400); } save(orgId, file);`,
      `const orgId = params.orgId?.trim() ?? ''; if (!UUID.test(orgId)) return reply(400); load(orgId);`,
      `let orgId = asked || ''; if (!orgId && slug) orgId = (await idOf(slug)) ?? ''; if (orgId === '') return null; load(orgId);`,
      `const orgId = user.orgId || ''; if (orgId) { load(orgId); }`,
      `const orgId = user.orgId || ''; const rows = orgId ? await load(orgId) : [];`,
      `if (!user.orgId) return; load(user.orgId ?? '');`,
      `useQuery({ queryKey: ['calls', orgId], queryFn: () => db.from('calls').select('id').eq('org_id', orgId ?? ''), enabled: !!orgId });`,
      `const [orgId, setOrgId] = useState(''); useEffect(() => { setOrgId(profile.org_id ?? ''); }, [profile]); useEffect(() => { if (orgId) load(orgId); }, [orgId]);`,
      `const scopeKey = orgId ?? 'none'; const cached = cache.get(scopeKey);`,
      'setFlowKey(`${orgId ?? "none"}:flow`);',
      `function callsQueryKey(orgId) { return ['calls', orgId ?? 'none']; }`,
      `function toCall(row) { return { id: row.id, orgId: String(row.org_id ?? ''), name: row.name }; }`,
      { path: 'src/A.astro', code: `---\nconst { orgId = '' } = Astro.props;\n---\n<form data-org-id={orgId}></form>` },
      `const orgName = org?.name || 'default';`,
      `logger.info('x', { orgId: orgId || 'unknown' });`,
      `trpc.call.list.useQuery({ orgId: org?.id ?? '' }, { enabled: !!org?.id });`,
      `const scope = await authorizeOrgCapability({ context, orgId: group.orgId ?? '', permission: 'read' }); if (!scope.allowed) return notFound();`,
      `if (!(await hasOrgAccess(user.id, row.org_id ?? ''))) return notFound();`,
      `const isLinked = linkedOrgIds?.has(orgId ?? '') ?? false;`,
      {
        path: 'src/A.svelte',
        code: `<script>let orgId = orgs.length === 1 ? orgs[0].id : '';</script><select bind:value={orgId}></select>`,
      },
      `const role = user.role || 'default';`,
      `const label = orgs.length ? 'default' : '';`,
      `const orgId = user.app_metadata?.org_id ?? null;`,
      `if (orgId === 'default') throw new Error('no org');`,
      `for (const item of items) { const key = item.orgId ?? 'unknown'; counts[key] = (counts[key] ?? 0) + 1; }`,
      `res.status(404).json({ orgId: orgId ?? '' });`,
      `useQuery({ queryKey: ['calls', orgId ?? ''], queryFn: () => load(orgId) });`,
      { path: 'src/a.tsx', code: `const a = <input value={orgId || ''} onChange={pick} />;` },
      { path: 'src/a.tsx', code: `const a = <Row key={row.orgId ?? ''} />;` },
      { path: 'src/a.tsx', code: `const [form, setForm] = useState({ name: '', org_id: client.org_id || '' });` },
      { path: 'src/a.tsx', code: `const form = useForm({ defaultValues: { name: '', orgId: row.orgId ?? '' } });` },
      `rows.forEach((row) => { const orgId = row.org_id || 'unknown'; const one = sums.get(orgId) ?? 0; sums.set(orgId, one + row.cost); });`,
      { path: 'src/a.tsx', code: `const a = <p>Org: {row.orgId ?? 'none'}</p>;` },
      { path: 'src/A.vue', code: `<template><p>{{ row.orgId ?? 'none' }}</p></template>` },
      { path: 'src/A.svelte', code: `<p>Org: {row.orgId ?? 'none'}</p>` },
      `const key = req.user?.orgId || req.user?.id || req.ip || 'unknown'; limit(key);`,
      `await db.from('audit').insert({ action: 'x', record_id: orgId || 'unknown' });`,
    ],
  },
};

/** The value or what it goes to is named in the same statement, and what a `return` goes to in the head of its function. */
function mayStandForOrg(text: string, offset: number): boolean {
  const around = text.slice(Math.max(0, offset - 500), offset + 150);
  return orgLetters.test(around) || around.includes('return');
}

type Fallback = {
  readonly whole: SyntaxNode;
  readonly literal: SyntaxNode;
  readonly value: SyntaxNode | null;
  readonly operator: string;
};

/** The fallback that a seed stands in: `x || 'd'`, `x ? x : 'd'`, `x = 'd'` as a default, `x ||= 'd'`. */
function fallbackAt(node: SyntaxNode): Fallback | null {
  if (node.kind === 'binary_expression' || node.kind === 'augmented_assignment_expression') {
    const [left, right] = node.children;
    const operator = operatorOf(node);
    if (!left || !right || !/^(?:\|\||\?\?)=?$/.test(operator)) return null;
    return { whole: node, literal: unwrap(right), value: unwrap(left), operator };
  }
  if (node.kind === 'ternary_expression') {
    const [, yes, no] = node.children;
    return yes && no ? { whole: node, literal: unwrap(no), value: unwrap(yes), operator: '' } : null;
  }
  if (/^(?:required_parameter|optional_parameter|object_assignment_pattern|assignment_pattern)$/.test(node.kind)) {
    const [left] = node.children;
    const right = node.child(-1);
    return left && right && right !== left ? { whole: node, literal: unwrap(right), value: left, operator: '' } : null;
  }
  return null;
}

/** Whether an expression is named like an organization's id. */
function namesAnOrg(node: SyntaxNode | null): boolean {
  if (node === null) return false;
  const inner = unwrap(node);
  const member = memberOf(inner);
  if (member) return isOrgIdName(member.name);
  // `user.orgId || req.ip || 'unknown'` tells callers apart and names no tenant.
  if (inner.kind === 'binary_expression') return inner.children.every((child) => namesAnOrg(child));
  if (inner.kind === 'call_expression') {
    const call = callOf(inner);
    const name = call ? (memberOf(call.callee)?.name ?? call.callee.text) : '';
    if (/^(?:String|get|header|getItem)$/.test(name))
      return call?.args.some((argument) => namesAnOrg(argument) || isOrgIdName(stringValue(argument) ?? '')) ?? false;
    return isOrgIdName(name);
  }
  return /identifier/.test(inner.kind) && isOrgIdName(inner.text);
}

/** Whether a value ends in something named like an organization's id. */
function goesToAnOrg(node: SyntaxNode): boolean {
  const value = wrapped(node);
  const parent = value.parent;
  if (parent === null) return false;
  if (parent.kind === 'variable_declarator' || parent.kind === 'pair')
    return parent.child(0) !== value && isOrgIdName(keyName(parent.child(0)) ?? parent.child(0)?.text ?? '');
  if (parent.kind === 'assignment_expression') {
    const left = parent.child(0);
    return left !== null && left !== value && isOrgIdName(memberOf(left)?.name ?? left.text);
  }
  if (parent.kind === 'binary_expression' && /^(?:\|\||\?\?)$/.test(operatorOf(parent))) return goesToAnOrg(parent);
  if (parent.kind === 'return_statement') {
    const fn = parent.above('function_declaration', 'function_expression', 'arrow_function', 'method_definition');
    return fn !== null && isOrgIdName(functionName(fn) ?? '');
  }
  return false;
}

/** What a row of a history is about; it keeps no row to a tenant. */
const noted = /^(?:record|entity|resource|subject|target|object)_?id$/i;
const initial = /^(?:defaultValues|initialValues|initialState|initialData)$/;
const formState =
  /^(?:use(?:State|Form|Reducer)|set\w*(?:Form|Data|Values|State|Draft|Fields|Input|Edit\w*)|(?:\w+\.)?reset)$/;

/** One of several fields that a form begins with: the person who fills it in chooses, and what is sent is looked at again. */
function isFieldOfForm(pair: SyntaxNode): boolean {
  const object = pair.parent;
  if (object?.kind !== 'object' || object.children.length < 2) return false;
  const holder = wrapped(object).parent;
  if (holder?.kind === 'pair') return initial.test(keyName(holder.child(0)) ?? '');
  const call = holder?.kind === 'arguments' ? holder.parent : null;
  return call !== null && call !== undefined && formState.test((call.child(0)?.text ?? '').replace(/<[\s\S]*$/, ''));
}

/** Functions that let nobody in without an organization: the empty one is nobody's. */
const checking =
  /^(?:authorize\w*|(?:assert|can|has|require|verify|check)\w*(?:[aA]ccess|[cC]apab|[pP]ermission|[mM]ember|[rR]ole|[oO]wner)\w*)$/;

/** `authorizeOrg({ user, orgId: row.orgId ?? '' })` */
function isHandedToCheck(whole: SyntaxNode): boolean {
  const value = wrapped(whole);
  const object = value.parent?.kind === 'pair' ? value.parent.parent : null;
  const list = (object?.kind === 'object' ? wrapped(object) : value).parent;
  const callee = list?.kind === 'arguments' ? list.parent?.child(0) : null;
  return callee != null && checking.test(memberOf(callee)?.name ?? callee.text);
}

/** `let orgId = one ? one.id : ''` under `bind:value={orgId}`, `v-model="orgId"`: what a field of a form begins with. */
function isFieldOfTemplate(whole: SyntaxNode): boolean {
  const { component, written } = whole.source;
  const declarator = wrapped(whole).parent;
  const name = declarator?.kind === 'variable_declarator' ? (declarator.child(0)?.text ?? '') : '';
  return (
    component !== null &&
    /^\w+$/.test(name) &&
    new RegExp(`\\bbind:\\w+=["']?\\{\\s*${name}\\s*\\}|\\bbind:${name}\\b|\\bv-model[\\w.:]*=["']${name}["']`).test(
      written,
    )
  );
}

const cacheKey = /^(?:queryKey|mutationKey|swrKey|cacheKey)$/;
/** Attributes of a form field or an element's identity; a component's `orgId={…}` may go on to a query. */
const shownAttribute = /^(?:value|defaultValue|key|title|placeholder|alt|className|label|aria-[\w-]+|data-[\w-]+)$/;

/** A context's value is read by other components, and a hidden field is sent with its form. */
function isShown(attribute: SyntaxNode): boolean {
  const element = attribute.parent?.text ?? '';
  return (
    shownAttribute.test(attribute.child(0)?.text ?? '') &&
    !/^<[\w.]*(?:Provider|Context)\b|\btype=\{?["']hidden["']/.test(element)
  );
}

/**
 * `counts[key]`, `groups.get(key)`: a name that is only the key by which something is counted or grouped. One that is
 * called like an organization's id has to come from a row that a loop goes through, else the key is that of a cache.
 */
function onlyCounts(whole: SyntaxNode, value: SyntaxNode | null): boolean {
  const declarator = wrapped(whole).parent;
  const name = declarator?.kind === 'variable_declarator' ? declarator.child(0) : null;
  const binding =
    name?.kind === 'identifier' && (!isOrgIdName(name.text) || isOfElement(value)) ? declaredBy(name) : null;
  const uses = binding === null ? [] : referencesOf(binding);
  return uses.length > 0 && uses.every(isKeyOfGroup);
}

function isKeyOfGroup(use: SyntaxNode): boolean {
  const parent = use.parent;
  if (parent?.kind === 'subscript_expression') return parent.child(1) === use;
  const callee = parent?.kind === 'arguments' && parent.child(0) === use ? parent.parent?.child(0) : null;
  return callee != null && /^(?:get|set|has|add)$/.test(memberOf(callee)?.name ?? '');
}

/** `record.org_id` of a loop, or of a callback over rows. */
function isOfElement(value: SyntaxNode | null): boolean {
  const object = value === null ? null : memberOf(unwrap(value))?.object;
  const base = object ? unwrap(object) : null;
  const binding = base?.kind === 'identifier' ? bindingOf(base) : null;
  if (binding === null) return false;
  const { fn, index } = binding.parameter ?? { fn: null, index: 0 };
  return binding.kind === 'loop' || (fn !== null && elementOfCallback(fn, index) !== null);
}

/** `{{ … }}` of Vue, `{…}` of Svelte where it is no attribute's, and an attribute that only shows. */
function isShownByTemplate({ source, start }: SyntaxNode): boolean {
  if (source.component === null) return false;
  const before = source.written.slice(Math.max(0, start - 400), start);
  const attribute = /[\s<](?:v-bind:|:)?([\w.-]+)\s*=\s*(?:\{|["']\{?)\s*$/.exec(before)?.[1];
  if (attribute !== undefined)
    return (
      shownAttribute.test(attribute) && !/\btype=["']hidden["'][^<>]*$/.test(before.slice(before.lastIndexOf('<')))
    );
  return source.path.endsWith('.vue') ? /\{\{\s*$/.test(before) : /(?<![=\w:"'])\{\s*$/.test(before);
}

/** The value only ends in a log, in an answer, in the key of a cache or in what a form field shows. */
export function isHarmless(node: SyntaxNode): boolean {
  for (let at: SyntaxNode | null = node.parent; at !== null; at = at.parent) {
    // A query that reads its key gets the value after all.
    if (at.kind === 'pair' && cacheKey.test(keyName(at.child(0)) ?? ''))
      return !/queryFn[^;]*\bqueryKey\b/.test(at.parent?.text ?? '');
    if (at.kind === 'pair' && (noted.test(keyName(at.child(0)) ?? '') || isFieldOfForm(at))) return true;
    if (at.kind === 'jsx_attribute') return isShown(at);
    // `<b>{orgId ?? 'none'}</b>`, `{{ orgId ?? 'none' }}`: a text to read.
    if (at.kind === 'jsx_expression' && /^jsx_(?:element|fragment)$/.test(at.parent?.kind ?? '')) return true;
    if (at.kind === 'expression_statement') return isShownByTemplate(node);
    if (at.kind === 'call_expression') {
      const callee = at.child(0);
      // `ids.has(orgId ?? '')` finds nothing, and that is what it says.
      const asks = /^(?:has|includes|indexOf)$/.test((callee && memberOf(callee)?.name) ?? '');
      return asks || isLogCallee(callee?.text ?? '') || isReplyCallee(callee?.text ?? '');
    }
    if (/^(?:statement_block|program|throw_statement|.*_declaration|arrow_function)$/.test(at.kind))
      return at.kind === 'throw_statement';
  }
  return false;
}
