import type { AcrossFiles } from './across-files.ts';
import type { Hit, RuleContext } from './rule-context.ts';
import type { SyntaxNode } from './syntax.ts';
import type { FindingKind, Rename } from './types.ts';

export type { Hit, RuleContext };

/** One kind of finding. `examples` are run by one test for all rules. */
export type Rule = {
  readonly kind: FindingKind;
  /** A file without a match is not parsed for this rule; every match, or every offset, is a place to look at. */
  readonly seeds: RegExp | ((context: RuleContext) => RegExp | readonly number[] | null);
  /** Looks at the deepest node at a seed. The engine drops hits on a node that the rule has already reported. */
  readonly check: (node: SyntaxNode, context: RuleContext) => Iterable<Hit>;
  /** It also looks at files that have no tree (Prisma, SQL). */
  readonly readsText?: boolean;
  /** For what takes two files to see. */
  readonly across?: AcrossFiles;
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
