import type { Workspace } from '../discover.ts';
import type { Source, SyntaxNode } from './syntax.ts';
import type { Certainty, FileClass, FindingKind, Helpers, Rename, TextEdit } from './types.ts';

/** What a rule says about a place; the engine adds the position, the id and the file. */
export type Hit = {
  /** The place; one of a file without a tree has nothing but its offsets. */
  readonly node: Pick<SyntaxNode, 'start' | 'end'>;
  readonly reason: string;
  readonly certainty?: Certainty;
  readonly edits?: readonly TextEdit[];
  readonly instruction?: string;
  readonly advice?: boolean;
};

export type RuleContext = {
  readonly source: Source;
  readonly fileClass: FileClass;
  /** Where the file runs. `both`: it may be either (a shared library). */
  readonly side: 'server' | 'browser' | 'both';
  readonly workspace: Workspace;
  readonly helpers: Helpers | null;
  readonly renames: readonly Rename[];
  readonly rpcArguments: readonly { readonly from: string; readonly to: string }[];
  /** True for the file that authenticates requests: the helpers cannot be used in it. */
  readonly isAuthMiddleware: boolean;
};

/** One kind of finding. `examples` are run by one test for all rules. */
export type Rule = {
  readonly kind: FindingKind;
  /** A file without a match is not parsed for this rule; every match, or every offset, is a place to look at. */
  readonly seeds: RegExp | ((context: RuleContext) => RegExp | readonly number[] | null);
  /** Looks at the deepest node at a seed. The engine drops hits on a node that the rule has already reported. */
  readonly check: (node: SyntaxNode, context: RuleContext) => Iterable<Hit>;
  readonly examples: { readonly finds: readonly Example[]; readonly leaves: readonly Example[] };
};

/** Code, or code at a path (the side and the kind of a file follow from its path), with what `fixed` must give. */
export type Example =
  | string
  | {
      readonly path?: string;
      readonly code: string;
      readonly fixed?: string;
      readonly renames?: readonly Rename[];
      readonly count?: number;
    };
