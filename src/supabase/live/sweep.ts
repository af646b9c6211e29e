import type { Janitor, ProbeUser } from './janitor.ts';
import type { JournalEntry } from './journal.ts';
import { markerPattern } from './marker.ts';
import type { Scope, Tables } from './scope.ts';
import { type JsonRow, type LiveOptions, type LiveTable, nameOf } from './types.ts';

export type Swept = {
  readonly users: number;
  readonly organizations: number;
  readonly rows: number;
  /** What is still there, in words; empty when the removal is proven. */
  readonly left: readonly string[];
};

/** Deletions refused by a foreign key are tried again once what refers to them is gone. */
const mostPasses = 6;

/**
 * Removes every probe user, the organizations that sign-up made for them, and every row in these organizations; then
 * counts what is left. An organization that might be somebody else's is never removed.
 *
 * @param from `file`: the entries were read from the checkout, where anybody may have written them. A row is then removed
 *   only where its own content shows that a probe made it.
 */
export async function sweep(
  options: LiveOptions,
  tables: Tables,
  scopes: ReadonlyMap<LiveTable, Scope>,
  janitor: Janitor,
  entries: readonly JournalEntry[],
  from: 'memory' | 'file',
): Promise<Swept> {
  const users = await janitor.users(entries.flatMap((entry) => (entry.kind === 'user' ? [entry.id] : [])));
  const candidates = new Set([...(await janitor.organizationsOf(users)), ...(await janitor.markedOrganizations())]);
  const organizations: string[] = [];
  for (const one of candidates) if (await janitor.isProbes(one, users)) organizations.push(one);
  const journalled = entries.flatMap((entry) => {
    const table = entry.kind === 'row' ? tables.get(`${entry.schema}.${entry.table}`) : undefined;
    return entry.kind === 'row' && table !== undefined ? [{ table, key: entry.key }] : [];
  });
  const named = from === 'memory' ? journalled : journalled.filter(({ table, key }) => isPrimary(table, key));
  const words = [...users.map(({ id }) => id), ...organizations];
  const own: Journalled[] = [];
  for (const one of named) if (from === 'memory' || (await isOwn(janitor, one, words))) own.push(one);

  let rows = 0;
  const problems = new Map<string, string>();
  const tasks = rowTasks(options, tables, scopes, janitor, organizations, users, own.reverse());
  let open: readonly Task[] = tasks;
  for (let pass = 0; pass < mostPasses && open.length > 0; pass++) {
    problems.clear();
    const again: Task[] = [];
    for (const task of open) {
      const { count, problem } = await task.run();
      rows += count;
      if (problem !== null) {
        problems.set(task.name, problem);
        again.push(task);
      }
    }
    open = again;
  }
  for (const { id } of users) {
    const { problem } = await janitor.removeUser(id);
    if (problem !== null) problems.set(`user ${id}`, problem);
  }
  const left = [
    ...(await remaining(options, tables, scopes, janitor, organizations, users, named)),
    ...journalled
      .filter((one) => !named.includes(one))
      .map(({ table }) => `a row of ${nameOf(table)} that a file names without its primary key`),
    ...told(problems),
  ];
  return { users: users.length, organizations: organizations.length, rows, left };
}

type Journalled = { readonly table: LiveTable; readonly key: JsonRow };

/** Anything but the whole primary key could name many rows. */
const isPrimary = (table: LiveTable, key: JsonRow): boolean =>
  table.facts.primary.length > 0 && [...table.facts.primary].sort().join() === Object.keys(key).sort().join();

/** A probe's row carries its marker, or names one of its users or organizations: their ids are known to nobody before. */
async function isOwn(janitor: Janitor, { table, key }: Journalled, words: readonly string[]): Promise<boolean> {
  const texts = await janitor.textsOf(table, key);
  return (
    texts.length > 0 && texts.every((text) => marked.test(text) || words.some((word) => text.includes(`"${word}"`)))
  );
}
const marked = new RegExp(markerPattern);

type Task = { readonly name: string; readonly run: () => Promise<{ count: number; problem: string | null }> };

function rowTasks(
  options: LiveOptions,
  tables: Tables,
  scopes: ReadonlyMap<LiveTable, Scope>,
  janitor: Janitor,
  organizations: readonly string[],
  users: readonly ProbeUser[],
  journalled: readonly Journalled[],
): readonly Task[] {
  const tasks: Task[] = journalled.map(({ table, key }) => ({
    name: nameOf(table),
    run: () => janitor.removeRow(table, key),
  }));
  const ids = users.map(({ id }) => id);
  // What hangs on a row of an organization goes before that row does.
  for (const table of tables.values()) {
    const scope = scopes.get(table);
    const [fk] = scope?.kind === 'parent' ? scope.columns : [];
    const [key] = scope?.kind === 'parent' ? scope.references : [];
    if (scope?.kind !== 'parent' || scope.parent.tenantColumn === null || fk === undefined || key === undefined)
      continue;
    const { parent } = scope;
    const { tenantColumn } = parent;
    tasks.push({
      name: nameOf(table),
      run: async () =>
        janitor.removeBy(table, fk, await janitor.valuesOf(parent, key, tenantColumn ?? key, organizations)),
    });
  }
  for (const table of tables.values()) {
    const scope = scopes.get(table);
    if (scope?.kind === 'column') {
      tasks.push({ name: nameOf(table), run: () => janitor.removeBy(table, scope.column, organizations) });
    }
  }
  const { memberships, profiles } = options;
  for (const one of [memberships, profiles === null ? null : { ...profiles, userColumn: profiles.idColumn }]) {
    const table = one === null ? undefined : tables.get(nameOf(one));
    if (one !== null && table !== undefined) {
      tasks.push({ name: nameOf(table), run: () => janitor.removeBy(table, one.userColumn, ids) });
    }
  }
  const table = tables.get(nameOf(options.organizations));
  if (table !== undefined) {
    tasks.push({ name: nameOf(table), run: () => janitor.removeBy(table, options.organizations.key, organizations) });
  }
  return tasks;
}

async function remaining(
  options: LiveOptions,
  tables: Tables,
  scopes: ReadonlyMap<LiveTable, Scope>,
  janitor: Janitor,
  organizations: readonly string[],
  users: readonly ProbeUser[],
  journalled: readonly Journalled[],
): Promise<readonly string[]> {
  const left: string[] = [];
  const note = (count: number, what: string): void => {
    if (count > 0) left.push(`${count} in ${what}`);
  };
  for (const table of tables.values()) {
    const scope = scopes.get(table);
    if (scope?.kind === 'column') note(await janitor.countBy(table, scope.column, organizations), nameOf(table));
    if (scope?.kind === 'organization') {
      note(await janitor.countBy(table, options.organizations.key, organizations), nameOf(table));
    }
    const { profiles, memberships } = options;
    const ids = users.map(({ id }) => id);
    if (scope?.kind === 'profile' && profiles !== null) {
      note(await janitor.countBy(table, profiles.idColumn, ids), nameOf(table));
    }
    if (scope?.kind === 'membership' && memberships !== null) {
      note(await janitor.countBy(table, memberships.userColumn, ids), nameOf(table));
    }
  }
  for (const { table, key } of journalled) note(await janitor.countRow(table, key), `${nameOf(table)}, by its key`);
  const still = await janitor.users(users.map(({ id }) => id));
  note(still.length, 'auth.users');
  return left;
}

const told = (problems: ReadonlyMap<string, string>): readonly string[] =>
  [...problems].map(([name, problem]) => `${name}: ${problem}`);
