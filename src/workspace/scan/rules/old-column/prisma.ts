import type { Columns } from '../../columns.ts';
import type { Hit } from '../../rule.ts';
import type { SyntaxNode } from '../../syntax.ts';
import { reasonOf } from './hits.ts';

/** A Prisma schema: `@map("organization_id")`, or the name of a field itself. */
export function* prismaHits(root: SyntaxNode, columns: Columns): Iterable<Hit> {
  const { text } = root.source;
  for (const model of text.matchAll(/^\s*model\s+(\w+)\s*\{([\s\S]*?)^\s*\}/gm)) {
    const body = model[2] ?? '';
    const bodyAt = model.index + model[0].indexOf('{') + 1;
    const table = /@@map\(\s*(?:name:\s*)?"([^"]+)"/.exec(body)?.[1] ?? columns.named(model[1] ?? '') ?? model[1] ?? '';
    let at = bodyAt;
    for (const line of body.split('\n')) {
      const lineAt = at;
      at += line.length + 1;
      const code = line.replace(/\/\/.*$/, '');
      const field = /^\s*(\w+)\s+\w/.exec(code)?.[1];
      const map = /@map\(\s*(?:name:\s*)?"([^"]+)"/.exec(code);
      if (field === undefined || /^\s*@@/.test(code)) continue;
      const column = map?.[1] ?? field;
      const to = columns.renamed(table, column);
      if (to === null) continue;
      const start = map ? lineAt + code.indexOf(`"${column}"`) + 1 : lineAt + code.trimEnd().length;
      const edit = map
        ? { start, end: start + column.length, text: to }
        : { start, end: start, text: ` @map("${to}")` };
      const fieldAt = lineAt + code.indexOf(map ? map[0] : field);
      yield {
        node: { start: fieldAt, end: lineAt + code.trimEnd().length },
        reason: reasonOf(table, column, to),
        edits: [edit],
      };
    }
  }
}
