import type { FileClass } from '../files.ts';
import type { Workspace } from '../project.ts';
import type { Source, SyntaxNode } from './syntax.ts';
import type { Certainty, Helpers, Rename, TextEdit } from './types.ts';

/** What a rule says about a place; the engine adds the position, the id and the file. */
export type Hit = {
  /** The place; one of a file without a tree has nothing but its offsets. */
  readonly node: Pick<SyntaxNode, 'start' | 'end'>;
  readonly reason: string;
  readonly certainty?: Certainty;
  readonly edits?: readonly TextEdit[];
  readonly instruction?: string;
  readonly advice?: boolean;
  /** What the rule has to know of it once all files have been read; handed to its `facts`. */
  readonly note?: unknown;
  /** It is a finding only where another file shows it to be one. */
  readonly pending?: boolean;
};

export type RuleContext = {
  readonly source: Source;
  readonly fileClass: FileClass;
  /** Where the file runs. `both`: it may be either (a shared library). */
  readonly side: 'server' | 'browser' | 'both';
  readonly workspace: Workspace;
  readonly helpers: Helpers | null;
  /** The key of app_metadata under which the database phase stamps the organization. */
  readonly claim: string;
  readonly renames: readonly Rename[];
  readonly rpcArguments: readonly { readonly from: string; readonly to: string }[];
  /** True for the file that authenticates requests: the helpers cannot be used in it. */
  readonly isAuthMiddleware: boolean;
};
