import type { DbFunction, Table } from '../../../src/database/catalog/types.ts';
import { qualified } from '../../../src/database/quote.ts';
import { escapeRegExp } from '../../../src/database/words.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import type { Survey } from '../survey.ts';

/** A trigger function that works with the caller's rights, so that row security decides what it may write. */
type CallersTrigger = { readonly body: string; readonly function: DbFunction; readonly table: string };

function callersTriggers(survey: Survey): readonly CallersTrigger[] {
  return survey.catalog.triggers.flatMap((trigger) => {
    const found = survey.catalog.functions.find((one) => one.signature === trigger.function);
    if (found === undefined || found.securityDefiner || trigger.schema === 'auth') return [];
    return [{ body: found.body, function: found, table: `${trigger.schema}.${trigger.table}` }];
  });
}

const writes = (body: string, verb: string, table: Table): boolean =>
  new RegExp(
    `\\b${verb}\\s+(?:only\\s+)?(?:"?${escapeRegExp(table.schema)}"?\\s*\\.\\s*)?"?${escapeRegExp(table.name)}"?(?![\\w"])`,
    'i',
  ).test(body);

/**
 * Tables without an organization that triggers fill on behalf of whoever writes a tenant's row: logs. Closed to users
 * they would stop every such write; open to reading they would show what all organizations did.
 */
export function isLog(survey: Survey, table: Table): boolean {
  return callersTriggers(survey).some((one) => writes(one.body, 'insert\\s+into', table));
}

/** Triggers that change or delete rows of a table which only the service role may write from now on. */
export function stoppedTriggers(survey: Survey, tables: readonly Table[]): readonly Blocker[] {
  const seen = new Set<string>();
  return callersTriggers(survey).flatMap((one) =>
    tables
      .filter(
        (table) =>
          !table.rowSecurity && (writes(one.body, 'update', table) || writes(one.body, 'delete\\s+from', table)),
      )
      .flatMap((table) => {
        const key = `${one.function.signature} ${table.oid}`;
        if (seen.has(key)) return [];
        seen.add(key);
        return [
          {
            problem: `Trigger function ${one.function.signature} on ${one.table} changes ${qualified(table.schema, table.name)} with the rights of whoever writes, and isolation closes that table to users.`,
            remedy: `Let the function run with its owner's rights (alter function ${one.function.signature} security definer set search_path = ''), or leave the table out with exclude.`,
          },
        ];
      }),
  );
}
