import { loadModule, parseSync, scanSync } from 'libpg-query';
import type { Tree } from './tree.ts';

/**
 * Remembers what a pure function answered for a text: one plan reads the same body several times, each in the names of
 * before and of after, and every step of a run plans from mostly the same policies and bodies.
 *
 * @param limit Characters of text to remember answers for. Beyond, everything is forgotten: a parse tree takes some
 *   fifty times the memory of its text.
 */
export function remember<T extends object>(answer: (text: string) => T, limit = 400_000): (text: string) => T {
  const known = new Map<string, T>();
  let size = 0;
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const fresh = answer(text);
    size += text.length;
    if (size > limit) {
      known.clear();
      size = text.length;
    }
    known.set(text, fresh);
    return fresh;
  };
}

/** Begins to load the parser while something else is waited for. Whoever parses awaits `loadModule`, and its error. */
export const loadParserAhead = (): void => {
  loadModule().catch(() => undefined);
};

/** The statements of an SQL text, each as `{ stmt: { SelectStmt: {…} } }`. Throws where PostgreSQL's parser refuses. */
export const parseSql: (text: string) => readonly Tree[] = remember(
  (text) => (parseSync(text) as unknown as { readonly stmts?: readonly Tree[] }).stmts ?? [],
);

/** The tokens of an SQL text, comments included, with offsets in bytes. */
export const scanSql = remember((text) => scanSync(text).tokens);
