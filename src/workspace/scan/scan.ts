import { performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { type FileClass, fileClasses, type SourceFile } from '../files.ts';
import { importMaps, mapped } from '../import-maps.ts';
import type { Workspace } from '../project.ts';
import { projectOf, resolveModule } from '../resolve.ts';
import type { Look, Told, Verdict, World } from './across-files.ts';
import { fileKey, lookKey, settingKey } from './cache.ts';
import { treesGrown } from './collect.ts';
import { lookInto, scanFile } from './one-file.ts';
import { readSource, unreadFiles } from './reading.ts';
import type { Rule } from './rule.ts';
import { rules as allRules } from './rules/index.ts';
import { Source } from './syntax.ts';
import type { FileResult, Finding, FindingKind, Links, Notice, ScanOptions, ScanResult } from './types.ts';
import { speak, usualVocabulary } from './vocabulary.ts';

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
  const list = workspace.list;
  const notices: Notice[] = list.skipped.map(({ path: file, reason }) => ({
    file,
    kind: 'skipped',
    text: `Not scanned: ${reason}.`,
    line: null,
  }));
  speak(options.vocabulary ?? usualVocabulary);
  const unread = unreadFiles(workspace, list.unread, options);
  notices.push(...unread.notices);
  const counts = Object.fromEntries(fileClasses.map((name) => [name, 0])) as Record<FileClass, number>;
  const known = new Map(list.files.map((file) => [file.path, file]));
  const paths = new Set(known.keys());
  const links = new Map<string, Links>();
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
  const giveWay = async (): Promise<void> => {
    if (performance.now() - turned > turnAfter) {
      await turn();
      turned = performance.now();
    }
    options.signal?.throwIfAborted();
  };
  for (const file of list.files) {
    await giveWay();
    const read = readSource(workspace, file, options);
    const result = read.text === null ? read.result : await resultOf(file, read.fileClass, read.text);
    counts[result.fileClass] += 1;
    // What is no code of the app may be broken as it likes.
    notices.push(...result.notices.filter(({ kind }) => kind !== 'unread' || result.fileClass !== 'test'));
    seen.push(...result.findings);
    if (result.links !== null) links.set(file.path, result.links);
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
    packageOf: (file) => projectOf(file, workspace.projects)?.directory ?? '',
    resolve: (from, specifier) => {
      const target = mapped(maps, from, specifier);
      return target !== null && paths.has(target) ? target : resolveModule(from, specifier, paths, workspace.projects);
    },
    links,
  };
  const lookFor =
    (rule: Rule): Look =>
    async <Seen>(path: string, sought: unknown, at: Parameters<Look>[2]) => {
      await giveWay();
      const file = known.get(path);
      const read = file === undefined ? null : readSource(workspace, file, options);
      if (file === undefined || read === null || read.text === null) return null;
      const key = options.cache
        ? lookKey(fileKey(setting, workspace, options, file, read.text), rule.kind, sought)
        : null;
      const before = key === null ? undefined : options.cache?.get(key);
      if (before !== undefined) return before.facts[rule.kind] as Seen;
      const source = new Source(path, read.text);
      const answer = lookInto(workspace, rule, source, read.fileClass, options, at) as Seen;
      if (source.isParsed) await treesGrown(read.text.length);
      if (key !== null)
        options.cache?.set(key, {
          fileClass: read.fileClass,
          notices: [],
          findings: [],
          facts: { [rule.kind]: answer },
          links: null,
        });
      return answer;
    };
  const findings = await withAcross(rules, told, seen, world, lookFor);
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

/** Findings of the files by themselves and of all together; one place may be given to several functions. */
async function withAcross(
  rules: readonly Rule[],
  told: ReadonlyMap<FindingKind, readonly Told<unknown>[]>,
  seen: readonly Finding[],
  world: World,
  lookFor: (rule: Rule) => Look,
): Promise<Finding[]> {
  const verdicts: (Verdict & { readonly kind: FindingKind })[] = [];
  for (const rule of rules) {
    const verdict = await rule.across?.resolve(told.get(rule.kind) ?? [], world, lookFor(rule));
    if (verdict !== undefined) verdicts.push({ ...verdict, kind: rule.kind });
  }
  const cleared = new Set(
    verdicts.flatMap(({ kind, cleared: places = [] }) => places.map((one) => placeOf({ kind, ...one }))),
  );
  const findings = seen.filter((one) => !cleared.has(placeOf(one)));
  const places = new Set(findings.map(placeOf));
  for (const finding of verdicts.flatMap((one) => one.findings)) {
    const place = placeOf(finding);
    if (!places.has(place)) findings.push(finding);
    places.add(place);
  }
  return findings;
}

const placeOf = ({ kind, file, line, column }: Pick<Finding, 'kind' | 'file' | 'line' | 'column'>): string =>
  `${kind}\0${file}\0${line}\0${column}`;
