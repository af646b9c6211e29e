import { decide } from '../../../src/config/answers.ts';
import type { Config } from '../../../src/config/schema.ts';
import type { Note } from '../../../src/rollout/step.ts';
import { editsOverlap } from '../../../src/workspace/edit.ts';
import { classOfPath } from '../../../src/workspace/files.ts';
import { contextOf } from '../../../src/workspace/scan/one-file.ts';
import { holderOf } from '../../../src/workspace/scan/org-reads.ts';
import { forAnother } from '../../../src/workspace/scan/rules/request-org.ts';
import { bindingOf, declaredBy, referencesOf } from '../../../src/workspace/scan/scope.ts';
import { operatorOf, parseSource, type SyntaxNode, unwrap } from '../../../src/workspace/scan/syntax.ts';
import type { Finding, FindingKind, TextEdit } from '../../../src/workspace/scan/types.ts';
import { type Code, textOf } from '../../code/code.ts';
import type { Overlay } from '../../code/fixes.ts';
import { placeOf, takeValidated, withImports } from './edits.ts';
import { type Door, importOf } from './index.ts';

/** What is put right by putting the validated organization in its place. */
export const mended: readonly FindingKind[] = ['request-org', 'default-org', 'hard-coded-org'];

/** A file with handlers that let in callers who are not signed in, and what would keep them out. */
export type Proposal = {
  readonly file: string;
  readonly title: string;
  readonly lines: readonly string[];
  readonly places: number;
};

export const agreed = (file: string, outside: boolean, { decisions }: Config): boolean =>
  decisions.protectRouters === 'all' ? !outside : (decisions.protectRouters?.includes(file) ?? false);

/**
 * Edits the places that the doors answer for, in the way of their framework. A handler that lets in callers without a
 * session is not closed without the operator's word: it is proposed.
 */
export async function mendPlaces(
  code: Code,
  doors: readonly Door[],
  findings: readonly Finding[],
  overlay: Overlay,
): Promise<readonly Proposal[]> {
  const proposals: Proposal[] = [];
  for (const door of doors) {
    const files = new Set(door.ground.files.map(({ path }) => path));
    for (const file of new Set(findings.map((one) => one.file))) {
      if (!files.has(file) || file === door.adapter.file || file === door.core.file) continue;
      const own = findings.filter((one) => one.file === file && one.fix === null && mended.includes(one.kind));
      const text = overlay.get(file) ?? (await textOf(code.workspace, file));
      if (own.length === 0 || text === null || !/\.[cm]?[jt]sx?$/.test(file)) continue;
      const proposal = await mendFile(code, door, file, text, own, overlay);
      if (proposal !== null) proposals.push(proposal);
    }
  }
  return proposals;
}

async function mendFile(
  code: Code,
  { adapter, cure, ground }: Door,
  file: string,
  text: string,
  findings: readonly Finding[],
  overlay: Overlay,
): Promise<Proposal | null> {
  const source = await parseSource(file, text);
  if (source.errorAt !== null) return null;
  const context = contextOf(code.workspace, source, classOfPath(file), {});
  const edits: TextEdit[] = [];
  const names = new Set<string>();
  const waiting: string[] = [];
  const outside = fromOutside.test(file) || fromOutside.test(text);
  const settled: SyntaxNode[] = [];
  const places = findings.filter(({ kind }) => kind === 'request-org').map((one) => placeOf(source, one));
  // What a request names comes first: its own fallback goes with it.
  for (const finding of [...findings].sort((a, b) => rank(a) - rank(b))) {
    // A state, a message or a token that is only decoded is another fault than a value that was not compared.
    if (/OAuth state|unsigned|message|token/i.test(finding.reason.slice(0, 60))) continue;
    // Who works for all organizations would be kept to one; who shares with another could only name the own.
    if (/own people come through/.test(finding.reason) || finding.reason.endsWith(forAnother)) continue;
    const place = placeOf(source, finding);
    const node = alternatives(place, places);
    if (finding.kind === 'request-org' && settled.includes(node)) continue;
    const way = cure.way(node, context, ground);
    if (way === null) continue;
    const fallback = finding.kind === 'default-org' ? fallbackOf(node, settled) : null;
    if (fallback !== null) {
      if (!editsOverlap(edits, [fallback])) edits.push(fallback);
      continue;
    }
    const literal = /^(?:string|template_string)$/.test(node.kind);
    const helper = literal ? 'requireOrgId' : 'assertSameOrg';
    const call = (supplied: string): string => {
      if (literal && way.own !== undefined) return way.own;
      const args = [way.carrier, supplied].filter((one) => one !== null && one !== '').join(', ');
      return `${way.awaited ? 'await ' : ''}${helper}(${args})`;
    };
    const taken = takeValidated(node, call);
    if (taken === null || editsOverlap(edits, taken)) continue;
    if (finding.kind === 'default-org' && !literal) continue;
    if (!way.authenticated && !agreed(file, outside, code.target.config)) {
      waiting.push(way.words);
      continue;
    }
    const fresh = way.edits.filter(
      (one) => !edits.some((known) => known.start === one.start && known.text === one.text),
    );
    if (editsOverlap(edits, fresh)) continue;
    edits.push(...taken, ...fresh);
    settled.push(node);
    const holder = holderOf(node) ?? (/identifier/.test(node.kind) ? declaredBy(node) : null);
    if (holder !== null) settled.push(holder.node);
    for (const name of way.imports) names.add(name);
    if (!literal || way.own === undefined) names.add(helper);
  }
  // The validated value is never missing, so that nothing falls back from it.
  for (const declared of settled.flatMap((one) => declaredBy(one) ?? [])) {
    for (const use of referencesOf(declared)) {
      const gone = use.parent !== null && isChain(use.parent) ? fallbackOf(use, settled) : null;
      if (gone !== null && gone.start === use.end && !editsOverlap(edits, [gone])) edits.push(gone);
    }
  }
  if (edits.length > 0) {
    const specifier = importOf(code.workspace, ground, file, adapter.file);
    overlay.set(file, await withImports(file, text, edits, [...names].sort(), specifier));
  }
  return waiting.length === 0
    ? null
    : { file, title: cure.title, lines: [...new Set(waiting)], places: waiting.length };
}

/** `org ?? cookies().get('org')?.value ?? headers().get('x-org')` is one value where each part comes from the request. */
function alternatives(place: SyntaxNode, places: readonly SyntaxNode[]): SyntaxNode {
  const declared = declaredBy(place);
  const [only, ...more] = declared === null ? [place] : referencesOf(declared);
  if (only === undefined || more.length > 0) return place;
  const named = new Set(places.flatMap((one) => declaredBy(one)?.name ?? []));
  const isPlace = (node: SyntaxNode): boolean =>
    isChain(node)
      ? node.children.every(isPlace)
      : places.some((one) => node.contains(one)) || (node.kind === 'identifier' && named.has(node.text));
  let whole: SyntaxNode | null = null;
  for (
    let at: SyntaxNode | null = only;
    at !== null && !/_declarator$|statement|arguments/.test(at.kind);
    at = at.parent
  )
    if (isChain(at) && isPlace(at)) whole = at;
  return whole ?? place;
}

const isChain = (node: SyntaxNode): boolean =>
  node.kind === 'binary_expression' && /^(?:\|\||\?\?)$/.test(operatorOf(node));

const rank = ({ kind }: Finding): number => (kind === 'request-org' ? 0 : 1);

/** `orgId ?? own ?? ''` behind a value that is the validated one by now: nothing falls back any more. */
function fallbackOf(node: SyntaxNode, settled: readonly SyntaxNode[]): TextEdit | null {
  let around = isChain(node) ? node : node.above('binary_expression');
  let left = around?.child(0) ?? null;
  while (left !== null && isChain(left)) left = left.child(0);
  if (around === null || left === null || !isChain(around)) return null;
  for (let up = around.parent; up !== null && isChain(up) && up.child(0) === around; up = around.parent) around = up;
  const value = unwrap(left);
  const binding = value.kind === 'identifier' ? bindingOf(value) : null;
  const known = settled.some((one) => one === value || one === left || one === binding?.node);
  return known ? { start: left.end, end: around.end, text: '' } : null;
}

/** Words of callers who have no token and are meant all the same. */
const fromOutside =
  /webhook|callback|oauth|stripe|twilio|-signature['"`]|constructEvent\s*\(|x-[\w-]*secret|CRON_SECRET/i;

/** The question, as a note of the plan. */
export const proposed = ({ file, lines, places }: Proposal): Note => ({
  text: `${file} takes the organization from the request in ${places === 1 ? 'a place' : `${places} places`} where nobody has to be signed in. With --protect-routers ${file} this step puts the check there.`,
  detail: [...lines, 'Whoever calls it without a token is refused from then on.'].join('\n'),
  answers: [decide('protectRouters', [file], `Requests to ${file} without a valid token are refused from then on.`)],
});
