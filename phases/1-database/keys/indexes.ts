import type { Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import type { Survey, TenantTable } from '../survey.ts';
import { freeName, partitionsDeepestFirst } from './facts.ts';

/**
 * An index that leads with the organization, on every table that has it: each policy of step 1.7 asks for it on every
 * query. Without one a page of 20 rows out of a million took 60 ms instead of 0.3 ms.
 *
 * Made CONCURRENTLY, so that the table is written meanwhile. A partitioned table knows no CONCURRENTLY: its partitions
 * get theirs first, and the parent's then only takes them over.
 */
export function planIndexes(
  survey: Survey,
  after: (tenant: TenantTable) => readonly string[],
  taken: Set<string>,
): readonly SqlChange[] {
  const changes: SqlChange[] = [];
  for (const tenant of survey.tenants) {
    if (tenant.table.isPartition || tenant.table.kind === 'foreign') continue;
    const all = partitionsDeepestFirst(survey, tenant.table);
    // The parent's index would take over one that a partition has of its own, and nothing could part them again.
    const joined = !all.some((table) => table.isPartition && hasIndex(table, tenant.key.name, survey.to));
    for (const table of all) {
      if (table.kind === 'partitioned' && !joined) continue;
      const key = table.columns.find((column) => column.name === tenant.key.name)?.name ?? tenant.key.name;
      if (table.kind === 'foreign' || hasIndex(table, key, survey.to)) continue;
      const name = freeName(survey, table.schema, table.name, `${survey.to}_idx`, taken);
      changes.push(
        table.kind === 'partitioned' ? onParent(survey, table, name) : concurrent(survey, table, name, after(tenant)),
      );
    }
  }
  return changes;
}

/** Complete, valid and led by the organization, so that `org_id = …` can use it. */
const hasIndex = (table: Table, key: string, to: string): boolean =>
  table.indexes.some(
    (index) =>
      index.valid &&
      !index.partial &&
      ['btree', 'hash'].includes(index.method) &&
      (index.columns[0] === key || index.columns[0] === to),
  );

function concurrent(survey: Survey, table: Table, name: string, after: readonly string[]): SqlChange {
  const index = qualified(table.schema, name);
  return {
    kind: 'sql',
    id: `index ${table.schema}.${table.name}`,
    title: `Create index on ${table.schema}.${table.name} (${survey.to}) concurrently`,
    mode: 'autocommit',
    up: `create index concurrently ${identifier(name)} on ${qualified(table.schema, table.name)} (${identifier(survey.to)})`,
    down: `drop index concurrently ${index}`,
    applied: `select exists (select from pg_catalog.pg_index i where i.indexrelid = pg_catalog.to_regclass(${literal(index)}) and i.indisvalid)`,
    clean: `drop index concurrently if exists ${index}`,
    ...(after.length > 0 ? { after } : {}),
  };
}

function onParent(survey: Survey, table: Table, name: string): SqlChange {
  return {
    kind: 'sql',
    id: `index ${table.schema}.${table.name}`,
    title: `Join the indexes of the partitions of ${table.schema}.${table.name}`,
    mode: 'transaction',
    up: `create index ${identifier(name)} on ${qualified(table.schema, table.name)} (${identifier(survey.to)});`,
    // It takes the partitions' indexes with it; taking those back then finds nothing left to do.
    down: `drop index ${table.isPartition ? 'if exists ' : ''}${qualified(table.schema, name)};`,
  };
}
