import type { ClientBase } from 'pg';
import { type Circle, isCircle, rememberCircles } from '../../../src/database/circles.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import { loadParser } from '../../../src/database/rename/parser.ts';
import { rolledBack } from '../../../src/database/rolled-back.ts';
import type { Note } from '../../../src/rollout/step.ts';
import { profileUser, type Survey } from '../survey.ts';
import { type Asking, circles, throughFunctions } from './recursion.ts';

/** A table that no signed-in user can read today, since its policies ask in a circle. */
export type Broken = { readonly table: string; readonly circle: Circle; readonly way: readonly string[] };

/** Milliseconds for one table: a full stack takes seconds. */
const patience = 30_000;
/** Milliseconds after which no further table is asked: the look at access meets the circles of the others. */
const enough = 60_000;

/** The app's own policies as far as they decide about signed-in users, on tables that they guard. */
function asked(found: Survey): readonly Asking[] {
  const guarded = new Set(
    found.catalog.tables.filter((one) => one.rowSecurity).map((one) => `${one.schema}.${one.name}`),
  );
  return found.catalog.policies
    .filter((one) => guarded.has(`${one.schema}.${one.table}`))
    .filter((one) => one.roles.some((role) => role === 'public' || role === 'authenticated'))
    .map((one) => ({
      table: `${one.schema}.${one.table}`,
      name: one.name,
      command: one.command,
      conditions: [one.using, one.check],
    }));
}

/** Policies that may ask in a circle, with the way: only a query tells whether they do. */
async function suspects(found: Survey): Promise<ReadonlyMap<Asking, readonly string[]>> {
  await loadParser();
  return circles(asked(found), throughFunctions(found.catalog.functions, found.catalog.tables));
}

/** The same as `schema.table: policy`. */
export const circularPolicies = async (found: Survey): Promise<ReadonlySet<string>> =>
  new Set([...(await suspects(found)).keys()].map((one) => `${one.table}: ${one.name}`));

/** Those of the tables that say who belongs where that nobody can read today, since their policies ask in a circle. */
export async function brokenDirectory(client: ClientBase, found: Survey): Promise<ReadonlySet<string>> {
  const directory = [found.organizations, found.profiles, found.memberships?.table].flatMap((table) =>
    table == null ? [] : [`${table.schema}.${table.name}`],
  );
  const broken = await brokenToday(client, found, new Set(directory));
  return new Set(broken.map((one) => one.table));
}

/** Reads one row of each table, or of each of `only`, whose policies may ask in a circle, as a user of the app. */
export async function brokenToday(
  client: ClientBase,
  found: Survey,
  only?: ReadonlySet<string>,
): Promise<readonly Broken[]> {
  const all = asked(found);
  const ways = await suspects(found);
  if (ways.size === 0) return [];
  const through = throughFunctions(found.catalog.functions, found.catalog.tables);
  const onCircle = new Set([...ways.keys()].map((one) => one.table));
  // A table whose policy calls such a function is broken with it, although nothing leads back to it.
  const near = all.filter((one) =>
    one.conditions.some((text) => text !== null && through(text).some(({ table }) => onCircle.has(table))),
  );
  const tables = [...new Set([...onCircle, ...near.map((one) => one.table)])].filter((one) => only?.has(one) !== false);
  const known = rememberCircles();
  const user = await someUser(client, found);
  const broken: Broken[] = [];
  const began = performance.now();
  for (const name of tables) {
    if (performance.now() - began > enough) break;
    const table = found.catalog.tables.find((one) => `${one.schema}.${one.name}` === name);
    if (table === undefined) continue;
    const guarding = {
      columns: table.columns.map((one) => one.name),
      policies: found.catalog.policies.filter((one) => `${one.schema}.${one.table}` === name),
    };
    const circle =
      known.known('authenticated', guarding) ?? (await readOne(client, qualified(table.schema, table.name), user));
    if (circle === null) continue;
    known.learn('authenticated', guarding, circle);
    const way = [...ways].find(([one]) => one.table === name)?.[1] ?? [name, ...([...ways.values()][0] ?? [])];
    broken.push({ table: name, circle, way });
  }
  return broken;
}

async function someUser(client: ClientBase, found: Survey): Promise<string | null> {
  const { memberships, profiles } = found;
  const [from, column] =
    memberships !== null
      ? [memberships.sql, memberships.userColumn]
      : profiles !== null
        ? [qualified(profiles.schema, profiles.name), profileUser(found)]
        : ['auth.users', 'id'];
  const { rows } = await client.query<{ id: string | null }>(
    `select ${identifier(column)}::text as id from ${from} limit 1`,
  );
  return rows[0]?.id ?? null;
}

async function readOne(client: ClientBase, table: string, user: string | null): Promise<Circle | null> {
  const claims = JSON.stringify({ role: 'authenticated', ...(user === null ? {} : { sub: user }) });
  try {
    await rolledBack(client, async () => {
      await client.query(
        `set local statement_timeout = ${patience}; set local lock_timeout = '1s';
        select set_config('request.jwt.claims', ${literal(claims)}, true); set local role authenticated; select 1 from ${table} limit 1`,
      );
    });
    return null;
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error;
    if (/^(08|57P|E)/.test(error.code)) throw error;
    // Any other error is no circle: the access of users is looked at for itself.
    return isCircle(error.code) ? { code: error.code, message: error.message } : null;
  }
}

/** Tables named in a note before the rest is counted. */
const named = 6;

/** What does not work today, whatever this tool does. */
export function* brokenNotes(broken: readonly Broken[]): Iterable<Note> {
  const [first] = broken;
  if (first === undefined) return;
  const names = broken.map((one) => one.table);
  const list = `${names.slice(0, named).join(', ')}${names.length > named ? ` and ${names.length - named} more` : ''}`;
  yield {
    text: `Broken today: every request of a signed-in user to ${list} ends in an error (${[...new Set(broken.map((one) => one.circle.code))].join(', ')}), because policies refer to each other in a circle: ${first.way.join(' → ')}. There is no access to compare with; step 1.7 replaces the conditions that mean the organization, and then members reach these rows.`,
    detail: broken
      .map((one) => `${one.table}: ${one.way.join(' → ')}: ${one.circle.message} (${one.circle.code})`)
      .join('\n'),
  };
}
