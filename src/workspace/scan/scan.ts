import { performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { type FileClass, fileClasses, listFiles, type SourceFile } from '../files.ts';
import { importMaps, mapped } from '../import-maps.ts';
import type { Workspace } from '../project.ts';
import { projectOf, resolveModule } from '../resolve.ts';
import type { Told, World } from './across-files.ts';
import { fileKey, settingKey } from './cache.ts';
import { treesGrown } from './collect.ts';
import { scanFile } from './one-file.ts';
import { readSource, unreadFiles } from './reading.ts';
import type { Rule } from './rule.ts';
import { rules as allRules } from './rules/index.ts';
import { Source } from './syntax.ts';
import type { FileResult, Finding, FindingKind, Notice, ScanOptions, ScanResult } from './types.ts';
import { speak } from './vocabulary.ts';

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
    packageOf: (file) => projectOf(file, workspace.projects)?.directory ?? '',
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
