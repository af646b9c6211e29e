import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import type { Workspace } from '../discover.ts';
import { classOfPath, classOfText, listFiles, type SourceFile } from '../files.ts';
import { projectOf } from '../resolve.ts';
import { type FileResult, fileKey, settingKey } from './cache.ts';
import { collectTrees } from './collect.ts';
import { CrossFile, factsOf } from './cross-file.ts';
import type { Hit, Rule, RuleContext } from './rule.ts';
import { rules as allRules } from './rules/index.ts';
import { nodeAt, parseSource, positionOf, type Source, type SyntaxNode } from './syntax.ts';
import { type FileClass, type Finding, fileClasses, type Notice, type ScanOptions, type ScanResult } from './types.ts';

/** Files that are read and parsed ahead of the one whose rules run; bounds the memory, and keeps the parser threads busy. */
const ahead = 64;

/** Of how much code trees may lie about until they are collected: 1 MB, some 40 MB of trees. */
const charactersKept = 1_000_000;

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
  const counts = Object.fromEntries(fileClasses.map((name) => [name, 0])) as Record<FileClass, number>;
  const summary = new CrossFile(new Set(list.files.map((file) => file.path)), workspace.projects);
  const findings: Finding[] = [];
  const setting = settingKey(
    workspace,
    rules.map((rule) => rule.kind),
    options,
  );
  const pending: Promise<Prepared>[] = [];
  let next = 0;
  let characters = 0;
  while (next < list.files.length || pending.length > 0) {
    while (next < list.files.length && pending.length < ahead) {
      const file = list.files[next];
      next += 1;
      if (file) pending.push(prepare(workspace, file, setting, options));
    }
    options.signal?.throwIfAborted();
    const prepared = await pending.shift();
    if (prepared === undefined) continue;
    if (prepared.result === null) characters += prepared.scanned.source?.text.length ?? 0;
    if (characters > charactersKept) {
      collectTrees();
      // The parser lets go of its trees in a turn of the event loop.
      await turn();
      characters = 0;
    }
    const result = prepared.result ?? scanFile(workspace, rules, prepared.scanned, options);
    if (prepared.key !== null) options.cache?.set(prepared.key, result);
    counts[result.fileClass] += 1;
    notices.push(...result.notices);
    findings.push(...result.findings);
    if (result.facts !== null) summary.add(prepared.file, result.facts);
  }
  const kinds = new Set(rules.map((rule) => rule.kind));
  findings.push(...summary.resolve(findings).filter((finding) => kinds.has(finding.kind)));
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
    milliseconds: performance.now() - started,
  };
}

/** The findings in one text, for a preview of edits and for tests; nothing is followed into other files. */
export async function scanText(
  workspace: Workspace,
  file: string,
  text: string,
  options: ScanOptions = {},
): Promise<readonly Finding[]> {
  const source = file.endsWith('.prisma') ? prismaSource(file, text) : await parseSource(file, text);
  const context = contextOf(workspace, source, classOfText(classOfPath(file), text), options);
  return asFindings(runRules(allRules, context), context);
}

type Scanned = { readonly fileClass: FileClass; readonly source: Source | null; readonly notices: readonly Notice[] };

/** A file that is read and parsed, or known. `key`: where its result is to be kept; null where nothing keeps it. */
type Prepared = { readonly file: string; readonly key: string | null } & (
  | { readonly result: FileResult }
  | { readonly result: null; readonly scanned: Scanned }
);

async function prepare(
  workspace: Workspace,
  file: SourceFile,
  setting: string,
  options: ScanOptions,
): Promise<Prepared> {
  let text: string | null = null;
  if (file.fileClass !== 'vendored' && file.fileClass !== 'minified') {
    try {
      text = options.overlay?.get(file.path) ?? (await readFile(path.join(workspace.root, file.path), 'utf8'));
    } catch (error) {
      const reason = error instanceof Error ? error.message.replace(/,.*$/, '') : String(error);
      const notice: Notice = { file: file.path, kind: 'unreadable', text: `Not scanned: ${reason}.`, line: null };
      return {
        file: file.path,
        key: null,
        result: null,
        scanned: { fileClass: file.fileClass, source: null, notices: [notice] },
      };
    }
  }
  const key = options.cache && text !== null ? fileKey(setting, workspace, options, file, text) : null;
  const result = key === null ? undefined : options.cache?.get(key);
  if (result !== undefined) return { file: file.path, key, result };
  return { file: file.path, key, result: null, scanned: await parsed(file, text) };
}

/** What the rules say of a parsed file. A copy: parts of a string would keep the whole text of the file in memory. */
function scanFile(
  workspace: Workspace,
  rules: readonly Rule[],
  { fileClass, source, notices }: Scanned,
  options: ScanOptions,
): FileResult {
  if (source === null) return { fileClass, notices, findings: [], facts: null };
  const context = contextOf(workspace, source, fileClass, options);
  const findings = asFindings(runRules(rules, context), context);
  const facts = factsOf(source, context, (rule, hit) => asFinding(rule, hit, 0, context));
  if (findings.length === 0 && facts === null) return { fileClass, notices, findings, facts };
  return structuredClone({ fileClass, notices, findings, facts });
}

async function parsed(file: SourceFile, text: string | null): Promise<Scanned> {
  const skip = (fileClass: FileClass, text: string): Scanned => ({
    fileClass,
    source: null,
    notices: [{ file: file.path, kind: 'skipped', text, line: null }],
  });
  if (text === null) return skip(file.fileClass, `Not scanned: ${file.fileClass}.`);
  const fileClass = classOfText(file.fileClass, text);
  if (fileClass === 'minified') return skip(fileClass, 'Not scanned: it is minified or larger than 1 MB.');
  if (file.path.endsWith('.prisma')) {
    return { fileClass, source: prismaSource(file.path, text), notices: [] };
  }
  const source = await parseSource(file.path, text);
  if (source.errorAt === null) return { fileClass, source, notices: [] };
  const { line } = positionOf(text, source.errorAt);
  return {
    fileClass,
    source,
    notices: [
      {
        file: file.path,
        kind: 'syntax-error',
        text: `A syntax error at line ${line}: findings may be missing, and the file is not edited.`,
        line,
      },
    ],
  };
}

/** A Prisma schema has no tree here; the one rule that reads it works on its text. */
function prismaSource(file: string, text: string): Source {
  const source = { path: file, text, errorAt: null } as { -readonly [K in keyof Source]: Source[K] };
  const empty = {
    kind: 'prisma',
    start: 0,
    end: text.length,
    parent: null,
    source,
    children: [],
    text,
  } as unknown as SyntaxNode;
  source.root = empty;
  return source;
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
  if (project !== null && project === workspace.frontend && project !== workspace.backend)
    return /\.[jt]sx$/.test(file) ? 'browser' : 'both';
  return /\.[jt]sx$/.test(file) ? 'browser' : 'both';
}

type Placed = { readonly rule: Rule; readonly hit: Hit };

/** All hits of the rules in one file, in order, each place once per rule. */
export function runRules(rules: readonly Rule[], context: RuleContext): readonly Placed[] {
  const { source } = context;
  const placed: Placed[] = [];
  for (const rule of rules) {
    const seeds = typeof rule.seeds === 'function' ? rule.seeds(context) : rule.seeds;
    if (seeds === null) continue;
    const reported = new Set<number>();
    const looked = new Set<SyntaxNode>();
    const pattern = new RegExp(seeds.source, seeds.flags.includes('g') ? seeds.flags : `${seeds.flags}g`);
    for (let match = pattern.exec(source.text); match !== null; match = pattern.exec(source.text)) {
      if (match[0] === '') pattern.lastIndex += 1;
      const node = nodeAt(source, match.index);
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
  const edits = sound && hit.edits && hit.edits.length > 0 ? { edits: hit.edits } : null;
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
    code: excerpt(source.text, hit.node.start),
    reason: hit.reason,
    certainty: hit.certainty ?? 'certain',
    fix: edits,
    instruction: hit.instruction ?? (edits === null && !sound ? 'Mend the syntax error of the file first.' : null),
    advice: hit.advice ?? false,
    fileClass: context.fileClass,
  };
}

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
