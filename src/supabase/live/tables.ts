import type { ClientBase } from 'pg';
import type { Catalog, Policy, Table } from '../../database/catalog/types.ts';
import { loadFacts } from '../../database/probes/facts.ts';
import type { LiveTable } from './types.ts';

/**
 * The tables of the exposed schemas as `probeLive` needs them. Partitions are left out: they are reached through their
 * table. `tenantColumn` says whose the rows of a catalog's table are.
 */
export async function loadLiveTables(
  client: ClientBase,
  catalog: Pick<Catalog, 'tables' | 'policies'>,
  tenantColumn: (table: Table) => string | null,
  schemas: readonly string[],
): Promise<readonly LiveTable[]> {
  const known = new Map(catalog.tables.map((table) => [`${table.schema}.${table.name}`, table]));
  return (await loadFacts(client, schemas)).flatMap((facts) => {
    const table = known.get(`${facts.schema}.${facts.name}`);
    if (table === undefined || facts.isPartition || !schemas.includes(facts.schema)) return [];
    const policies = catalog.policies.filter((one) => one.schema === table.schema && one.table === table.name);
    const closed = { select: isClosed(table, policies, 'SELECT'), insert: isClosed(table, policies, 'INSERT') };
    return [{ schema: facts.schema, table: facts.name, tenantColumn: tenantColumn(table), facts, closed }];
  });
}

const isClosed = (table: Table, policies: readonly Policy[], command: Policy['command']): boolean =>
  table.rowSecurity &&
  !policies.some(
    (one) =>
      one.permissive &&
      (one.command === 'ALL' || one.command === command) &&
      one.roles.some((role) => role === 'public' || role === 'authenticated'),
  );
