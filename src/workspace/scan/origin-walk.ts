import type { Origin } from './origin-of-path.ts';
import type { SyntaxNode } from './syntax.ts';

/** Arguments of the call through which a function is looked into. */
export type Frame = {
  readonly fn: SyntaxNode;
  readonly args: readonly SyntaxNode[];
  readonly outer: Frame | null;
} | null;

/** How far a value has been followed. */
export type Walk = {
  readonly frame: Frame;
  readonly depth: number;
  readonly calls: number;
  readonly seen: ReadonlySet<string>;
};

/** Follows an expression; handed to what knows calls and parameters, so that no file needs the other. */
export type Follow = (expression: SyntaxNode, path: readonly string[], at: Walk) => readonly Origin[];

/** One call within the project, and one within that (a helper that only reads `req.body`). */
export const maxCalls = 2;
