import { escapeRegExp, mentions } from '../words.ts';
import type { TableFacts } from './facts.ts';
import type { Scope } from './scope.ts';
import { isStale } from './stale.ts';
import { reached, type Try } from './verdict.ts';
import type { World } from './world.ts';

/**
 * What policies refused to a former member on one table, they refuse on every other that has the same: where all that
 * they ask is the organization of the row, and what they ask about the caller lies in the rows that every probe makes.
 */
export type Alike = {
  /** Whether an act of this name was refused elsewhere by the same policies. */
  readonly refused: (act: string) => boolean;
  /** Keeps what policies refused; `acts`: how many there were to try. */
  readonly learn: (tries: readonly Try[], acts: number) => void;
};

const none: Alike = { refused: () => false, learn: () => undefined };

const known = new WeakMap<World, Set<string>>();

export function alikeOf(world: World, table: TableFacts, scope: Scope): Alike {
  const key = scope.kind === 'column' ? keyOf(world, table, scope.column) : null;
  if (key === null) return none;
  const all = known.get(world) ?? new Set<string>();
  known.set(world, all);
  return {
    refused: (act) => all.has(`${key}\0${act}`),
    learn: (tries, acts) => {
      const stale = tries.filter(({ act }) => isStale(act));
      const [plain] = tries;
      if (plain === undefined || stale.length === 0 || tries.length < acts || !stale.every(byPolicies)) return;
      all.add(`${key}\0${plain.act.name}`);
    },
  };
}

/** Nothing was reached although privileges let it through. */
const byPolicies = (one: Try): boolean =>
  one.outcome.stage === 'done'
    ? reached(one) === 0
    : one.outcome.stage === 'act' &&
      one.outcome.code === '42501' &&
      /row-level security/.test(one.outcome.message ?? '');

/** The policies of a table with its own name for the organization; null where they ask for more than that. */
function keyOf(world: World, table: TableFacts, column: string): string | null {
  const { catalog, organizations, profiles, memberships, users, surroundings } = world;
  const cast = [organizations, profiles, memberships, users];
  const entry = catalog.tables.find(({ oid }) => oid === table.oid);
  if (entry?.rowSecurity !== true || entry.kind !== 'table' || entry.parents.length > 0) return null;
  if (cast.includes(table) || surroundings.ruled.has(table.oid)) return null;
  const policies = catalog.policies.filter((one) => one.schema === table.schema && one.table === table.name);
  const texts = policies.flatMap(({ using, check }) => [using ?? '', check ?? '']);
  const others = table.columns.filter(({ name }) => name !== column);
  const plain = texts.every((text) => {
    if (/\bfrom\b/i.test(text) || mentions(text, table.name)) return false;
    if (others.some(({ name }) => mentions(text, name))) return false;
    return [...catalog.functions, ...surroundings.functions]
      .filter(({ name }) => new RegExp(`\\b${escapeRegExp(name)}"?\\s*\\(`).test(text))
      .every((fn) => readsNoOther(world, fn.body));
  });
  if (!plain || texts.length === 0) return null;
  const type = table.columns.find(({ name }) => name === column)?.type;
  return JSON.stringify([
    column,
    type,
    policies.map(({ command, permissive, roles, using, check }) => [command, permissive, roles, using, check]).sort(),
  ]);
}

/** Rows of any other table may let callers in as well, and lie in the probe of one table and not in that of another. */
function readsNoOther(world: World, body: string): boolean {
  const { catalog, facts, organizations, profiles, memberships, users, surroundings } = world;
  const cast = [organizations, profiles, memberships, users];
  const bodies = new Set([body]);
  // A set takes what is added while it is walked.
  for (const one of bodies) {
    const words = new Set(one.match(/[\w$]+/g));
    if (/\bexecute\b/i.test(one) || catalog.views.some(({ name }) => words.has(name))) return false;
    if ([...facts.values()].some((table) => !cast.includes(table) && words.has(table.name))) return false;
    for (const fn of [...catalog.functions, ...surroundings.functions]) if (words.has(fn.name)) bodies.add(fn.body);
  }
  return true;
}
