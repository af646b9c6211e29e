import type { Project } from '../project.ts';
import type { Hit, RuleContext } from './rule-context.ts';
import type { Finding, Links } from './types.ts';

/** Turns a hit of the rule into a finding; given by the engine. */
export type Report = (hit: Hit) => Finding;

/** What one file told, with its path. */
export type Told<Facts> = { readonly file: string; readonly facts: Facts };

/** What the facts of all files are put together with. */
export type World = {
  readonly projects: readonly Project[];
  /** The folder of the package that a file belongs to. */
  readonly packageOf: (file: string) => string;
  /** The file that a module specifier means in a file; null for packages and for what is not there. */
  readonly resolve: (from: string, specifier: string) => string | null;
  /** What each file has to do with others. */
  readonly links: ReadonlyMap<string, Links>;
};

/**
 * A second look into a file, for what could not be known before all had been read; null where it cannot be read any
 * more. What it gives has to follow from the file and from what is sought there, and is text and numbers only.
 */
export type Look = <Seen>(
  file: string,
  sought: unknown,
  at: (context: RuleContext, report: Report) => Seen,
) => Promise<Seen | null>;

/** What follows from all files together. */
export type Verdict = {
  /** Findings that no file shows by itself. The engine drops those of a place that is reported already. */
  readonly findings: readonly Finding[];
  /** Places that looked like findings in their own file, and that another file shows to be none. */
  readonly cleared?: readonly Place[];
};

/**
 * A rule's look across files: what one file says that decides about another, and what follows from all of it. Facts are
 * text and numbers only, so that a tree can go, and name modules as the file names them, so that they stay true when
 * another file comes or goes.
 */
export type AcrossFiles = {
  /** What a source file of the app says to others, with what the rule has found in it; null when it says nothing. */
  readonly facts: (context: RuleContext, report: Report, hits: readonly Hit[]) => unknown;
  readonly resolve: (told: readonly Told<unknown>[], world: World, look: Look) => Verdict | Promise<Verdict>;
};

/** Where a finding of the rule begins. */
export type Position = { readonly line: number; readonly column: number };
export type Place = Position & { readonly file: string };

/** Ties the two halves together: what `facts` gives is what `resolve` takes, and nobody else looks into it. */
export const acrossFiles = <Facts>(half: {
  readonly facts: (context: RuleContext, report: Report, hits: readonly Hit[]) => Facts | null;
  readonly resolve: (told: readonly Told<Facts>[], world: World, look: Look) => Verdict | Promise<Verdict>;
}): AcrossFiles => ({
  facts: half.facts,
  resolve: (told, world, look) => half.resolve(told as readonly Told<Facts>[], world, look),
});
