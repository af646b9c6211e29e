import type { ColumnFacts } from '../../database/probes/facts.ts';
import type { Api } from './client.ts';
import { markerOf } from './marker.ts';
import { type Outcome, perform } from './outcome.ts';
import { type Json, type JsonRow, type LiveTable, nameOf, type Side } from './types.ts';
import { makeValue, mostAttempts } from './values.ts';
import { type LiveRow, type Recipe, scopeIn, type World } from './world.ts';

/** No row can be made for a table, with the reason that the operator is shown. */
export class NoRow extends Error {
  override readonly name = 'NoRow';
}

export const rowKey = (side: Side, table: LiveTable): string => `${side} ${nameOf(table)}`;

/** Who appears in a row: whose organization it is in, and which user its user columns name. */
export type Whose = { readonly tenant: Side; readonly user: Side };

/**
 * The values that put a row of `table` into the organization of `side`; null where there is nothing that would. For a
 * table told by its parent, these are the keys of the parent's row of that side.
 */
export function tenantValues(world: World, table: LiveTable, side: Side): JsonRow | null {
  const scope = scopeIn(world, table);
  const { orgId } = world.people[side];
  if (scope.kind === 'column') return orgId === null ? null : { [scope.column]: orgId };
  if (scope.kind === 'profile') return column(world.options.profiles?.orgColumn, orgId);
  if (scope.kind === 'membership') return column(world.options.memberships?.orgColumn, orgId);
  if (scope.kind !== 'parent') return null;
  const parent = world.rows.get(rowKey(side, scope.parent));
  if (parent === undefined) return null;
  const all = { ...parent.values, ...parent.key };
  return Object.fromEntries(scope.columns.map((name, at) => [name, all[scope.references[at] ?? ''] ?? null]));
}

const column = (name: string | undefined, value: Json): JsonRow | null =>
  name === undefined || value === null ? null : { [name]: value };

/**
 * Sends a new row, and tries further values where a CHECK refuses the first. The last answer is the outcome.
 *
 * Asking for the row back also asks the SELECT policies, which may refuse what the INSERT policy let through: it is done
 * only where a key is not known otherwise, and never with `minimal`.
 */
export async function insertRow(
  world: World,
  api: Api,
  table: LiveTable,
  whose: Whose,
  back: 'minimal' | 'key' = 'key',
): Promise<{ readonly outcome: Outcome; readonly row: LiveRow | null }> {
  let recipe: Recipe = world.recipes.get(table) ?? { attempt: 0, serverKeys: false };
  for (let tries = 0; ; tries++) {
    const values = makeValues(world, table, whose, recipe);
    const into = api.schema(table.schema).from(table.table);
    const known = keyOf(table, values);
    if (known !== null) world.journal.row(table, known);
    const asks = known === null && back === 'key';
    const outcome = await perform(
      asks ? into.insert(values).select(table.facts.primary.join(',')) : into.insert(values),
    );
    if (outcome.code === null) {
      world.recipes.set(table, recipe);
      const key = known ?? outcome.rows[0];
      if (key === undefined) return { outcome, row: null };
      if (known === null) world.journal.row(table, key);
      return { outcome, row: { table, key, values } };
    }
    if (tries >= mostAttempts) return { outcome, row: null };
    // 428C9: a key column that is GENERATED ALWAYS. 23505: a value that somebody has.
    if (outcome.code === '428C9' && !recipe.serverKeys) recipe = { ...recipe, serverKeys: true };
    else if (/violates check constraint/.test(outcome.message ?? '') && recipe.attempt < mostAttempts) {
      recipe = { ...recipe, attempt: recipe.attempt + 1 };
    } else if (outcome.code !== '23505' || tries > 2) return { outcome, row: null };
  }
}

/** The values of the key columns, if the row gives them all. */
function keyOf(table: LiveTable, values: JsonRow): JsonRow | null {
  const { primary } = table.facts;
  if (primary.length === 0) return values;
  const key = Object.fromEntries(primary.map((name) => [name, values[name] ?? null]));
  return Object.values(key).includes(null) ? null : key;
}

function makeValues(world: World, table: LiveTable, whose: Whose, recipe: Recipe): JsonRow {
  const ordinal = ++world.count.ordinal;
  const marker = `${markerOf(world.nonce, whose.tenant)}-${ordinal}`;
  const seed = { nonce: world.nonce, ordinal, marker };
  const fixed = fixedValues(world, table, whose);
  const values: Record<string, Json> = {};
  for (const one of table.facts.columns) {
    if (one.generated) continue;
    const given = fixed[one.name];
    if (given !== undefined) {
      values[one.name] = given;
      continue;
    }
    const isKey = table.facts.primary.includes(one.name);
    if (isKey && recipe.serverKeys) continue;
    const required = one.notNull && one.default === null;
    if (!isKey && !required && !labels(table, one)) continue;
    const value = makeValue(table, one, seed, recipe.attempt);
    if (value !== undefined) values[one.name] = value;
    else if (required) throw new NoRow(`no value is known for ${nameOf(table)}.${one.name} of type ${one.type}`);
  }
  return values;
}

/** A text column that may hold the marker, by which views and functions show whose row they show. */
const labels = (table: LiveTable, one: ColumnFacts): boolean =>
  one.kind === 'base' &&
  one.default === null &&
  one.base === 'text' &&
  one.domainChecks.length === 0 &&
  !table.facts.checks.some((check) => check.columns.includes(one.name)) &&
  !table.facts.foreignKeys.some((key) => key.columns.includes(one.name));

/** The columns whose value follows from whose row it is. */
function fixedValues(world: World, table: LiveTable, { tenant, user }: Whose): JsonRow {
  const { options } = world;
  const values: Record<string, Json> = { ...tenantValues(world, table, tenant) };
  const set = (name: string, value: Json | undefined): void => {
    if (values[name] === undefined && value !== undefined) values[name] = value;
  };
  const userId = world.people[user].id;
  if (options.memberships !== null && nameOf(table) === nameOf(options.memberships)) {
    set(options.memberships.userColumn, userId);
  }
  for (const key of table.facts.foreignKeys) {
    const parentName = `${key.schema}.${key.table}`;
    const isUser =
      parentName === 'auth.users' || (options.profiles !== null && parentName === nameOf(options.profiles));
    for (const [at, name] of key.columns.entries()) {
      const facts = table.facts.columns.find((one) => one.name === name);
      if (facts === undefined || values[name] !== undefined) continue;
      if (parentName === nameOf(options.organizations)) set(name, world.people[tenant].orgId ?? undefined);
      else if (isUser && facts.base === 'uuid') set(name, userId);
      else if (facts.notNull) {
        const parent = world.tables.get(parentName);
        const row = parent === undefined ? undefined : world.rows.get(rowKey(tenant, parent));
        const value = row === undefined ? undefined : { ...row.values, ...row.key }[key.references[at] ?? ''];
        if (value === undefined)
          throw new NoRow(`${nameOf(table)}.${name} needs a row of ${parentName}, and there is none`);
        set(name, value);
      }
    }
  }
  // Names that policies commonly compare with auth.uid(), with or without a foreign key.
  for (const name of ['user_id', 'owner_id', 'created_by', 'profile_id']) {
    if (table.facts.columns.some((one) => one.name === name && one.base === 'uuid')) set(name, userId);
  }
  return values;
}
