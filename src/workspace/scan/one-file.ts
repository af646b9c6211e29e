import { createHash } from 'node:crypto';
import { classOfPath, classOfText, type FileClass } from '../files.ts';
import type { Workspace } from '../project.ts';
import { projectOf } from '../resolve.ts';
import type { Report } from './across-files.ts';
import { linksOf } from './links.ts';
import { speaksOfOrg, unreadNotice } from './reading.ts';
import type { Hit, Rule, RuleContext } from './rule.ts';
import { rules as allRules } from './rules/index.ts';
import { nodeAt, positionOf, Source, type SyntaxNode } from './syntax.ts';
import type { FileResult, Finding, FindingKind, Notice, ScanOptions } from './types.ts';
import { speak, usualVocabulary } from './vocabulary.ts';
import { offsetsOfMatches } from './words.ts';

/** The findings in one text, for a preview of edits and for tests; nothing is followed into other files. */
export async function scanText(
  workspace: Workspace,
  file: string,
  text: string,
  options: ScanOptions = {},
): Promise<readonly Finding[]> {
  speak(options.vocabulary ?? usualVocabulary);
  const source = new Source(file, text);
  const context = contextOf(workspace, source, classOfText(classOfPath(file), text), options);
  return asFindings(runRules(allRules, context), context);
}

/** What the rules say of a file. A copy: parts of a string would keep the whole text of the file in memory. */
export function scanFile(
  workspace: Workspace,
  rules: readonly Rule[],
  source: Source,
  fileClass: FileClass,
  options: ScanOptions,
): FileResult {
  speak(options.vocabulary ?? usualVocabulary);
  const context = contextOf(workspace, source, fileClass, options);
  const placed = runRules(rules, context);
  const findings = asFindings(placed, context);
  const tells = fileClass === 'source' && source.root.kind === 'program';
  const facts = tells ? factsOf(rules, context, placed) : {};
  const links = tells ? linksOf(context) : null;
  // Nothing is missing from a file that no rule looked into.
  const notices = source.isParsed ? [...syntaxNotices(source)] : [];
  const part = source.component?.unread ?? null;
  if (part !== null && speaksOfOrg(source.written, options)) notices.push(unreadNotice(source.path, part));
  if (findings.length === 0 && links === null && Object.keys(facts).length === 0)
    return { fileClass, notices, findings, facts, links };
  return structuredClone({ fileClass, notices, findings, facts, links });
}

/** What a rule sees in a file that it looks into once more. */
export function lookInto<Seen>(
  workspace: Workspace,
  rule: Rule,
  source: Source,
  fileClass: FileClass,
  options: ScanOptions,
  at: (context: RuleContext, report: Report) => Seen,
): Seen {
  speak(options.vocabulary ?? usualVocabulary);
  const context = contextOf(workspace, source, fileClass, options);
  return structuredClone(at(context, (hit) => asFinding(rule, hit, 0, context)));
}

function factsOf(rules: readonly Rule[], context: RuleContext, placed: readonly Placed[]): FileResult['facts'] {
  const facts: Partial<Record<FindingKind, unknown>> = {};
  for (const rule of rules) {
    if (rule.across === undefined) continue;
    const report: Report = (hit) => asFinding(rule, hit, 0, context);
    const hits = placed.filter((one) => one.rule === rule).map(({ hit }) => hit);
    const own = rule.across.facts(context, report, hits) ?? null;
    if (own !== null) facts[rule.kind] = own;
  }
  return facts;
}

function syntaxNotices({ path: file, text, errorAt }: Source): readonly Notice[] {
  if (errorAt === null) return [];
  const { line } = positionOf(text, errorAt);
  return [
    {
      file,
      kind: 'syntax-error',
      text: `A syntax error at line ${line}: findings may be missing, and the file is not edited.`,
      line,
    },
  ];
}

/** What a rule needs to know of a file. Also used by the tests of the rules, on code without a workspace. */
export function contextOf(
  workspace: Workspace,
  source: Source,
  fileClass: FileClass,
  options: ScanOptions,
): RuleContext {
  return {
    source,
    fileClass,
    side: sideOf(workspace, source),
    workspace,
    helpers: options.helpers ?? null,
    claim: options.claim ?? 'org_id',
    renames: options.renames ?? [],
    rpcArguments: options.rpcArguments ?? [],
    isAuthMiddleware: workspace.auth.some((entry) => entry.file === source.path),
  };
}

function sideOf(workspace: Workspace, source: Source): RuleContext['side'] {
  const { path: file, text } = source;
  if (/^\s*(?:\/\*[\s\S]*?\*\/\s*|\/\/.*\n\s*)*['"]use client['"]/.test(text.slice(0, 600))) return 'browser';
  if (
    /(?:^|\/)app\/(?:.*\/)?route\.[cm]?[jt]s$|(?:^|\/)pages\/api\/|(?:^|\/)(?:middleware|proxy)\.[cm]?[jt]s$|(?:^|\/)supabase\/functions\//.test(
      file,
    )
  )
    return 'server';
  const project = projectOf(file, workspace.projects);
  if (project !== null && project === workspace.backend && project !== workspace.frontend) return 'server';
  if (!/x$/.test(file) && importsServer.test(text)) return 'server';
  if (file.endsWith('.astro')) return 'both';
  return /\.[jt]sx$/.test(file) && !rendersOnServer.test(text) ? 'browser' : 'both';
}

/** Packages that no browser loads. */
const importsServer =
  /(?:\bfrom\s*|\brequire\s*\(\s*|\bimport\s*)['"](?:express|hono|hono\/cookie|koa|@koa\/router|koa-router|fastify|@nestjs\/common|h3|next\/headers|server-only|node:\w+|aws-lambda|ws|pg|elysia|@hapi\/hapi)['"]/;

/** What a component file says when a part of it runs on the server: a loader, an action, a page that asks a database. */
const rendersOnServer =
  /['"]use server['"]|['"](?:next\/headers|server-only)['"]|\bexport\s+(?:default\s+)?(?:async\s+)?(?:function|const)\s+(?:loader|action|getServerSideProps|generateMetadata|GET|POST|PUT|PATCH|DELETE)\b|\bexport\s+default\s+async\s+function\b|\bcreateServerFn\b|\b(?:routeLoader|routeAction|globalAction|server)\$\(|\bserver\s*:\s*\{\s*(?:middleware|handlers)\b/;

type Placed = { readonly rule: Rule; readonly hit: Hit };

/** All hits of the rules in one file, in order, each place once per rule. */
function runRules(rules: readonly Rule[], context: RuleContext): readonly Placed[] {
  const { source } = context;
  const placed: Placed[] = [];
  for (const rule of rules) {
    // Without a tree there is nothing to follow; names of columns are read from the text.
    if (source.root.kind !== 'program' && rule.readsText !== true) continue;
    const seeds = typeof rule.seeds === 'function' ? rule.seeds(context) : rule.seeds;
    if (seeds === null) continue;
    const reported = new Set<number>();
    const looked = new Set<SyntaxNode>();
    for (const offset of seeds instanceof RegExp ? offsetsOfMatches(source.text, seeds) : seeds) {
      const node = nodeAt(source, offset);
      if (looked.has(node)) continue;
      looked.add(node);
      for (const hit of rule.check(node, context)) {
        if (reported.has(hit.node.start)) continue;
        reported.add(hit.node.start);
        placed.push({ rule, hit });
      }
    }
  }
  return placed.sort((a, b) => a.hit.node.start - b.hit.node.start);
}

/** Findings with their positions and ids. */
function asFindings(placed: readonly Placed[], context: RuleContext): readonly Finding[] {
  const ordinals = new Map<string, number>();
  return placed.flatMap(({ rule, hit }) => {
    if (hit.pending === true) return [];
    const key = keyOf(rule, hit, context);
    const ordinal = ordinals.get(key) ?? 0;
    ordinals.set(key, ordinal + 1);
    return asFinding(rule, hit, ordinal, context);
  });
}

/** What makes a finding the same one after edits elsewhere: its kind, its file and its code, white space aside. */
function keyOf(rule: Rule, hit: Hit, { source }: RuleContext): string {
  return `${rule.kind}\0${source.path}\0${source.text.slice(hit.node.start, hit.node.end).replace(/\s+/g, ' ')}`;
}

function asFinding(rule: Rule, hit: Hit, ordinal: number, context: RuleContext): Finding {
  const { source } = context;
  const { line, column } = positionOf(source.text, hit.node.start);
  const text = source.text.slice(hit.node.start, hit.node.end);
  const sound = source.errorAt === null;
  const placed = !(hit.edits ?? []).some((edit) => isRearranged(source, edit.start, edit.end));
  const edits = sound && placed && hit.edits && hit.edits.length > 0 ? { edits: hit.edits } : null;
  return {
    id: createHash('sha256')
      .update(`${keyOf(rule, hit, context)}\0${ordinal}`)
      .digest('hex')
      .slice(0, 12),
    kind: rule.kind,
    file: source.path,
    line,
    column,
    endLine: line + (text.match(/\n/g)?.length ?? 0),
    code: excerpt(source.written, hit.node.start),
    reason: hit.reason,
    certainty: hit.certainty ?? 'certain',
    fix: edits,
    instruction:
      inWordsOf(context.claim, hit.instruction) ??
      (sound
        ? placed
          ? null
          : 'Change it by hand: this part of a template is not edited.'
        : 'Fix the syntax error of the file first.'),
    advice: hit.advice ?? false,
    fileClass: context.fileClass,
  };
}

/** The key by its own name: what people read says `team_id` to those who have one. */
export const inWordsOf = (claim: string, text: string | undefined): string | undefined =>
  text?.replace(/(?<!\breq\.)\borg_id\b/g, claim);

const isRearranged = ({ component }: Source, start: number, end: number): boolean =>
  component?.rearranged.some((one) => start < one.end && one.start < end) ?? false;

/** The line of an offset, with long literals masked: code holds keys more often than it should. */
function excerpt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', offset);
  return text
    .slice(start, end === -1 ? text.length : end)
    .trim()
    .slice(0, 200)
    .replace(/[A-Za-z0-9_+/=.-]{40,}/g, '…');
}
