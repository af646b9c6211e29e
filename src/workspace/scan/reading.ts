import { readFileSync } from 'node:fs';
import path from 'node:path';
import { classOfPath, classOfText, type FileClass, type SourceFile } from '../files.ts';
import type { Workspace } from '../project.ts';
import { orgWords } from './names.ts';
import type { FileResult, Notice, ScanOptions } from './types.ts';

/** The text of a file, or what there is to say of one that is not looked at. */
export function readSource(
  workspace: Workspace,
  file: SourceFile,
  options: ScanOptions,
): { readonly text: string; readonly fileClass: FileClass } | { readonly text: null; readonly result: FileResult } {
  const skip = (fileClass: FileClass, kind: Notice['kind'], reason: string) => {
    const notice: Notice = { file: file.path, kind, text: `Not scanned: ${reason}.`, line: null };
    return { text: null, result: { fileClass, notices: [notice], findings: [], facts: {}, links: null } };
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
          result: {
            fileClass,
            notices: [unreadNotice(file.path, 'it is larger than 1 MB')],
            findings: [],
            facts: {},
            links: null,
          },
        }
      : skip(fileClass, 'skipped', 'it is larger than 1 MB');
  if (fileClass === 'minified') return skip(fileClass, 'skipped', 'it is minified or larger than 1 MB');
  if (fileClass === 'built') return skip(fileClass, 'skipped', 'a compiler or bundler wrote it');
  return { text, fileClass };
}

/** Counts what no rule reads, and looks through its text for words that would have to be looked at. */
export function unreadFiles(workspace: Workspace, files: readonly string[], options: ScanOptions) {
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

export const speaksOfOrg = (text: string, { renames = [] }: ScanOptions): boolean =>
  text.search(orgWords()) !== -1 || renames.some(({ from }) => new RegExp(`\\b${from}\\b`).test(text));

/** The same of prose, in which organizations are spoken of: only what is written as code counts. */
const codeOfOrg = (text: string, options: ScanOptions): boolean =>
  speaksOfOrg((text.match(/^(?:import|export)\b.*$|\{[^{}]*\}|`[^`]*`/gm) ?? []).join('\n'), options);

export const unreadNotice = (file: string, why: string): Notice => ({
  file,
  kind: 'unread',
  text: `Not checked: ${why}.`,
  line: null,
});
