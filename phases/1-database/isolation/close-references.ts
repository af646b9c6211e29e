import type { ClientBase } from 'pg';
import type { Constraint, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import { rolledBack } from '../../../src/database/rolled-back.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import { plural } from '../../../src/rollout/text.ts';
import { freeName } from '../keys/facts.ts';
import type { Survey } from '../survey.ts';
import { crossingRows, openReferences, type Reference } from './references.ts';

export type Closing = {
  readonly changes: readonly SqlChange[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
};

/** Rows that cross, shown for one reference before the rest is counted. */
const shown = 20;

/**
 * Foreign keys over the organization and the key together, beside those that are there: a row can then refer only to
 * rows of its own organization. Rows that cross already are somebody's data, and stop this with a list.
 */
export async function closeReferences(client: ClientBase, found: Survey): Promise<Closing> {
  const changes: SqlChange[] = [];
  const blockers: Blocker[] = [];
  const notes: Note[] = [];
  const taken = new Set<string>();
  const unique = new Map<string, string>();
  for (const reference of openReferences(found)) {
    const reason = impossible(found, reference);
    if (reason !== null) {
      notes.push({ text: `${reference.name} still lets a row point at another organization's row: ${reason}.` });
      continue;
    }
    const crossing = await rolledBack(
      client,
      () => crossingRows(client, reference, shown),
      'isolation level repeatable read read only',
    );
    if (crossing.count > 0) {
      const { count } = crossing;
      blockers.push({
        problem: `${count >= 1_000 ? 'At least ' : ''}${plural(count, 'row')} of ${labelOf(reference.table)} already ${count === 1 ? 'points' : 'point'} at a row of another organization (${reference.name}), and the foreign key that closes this would refuse ${count === 1 ? 'it' : 'them'}.`,
        remedy:
          'Decide for each row where it belongs and correct it; nothing is changed or deleted here. Or leave these references open: remove --same-organization-references (decisions.sameOrganizationReferences).',
        detail: [...crossing.lines, ...(count > shown ? [`and ${count - shown} more`] : [])].join('\n'),
      });
      continue;
    }
    if (reference.closing !== null) {
      changes.push(validateAgain(reference, reference.closing));
      continue;
    }
    const wanted = [reference.parentOrg.name, ...reference.parentColumns];
    const key = `${labelOf(reference.parent)} ${[...wanted].sort().join(' ')}`;
    const before = unique.get(key);
    const index = hasUnique(reference.parent, wanted) ? null : uniqueIndex(found, reference, wanted, taken);
    if (index !== null && before === undefined) {
      changes.push(index);
      unique.set(key, index.id);
    }
    changes.push(...foreignKey(found, reference, before ?? index?.id ?? null));
  }
  if (changes.some((one) => one.id.startsWith('same organization '))) {
    notes.push({
      text: 'A row that others of its organization refer to can be moved to another organization only together with them, in one transaction and after SET CONSTRAINTS ALL DEFERRED, or where its foreign keys cascade.',
    });
  }
  return { changes, blockers, notes };
}

/** Why a reference cannot be held to one organization by a foreign key; null where it can. */
function impossible(found: Survey, { table, parent, org, parentOrg, constraint }: Reference): string | null {
  if (!table.ours || !parent.ours) return `${labelOf(table.ours ? parent : table)} belongs to another role`;
  if (table.kind !== 'table' || parent.kind !== 'table')
    return `${labelOf(table.kind === 'table' ? parent : table)} is partitioned or foreign, and a foreign key there cannot be added while the table is in use`;
  if (org.type !== parentOrg.type) return `${org.name} is ${org.type} here and ${parentOrg.type} there`;
  if (/ on (delete|update) set (null|default)/i.test(constraint.definition) && found.catalog.serverVersion < 150_000)
    return 'PostgreSQL before 15 would empty the organization together with the reference';
  if (/ on update set (null|default)/i.test(constraint.definition))
    return 'ON UPDATE SET NULL or SET DEFAULT would empty the organization together with the reference';
  return null;
}

/** Any order serves a foreign key; a column that may be NULL does no harm. */
const hasUnique = (table: Table, wanted: readonly string[]): boolean =>
  table.indexes.some(
    ({ unique, valid, partial, columns }) =>
      unique && valid && !partial && columns.length === wanted.length && wanted.every((name) => columns.includes(name)),
  );

function uniqueIndex(found: Survey, { parent }: Reference, wanted: readonly string[], taken: Set<string>): SqlChange {
  const name = freeName(found, parent.schema, parent.name, `${found.to}_key`, taken);
  const index = qualified(parent.schema, name);
  return {
    kind: 'sql',
    id: `unique ${labelOf(parent)} ${wanted.join(' ')}`,
    title: `Make (${wanted.join(', ')}) of ${labelOf(parent)} something to refer to: a unique index, created concurrently`,
    mode: 'autocommit',
    up: `create unique index concurrently ${identifier(name)} on ${qualified(parent.schema, parent.name)} (${wanted.map(identifier).join(', ')})`,
    down: `drop index concurrently ${index}`,
    applied: `select exists (select from pg_catalog.pg_index i where i.indexrelid = pg_catalog.to_regclass(${literal(index)}) and i.indisvalid)`,
    clean: `drop index concurrently if exists ${index}`,
  };
}

function foreignKey(found: Survey, reference: Reference, index: string | null): readonly SqlChange[] {
  const { table, parent, columns, parentColumns, org, parentOrg, constraint } = reference;
  const name = freeConstraint(table, `${table.name}_${columns.join('_')}_${found.to}_fkey`);
  const sql = qualified(table.schema, table.name);
  const list = (names: readonly string[]): string => names.map(identifier).join(', ');
  const add: SqlChange = {
    kind: 'sql',
    id: `same organization ${labelOf(table)} ${columns.join(' ')} ${labelOf(parent)}`,
    title: `Let ${labelOf(table)}.${columns.join(', ')} refer only to ${labelOf(parent)} of the same organization`,
    mode: 'transaction',
    up: `alter table ${sql} add constraint ${identifier(name)} foreign key (${list([org.name, ...columns])}) references ${qualified(parent.schema, parent.name)} (${list([parentOrg.name, ...parentColumns])})${actions(constraint.definition, list(columns))} not valid;`,
    down: `alter table ${sql} drop constraint ${identifier(name)};`,
    ...(index === null ? {} : { after: [index] }),
  };
  return [add, validate(reference, name, [...(index === null ? [] : [index]), add.id])];
}

/**
 * What the foreign key beside it does when the row that is referred to goes or changes, so that neither stands in the
 * other's way; of the organization's column nothing is ever emptied. What refuses may be put off to the end of a
 * transaction: that is how several rows are moved together.
 */
function actions(definition: string, columns: string): string {
  const deletes = / on delete (cascade|set null|set default)/i.exec(definition)?.[1]?.toLowerCase();
  const updates = / on update (cascade)/i.exec(definition)?.[1]?.toLowerCase();
  const narrowed = deletes?.startsWith('set') === true ? ` (${columns})` : '';
  const deferred = / deferrable initially deferred/i.test(definition) ? ' initially deferred' : '';
  return `${deletes === undefined ? '' : ` on delete ${deletes}${narrowed}`}${updates === undefined ? '' : ` on update ${updates}`} deferrable${deferred}`;
}

const validate = ({ table, name: reference }: Reference, name: string, after: readonly string[] = []): SqlChange => ({
  kind: 'sql',
  id: `validate ${labelOf(table)} ${name}`,
  title: `Validate that ${reference} stays within one organization`,
  mode: 'transaction',
  up: `alter table ${qualified(table.schema, table.name)} validate constraint ${identifier(name)};`,
  down: '',
  ...(after.length === 0 ? {} : { after }),
});

/** One that is there and holds new rows alone: taking it back leaves it like that. */
function validateAgain(reference: Reference, { name, definition }: Constraint): SqlChange {
  const own = identifier(name);
  return {
    ...validate(reference, name),
    down: `alter table ${qualified(reference.table.schema, reference.table.name)} drop constraint ${own}, add constraint ${own} ${definition};`,
  };
}

/** A name that no constraint of the table has, within what PostgreSQL keeps of a name. */
function freeConstraint(table: Table, wanted: string): string {
  const there = new Set(table.constraints.map((one) => one.name));
  for (let n = 0; ; n++) {
    const end = n === 0 ? '' : String(n);
    let short = wanted;
    while (Buffer.byteLength(short) > 63 - end.length) short = short.slice(0, -1);
    if (!there.has(`${short}${end}`)) return `${short}${end}`;
  }
}

const labelOf = (table: Table): string => `${table.schema}.${table.name}`;
