import type { ClientBase, QueryResult } from 'pg';
import { bracket } from '../rolled-back.ts';
import { assemble } from './assemble.ts';
import {
  type ColumnRow,
  type ConstraintRow,
  columnsSql,
  constraintsSql,
  enumsSql,
  functionsSql,
  type IndexRow,
  indexesSql,
  policiesSql,
  publicationsSql,
  type TableRow,
  tablesSql,
  triggersSql,
  versionSql,
  viewsSql,
} from './queries.ts';
import type { Catalog, DbFunction, EnumType, Policy, PublicationTable, Trigger, View } from './types.ts';

/**
 * Reads the app's part of the catalog, and the triggers on `auth.users`, in one message to the server and back: most of
 * its questions take less time than the way there.
 *
 * Runs in a transaction of its own with an empty search_path, so that every type and function name comes out
 * qualified, or in a savepoint of the transaction that the connection is in.
 */
export async function loadCatalog(client: ClientBase): Promise<Catalog> {
  // A savepoint brings the caller's search_path back; a read-only transaction leaves nothing.
  const { open, close: closing } = bracket(client, 'isolation level repeatable read read only');
  const close = closing.join('; ');
  const questions = {
    version: versionSql,
    tables: tablesSql,
    columns: columnsSql,
    constraints: constraintsSql,
    indexes: indexesSql,
    views: viewsSql,
    functions: functionsSql,
    triggers: triggersSql,
    policies: policiesSql,
    publications: publicationsSql,
    enums: enumsSql,
  };
  let answers: readonly QueryResult[];
  try {
    // Definitions are printed under a weak lock on their tables; a reader that waits behind an exclusive lock says so.
    const settings = `set local search_path = ''; set local lock_timeout = '2s'`;
    // `pg` answers a message of several statements with a result for each, which its types do not know.
    const all: unknown = await client.query([open, settings, ...Object.values(questions), close].join(';\n'));
    answers = (all as readonly QueryResult[]).filter((one) => one.command === 'SELECT');
  } catch (error) {
    // The first error says what happened; that a connection which is gone cannot be rolled back says nothing more.
    await client.query(close).catch(() => undefined);
    throw error;
  }
  const names = Object.keys(questions);
  const read = <T>(name: keyof typeof questions): readonly T[] => answers[names.indexOf(name)]?.rows ?? [];
  return {
    serverVersion: read<{ v: number }>('version')[0]?.v ?? 0,
    tables: assemble(
      read<TableRow>('tables'),
      read<ColumnRow>('columns'),
      read<ConstraintRow>('constraints'),
      read<IndexRow>('indexes'),
    ),
    views: read<View>('views'),
    functions: read<DbFunction>('functions'),
    triggers: read<Trigger>('triggers'),
    policies: read<Policy>('policies'),
    publications: read<PublicationTable>('publications'),
    enums: read<EnumType>('enums'),
  };
}
