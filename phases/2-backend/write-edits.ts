import { applyEdits } from '../../src/workspace/edit.ts';
import { classOfPath } from '../../src/workspace/files.ts';
import { chainAround, type Link, linkOf } from '../../src/workspace/scan/chains.ts';
import { authOf, importEdits, indentAt, requestInScope } from '../../src/workspace/scan/fixes.ts';
import { isOrgIdName } from '../../src/workspace/scan/names.ts';
import { contextOf } from '../../src/workspace/scan/one-file.ts';
import { bindingOf, declarationIn, referencesOf } from '../../src/workspace/scan/scope.ts';
import { keyName, nodeAt, parseSource, type SyntaxNode, wrapped } from '../../src/workspace/scan/syntax.ts';
import type { Finding, Helpers, TextEdit } from '../../src/workspace/scan/types.ts';
import type { Code } from '../code/code.ts';
import { offsetOf } from '../code/nodes.ts';

/**
 * A request body that is written as a whole gets the validated organization behind it, so that none of its own can
 * stand: `insert({ ...req.body, org_id: requireOrgId(req) })`. Only for a table that has an organization and a route
 * that is behind authentication; anything else stays with its instruction. An update is also kept to rows of that
 * organization: without it, the row of another one would be moved over. So would an upsert that finds its row by what
 * the body says; that one stays.
 */
export async function mendWrites(
  code: Code,
  file: string,
  text: string,
  findings: readonly Finding[],
  helpers: Helpers,
): Promise<string> {
  const source = await parseSource(file, text);
  if (source.errorAt !== null) return text;
  const context = contextOf(code.workspace, source, classOfPath(file), { helpers });
  if (context.isAuthMiddleware || helpers.importPath(file) === null) return text;
  const edits: TextEdit[] = [];
  for (const finding of findings) {
    if (finding.file !== file || finding.kind !== 'body-spread') continue;
    const place = placeAt(nodeAt(source, offsetOf(text, finding)), finding);
    const request = place === null ? null : requestInScope(place.node);
    if (place === null || request === null || authOf(request.fn, context) !== 'yes') continue;
    const chain = chainAround(place.write);
    const column = chain === null ? null : tenantColumn(code, chain.table);
    const write = chain === null ? null : linkOf(chain, 'insert', 'update', 'upsert');
    if (chain === null || column === null || write === null) continue;
    if (write.name === 'upsert' && !isNamed(write.args[1], column)) continue;
    const own = `${helpers.requireOrgId}(${request.name})`;
    const payload = payloadEdits(place, write, column, own);
    if (payload === null) continue;
    edits.push(...payload);
    if (write.name === 'update' && !chain.links.some((link) => link !== write && isNamed(link.args[0], column)))
      edits.push(filterEdit(write, chain.links, column, own, quoteOf(chain.node)));
  }
  if (edits.length === 0) return text;
  return applyEdits(text, [...edits, ...(importEdits(source, helpers, helpers.requireOrgId) ?? [])]);
}

type Place = {
  /** The spread, or the body itself. */
  readonly node: SyntaxNode;
  readonly spread: boolean;
  /** The call that writes it. */
  readonly write: SyntaxNode;
};

function placeAt(start: SyntaxNode, { column, line }: Finding): Place | null {
  const spread = start.kind === 'spread_element' ? start : start.above('spread_element');
  if (spread !== null && isAt(spread, line, column)) {
    const object = spread.parent;
    const write = object?.kind === 'object' ? writeOf(object) : null;
    return write === null ? null : { node: spread, spread: true, write };
  }
  let value = start;
  while (value.parent !== null && !/^(?:arguments|array)$/.test(value.parent.kind)) value = value.parent;
  const write = writeOf(value);
  return write === null ? null : { node: value, spread: false, write };
}

function isAt(node: SyntaxNode, line: number, column: number): boolean {
  const before = node.source.text.slice(0, node.start);
  return before.split('\n').length === line && node.start - before.lastIndexOf('\n') === column;
}

/** The one call to which an object is given: directly, in a list, or through a variable. */
function writeOf(value: SyntaxNode): SyntaxNode | null {
  const outer = wrapped(value);
  const { parent } = outer;
  if (parent?.kind === 'array') return writeOf(parent);
  if (parent?.kind === 'arguments') return parent.parent;
  const name = parent?.kind === 'variable_declarator' ? parent.child(0) : null;
  const binding = name?.kind === 'identifier' ? bindingOf(name) : null;
  if (!binding || !declarationIn(binding.scope, binding.name)) return null;
  const calls = referencesOf(binding).flatMap((one) => {
    const call = wrapped(one).parent?.kind === 'arguments' ? wrapped(one).parent?.parent : null;
    return call && /\.\s*(?:insert|update|upsert)$/.test(call.child(0)?.text ?? '') ? [call] : [];
  });
  return calls.length === 1 ? (calls[0] ?? null) : null;
}

/** The column by which a table belongs to an organization, as the database says; null where it does not. */
const tenantColumn = ({ facts }: Code, table: string | null): string | null =>
  table !== null && facts.tenants.includes(table.replace(/^public\./, '')) ? facts.column : null;

const isNamed = (node: SyntaxNode | undefined, column: string): boolean =>
  node !== undefined && new RegExp(`(?<![\\w$])${column}(?![\\w$])`).test(node.text);

function payloadEdits({ node, spread }: Place, write: Link, column: string, own: string): readonly TextEdit[] | null {
  const { text } = node.source;
  const lineStart = text.lastIndexOf('\n', node.start) + 1;
  const ownLine = spread && text.slice(lineStart, node.start).trim() === '';
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const addition = `,${ownLine ? `${newline}${indentAt(text, node.start)}` : ' '}${column}: ${own}`;
  if (!spread) {
    // What is inserted may be a list of rows.
    if (write.name !== 'update' || !/^(?:identifier|member_expression)$/.test(node.kind)) return null;
    return [
      { start: node.start, end: node.start, text: '{ ...' },
      { start: node.end, end: node.end, text: `${addition} }` },
    ];
  }
  const siblings = node.parent?.children ?? [];
  const index = siblings.indexOf(node);
  const edits: TextEdit[] = [{ start: node.end, end: node.end, text: addition }];
  for (const [at, part] of siblings.entries()) {
    const key = part.kind === 'pair' ? keyName(part.child(0)) : part.kind.startsWith('shorthand') ? part.text : null;
    if (key === null || !isOrgIdName(key)) continue;
    // The one in front of the spread is what the body overrides; a second key of that name is an error.
    if (at > index || key !== column) return null;
    edits.push({ start: part.start, end: siblings[at + 1]?.start ?? part.end, text: '' });
  }
  return edits;
}

/** `.eq('org_id', …)` behind the update, laid out as the filters that follow it. */
function filterEdit(write: Link, links: readonly Link[], column: string, own: string, quote: string): TextEdit {
  const { end, source } = write.call;
  const next = links[links.indexOf(write) + 1];
  const gap = next === undefined ? '' : source.text.slice(end, next.dot);
  return {
    start: end,
    end,
    text: `${/^\s*$/.test(gap) ? gap : ''}.eq(${quote}${column}${quote}, ${own})`,
  };
}

function quoteOf(chain: SyntaxNode): string {
  return /\(\s*(['"`])/.exec(chain.text)?.[1] ?? "'";
}
