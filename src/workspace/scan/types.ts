import type { FileClass } from '../files.ts';
import type { Vocabulary } from './vocabulary.ts';

/** What is wrong at a place. One rule finds one kind. */
export const findingKinds = [
  'first-org',
  'default-org',
  'hard-coded-org',
  'user-metadata-org',
  'request-org',
  'body-spread',
  'browser-org-header',
  'stored-org',
  'unscoped-query',
  'old-column',
  'settings-placeholder',
] as const;
export type FindingKind = (typeof findingKinds)[number];

/** A replacement of `text.slice(start, end)`; offsets are those of the JavaScript string, a byte order mark included. */
export type TextEdit = { readonly start: number; readonly end: number; readonly text: string };

/**
 * How sure the tool is that the place is wrong. `certain`: the code itself shows it. `likely`: it follows from names
 * or from a value that was followed through a call; a person should look before it is edited.
 */
export type Certainty = 'certain' | 'likely';

export type Finding = {
  /** Hash of kind, file, the code and its ordinal among equal ones: survives edits elsewhere in the file. */
  readonly id: string;
  readonly kind: FindingKind;
  /** Relative to the workspace root, with `/`. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 units. */
  readonly column: number;
  readonly endLine: number;
  /** The first line of the code, trimmed; long literals are masked since they may be secrets. */
  readonly code: string;
  /** One sentence on why the place is wrong. */
  readonly reason: string;
  readonly certainty: Certainty;
  /** The smallest edit that mends it, imports included; null where a person must decide. */
  readonly fix: { readonly edits: readonly TextEdit[] } | null;
  /** What a person does about it when there is no fix, or what to look at after it. */
  readonly instruction: string | null;
  /** Worth knowing, but not a failure of the scan. */
  readonly advice: boolean;
  /** The kind of file it stands in; only findings in `source` and `generated` files count against a check. */
  readonly fileClass: FileClass;
};

/** A file that was not scanned like the rest, with the reason. */
export type Notice = {
  readonly file: string;
  /** `skipped`: no code of the app. All else is code that was not looked at, where something may be left. */
  readonly kind: 'syntax-error' | 'skipped' | 'unreadable' | 'unread';
  readonly text: string;
  readonly line: number | null;
};

/** A column that the database phase renames or renamed. */
export type Rename = { readonly table: string; readonly from: string; readonly to: string };

/** The functions of the org-validation service that fixes call, and how a file imports them. */
export type Helpers = {
  /** `(req) => string`: the validated org of the authenticated user; throws when there is none. */
  readonly requireOrgId: string;
  /** `(req, supplied) => string`: the authenticated org; throws when `supplied` is given and differs. */
  readonly assertSameOrg: string;
  /** The module specifier that a file (relative path) uses; null where the file must not import it. */
  readonly importPath: (file: string) => string | null;
};

/** The operator's decision to leave a finding. It ends when the code changes, because the id then changes. */
export type Waiver = { readonly finding: string; readonly reason: string };

/** `export … from`: by the name there, by the name here; `*` for all. An empty module is this file. */
export type PassedOn = { readonly module: string; readonly name: string; readonly as: string };

/** What a file has to do with others of the app. */
export type Links = {
  /** Modules whose functions it may call, as it names them. */
  readonly modules: readonly string[];
  readonly passedOn: readonly PassedOn[];
};

/** All that a scan takes from one file: what it finds there, and what it tells of it to other files. */
export type FileResult = {
  readonly fileClass: FileClass;
  readonly notices: readonly Notice[];
  readonly findings: readonly Finding[];
  /** By rule; only the rule itself looks into them. */
  readonly facts: Readonly<Partial<Record<FindingKind, unknown>>>;
  /** Null: it has nothing to do with others. */
  readonly links: Links | null;
};

/** Keeps results of files; see `ScanCache`. */
export type ResultStore = {
  readonly get: (key: string) => FileResult | undefined;
  readonly set: (key: string, result: FileResult) => void;
};

export type ScanOptions = {
  /** What the app calls its organizations; where it is left out, as in the look before. */
  readonly vocabulary?: Vocabulary;
  readonly renames?: readonly Rename[];
  readonly waivers?: readonly Waiver[];
  readonly helpers?: Helpers | null;
  /** The key of app_metadata under which the organization is stamped; `org_id` where it is left out. */
  readonly claim?: string;
  /** Only these kinds; default: all. */
  readonly kinds?: readonly FindingKind[];
  /** rpc arguments that the database phase renames, exact names. */
  readonly rpcArguments?: readonly { readonly from: string; readonly to: string }[];
  /** Contents to scan instead of what is on the disk (a preview of edits), by relative path. */
  readonly overlay?: ReadonlyMap<string, string>;
  /** Results of earlier scans, for files whose content is the same. */
  readonly cache?: ResultStore;
  readonly signal?: AbortSignal;
};

export type ScanResult = {
  /** In order of file and position; waived ones are apart. */
  readonly findings: readonly Finding[];
  readonly waived: readonly (Finding & { readonly waiver: string })[];
  readonly notices: readonly Notice[];
  readonly files: Readonly<Record<FileClass, number>>;
  /** Files of languages that no rule reads, by their endings; those that speak of an organization are notices. */
  readonly unread: Readonly<Record<string, number>>;
  readonly milliseconds: number;
};
