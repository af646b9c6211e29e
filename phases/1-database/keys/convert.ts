import type { ClientBase } from 'pg';
import { identifier, literal } from '../../../src/database/quote.ts';
import { mentions } from '../../../src/database/words.ts';
import type { BatchChange, SqlChange } from '../../../src/rollout/change.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import { plural } from '../../../src/rollout/text.ts';
import { renameColumns } from '../isolation/rename.ts';
import { primaryColumn, type Survey, type TenantTable } from '../survey.ts';
import { dependentsOf } from './dependents.ts';
import { countUpTo, findValues, looking, partitionColumns, uuidPattern, walkingKey } from './facts.ts';

/** From here on rewriting the table under its lock would be felt. */
export const largeTable = 10_000;

export type Conversion = {
  readonly tenant: TenantTable;
  readonly changes: readonly (SqlChange | BatchChange)[];
  /** Ids of changes after which the column is uuid. */
  readonly done: readonly string[];
  /** Only the applied changes make it so: a preview cannot show what comes after. */
  readonly live?: boolean;
};

export type Conversions = {
  readonly list: readonly Conversion[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
};

/** Text ids become uuid, where organizations have uuids and every value is one. */
export async function planConversions(
  client: ClientBase,
  survey: Survey,
  names: { readonly from: readonly string[] },
  /** Changes that take the empty texts of a table away first; null where it has none. */
  emptied: (tenant: TenantTable) => readonly string[] | null,
  large: (tenant: TenantTable, tools: Tools) => Promise<Conversion | Blocker>,
): Promise<Conversions> {
  const list: Conversion[] = [];
  const blockers: Blocker[] = [];
  const notes: Note[] = [];
  if (primaryColumn(survey.organizations)?.base !== 'uuid') return { list, blockers, notes };
  for (const tenant of survey.tenants) {
    if (!tenant.text || tenant.table.isPartition || !tenant.key.local) continue;
    const label = `${tenant.table.schema}.${tenant.table.name}`;
    const now = identifier(tenant.key.name);
    const before = emptied(tenant);
    const holds = before !== null ? ` and t.${now}::text <> ''` : '';
    const bad = await findValues(client, `${tenant.sql} t`, `t.${now}::text !~* '${uuidPattern}'${holds}`, `t.${now}`);
    if (bad.count > 0) {
      blockers.push({
        problem: `${plural(bad.count, 'value')} of ${label}.${tenant.key.name} ${bad.count === 1 ? 'is' : 'are'} text that is not a uuid, so no organization can be meant.`,
        remedy: `Correct them, set them to NULL, or leave the table out with exclude: ["${label}"].`,
        detail: bad.sample.map((value) => `"${value}"`).join('\n'),
      });
      continue;
    }
    const dependents = await looking(client, async () => ({
      ...(await dependentsOf(client, survey, tenant)),
      partitionedBy: await partitionColumns(client, tenant),
    }));
    const obstacles = [
      ...dependents.obstacles,
      ...(dependents.partitionedBy.includes(tenant.key.name) ? ['the table is partitioned by it'] : []),
    ];
    if (obstacles.length > 0) {
      blockers.push({
        problem: `${label}.${tenant.key.name} is ${tenant.key.type} and cannot become uuid: ${obstacles.length === 1 ? obstacles[0] : `${obstacles.length} things depend on it as text`}.`,
        remedy: 'Change or drop them, or leave the table out with exclude; they would have to be rewritten for a uuid.',
        detail: obstacles.join('\n'),
      });
      continue;
    }
    const renamed = (sql: string): string =>
      survey.tenants.some((one) => one.renamed) ? renameColumns(sql, names.from, survey.to) : sql;
    const tools: Tools = {
      drop: dependents.drop.map(renamed),
      again: dependents.again.map(renamed),
      restore: dependents.restore.map(renamed),
      renamed,
    };
    const usual = await usualForm(client, survey, tenant, label, blockers);
    if (usual === null) continue;
    const begun = tenant.table.columns.some((one) => one.name === `${survey.to}_uuid`);
    if (!begun && (await countUpTo(client, tenant.sql, largeTable)) < largeTable) {
      const change = inPlace(survey, tenant, tools, label, await indexNames(client, tenant), before ?? []);
      list.push({ tenant, changes: [...usual, change], done: [change.id] });
    } else {
      const made = await large(tenant, tools);
      if ('problem' in made) blockers.push(made);
      else list.push({ ...made, changes: [...usual, ...made.changes] });
    }
    const bodies = survey.catalog.functions.filter((one) => !one.atomic && mentions(one.body, tenant.table.name));
    if (list.at(-1)?.tenant === tenant && list.at(-1)?.live === true) {
      notes.push({
        text: `${label} is large: its text ids stay as ${survey.to}_text, in step with ${survey.to}, for the rollback; drop the column, and the trigger that keeps it, when nobody needs them.`,
      });
    }
    if (bodies.length > 0) {
      notes.push({
        text: `${label}.${survey.to} changes from ${tenant.key.type} to uuid; check functions that name the table and compare it with text.`,
        detail: bodies.map((one) => one.signature).join('\n'),
      });
    }
  }
  return { list, blockers, notes };
}

export type Tools = {
  readonly drop: readonly string[];
  readonly again: readonly string[];
  readonly restore: readonly string[];
  readonly renamed: (sql: string) => string;
};

/**
 * A uuid is written in one way only, a text may hold capitals or brackets. Those values are brought to the usual form
 * first, as rows whose old value is kept: a rollback then gives back the very text.
 */
async function usualForm(
  client: ClientBase,
  survey: Survey,
  tenant: TenantTable,
  label: string,
  blockers: Blocker[],
): Promise<readonly BatchChange[] | null> {
  const unusual = (column: string): string =>
    `t.${column}::text <> '' and t.${column}::text <> t.${column}::text::uuid::text`;
  const found = await findValues(
    client,
    `${tenant.sql} t`,
    unusual(identifier(tenant.key.name)),
    `t.${identifier(tenant.key.name)}`,
  );
  if (found.count === 0) return [];
  const key = walkingKey(tenant.table);
  if (key === null) {
    blockers.push({
      problem: `${plural(found.count, 'id is', 'ids are')} written with capitals or brackets in ${label}, and the table has no unique NOT NULL column to walk by.`,
      remedy: 'Give the table a primary key.',
      detail: found.sample.join('\n'),
    });
    return null;
  }
  const column = identifier(survey.to);
  return [
    {
      kind: 'batches',
      id: `usual form ${label}`,
      title: `Write the ids of ${label} in the usual form (${plural(found.count, 'row')})`,
      table: tenant.sql,
      key,
      write: {
        kind: 'update',
        column,
        type: tenant.key.type,
        where: unusual(column),
        value: `t.${column}::text::uuid::text`,
      },
      quiet: true,
    },
  ];
}

/**
 * One transaction, because everything that stands on the column has to go and come back: a policy must not be missing
 * for a moment. Here alone several policy statements share a transaction.
 */
function inPlace(
  survey: Survey,
  tenant: TenantTable,
  tools: Tools,
  label: string,
  names: readonly string[],
  after: readonly string[],
): SqlChange {
  const column = identifier(survey.to);
  const alter = (to: string, using: string): readonly string[] => {
    const { default: value } = tenant.key;
    return [
      ...(value === null ? [] : [`alter table ${tenant.sql} alter column ${column} drop default;`]),
      `alter table ${tenant.sql} alter column ${column} type ${to} using ${using};`,
      ...(value === null
        ? []
        : [
            `alter table ${tenant.sql} alter column ${column} set default ${to === 'uuid' ? `(${tools.renamed(value)})::uuid` : tools.renamed(value)};`,
          ]),
    ];
  };
  return {
    kind: 'sql',
    id: `uuid ${label}`,
    title: `Convert ${label}.${survey.to} from ${tenant.key.type} to uuid`,
    mode: 'transaction',
    up: [...tools.drop, ...alter('uuid', `${column}::text::uuid`), ...names, ...tools.again].join('\n'),
    down: [...tools.drop, ...alter(tenant.key.type, `${column}::text`), ...names, ...tools.restore].join('\n'),
    ...(after.length > 0 ? { after } : {}),
  };
}

/**
 * Changing a type rebuilds the indexes on it. A partitioned table's own keep their names, those of its partitions get
 * new ones: this gives each the name back that it has now, level by level.
 */
async function indexNames(client: ClientBase, tenant: TenantTable): Promise<readonly string[]> {
  if (tenant.table.kind !== 'partitioned') return [];
  const { rows } = await client.query<{ child: string; parent: string; name: string }>(
    `select format('%I.%I', tn.nspname, t.relname) as child, format('%I.%I', pn.nspname, p.relname) as parent, c.relname as name
     from pg_catalog.pg_partition_tree($1::oid) tree
     join pg_catalog.pg_index x on x.indrelid = tree.relid
     join pg_catalog.pg_inherits i on i.inhrelid = x.indexrelid
     join pg_catalog.pg_class c on c.oid = x.indexrelid
     join pg_catalog.pg_class t on t.oid = x.indrelid join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
     join pg_catalog.pg_class p on p.oid = i.inhparent join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace
     order by tree.level, 1, 3`,
    [tenant.table.oid],
  );
  return rows.map(
    ({ child, parent, name }) => `do $name$ declare found pg_catalog.regclass; begin
  select i.inhrelid into found from pg_catalog.pg_inherits i join pg_catalog.pg_index x on x.indexrelid = i.inhrelid
    where i.inhparent = ${literal(parent)}::pg_catalog.regclass and x.indrelid = ${literal(child)}::pg_catalog.regclass;
  if found is not null and (select relname from pg_catalog.pg_class where oid = found) <> ${literal(name)} then
    execute format('alter index %s rename to %I', found, ${literal(name)});
  end if;
end $name$;`,
  );
}
