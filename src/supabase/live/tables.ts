import type { ClientBase } from 'pg';
import type { Table } from '../../database/catalog/types.ts';
import { loadFacts } from '../../database/probes/facts.ts';
import type { LiveTable } from './types.ts';

/**
 * The tables of the exposed schemas as `probeLive` needs them. Partitions are left out: they are reached through their
 * table. `tenantColumn` says whose the rows of a catalog's table are.
 */
export async function loadLiveTables(
  client: ClientBase,
  catalogTables: readonly Table[],
  tenantColumn: (table: Table) => string | null,
  schemas: readonly string[],
): Promise<readonly LiveTable[]> {
  const columns = new Map(catalogTables.map((table) => [`${table.schema}.${table.name}`, tenantColumn(table)]));
  return (await loadFacts(client, schemas))
    .filter(
      (facts) => schemas.includes(facts.schema) && !facts.isPartition && columns.has(`${facts.schema}.${facts.name}`),
    )
    .map((facts) => ({
      schema: facts.schema,
      table: facts.name,
      tenantColumn: columns.get(`${facts.schema}.${facts.name}`) ?? null,
      facts,
    }));
}
