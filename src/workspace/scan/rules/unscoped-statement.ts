import { type Chain, chainAround, chainOf, linkOf } from '../chains.ts';
import { isRouted } from '../handlers.ts';
import { isMembershipTable, isOrgTable, isTenantTable } from '../names.ts';
import type { Hit, RuleContext } from '../rule-context.ts';
import { keyName, memberOf, type SyntaxNode, unwrap } from '../syntax.ts';
import { offsetsOfMatches } from '../words.ts';
import { askedBy, compares, narrows, narrowsBy, openTo } from './unscoped-table.ts';

const built = /\.\s*(?:findMany|updateMany|deleteMany)\s*\(|\.\s*(?:from|delete|update)\s*\(\s*[A-Za-z_$][\w$]*\s*\)/g;
const asksSql = /\bsql`|\$\w+Raw\b|\.\s*(?:query|execute|any|many\w*|all|run)\b/;
const begins = /\b(?:select|delete\s+from|update)\b/gi;

/** Where a statement of SQL, Prisma or Drizzle may begin that reads, changes or deletes rows. */
export const statementsIn = (text: string): readonly number[] => [
  ...offsetsOfMatches(text, built),
  ...(asksSql.test(text)
    ? offsetsOfMatches(text, begins).filter((at) => /['"`]\s*$/.test(text.slice(Math.max(0, at - 40), at)))
    : []),
];

/** A question that is asked, with the table that it is about and what is said of whose rows are meant. */
type Statement = { readonly chain: Chain; readonly table: string; readonly does: 'read' | 'changed' | 'deleted' };

/** What the clients of an app are called that nobody has made for a caller. */
const plainClient = /(?:^|\.)(?:prisma|prismaClient|pool|pgPool|db|database|pg|sql|knex)$/;

/**
 * The same in SQL, Prisma and Drizzle, whose connections go past row security unless the app says who is asking. An app
 * that does so anywhere (`set_config`, `$extends`) is left alone: see `openFunctions`.
 */
export function* unscopedStatement(node: SyntaxNode, context: RuleContext): Iterable<Hit> {
  const found = sqlAt(node) ?? modelAt(node) ?? builderAt(node);
  if (found === null || !plainClient.test(found.chain.base.text.replace(/^(?:this|ctx)\./, ''))) return;
  const asker = askedBy(found.chain, found.table, context);
  if (asker === null) return;
  const hit: Hit = {
    node: found.chain.node,
    reason: `Rows of ${found.table} are ${found.does} for every organization, over a connection that no row security holds.`,
    instruction: 'Keep it to the organization of the authenticated user (org_id = …).',
    certainty: 'likely',
  };
  yield openTo(asker, hit, { statement: true, routed: isRouted(found.chain.node) });
}

const isTenants = (name: string): boolean =>
  [name, `${name}s`, `${name}es`, name.replace(/y$/, 'ies')].some(isTenantTable) &&
  ![name, `${name}s`].some((one) => isOrgTable(one) || isMembershipTable(one));

/** `pool.query('select … from calls')`, sql`…`, prisma.$queryRaw`…` */
function sqlAt(node: SyntaxNode): Statement | null {
  const literal = node.kind === 'string_fragment' ? node.parent : node;
  const parent = literal?.parent;
  if (!literal || !parent || !/^(?:string|template_string)$/.test(literal.kind)) return null;
  const tagged = parent.kind === 'call_expression' && parent.child(-1) === literal;
  const asked = tagged ? parent : parent.kind === 'arguments' && parent.child(0) === literal ? parent.parent : null;
  const text = asked === null ? null : sqlOf(literal, tagged);
  if (asked === null || text === null) return null;
  const outer = tagged && asked.parent?.kind === 'arguments' ? asked.parent.parent : asked;
  const callee = outer?.child(0);
  if (!outer || !callee) return null;
  const member = memberOf(callee);
  if (member !== null && !/^(?:query|execute|any|many|manyOrNone|\$queryRaw|\$executeRaw|all|run)$/.test(member.name))
    return null;
  const found = openSql(text);
  const chain = chainOf(outer) ?? { base: callee, links: [], node: outer, table: null };
  return found && isTenants(found.table) ? { ...found, chain } : null;
}

/** The statement in one line; null where parts of it are put in as text. */
function sqlOf(literal: SyntaxNode, tagged: boolean): string | null {
  let text = literal.text.slice(1, -1);
  for (const part of literal.children.filter(({ kind }) => kind === 'template_substitution').reverse()) {
    const before = literal.source.text.slice(literal.start + 1, part.start);
    if (!tagged || !/(?:[=<>]|\b(?:like|limit|offset))\s*$/i.test(before)) return null;
    text = `${text.slice(0, before.length)}$1${text.slice(before.length + part.end - part.start)}`;
  }
  return text
    .replace(/--.*$/gm, '')
    .replace(/\/\*[\s\S]*?\*\//g, ' ')
    .replace(/'(?:[^']|'')*'/g, "''")
    .replace(/\s+/g, ' ')
    .replace(/ between (\S+(?: - \S+ '')?) and \S+(?: - \S+ '')?/gi, ' >= $1')
    .trim();
}

/**
 * Patterns, and not the parser of the database room (libpg-query): what they take apart whole is open, all else keeps
 * quiet, so that a statement read wrongly is a miss and no false finding. What stays unsaid is mostly not for want of a
 * parse: of a join, a CTE or a subquery the rule would have to know whose rows it keeps to, which a tree does not tell.
 * The parser costs a scan that meets SQL 0.25 s of CPU and 15 to 50 MB more, then 0.4 ms a statement, and it takes
 * neither `?` nor a template with parts left open. It is worth that once the rule follows joins.
 */
const shape =
  /^(?:select (?!(?:count|sum|min|max|avg|exists|1)\b).+? from|(delete) from|(update)) (?:only )?(?:"?public"?\.)?"?(\w+)"?(?: (?:as )?(?!where|set|order|limit|offset|returning|group|for\b)\w+)?(?: set (?:(?! where ).)+)?(?: where (.+?))?(?: (?:order by|limit|offset|returning|for update)\b.*)?;?$/i;
const involved =
  /\b(?:join|union|with|exists|intersect|except|using|current_setting|set_config|auth\.|group by|having)\b/i;

function openSql(text: string): Pick<Statement, 'table' | 'does'> | null {
  if (involved.test(text) || (text.match(/\bselect\b/gi) ?? []).length > 1) return null;
  const [whole, deletes, updates, table = '', where = ''] = shape.exec(text) ?? [];
  if (whole === undefined || !(where === '' || where.split(/ (?:and|or) /i).every(tellsNobodyInSql))) return null;
  return { table, does: deletes !== undefined ? 'deleted' : updates !== undefined ? 'changed' : 'read' };
}

function tellsNobodyInSql(condition: string): boolean {
  const [, column, operator = '', value = ''] =
    /^\(*(?:\w+\.)?"?(\w+)"? ?(=|<>|!=|<=|>=|<|>|\bi?like\b|\bis\b|\bin\b) ?(.+?)\)*$/i.exec(condition.trim()) ?? [];
  if (column === undefined || !compares(column)) return false;
  if (!/^(?:=|in)$/i.test(operator)) return true;
  return narrowsBy(
    column,
    value.split(/[(),]/).every((one) => /^ ?(?:''|\d+|true|false|null)? ?$/i.test(one)),
  );
}

/** `prisma.call.findMany({ where })`, `db.query.calls.findMany()` */
function modelAt(node: SyntaxNode): Statement | null {
  const chain = chainAround(node);
  const [link] = chain?.links ?? [];
  if (chain === null || link === undefined || !/^(?:findMany|updateMany|deleteMany)$/.test(link.name)) return null;
  const model = memberOf(chain.base);
  if (model === null || !isTenants(model.name)) return null;
  const holder = unwrap(model.object);
  const client = memberOf(holder)?.name === 'query' ? (memberOf(holder)?.object ?? holder) : holder;
  // What Drizzle's `where` is given are calls, which `openWhere` knows nothing of.
  if (!openWhere(link.args[0] ?? null)) return null;
  const does = { updateMany: 'changed', deleteMany: 'deleted' }[link.name] ?? 'read';
  return { chain: { ...chain, base: client }, table: model.name, does: does as Statement['does'] };
}

function openWhere(options: SyntaxNode | null): boolean {
  if (options === null) return true;
  const object = unwrap(options);
  if (object.kind !== 'object') return false;
  return object.children.every((part) => {
    const key = part.kind === 'pair' ? keyName(part.child(0)) : null;
    if (key === null || key === 'cursor') return false;
    const value = part.child(1);
    if (key !== 'where' || value === null) return true;
    const where = unwrap(value);
    return where.kind === 'object' && where.children.every(tellsNobodyInPrisma);
  });
}

function tellsNobodyInPrisma(pair: SyntaxNode): boolean {
  const column = pair.kind === 'pair' ? keyName(pair.child(0)) : null;
  const value = column === null ? null : pair.child(1);
  if (column === null || value === null || !compares(column)) return false;
  const inner = unwrap(value);
  if (inner.kind !== 'object') return narrows(column, value);
  return inner.children.every((one) => {
    const operator = one.kind === 'pair' ? keyName(one.child(0)) : null;
    if (operator === 'in' || operator === 'equals') return narrowsBy(column, false);
    return /^(?:gte?|lte?|not|contains|startsWith|endsWith|mode)$/.test(operator ?? '');
  });
}

/** `db.select().from(calls)`, `db.delete(calls)`, without a `where` or with one that tells nobody. */
function builderAt(node: SyntaxNode): Statement | null {
  const chain = chainAround(node);
  if (chain === null || chain.base.kind !== 'identifier') return null;
  const [first] = chain.links;
  const from = first?.name === 'select' ? linkOf(chain, 'from') : first;
  const table = from?.args[0];
  if (!first || !from || table?.kind !== 'identifier' || !/^(?:from|delete|update)$/.test(from.name)) return null;
  if (!isTenants(table.text) || (first.name === 'select' && /\bcount\b|\bsum\b/.test(first.args[0]?.text ?? '')))
    return null;
  const open = chain.links.every(
    ({ name, args }) =>
      /^(?:select|from|delete|update|set|orderBy|limit|offset|returning|execute)$/.test(name) ||
      (name === 'where' && args.length === 1 && tellsNobodyInDrizzle(args[0] ?? null, table.text)),
  );
  const does = { delete: 'deleted', update: 'changed' }[first.name] ?? 'read';
  return open ? { chain, table: table.text, does: does as Statement['does'] } : null;
}

/** `eq(calls.status, 'open')`, `gte(calls.createdAt, from)` */
function tellsNobodyInDrizzle(condition: SyntaxNode | null, table: string): boolean {
  if (condition?.kind !== 'call_expression') return false;
  const name = condition.child(0)?.text ?? '';
  const [left, right] = condition.childOfKind('arguments')?.children ?? [];
  const column = left ? memberOf(left) : null;
  if (column === null || column.object.text !== table || !compares(column.name)) return false;
  if (name === 'eq') return narrows(column.name, right);
  return /^(?:ne|gte?|lte?|i?like|isNull|isNotNull)$/.test(name);
}
