/** A table as files show it: its columns, and the tables that they refer to. */
export type FileTable = { readonly columns: Set<string>; readonly refers: Map<string, string> };

/** The table of a name, made where it is not known yet. */
export type TableOf = (name: string) => FileTable;

/** `TeamMember` -> team_member; a name in small letters stays. */
export const snake = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase();

/** The offset behind the bracket that closes the one at an offset. */
export function behindBracket(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (/["'`]/.test(character)) {
      const end = text.indexOf(character, at + 1);
      at = end === -1 ? text.length : end;
    } else if (/[([{]/.test(character)) depth += 1;
    else if (/[)\]}]/.test(character)) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}
