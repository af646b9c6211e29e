import { indentAt } from '../../src/workspace/scan/fixes.ts';
import { isOrgIdName } from '../../src/workspace/scan/names.ts';
import { callOf, functionAround, keyName, memberOf, type SyntaxNode, unwrap } from '../../src/workspace/scan/syntax.ts';
import type { TextEdit } from '../../src/workspace/scan/types.ts';
import { countOf } from '../code/nodes.ts';
import { handlerOf, metadataOf, type Names } from './auth-shapes.ts';
import { isAsync } from './cures/handlers.ts';

/**
 * `req.user = { …, orgId: user.user_metadata.org_id }`: the organization is resolved in front of it, and refused where
 * there is none. Where the user is put on the request without one, the request gets it beside, and nobody is refused here:
 * there may be routes for people who have none yet.
 */
export function userEdits(assignment: SyntaxNode, names: Names): readonly TextEdit[] {
  const statement = assignment.parent;
  const fn = functionAround(assignment);
  const handler = fn === null ? null : handlerOf(fn);
  const [target, value] = assignment.children;
  if (statement?.kind !== 'expression_statement' || fn === null || handler === null || !value) return [];
  const onto = target === undefined ? null : memberOf(target);
  if (onto === null || unwrap(onto.object).text !== handler.request || !isAsync(fn)) return [];
  if (!/\bget(?:User|Claims)\s*\(/.test(fn.text) || /\.org_id\s*=[^=]/.test(fn.text)) return [];
  const { text } = assignment.source;
  const line = `${text.includes('\r\n') ? '\r\n' : '\n'}${indentAt(text, statement.start)}`;
  const end = statement.text.endsWith(';') ? ';' : '';
  const given = unwrap(value);
  const org = orgIn(onto.name, given);
  const user = org === null ? (/user|auth|session/i.test(onto.name) ? userOf(given) : null) : userWith(org);
  // What carries the organization may be the next line.
  if (user === null || (org === null && setsOrgNext(statement, handler.request))) return [];
  const name = ['orgId', 'validatedOrgId'].find((one) => countOf(fn.text, one) === 0);
  if (name === undefined) return [];
  names.add('resolveOrgId');
  if (org === null || handler.response === null) {
    const lines = [
      `const ${name} = await resolveOrgId(${user}, ${handler.request})${end}`,
      `if (${name} !== null) ${handler.request}.org_id = ${name}${end}`,
    ];
    return [{ start: statement.end, end: statement.end, text: lines.map((one) => `${line}${one}`).join('') }];
  }
  const lines = [
    `const ${name} = await resolveOrgId(${user}, ${handler.request}, ${handler.response})${end}`,
    `if (${name} === null) return${end}`,
  ];
  return [
    { start: statement.start, end: statement.start, text: lines.map((one) => `${one}${line}`).join('') },
    { start: org.start, end: org.end, text: name },
    { start: statement.end, end: statement.end, text: `${line}${handler.request}.org_id = ${name}${end}` },
  ];
}

/** The value that is read from somebody's metadata: of an organization's key, or as what the request has under its name. */
function orgIn(name: string, given: SyntaxNode): SyntaxNode | null {
  if (given.kind !== 'object') return isOrgIdName(name) ? metadataIn(given) : null;
  const pair = given.children.find((one) => one.kind === 'pair' && isOrgIdName(keyName(one.child(0)) ?? ''));
  const value = pair?.child(1) ?? null;
  return value === null ? null : metadataIn(value);
}

/** `Number(user.user_metadata.team_id)`: what is within. */
function metadataIn(value: SyntaxNode): SyntaxNode | null {
  if (!metadataOf.test(value.text)) return null;
  const call = callOf(value);
  if (call === null) return value;
  const [only, ...more] = call.args;
  return only !== undefined && more.length === 0 ? metadataIn(only) : null;
}

const userWith = (org: SyntaxNode): string | null => metadataOf.exec(org.text)?.[1]?.replace(/[?!]/g, '') ?? null;

const setsOrgNext = (statement: SyntaxNode, request: string): boolean =>
  statement.parent?.children.some(
    (one) => one.start > statement.start && metadataOf.test(one.text) && one.text.startsWith(`${request}.`),
  ) ?? false;

/** Whom the request is given: `user`, `data.user`, or what the id of an object is taken from. */
function userOf(given: SyntaxNode): string | null {
  if (/^(?:[\w$]+\.)*(?:user|claims)$/i.test(given.text)) return given.text;
  const whose = /^((?:[\w$]+\.)*(?:user|claims))\.(?:id|sub)$/i;
  if (given.kind !== 'object') return whose.exec(given.text)?.[1] ?? null;
  const id = given.children.find((one) => /^(?:id|sub|userId|user_id)$/.test(keyName(one.child(0)) ?? ''))?.child(1);
  return whose.exec(id?.text ?? '')?.[1] ?? null;
}
