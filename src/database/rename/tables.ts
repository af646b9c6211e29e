import type { Blocker, Note } from '../../rollout/step.ts';
import type { Catalog, Table } from '../catalog/types.ts';
import { identifier, qualified } from '../quote.ts';
import { mentions } from '../words.ts';
import type { ColumnRename } from './types.ts';

const leave = 'Take the table out of the rename in the configuration, or ';

/** What PostgreSQL refuses, said before anything is tried. */
export function refusals(catalog: Catalog, renames: readonly ColumnRename[]): readonly Blocker[] {
  return renames.flatMap((rename) => {
    const name = `${qualified(rename.schema, rename.table)}.${rename.from}`;
    const table = catalog.tables.find((item) => item.schema === rename.schema && item.name === rename.table);
    const column = table?.columns.find((item) => item.name === rename.from);
    const block = (problem: string, remedy: string): readonly Blocker[] => [
      { problem: `${name} ${problem}`, remedy: leave + remedy },
    ];
    if (table === undefined || column === undefined) return block('does not exist.', 'correct its name.');
    if (!table.ours) return block(`cannot be renamed: the table belongs to ${table.owner}.`, 'connect as its owner.');
    if (table.kind === 'foreign')
      return block(
        'is a column of a foreign table, whose names belong to the other server.',
        'map it with `column_name` by hand.',
      );
    if (table.ofType !== null)
      return block(`belongs to the type ${table.ofType} of a typed table.`, byType(catalog, table, rename));
    const above = parents(catalog, table).filter((item) => item.columns.some((each) => each.name === rename.from));
    if (above.length > 0)
      return block(
        `is inherited from ${above.map((item) => qualified(item.schema, item.name)).join(' and ')}.`,
        'rename it there: children follow.',
      );
    return descendants(catalog, table).flatMap((child) => {
      const where = qualified(child.schema, child.name);
      const from = parents(catalog, child).filter((item) => item.columns.some((each) => each.name === rename.from));
      if (from.length > 1)
        return block(
          `cannot be renamed: its child ${where} inherits it from ${from.length} parents.`,
          'detach the child from one of them first.',
        );
      if (child.columns.some((item) => item.name === rename.to))
        return block(
          `cannot be renamed: its child ${where} has a ${rename.to} of its own.`,
          'rename that column first.',
        );
      return child.ours
        ? []
        : block(
            `cannot be renamed: its child ${where} belongs to ${child.owner}.`,
            'connect as a role that owns both.',
          );
    });
  });
}

/** Everything that has to be in that transaction, so that nothing that names the attribute is left behind. */
function byType(catalog: Catalog, table: Table, rename: ColumnRename): string {
  const type = table.ofType ?? '';
  const tables = catalog.tables.filter((item) => item.ofType === type);
  const words = [type.replace(/^.*\./, ''), ...tables.map((item) => item.name)].map((word) => word.replaceAll('"', ''));
  const functions = catalog.functions.filter(
    (item) =>
      mentions(item.body, rename.from) &&
      words.some((word) =>
        mentions(`${item.body} ${item.returns} ${item.arguments.map((each) => each.type).join(' ')}`, word),
      ),
  );
  const sql = `alter type ${type} rename attribute ${identifier(rename.from)} to ${identifier(rename.to)} cascade`;
  const more =
    functions.length === 0
      ? ''
      : `, and in the same transaction give ${functions.map((item) => item.signature).join(', ')} the new name`;
  return `run \`${sql}\` by hand${more}.`;
}

const parents = (catalog: Catalog, table: Table): readonly Table[] =>
  catalog.tables.filter((item) => table.parents.includes(item.oid));

export function descendants(catalog: Catalog, table: Table): readonly Table[] {
  const children = catalog.tables.filter((item) => item.parents.includes(table.oid));
  return [...new Set(children.flatMap((item) => [item, ...descendants(catalog, item)]))];
}

/** Comments that speak of the old name: text for people, which stays. */
export function commentNotes(catalog: Catalog, renames: readonly ColumnRename[]): readonly Note[] {
  return renames.flatMap((rename) => {
    const table = catalog.tables.find((item) => item.schema === rename.schema && item.name === rename.table);
    const comments = [table?.comment, ...(table?.columns.map((item) => item.comment) ?? [])].filter((item) =>
      item?.includes(rename.from),
    );
    return comments.map((comment) => ({
      text: `A comment of ${qualified(rename.schema, rename.table)} speaks of ${rename.from}; it stays as it is.`,
      detail: comment ?? '',
    }));
  });
}
