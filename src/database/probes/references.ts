import { identifier, qualified } from '../quote.ts';
import { insert, reach, type Who } from './acts.ts';
import type { ForeignKey, TableFacts } from './facts.ts';
import type { Attempt, Probe } from './probe.ts';
import { addRow, type Family, findRow, NoRow, type Row } from './rows.ts';
import { inconclusive, notTried, reached, refusal, rows, worst } from './verdict.ts';
import { nameOf, type World } from './world.ts';

/** Foreign keys of a table to rows that belong to organizations, with the row's own organization left out of them. */
function referencesOf(world: World, table: TableFacts): readonly ForeignKey[] {
  const own = world.tenantColumns.get(nameOf(table));
  if (own === undefined || world.options.sameOrganization !== true) return [];
  return table.foreignKeys.filter((key) => {
    const parent = world.facts.get(`${key.schema}.${key.table}`);
    if (parent === undefined || key.columns.includes(own)) return false;
    return !apart(world).includes(parent) && world.tenantColumns.has(nameOf(parent));
  });
}

/** Who they belong to is what a row of theirs says; they are no row of an organization that others refer to. */
const apart = (world: World): readonly (TableFacts | null)[] => [world.organizations, world.users, world.profiles];

/** Makes a row of B for everything that a row of this table may refer to; what cannot be made is not tried. */
export async function addReferred(world: World, family: Family, table: TableFacts): Promise<void> {
  for (const key of referencesOf(world, table)) {
    const parent = world.facts.get(`${key.schema}.${key.table}`);
    if (parent === undefined || parent === table) continue;
    try {
      await addRow(world, family, parent, 'b');
    } catch (error) {
      if (!(error instanceof NoRow)) throw error;
    }
  }
}

/**
 * A foreign key check bypasses row security: only a key that holds the organization too keeps a user of A from pointing
 * a row at B's. It is tried with the row that is there and with a new one.
 */
export function referenceProbes({ world, family, quiet }: Attempt, a: Row, who: Who): readonly Probe[] {
  const name = nameOf(a.table);
  return referencesOf(world, a.table).map((key): Probe => {
    const parent = world.facts.get(`${key.schema}.${key.table}`);
    const theirs = parent === undefined ? undefined : findRow(family, parent, 'b');
    const values = key.references.map((column) => theirs?.values.get(column));
    const columns = key.columns.join(', ');
    const question = {
      id: `${world.options.idPrefix ?? '1.7/two-org'}/${name}/reference-${key.columns.join('-')}`,
      title: `A user of A cannot point a row of ${name} at B's row of ${key.schema}.${key.table} (${columns})`,
      expected: 'refused',
      advice: `Add a foreign key of ${name} over the organization and ${columns}; step 1.7 does it with decisions.sameOrganizationReferences.`,
    };
    if (values.some((value) => value === undefined)) {
      const reason = `No row of ${key.schema}.${key.table} could be made to point at.`;
      return { question, acts: [], judge: () => ({ verdict: 'skipped', observed: 'not checked', advice: reason }) };
    }
    const pairs = key.columns.map((column, at): [string, string] => [column, values[at] ?? 'null']);
    const sets = pairs.map(([column, value]) => `${identifier(column)} = ${value}`).join(', ');
    const act = `reference-${key.columns.join('-')}`;
    const changed: Row = { ...a, values: new Map([...a.values, ...pairs]) };
    const update = reach(
      `${act}-update`,
      who,
      world,
      a,
      'blind',
      `update ${qualified(a.table.schema, a.table.name)} set ${sets}`,
    );
    const isKey = key.columns.some((column) => a.table.primary.includes(column));
    const tried = [update, ...(isKey ? [] : [insert(`${act}-insert`, who, world, changed, quiet)])];
    return {
      question,
      // A check that waits for the end of the transaction would come too late for a transaction that is rolled back.
      acts: tried.map((one) => ({ ...one, sql: ['set constraints all immediate', ...one.sql] })),
      judge: (tries) =>
        worst(
          tries.map((one) => {
            const untried = notTried(one.outcome);
            if (untried !== null) return untried;
            if (one.outcome.stage === 'done') {
              const count = reached(one);
              return { verdict: count > 0 ? 'failed' : 'passed', observed: rows(count, "made to point at B's row") };
            }
            return inconclusive(one.outcome.code)
              ? { verdict: 'skipped', observed: 'not checked', advice: refusal(one.outcome) }
              : { verdict: 'passed', observed: refusal(one.outcome) };
          }),
        ),
    };
  });
}
