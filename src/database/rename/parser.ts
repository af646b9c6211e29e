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

type Parser = typeof import('libpg-query');

let parser: Parser | null = null;

/**
 * Loads PostgreSQL's own parser. Whoever parses awaits it once: it is compiled as it is imported, which costs more than
 * all that `status` does, and that parses nothing.
 */
export async function loadParser(): Promise<void> {
  if (parser !== null) return;
  const loaded = await import('libpg-query');
  await loaded.loadModule();
  parser = loaded;
}

/** Begins to load the parser while something else is waited for. Whoever parses awaits `loadParser`, and its error. */
export const loadParserAhead = (): void => {
  loadParser().catch(() => undefined);
};

function loadedParser(): Parser {
  if (parser === null) throw new Error('The SQL parser is used before it is loaded: await loadParser() first.');
  return parser;
}

/** The statements of an SQL text, each as `{ stmt: { SelectStmt: {…} } }`. Throws where PostgreSQL's parser refuses. */
export const parseSql: (text: string) => readonly Tree[] = remember(
  (text) => (loadedParser().parseSync(text) as unknown as { readonly stmts?: readonly Tree[] }).stmts ?? [],
);

/** The tokens of an SQL text, comments included, with offsets in bytes. */
export const scanSql = remember((text) => loadedParser().scanSync(text).tokens);
