import type { DbFunction, Trigger } from '../catalog/types.ts';
import { identifier, literal, qualified } from '../quote.ts';
import { stateSql } from './bodies.ts';
import type { TableFacts } from './facts.ts';
import type { Family } from './rows.ts';
import { nameOf, type World } from './world.ts';

/** A trigger and the function that it calls. */
export type Firing = { readonly trigger: Trigger; readonly fn: DbFunction };

/** Whether one of these triggers fires on an INSERT, an UPDATE or a DELETE. */
export const firesOn = (firing: readonly Firing[], event: 'INSERT' | 'UPDATE' | 'DELETE'): boolean =>
  firing.some(({ trigger }) => new RegExp(`\\b${event}\\b[\\s\\S]*? ON `, 'i').test(trigger.definition));

export const asksCaller = /\bauth\s*\.\s*(uid|jwt)\s*\(|request\.jwt|current_org_id|my_org_ids/i;

/** B's rows, and how many rows its organization has there: a trigger may add some. */
export function stateOf(world: World, family: Family, tables: readonly TableFacts[]): string {
  const counts = tables.flatMap((table) => {
    const column = world.tenantColumns.get(nameOf(table));
    return column === undefined
      ? []
      : [
          `(select count(*)::text from ${qualified(table.schema, table.name)} where ${identifier(column)}::text = ${literal(family.ids.org.b)})`,
        ];
  });
  return `select concat_ws('#', (${stateSql(world, family, tables)})${counts.map((one) => `, ${one}`).join('')})`;
}
