import type { ClientBase } from 'pg';
import type { Table } from '../../../src/database/catalog/types.ts';
import { loadParser, parseSql } from '../../../src/database/rename/parser.ts';
import { child, list } from '../../../src/database/rename/tree.ts';
import { rolledBack } from '../../../src/database/rolled-back.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import type { Target } from '../../target.ts';
import { hasFounder, ownerRole } from '../survey/roles.ts';
import type { Survey } from '../survey.ts';
import type { Extra } from '../values.ts';
import { insertedConstants } from './app-triggers.ts';

type Which = 'values' | 'memberValues';

/** What is known of a table beyond the catalog: the operator's values, and what the app's own code puts there. */
export function extraOf(
  found: Survey,
  target: Target,
  table: Table,
  counts?: Readonly<Record<string, string>>,
  which: Which = 'values',
): Extra {
  const settings = target.config.signUp[which];
  const { profiles, memberships } = found;
  const role = memberships?.table === table ? memberships.roleColumn : null;
  const counting = counts ?? (table === profiles ? found.profileCounts.activeValues : undefined);
  return {
    values: { ...settings[table.name], ...settings[`${table.schema}.${table.name}`] },
    constants: insertedConstants(found.catalog, table),
    ...(profiles === null ? {} : { profiles: `${profiles.schema}.${profiles.name}` }),
    ...(counting === undefined ? {} : { counts: counting }),
    ...(role == null ? {} : { role }),
  };
}

/**
 * The role of whoever makes an organization by signing up: as configured (null: an expression says it), else the one
 * that by its name runs one. Null: nothing tells.
 */
export function firstRole(found: Survey, target: Target): { readonly role: string | null } | null {
  const { memberships } = found;
  if (memberships === null || memberships.roleColumn === null) return null;
  const { roleColumn, roles, table } = memberships;
  const given = extraOf(found, target, table).values?.[roleColumn];
  const [, text] = /^\s*'((?:[^']|'')*)'(?:::[\w."]+)?\s*$/.exec(given ?? '') ?? [];
  if (given !== undefined) return { role: text?.replaceAll("''", "'") ?? null };
  return roles.length === 0 || hasFounder(roles) ? { role: ownerRole(roles) } : null;
}

/** Settings of `signUp` that name no table or column of sign-up, or that are no single SQL expression. */
export async function wrongValues(found: Survey, target: Target): Promise<readonly Blocker[]> {
  await loadParser();
  const client = await target.session.work();
  const tables = [found.organizations, found.profiles, found.memberships?.table ?? null];
  const blockers: Blocker[] = [];
  for (const which of ['values', 'memberValues'] as const) {
    for (const [name, columns] of Object.entries(target.config.signUp[which])) {
      const table = tables.find((one) => one !== null && [one.name, `${one.schema}.${one.name}`].includes(name));
      for (const [column, expression] of Object.entries(columns)) {
        const setting = `signUp.${which}.${name}.${column}`;
        if (table == null || !table.columns.some((one) => one.name === column)) {
          blockers.push({
            problem: `${setting} names no column of organizations, profiles or memberships.`,
            remedy: 'Correct the name in the configuration file, or remove the setting.',
          });
        } else if (!isExpression(expression)) {
          blockers.push({
            problem: `${setting} is not one SQL expression: ${expression}`,
            remedy: `Give an expression over the new user, for instance new.email or (select id from public.plans where name = 'free').`,
          });
        } else {
          const type = table.columns.find((one) => one.name === column)?.type ?? 'text';
          const refused = await refusedValue(client, expression, type);
          if (refused !== null)
            blockers.push({
              problem: `${setting} gives a value that ${name}.${column} (${type}) does not take: ${refused}.`,
              remedy: 'Correct the expression in the configuration file.',
            });
        }
      }
    }
  }
  return blockers;
}

/** Puts the value for one user into a column of this type, and takes it back. Null: it fits, or only a sign-up can tell. */
async function refusedValue(client: ClientBase, expression: string, type: string): Promise<string | null> {
  try {
    await rolledBack(client, async () => {
      await client.query(
        `set local search_path = pg_catalog, public, extensions; create temporary table voxanne_value (value ${type}) on commit drop`,
      );
      await client.query(
        `insert into pg_temp.voxanne_value select (${expression}) from (select (u).* from (select (select u from auth.users u limit 1) as u) s) as new`,
      );
    });
    return null;
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error;
    return /^(22|42)/.test(error.code) ? `${error.message} (${error.code})` : null;
  }
}

/** One value and nothing else: what follows in the text of a function must not end the statement that it stands in. */
function isExpression(text: string): boolean {
  try {
    const [only, ...more] = parseSql(`select (${text})`);
    const select = child(child(only ?? {}, 'stmt') ?? {}, 'SelectStmt');
    const alone = ['whereClause', 'intoClause', 'larg', 'withClause', 'limitCount'].every(
      (key) => child(select ?? {}, key) === null,
    );
    return (
      more.length === 0 &&
      select !== null &&
      alone &&
      list(select, 'targetList').length === 1 &&
      list(select, 'fromClause').length === 0 &&
      !/--|\/\*/.test(text)
    );
  } catch {
    // What PostgreSQL's parser refuses is no expression.
    return false;
  }
}
