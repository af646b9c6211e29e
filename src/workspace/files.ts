import { built, walk } from './walk.ts';

export const fileClasses = ['source', 'test', 'script', 'generated', 'vendored', 'built', 'minified'] as const;
/** What a file is to the app. `source` is edited; the rest is reported apart. */
export type FileClass = (typeof fileClasses)[number];

/** A file that the scan may read. */
export type SourceFile = { readonly path: string; readonly fileClass: FileClass };

export type FileList = {
  readonly files: readonly SourceFile[];
  /** Files of languages that no rule reads. */
  readonly unread: readonly string[];
  /** Folders that were not entered since a build or a package manager fills them. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
};

const vendored = new Set(['vendor', 'vendors', 'third_party', 'third-party', 'bower_components']);

export const scannable = /\.(?:[cm]?[jt]s|[jt]sx|prisma|vue|svelte|astro)$/;

/** SQL that a local `supabase db reset` or `supabase test db` runs after the migrations. */
const localSql = /(?:^|\/)supabase\/(?!migrations\/|schemas\/|functions\/|\.)(?:.+\/)?[^/]+\.sql$/;

/** Code in a language that no rule reads: it is counted, and named where it speaks of what the rules look for. */
export const foreign =
  /\.(?:py|rb|go|php|java|kt|kts|cs|rs|dart|swift|ex|exs|scala|coffee|civet|res|elm|clj|cljs|mdx|marko|riot|imba|erb|ejs|hbs|pug|liquid|twig|graphql|gql)$/;

/**
 * Every file below a folder that the rules read, sorted, with what it is to the app. Links are not followed: they may
 * leave the workspace or run in circles.
 */
export async function listFiles(root: string): Promise<FileList> {
  const files: SourceFile[] = [];
  const unread: string[] = [];
  const skipped: { path: string; reason: string }[] = [];
  for await (const { path: file, kind, reason } of walk(root)) {
    if (kind === 'skipped') skipped.push({ path: file, reason });
    if (kind !== 'file') continue;
    if (scannable.test(file)) files.push({ path: file, fileClass: classOfPath(file) });
    else if (localSql.test(file)) files.push({ path: file, fileClass: 'source' });
    else if (foreign.test(file)) unread.push(file);
  }
  return { files, unread, skipped };
}

/** What a file is to the app, from its path alone. */
export function classOfPath(file: string): FileClass {
  const segments = file.split('/');
  const name = segments.at(-1) ?? '';
  const folders = segments.slice(0, -1);
  if (name.endsWith('.sql')) return 'source';
  if (/\.min\.[cm]?js$/.test(name)) return 'minified';
  if (folders.some((folder) => built.has(folder))) return 'built';
  if (folders.some((folder) => vendored.has(folder))) return 'vendored';
  if (
    /\.(?:test|spec|e2e|cy|stories|mock|fixture)\.(?:[cm]?[jt]sx?|vue|svelte|astro)$/.test(name) ||
    folders.some((folder) =>
      /^(?:__tests__|__mocks__|__fixtures__|tests?|e2e|cypress|playwright|spec|fixtures|mocks)$/.test(folder),
    ) ||
    /^(?:jest|vitest|playwright|cypress)\.(?:config|setup)\./.test(name) ||
    /^test[-_].*\.[cm]?[jt]s$|[-_]test\.[cm]?[jt]s$/.test(name)
  ) {
    return 'test';
  }
  if (
    /^(?:database|supabase)(?:[.-](?:types|generated))?(?:\.d)?\.ts$/.test(name) &&
    /types|generated|schema/i.test(file)
  )
    return 'generated';
  if (
    /\.(?:generated|gen)\.[cm]?[jt]sx?$/.test(name) ||
    folders.some((folder) => /^(?:generated|__generated__|\.prisma)$/.test(folder))
  )
    return 'generated';
  if (
    folders.some(
      (folder) =>
        /^(?:scripts?|legacy[-_]scripts|bin|tools?|seeds?|examples?|_?archived?|_?archives|\.\w.*)$/.test(folder) &&
        !isAppFolder(folders, folder),
    ) ||
    /^(?:demos?|samples?|playgrounds?)$/.test(folders[0] ?? '') ||
    /^seed[\w-]*\.[cm]?[jt]s$/.test(name)
  )
    return 'script';
  if (
    (folders.length <= 1 || (folders.length === 2 && /^(?:apps|packages|services)$/.test(folders[0] ?? ''))) &&
    /\.(?:js|mjs|cjs|ts)$/.test(name) &&
    /^(?:verify|check|debug|fix|setup|migrate|run|apply|diagnose|delete|create|list|get|update|sync|clean)[-_]/.test(
      name,
    )
  )
    return 'script';
  return 'source';
}

/** `src/app/tools/page.tsx` is a page, not a tool. */
function isAppFolder(folders: readonly string[], folder: string): boolean {
  return (
    folder !== 'scripts' &&
    folder !== 'script' &&
    folders.some((other) => /^(?:app|pages|components|routes|src)$/.test(other)) &&
    !folder.startsWith('.')
  );
}

/** A file of more than this is data or a bundle; no hand-written file of seven surveyed apps came near. */
export const maxBytes = 1_000_000;

/** What a file is once its text is known: a banner says that it is generated, long lines that it is minified. */
export function classOfText(fileClass: FileClass, text: string): FileClass {
  if (fileClass !== 'source' && fileClass !== 'script') return fileClass;
  // What compilers and bundlers leave behind, wherever it lies.
  if (
    /\n\/\/[#@] sourceMappingURL=\S+\s*$/.test(text.slice(-400)) ||
    /^['"]use strict['"];\s*(?:Object\.defineProperty\(exports, ['"]__esModule|var __\w+ = )/.test(
      text.slice(0, 300),
    ) ||
    /\b__webpack_require__\b/.test(text.slice(0, 5000))
  )
    return 'built';
  if (text.length > maxBytes) return 'minified';
  if (text.length > 20_000) {
    let lines = 1;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines += 1;
    if (text.length / lines > 500) return 'minified';
  }
  if (
    /^(?:\s*(?:\/\/|\/\*|\*).*\n){0,8}?\s*(?:\/\/|\/\*|\*).*(?:@generated|auto-?generated|generated (?:by|from|with)|do not edit)/i.test(
      text.slice(0, 1000),
    )
  )
    return 'generated';
  if (/export (?:type|interface) Database\b/.test(text) && /\bTables:\s*\{/.test(text) && /\bRow:\s*\{/.test(text))
    return 'generated';
  return fileClass;
}
