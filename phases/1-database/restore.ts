import type { Catalog, DbFunction, Trigger } from '../../src/database/catalog/types.ts';
import { firesSql, identifier, qualified } from '../../src/database/quote.ts';

/** The function of this name with these argument types (none, unless given) as it stands now, or null. */
export const findFunction = (
  catalog: Catalog,
  schema: string,
  name: string,
  types: readonly string[] = [],
): DbFunction | null =>
  catalog.functions.find(
    (one) =>
      one.schema === schema &&
      one.name === name &&
      one.arguments
        .filter(({ mode }) => mode !== 't' && mode !== 'o')
        .map(({ type }) => type)
        .join() === types.join(),
  ) ?? null;

export const findTrigger = (catalog: Catalog, schema: string, table: string, name: string): Trigger | null =>
  catalog.triggers.find((one) => one.schema === schema && one.table === table && one.name === name) ?? null;

/** SQL that brings a function back to what it was: its definition and its grants, or its absence. */
export function functionDown(before: DbFunction | null, schema: string, name: string, types = ''): string {
  if (before?.definition == null) return `drop function ${qualified(schema, name)}(${types});`;
  return `${before.definition};\n${grants(before)}`;
}

/** Restores EXECUTE exactly: everything away, then what the catalog showed. */
export function grants(before: DbFunction): string {
  const lines = [`revoke all on function ${before.signature} from public, anon, authenticated, service_role;`];
  for (const role of before.executors) {
    lines.push(`grant execute on function ${before.signature} to ${role === 'PUBLIC' ? 'public' : identifier(role)};`);
  }
  return lines.join('\n');
}

/** SQL that brings a trigger back to what it was. `CREATE OR REPLACE` takes a weaker lock than DROP and CREATE. */
export function triggerDown(before: Trigger | null, schema: string, table: string, name: string): string {
  if (before === null) return `drop trigger ${identifier(name)} on ${qualified(schema, table)};`;
  // Only its owner may say how a trigger of a platform's table fires, and that is not the role of a rollout.
  const fires = schema === 'auth' ? '' : firesSql(qualified(schema, table), name, before.fires);
  return [replaceable(before.definition), ...(fires === '' ? [] : [fires])].map((sql) => `${sql};`).join('\n');
}

/** `pg_get_triggerdef` prints CREATE TRIGGER; constraint triggers know no OR REPLACE. */
export const replaceable = (definition: string): string =>
  definition.replace(/^CREATE TRIGGER /, 'CREATE OR REPLACE TRIGGER ');
