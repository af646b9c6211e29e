const width = 100;

/**
 * The line of a statement that an error points at, with the line before it, line numbers and a caret:
 *
 * ```
 * 2 | from public.calls
 * 3 | where organisation_id = $1
 *   |       ^
 * ```
 *
 * @param position 1-based, counted in characters as PostgreSQL does, not in UTF-16 units.
 */
export function sqlExcerpt(sql: string, position: number): string {
  const before = [...sql].slice(0, position - 1).join('');
  const lines = sql.split('\n').map((line) => line.replace(/\r$/, '').replaceAll('\t', ' '));
  const number = before.split('\n').length;
  const column = [...(before.split('\n').at(-1) ?? '')].length;
  const line = [...(lines[number - 1] ?? '')];
  const from = column < width - 20 ? 0 : column - 40;
  const shown = `${from > 0 ? '…' : ''}${line.slice(from, from + width).join('')}${line.length > from + width ? '…' : ''}`;
  const gutter = String(number).length;
  const previous = number > 1 ? [...(lines[number - 2] ?? '')].slice(0, width).join('') : null;
  return [
    ...(previous === null ? [] : [`${String(number - 1).padStart(gutter)} | ${previous}`]),
    `${number} | ${shown}`,
    `${' '.repeat(gutter)} | ${' '.repeat(column - from + (from > 0 ? 1 : 0))}^`,
  ].join('\n');
}
