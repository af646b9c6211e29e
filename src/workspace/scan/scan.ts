import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { classOfPath, classOfText, type FileClass, fileClasses, listFiles, type SourceFile } from '../files.ts';
import { importMaps, mapped } from '../import-maps.ts';
import type { Workspace } from '../project.ts';
import { projectOf, resolveModule } from '../resolve.ts';
import type { Report, Told, World } from './across-files.ts';
import { fileKey, settingKey } from './cache.ts';
import { treesGrown } from './collect.ts';
import { orgWords } from './names.ts';
import type { Hit, Rule, RuleContext } from './rule.ts';
import { rules as allRules } from './rules/index.ts';
import { nodeAt, positionOf, Source, type SyntaxNode } from './syntax.ts';
import type { FileResult, Finding, FindingKind, Notice, ScanOptions, ScanResult } from './types.ts';
import { speak } from './vocabulary.ts';
import { offsetsOfMatches } from './words.ts';

/** Milliseconds after which others get a turn: a terminal that is painted, a key that stops the scan. */
const turnAfter = 10;

/**
 * Scans every file of the workspace with all rules, one parse per file. Memory is bounded by the findings and by a
 * summary of the functions that cross files; no tree outlives its file. With a cache, files whose content it knows are
 * read and not parsed.
 */
export async function scan(workspace: Workspace, options: ScanOptions = {}): Promise<ScanResult> {
  const started = performance.now();
  const rules = options.kinds ? allRules.filter((rule) => options.kinds?.includes(rule.kind)) : allRules;
  const list = await listFiles(workspace.root);
  const notices: Notice[] = list.skipped.map(({ path: file, reason }) => ({
    file,
    kind: 'skipped',
    text: `Not scanned: ${reason}.`,
    line: null,
  }));
  if (options.vocabulary !== undefined) speak(options.vocabulary);
  const unread = unreadFiles(workspace, list.unread, options);
  notices.push(...unread.notices);
  const counts = Object.fromEntries(fileClasses.map((name) => [name, 0])) as Record<FileClass, number>;
  const known = new Set(list.files.map((file) => file.path));
  const told = new Map<FindingKind, Told<unknown>[]>();
  const seen: Finding[] = [];
  const setting = settingKey(
    workspace,
    rules.map((rule) => rule.kind),
    options,
  );
  const resultOf = async (file: SourceFile, fileClass: FileClass, text: string): Promise<FileResult> => {
    const key = options.cache ? fileKey(setting, workspace, options, file, text) : null;
    let result = key === null ? undefined : options.cache?.get(key);
    if (result === undefined) {
      const source = new Source(file.path, text);
      result = scanFile(workspace, rules, source, fileClass, options);
      if (source.isParsed) await treesGrown(text.length);
    }
    if (key !== null) options.cache?.set(key, result);
    return result;
  };
  let turned = started;
  for (const file of list.files) {
    if (performance.now() - turned > turnAfter) {
      await turn();
      turned = performance.now();
    }
    options.signal?.throwIfAborted();
    const read = readSource(workspace, file, options);
    const result = read.text === null ? read.result : await resultOf(file, read.fileClass, read.text);
    counts[result.fileClass] += 1;
    // What is no code of the app may be broken as it likes.
    notices.push(...result.notices.filter(({ kind }) => kind !== 'unread' || result.fileClass !== 'test'));
    seen.push(...result.findings);
    for (const { kind } of rules) {
      const facts = result.facts[kind];
      if (facts === undefined) continue;
      const before = told.get(kind);
      if (before === undefined) told.set(kind, [{ file: file.path, facts }]);
      else before.push({ file: file.path, facts });
    }
  }
  const maps = await importMaps(
    workspace.root,
    workspace.projects.map(({ directory }) => directory),
  );
  const world: World = {
    projects: workspace.projects,
    resolve: (from, specifier) => {
      const target = mapped(maps, from, specifier);
      return target !== null && known.has(target) ? target : resolveModule(from, specifier, known, workspace.projects);
    },
  };
  const cleared = clearedBy(rules, told, world);
  const findings = seen.filter((one) => !cleared.has(placeOf(one)));
  findings.push(...acrossAll(rules, told, findings, world));
  findings.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column));
  const waivers = new Map((options.waivers ?? []).map((waiver) => [waiver.finding, waiver.reason]));
  return {
    findings: findings.filter((finding) => !waivers.has(finding.id)),
    waived: findings.flatMap((finding) => {
      const waiver = waivers.get(finding.id);
      return waiver === undefined ? [] : [{ ...finding, waiver }];
    }),
    notices,
    files: counts,
    unread: unread.counts,
    milliseconds: performance.now() - started,
  };
}

/** What the rules see in all files together; one place may be given to several functions, or be reported already. */
function acrossAll(
  rules: readonly Rule[],
  told: ReadonlyMap<FindingKind, readonly Told<unknown>[]>,
  findings: readonly Finding[],
  world: World,
): readonly Finding[] {
  const places = new Set(findings.map(placeOf));
  return rules
    .flatMap((rule) => rule.across?.resolve(told.get(rule.kind) ?? [], world) ?? [])
    .filter((finding) => {
      const place = placeOf(finding);
      const fresh = !places.has(place);
      places.add(place);
      return fresh;
    });
}

/** What the files together show to be none. */
const clearedBy = (
  rules: readonly Rule[],
  told: ReadonlyMap<FindingKind, readonly Told<unknown>[]>,
  world: World,
): ReadonlySet<string> =>
  new Set(
    rules.flatMap(({ across, kind }) =>
      (across?.clears?.(told.get(kind) ?? [], world) ?? []).map((place) => placeOf({ kind, ...place })),
    ),
  );

const placeOf = ({ kind, file, line, column }: Pick<Finding, 'kind' | 'file' | 'line' | 'column'>): string =>
  `${kind}\0${file}\0${line}\0${column}`;

/** The findings in one text, for a preview of edits and for tests; nothing is followed into other files. */
export async function scanText(
  workspace: Workspace,
  file: string,
  text: string,
  options: ScanOptions = {},
): Promise<readonly Finding[]> {
  if (options.vocabulary !== undefined) speak(options.vocabulary);
  const source = new Source(file, text);
  const context = contextOf(workspace, source, classOfText(classOfPath(file), text), options);
  return asFindings(runRules(allRules, context), context);
}

/** The text of a file, or what there is to say of one that is not looked at. */
function readSource(
  workspace: Workspace,
  file: SourceFile,
  options: ScanOptions,
): { readonly text: string; readonly fileClass: FileClass } | { readonly text: null; readonly result: FileResult } {
  const skip = (fileClass: FileClass, kind: Notice['kind'], reason: string) => {
    const notice: Notice = { file: file.path, kind, text: `Not scanned: ${reason}.`, line: null };
    return { text: null, result: { fileClass, notices: [notice], findings: [], facts: {} } };
  };
  if (file.fileClass === 'vendored' || file.fileClass === 'minified')
    return skip(file.fileClass, 'skipped', file.fileClass);
  let text: string;
  try {
    // Small files of a warm disk: six times as fast as through promises.
    text = options.overlay?.get(file.path) ?? readFileSync(path.join(workspace.root, file.path), 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/,.*$/, '') : String(error);
    return skip(file.fileClass, 'unreadable', reason);
  }
  const fileClass = classOfText(file.fileClass, text);
  if (fileClass === 'minified' && file.fileClass === 'source' && text.length / text.split('\n').length < 120)
    return speaksOfOrg(text, options)
      ? {
          text: null,
          result: { fileClass, notices: [unreadNotice(file.path, 'it is larger than 1 MB')], findings: [], facts: {} },
        }
      : skip(fileClass, 'skipped', 'it is larger than 1 MB');
  if (fileClass === 'minified') return skip(fileClass, 'skipped', 'it is minified or larger than 1 MB');
  if (fileClass === 'built') return skip(fileClass, 'skipped', 'a compiler or bundler wrote it');
  return { text, fileClass };
}

/** Counts what no rule reads, and looks through its text for words that would have to be looked at. */
function unreadFiles(workspace: Workspace, files: readonly string[], options: ScanOptions) {
  const counts: Record<string, number> = {};
  const notices: Notice[] = [];
  for (const file of files) {
    const ending = path.extname(file);
    counts[ending] = (counts[ending] ?? 0) + 1;
    if (classOfPath(file) !== 'source') continue;
    const read = readSource(workspace, { path: file, fileClass: 'source' }, options);
    if (read.text === null) notices.push(...read.result.notices);
    else if (ending === '.mdx' ? codeOfOrg(read.text, options) : speaksOfOrg(read.text, options))
      notices.push(
        unreadNotice(file, `no rule reads ${ending} files, and this one names an organization's column or id`),
      );
  }
  return { counts, notices };
}

const speaksOfOrg = (text: string, { renames = [] }: ScanOptions): boolean =>
  text.search(orgWords()) !== -1 || renames.some(({ from }) => new RegExp(`\\b${from}\\b`).test(text));

/** The same of prose, in which organizations are spoken of: only what is written as code counts. */
const codeOfOrg = (text: string, options: ScanOptions): boolean =>
  speaksOfOrg((text.match(/^(?:import|export)\b.*$|\{[^{}]*\}|`[^`]*`/gm) ?? []).join('\n'), options);

const unreadNotice = (file: string, why: string): Notice => ({
  file,
  kind: 'unread',
  text: `Not checked: ${why}.`,
  line: null,
});

/** What the rules say of a file. A copy: parts of a string would keep the whole text of the file in memory. */
function scanFile(
  workspace: Workspace,
  rules: readonly Rule[],
  source: Source,
  fileClass: FileClass,
  options: ScanOptions,
): FileResult {
  if (options.vocabulary !== undefined) speak(options.vocabulary);
  const context = contextOf(workspace, source, fileClass, options);
  const findings = asFindings(runRules(rules, context), context);
  const facts = fileClass === 'source' && source.root.kind === 'program' ? factsOf(rules, context) : {};
  // Nothing is missing from a file that no rule looked into.
  const notices = source.isParsed ? [...syntaxNotices(source)] : [];
  const part = source.component?.unread ?? null;
  if (part !== null && speaksOfOrg(source.written, options)) notices.push(unreadNotice(source.path, part));
  if (findings.length === 0 && Object.keys(facts).length === 0) return { fileClass, notices, findings, facts };
  return structuredClone({ fileClass, notices, findings, facts });
}

function factsOf(rules: readonly Rule[], context: RuleContext): FileResult['facts'] {
  const facts: Partial<Record<FindingKind, unknown>> = {};
  for (const rule of rules) {
    const report: Report = (hit) => asFinding(rule, hit, 0, context);
    const own = rule.across?.facts(context, report) ?? null;
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
export function runRules(rules: readonly Rule[], context: RuleContext): readonly Placed[] {
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
export function asFindings(placed: readonly Placed[], context: RuleContext): readonly Finding[] {
  const ordinals = new Map<string, number>();
  return placed.map(({ rule, hit }) => {
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
export function excerpt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', offset);
  return text
    .slice(start, end === -1 ? text.length : end)
    .trim()
    .slice(0, 200)
    .replace(/[A-Za-z0-9_+/=.-]{40,}/g, '…');
}
