import { chainAround, chainOf } from './chains.ts';
import { holdsFor, isWritten } from './conditions.ts';
import { argumentsThatAre } from './held-objects.ts';
import { isMembershipTable, isOrgColumn, isOrgIdName, isOrgTable } from './names.ts';
import { originsOf } from './origins.ts';
import { bindingOf } from './scope.ts';
import { isAuthenticated } from './sessions.ts';
import { callOf, isFunction, keyName, memberOf, type SyntaxNode, stringValue, unwrap, wrapped } from './syntax.ts';

/** A question to the database, with the table that it is about where that is to be seen. */
export type Lookup = { readonly node: SyntaxNode; readonly table: string | null };

const writing =
  /\.\s*(?:insert|update|upsert|delete|create|createMany|updateMany|deleteMany|destroy|save|set|values)\s*\(/;
const writingSql = /^\W*(?:insert|update|delete|with\b[\s\S]*\b(?:insert|update|delete))\b/i;
const asking =
  /\.\s*(?:select|query|findFirst|findUnique|findFirstOrThrow|findUniqueOrThrow|findMany|findOne|findOneBy|findOneOrFail|exists|count|aggregate|selectFrom|from|execute|one|oneOrNone|any|raw|\$queryRaw|where|first|update|updateMany|delete|deleteMany)\b|\bsql\b|\b(?:knex|db|kysely)\s*\(/;
/** Tables that say who belongs where, or what one may do. */
const people = /member|role|access|permission|user|profile|collaborator|seat|staff|employee|participant|owner|grant/i;

/**
 * The question that a value is part of, when it asks for a row of the one who is signed in: `from('memberships')` with
 * both ids, the same in SQL, Drizzle, Prisma and their like. A question about any other table says nothing of a
 * membership.
 */
export function memberLookup(use: SyntaxNode): Lookup | null {
  const query = questionAround(use) ?? questionWithObjectOf(use);
  if (query === null || writing.test(query.text)) return null;
  const table = tableAsked(query);
  if (table !== null && !isMembershipTable(table) && !people.test(table) && !asksOrganizations(query, table))
    return null;
  return asksForUser(query, use) ? { node: query, table } : null;
}

/** The question for the organization of that id, with whom it has; null for every other question. */
export function organizationLookup(use: SyntaxNode): SyntaxNode | null {
  const query = questionAround(use);
  if (query === null || writing.test(query.text)) return null;
  const table = tableAsked(query);
  return table !== null && (isOrgTable(table) || isOrgTable(`${table}s`) || isMembershipTable(table)) ? query : null;
}

/** Whether a question is about rows of the one who is signed in alone, whatever its table. */
export function keepsToUser(use: SyntaxNode): boolean {
  if (asksOwnRights(use)) return true;
  const query = questionAround(use) ?? questionWithObjectOf(use);
  if (query !== null && isWritten(use, query)) return false;
  if (narrowsOwn(use) || isHeldToOwn(use)) return true;
  return (
    query !== null &&
    !/\.\s*(?:insert|upsert|create|createMany|values)\s*\(/.test(query.text) &&
    asksForUser(query, use)
  );
}

/** `query = query.eq('org_id', asked)` on a query that began with the organizations, or the id, of the one who is signed in. */
function narrowsOwn(use: SyntaxNode): boolean {
  const chain = chainAround(use);
  const base = chain === null ? null : unwrap(chain.base);
  const begun = base?.kind === 'identifier' ? (bindingOf(base)?.init ?? null) : null;
  return [chain, begun === null ? null : chainOf(begun)].some((one) =>
    one?.links.some(({ name, args: [column, value] }) => {
      if (!/^(?:eq|in|contains)$/.test(name) || !value || value.contains(use)) return false;
      const named = stringValue(column ?? null)?.replace(/^.*\./, '') ?? '';
      return (isOrgColumn(named) || ofUser.test(named)) && isAuthenticated(value) && !isOfRequest(value);
    }),
  );
}

/**
 * `and(eq(t.tenantId, ctx.tenantId), eq(t.branchId, asked))`: where the rows are those of the own organization, a second
 * one that is named with it leaves fewer of them.
 */
export function isHeldToOwn(use: SyntaxNode): boolean {
  const query = isOrgCondition(use, true) ? questionAround(use) : null;
  if (query === null || /\.\s*(?:insert|upsert|create|createMany|values)\s*\(/.test(query.text)) return false;
  return valuesIn(query).some(
    (value) =>
      !value.contains(use) &&
      isOrgCondition(value, false) &&
      holdsFor(value, use, query) &&
      isAuthenticated(value) &&
      !isOfRequest(value),
  );
}

/**
 * The same for a function that is given both: `list(orgId, filters)` asks for the rows of `orgId` that are those of
 * `filters.orgId` as well, and `create(orgId, dto)` may write the one beside the other.
 */
export function isBesideAnother(use: SyntaxNode): boolean {
  const query = questionAround(use);
  const others = [...(query === null ? [] : valuesIn(query).filter((one) => isOrgCondition(one, false)))]
    .filter((value) => query !== null && holdsFor(value, use, query))
    .concat(writtenBeside(use));
  const own = parameterOf(use);
  return others.some((value) => !value.contains(use) && parameterOf(value) !== own && !isOfRequest(value));
}

/** The values of the same row that are written to columns of an organization as well. */
function writtenBeside(use: SyntaxNode): readonly SyntaxNode[] {
  const value = wrapped(use);
  const pair = value.parent?.kind === 'pair' && value.parent.child(1) === value ? value.parent : value;
  const row = pair.parent?.kind === 'object' ? pair.parent.children : [];
  return row.flatMap((part) => {
    if (part === pair) return [];
    const name = part.kind === 'pair' ? (keyName(part.child(0)) ?? '') : part.text;
    const given = part.kind === 'pair' ? part.child(1) : part.kind === 'shorthand_property_identifier' ? part : null;
    return given !== null && (isOrgIdName(name) || isOrgColumn(name)) ? given : [];
  });
}

const parameterOf = (value: SyntaxNode): string =>
  originsOf(value)
    .map((origin) => (origin.kind === 'parameter' ? `${origin.fn.start}#${origin.index}` : origin.kind))
    .join();

/** `eq(t.orgId, value)`, `.eq('org_id', value)`, `where: { orgId: value }`; `byKey`: the organization's own id as well. */
function isOrgCondition(use: SyntaxNode, byKey: boolean): boolean {
  const value = wrapped(use);
  const parent = value.parent;
  const isNamed = (name: string): boolean => isOrgIdName(name) || isOrgColumn(name) || (byKey && name === 'id');
  if (value.kind === 'shorthand_property_identifier') return isNamed(value.text) && isInWhere(value);
  if (parent?.kind === 'pair' && parent.child(1) === value)
    return isNamed(keyName(parent.child(0)) ?? '') && isInWhere(parent);
  const [column] = parent?.kind === 'arguments' ? parent.children : [];
  const callee = parent?.parent?.child(0);
  if (!column || column === value || !callee || !/^(?:eq|inArray|in)$/.test(memberOf(callee)?.name ?? callee.text))
    return false;
  return isNamed(stringValue(column)?.replace(/^.*\./, '') ?? memberOf(column)?.name ?? '');
}

/** Directly in the object of `where`: what a relation is held to is another row. */
const isInWhere = (part: SyntaxNode): boolean =>
  part.parent?.parent?.kind === 'pair' && keyName(part.parent.parent.child(0)) === 'where';

/** `getUserRoles(user.id, orgId)`: what the one who is signed in may do there. */
function asksOwnRights(use: SyntaxNode): boolean {
  const list = wrapped(use).parent;
  const callee = list?.kind === 'arguments' ? list.parent?.child(0) : null;
  const name = callee ? (memberOf(callee)?.name ?? callee.text) : '';
  return (
    /^(?:get|list|find|load|fetch|has|is|can|resolve)\w*(?:Role|Permission|Member|Access)/.test(name) &&
    (list?.children.some((other) => !other.contains(use) && isAuthenticated(other) && !isOfRequest(other)) ?? false)
  );
}

const isOfRequest = (value: SyntaxNode): boolean => originsOf(value).some(({ kind }) => kind === 'request');

/** `prisma.organization.findFirst({ where: { id, members: { some: { userId } } } })` */
const asksOrganizations = (query: SyntaxNode, table: string): boolean =>
  isOrgTable(table) ||
  (/^\w+$/.test(table) && isOrgTable(`${table}s`)) ||
  people.test(query.text.replace(/\buser\b/g, ''));

/** `const key = { org_id: asked, user_id: user.id }; … .match(key)`: the question that the object of a value is given to. */
function questionWithObjectOf(use: SyntaxNode): SyntaxNode | null {
  const object = objectAround(use);
  const given = object === null ? [] : argumentsThatAre(object).filter((one) => !object.contains(one));
  for (const one of given) {
    const query = questionAround(one);
    if (query !== null && !isWritten(one, query)) return query;
  }
  return null;
}

/** The object that a value is a property of. */
function objectAround(use: SyntaxNode): SyntaxNode | null {
  const value = wrapped(use);
  const held = value.kind === 'shorthand_property_identifier' ? value.parent : value.parent?.parent;
  return held?.kind === 'object' ? held : null;
}

/** The outermost expression around a value that is a question to a database. */
export function questionAround(use: SyntaxNode): SyntaxNode | null {
  let found: SyntaxNode | null = null;
  let at = wrapped(use);
  for (let parent = at.parent; parent !== null; at = parent, parent = at.parent) {
    if (/statement|declarator|declaration|program|ternary|jsx|if_clause/.test(parent.kind) || isFunction(parent)) break;
    if (parent.kind === 'binary_expression' || parent.kind === 'unary_expression') break;
    if (parent.kind === 'call_expression' && isQuestion(parent)) found = parent;
  }
  return found;
}

function isQuestion(call: SyntaxNode): boolean {
  const callee = call.child(0);
  const text = callee?.text ?? '';
  if (/^(?:console|log|logger|Promise|res|response|reply|JSON|z)\b/.test(text)) return false;
  const tagged = call.childOfKind('template_string');
  if (tagged !== null) return /sql|query/i.test(text) && !writingSql.test(tagged.text);
  if (!asking.test(`.${memberOf(callee ?? call)?.name ?? ''}(`) && !asking.test(text)) return false;
  const first = callOf(call)?.args[0];
  return !(first && /string/.test(first.kind) && writingSql.test(first.text.slice(1)));
}

/** The table of a question: `from('t')`, `from(t)`, `prisma.t.findFirst`, `db.query.t`, `… from t` in SQL. */
export function tableAsked(query: SyntaxNode): string | null {
  const { text } = query;
  const built = /\.\s*(?:from|selectFrom|table|into)\s*\(\s*['"`]?([\w.]+)/.exec(text)?.[1];
  if (built !== undefined) return built;
  const sql = /\bfrom\s+(?:only\s+)?((?:"?\w+"?\.)?"?\w+"?)/i.exec(text)?.[1];
  if (sql !== undefined && /['"`]/.test(text)) return sql.replace(/"/g, '').replace(/^public\./, '');
  const model = /\.\s*(\w+)\s*\.\s*(?:find\w+|count|aggregate|exists)\s*\(/.exec(text)?.[1];
  if (model !== undefined) return model;
  return /^\s*(?:await\s+)?(?:knex|db|kysely)\s*\(\s*['"](\w+)/.exec(text)?.[1] ?? null;
}

const ofUser =
  /\b\w*(?:user|profile|member|owner|account|auth|subject|person|employee|staff)(?:_?id|_?uid|_?uuid|Id|Uid)?\b/i;

/** A column of users that is held to the one who is signed in; by an id from the request it says nothing. */
function asksForUser(query: SyntaxNode, use: SyntaxNode): boolean {
  const object = query.contains(use) ? null : objectAround(use);
  if (!ofUser.test(`${query.text} ${object?.text ?? ''}`)) return false;
  return [...valuesIn(query), ...(object === null ? [] : valuesIn(object))].some((value) => {
    if (value.contains(use) || !holdsFor(value, use, object ?? query)) return false;
    const origins = originsOf(value);
    if (origins.some((origin) => origin.kind === 'request')) return false;
    return isAuthenticated(value) || isUserName(value);
  });
}

/** `userId`, `uid`, `user.id`: what a function was given or looked up as the one who asks. */
const isUserName = (value: SyntaxNode): boolean =>
  /^(?:(?:current|auth|my|session)?_?(?:user|profile|member|viewer|actor)_?(?:id|uid)|uid|userId|sub)$/i.test(
    value.text.replace(/[?!]/g, ''),
  ) ||
  /(?:^|\.)(?:user|session|auth|claims|viewer|actor|me|profile|principal|identity|token)\??[!]?\.(?:id|uid|sub|userId|user_id)$/i.test(
    value.text,
  );

/** `.update({ … })`, `.set({ … })` of a builder; Prisma's update has its condition in the same object. */
function isWrite(call: SyntaxNode): boolean {
  const name = memberOf(call.child(0) ?? call)?.name ?? '';
  return /^(?:update|set|insert|values|upsert)$/.test(name) && !/\bwhere\s*:/.test(callOf(call)?.args[0]?.text ?? '');
}

/** The values that a question is given: identifiers and member expressions in its arguments, outermost first. */
function valuesIn(query: SyntaxNode): readonly SyntaxNode[] {
  const found: SyntaxNode[] = [];
  const enter = (node: SyntaxNode, called: boolean): void => {
    if (
      !called &&
      /^(?:member_expression|subscript_expression|identifier|shorthand_property_identifier|non_null_expression)$/.test(
        node.kind,
      )
    ) {
      found.push(node);
      return;
    }
    if (isFunction(node) && node.kind !== 'arrow_function') return;
    // What is written says nothing of whose row it is.
    if (node.kind === 'pair' && /^(?:data|create|update|set|values)$/.test(keyName(node.child(0)) ?? '')) return;
    if (node.kind === 'call_expression' && isWrite(node)) {
      const [callee] = node.children;
      if (callee) enter(callee, true);
      return;
    }
    if (node.kind === 'call_expression') {
      const [callee, ...rest] = node.children;
      if (callee) enter(callee, true);
      for (const child of rest) enter(child, false);
      // What a function gives may be the user as well: `c.get('user').id` is a member, `userId()` a call.
      if (!called) found.push(node);
      return;
    }
    for (const child of node.children) enter(child, called && node.kind === 'member_expression');
  };
  enter(query, true);
  return found;
}
