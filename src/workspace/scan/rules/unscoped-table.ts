import { audienceOf, isElsewhere } from '../audience.ts';
import { nameOf } from '../call-targets.ts';
import { type Chain, chainAround, linkOf } from '../chains.ts';
import { clientRole } from '../clients.ts';
import { handlerAround, isRouted, namedAround } from '../handlers.ts';
import { isForMachines } from '../machine-guards.ts';
import { isMembershipTable, isOrgColumn, isOrgTable, isTenantTable, mentionsOrg } from '../names.ts';
import type { Hit, RuleContext } from '../rule-context.ts';
import { bindingOf, declaredBy, escapeRegExp, referencesOf } from '../scope.ts';
import { functionAround, isFunction, keyName, type SyntaxNode, stringValue, unwrap, wrapped } from '../syntax.ts';

/** A column that keeps rows to an organization, or to a user. */
export const ofCaller = (text: string): boolean =>
  /org|tenant|user_id|owner|created_by|profile_id|member/i.test(text) || (text.match(/\w+/g) ?? []).some(isOrgColumn);

/** `req.supabase` and the like carry the caller's token. */
export const isScopedClient = (base: SyntaxNode): boolean =>
  /^(?:req|request|ctx|c)\b|user(?:Client|Supabase)|authed|scoped|anon/i.test(base.text);

/** `getSupabaseWithOrg(orgId)`, `tenantClient(req)`: a client that is made for an organization may keep to it by itself. */
function isMadeForOrganization(base: SyntaxNode): boolean {
  const init = base.kind === 'identifier' ? (bindingOf(base)?.init ?? null) : null;
  const made = init === null ? base.text : `${base.text} ${init.text.slice(0, 300)}`;
  return (made.match(/[A-Za-z_]\w*/g) ?? []).some(
    (word) => mentionsOrg(word) || /(?:with|for|as)_?(?:auth|context|request|user|rls)/i.test(word),
  );
}

/** Whether a table is an organization's, by the schema or by other queries of the same file that keep it to one. */
export function belongsToOrganizations(table: string, { text }: RuleContext['source']): boolean {
  if (isOrgTable(table) || isMembershipTable(table)) return false;
  if (isTenantTable(table)) return true;
  const queries = new RegExp(
    `\\.from\\(\\s*['"\`]${escapeRegExp(table)}['"\`]\\s*\\)((?:(?!\\.from\\()[^;]){0,600})`,
    'g',
  );
  return [...text.matchAll(queries)].some(([, rest = '']) =>
    [...rest.matchAll(/(?:\.(?:eq|in|filter)\(\s*['"`]|insert\(\s*\[?\s*\{\s*)(\w+)/g)].some(([, column = '']) =>
      isOrgColumn(column),
    ),
  );
}

/** Rows that are looked through for whoever shows a key, or that are everybody's. */
const ofNobody = /key|token|session|domain|invit|subscription|plan|price|template|countr|categor|public/i;
/** Links that say nothing of whose rows are meant. */
const neutral =
  /^(?:from|schema|select|update|delete|order|limit|range|single|maybeSingle|csv|returns|overrideTypes|abortSignal|throwOnError|then)$/;
const comparing = /^(?:neq|gt|gte|lt|lte|like|ilike|is|not|textSearch)$/;
/** A column whose value tells a row, or a few that belong together, from all others. */
const telling =
  /(?:^|_)(?:id|ids|uuid|slug|token|key|secret|hash|code|email|phone|url|domain|number|handle|path|sid|ref|external)(?:_|$)|[a-z](?:Id|Uuid|Slug|Token|Key)$/;
const narrowing =
  /^(?:is_\w+|has_\w+|status|state|active|enabled|deleted|deleted_at|archived|archived_at|type|kind|category|priority|role|stage|channel|direction|language|tag|name|title|date|day|month|year|city|country|plan|tier)$/;
const shown = /publi|visib|listed|featured|shared|demo/i;

/**
 * Rows of organizations that are read, changed or deleted for a request through a client that goes past row security,
 * with no filter that tells whose they are. In doubt it is quiet: a filter, a link or a guard that it does not know may
 * keep the query to the caller.
 */
export function* unscopedTable(node: SyntaxNode, context: RuleContext): Iterable<Hit> {
  const { source, workspace } = context;
  const chain = chainAround(node);
  if (chain === null || chain.table === null || !belongsToOrganizations(chain.table, source)) return;
  const link = linkOf(chain, 'update', 'delete') ?? linkOf(chain, 'select');
  if (link === null || !chain.links.every(saysNothingOfWhose) || isCount(chain)) return;
  if (isScopedClient(chain.base) || clientRole(chain.base, workspace) !== 'service') return;
  const asker = askedBy(chain, chain.table, context);
  if (asker === null) return;
  const does = { update: 'changed', delete: 'deleted' }[link.name] ?? 'read';
  const hit: Hit = {
    node: chain.node,
    reason: `Rows of ${chain.table} are ${does} for every organization, with a client that goes past row security.`,
    instruction: `Add .eq('org_id', …) with the organization of the authenticated user.`,
    certainty: 'likely',
  };
  yield openTo(asker, hit, { statement: false, routed: isRouted(chain.node) });
}

/**
 * Who gets an answer to a query that is asked as it stands in a handler; for one outside of handlers the function that
 * it stands in, since others tell who calls that. Null: nobody is shown to, or somebody has looked at the rows.
 */
export function askedBy(chain: Chain, table: string, { source, isAuthMiddleware }: RuleContext): Asker | null {
  if (isAuthMiddleware || isElsewhere(source.path) || ofNobody.test(table)) return null;
  if (isMadeForOrganization(chain.base)) return null;
  const handler = handlerAround(chain.node);
  const fn = handler ?? namedAround(chain.node);
  if (fn === null || isForMachines(chain.node)) return null;
  if (!isWhole(chain, fn) || isSortedOut(chain.node, fn)) return null;
  if (handler === null) return { audience: 'unknown', fn: nameOf(fn) };
  const audience = audienceOf(handler);
  return audience === 'some' ? null : { audience, fn: null };
}

export type Asker = {
  /** `role`: users who have a role or a right, which may be one in their own organization. */
  readonly audience: 'users' | 'role' | 'unknown';
  readonly fn: string | null;
};

/** What a query of such rows is reported as. */
export function openTo({ audience, fn }: Asker, hit: Hit, note: Omit<OpenNote, 'fn'>): Hit {
  const told = { ...hit, note: { ...note, fn } satisfies OpenNote };
  if (audience === 'role')
    return {
      ...told,
      advice: true,
      reason: `${hit.reason.replace(/\.$/, '')}, for everybody who has a role: a role does not say of which organization.`,
    };
  return audience === 'unknown' ? { ...told, pending: true } : told;
}

/** What is kept of a query until all files have been read. */
export type OpenNote = {
  /** Asked over a connection that may be told who is asking. */
  readonly statement: boolean;
  /** The function that it stands in, where that answers no request itself. */
  readonly fn: string | null;
  /** In a handler of a router, which another file may have put behind a guard. */
  readonly routed: boolean;
};

function saysNothingOfWhose({ name, args }: Chain['links'][number]): boolean {
  if (name === 'select') return !/!inner|\bcount\b/.test(args[0]?.text ?? '');
  if (neutral.test(name)) return true;
  if (name === 'match') {
    const object = args[0] ? unwrap(args[0]) : null;
    return (
      object?.kind === 'object' &&
      object.children.every(
        (pair) => pair.kind === 'pair' && narrows(keyName(pair.child(0)), pair.child(1) ?? undefined),
      )
    );
  }
  if (name === 'or') {
    const columns = [...(args[0]?.text ?? '').matchAll(/(\w+)\.(?:not\.)?(?:ilike|like|is|gte?|lte?|neq)\./g)];
    const conditions = (args[0]?.text ?? '').match(/\.(?:eq|in|cs|cd|and|or|ov)\./g) ?? [];
    return columns.length > 0 && conditions.length === 0 && columns.every(([, column = '']) => compares(column));
  }
  const column = stringValue(args[0] ?? null);
  if (comparing.test(name)) return column !== null && (name === 'neq' || compares(column));
  if (name === 'eq' || name === 'in') return narrows(column, args[1]);
  return name === 'filter' && narrows(column, args[2]);
}

/** Whether a column may be compared with anything without telling whose rows are meant. */
export const compares = (column: string): boolean =>
  !ofCaller(column) && !shown.test(column) && !/[.>]/.test(column) && !/(?:^|_)(?:id|uuid)$|[a-z]Id$/.test(column);

/** `.eq('status', 'open')` leaves rows of everybody. */
export function narrows(column: string | null, value: SyntaxNode | undefined): boolean {
  if (column === null || value === undefined || shown.test(value.text)) return false;
  return narrowsBy(column, /^(?:string|number|true|false|null)$/.test(unwrap(value).kind));
}

/** The same of a value that is only known to be written into the code, or not. */
export const narrowsBy = (column: string, isWritten: boolean): boolean =>
  compares(column) && !telling.test(column) && (isWritten || narrowing.test(column));

/** `select('id', { count: 'exact', head: true })`, `select('id').limit(1)`: whether there is anything, and how much. */
const isCount = (chain: Chain): boolean => {
  const select = linkOf(chain, 'select');
  return (
    /\bhead\s*:/.test(select?.args[1]?.text ?? '') ||
    (/^['"](?:id|1)['"]$/.test(select?.args[0]?.text ?? '') && linkOf(chain, 'limit')?.args[0]?.text === '1')
  );
};

/** A query that is waited for where it stands; what is kept, handed on or given back may be narrowed later. */
function isWhole(chain: Chain, fn: SyntaxNode): boolean {
  const whole = wrapped(chain.node);
  const parent = whole.parent;
  if (parent === null) return false;
  if (isAwaited(chain.node)) return true;
  if (parent.kind === 'variable_declarator') {
    const name = parent.child(0);
    const binding = name?.kind === 'identifier' ? declaredBy(name) : null;
    return binding !== null && referencesOf(binding).every((one) => isOnlyAwaited(one));
  }
  if (parent.kind === 'return_statement' || isFunction(parent)) return functionAround(chain.node) === fn;
  if (linkOf(chain, 'then') !== null) return true;
  // Promise.all([…])
  const call = parent.kind === 'array' ? wrapped(parent).parent?.parent : null;
  return call != null && /^Promise\s*\./.test(call.text);
}

function isAwaited(value: SyntaxNode): boolean {
  const whole = wrapped(value);
  for (let at = value; at !== whole && at.parent !== null; at = at.parent)
    if (at.parent.kind === 'await_expression') return true;
  return false;
}

/** `await query`, `await query.order('name')`, `query = query.ilike('name', asked)`. */
function isOnlyAwaited(reference: SyntaxNode): boolean {
  if (reference.parent?.kind === 'assignment_expression' && reference.parent.child(0) === reference) return true;
  const chain = reference.parent?.kind === 'member_expression' ? chainAround(reference.parent) : null;
  if (chain !== null && !chain.links.every(saysNothingOfWhose)) return false;
  const value = chain === null ? reference : chain.node;
  return isAwaited(value) || wrapped(value).parent?.kind === 'assignment_expression';
}

/** Rows that are compared with the caller's organization after they were read. */
export function isSortedOut(query: SyntaxNode, fn: SyntaxNode): boolean {
  const rest = fn.source.text.slice(query.end, fn.end);
  const compared = /\.\s*(\w+)\s*[!=]==?|[!=]==?\s*[\w.?!]+\.(\w+)|(?:includes|has|get)\(\s*[\w.?!]+\.(\w+)/g;
  return [...rest.matchAll(compared)].some((names) => names.slice(1).some((name) => name && ofCaller(name)));
}
