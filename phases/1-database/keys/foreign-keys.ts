import type { ClientBase } from 'pg';
import { decide } from '../../../src/config/answers.ts';
import type { Constraint, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal } from '../../../src/database/quote.ts';
import type { BatchChange, SqlChange } from '../../../src/rollout/change.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import { plural } from '../../../src/rollout/text.ts';
import { primaryColumn, type Survey, type TenantTable, tenantOf } from '../survey.ts';
import { findValues, partitionsDeepestFirst, sqlOf, walkingKey } from './facts.ts';

export type ForeignKeys = {
  readonly changes: readonly (SqlChange | BatchChange)[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
};

type Options = {
  readonly repair: boolean;
  readonly lockTimeout: number;
  /** Changes that must come before, for the preview. */
  readonly after: (tenant: TenantTable) => readonly string[];
  /** Its empty texts go before. */
  readonly emptied: (tenant: TenantTable) => boolean;
  /** The column gets its type from changes that a preview cannot run. */
  readonly live: (tenant: TenantTable) => boolean;
  readonly taken: Set<string>;
};

/**
 * A foreign key from every organization column to organizations: added NOT VALID, which only takes a short lock, and
 * validated apart, which reads the table while it is in use.
 *
 * ON DELETE NO ACTION: deleting an organization must never take rows with it that nobody looked at. Foreign keys that
 * are there keep what they do.
 */
export async function planForeignKeys(client: ClientBase, survey: Survey, options: Options): Promise<ForeignKeys> {
  const { repair, after, taken } = options;
  const changes: (SqlChange | BatchChange)[] = [];
  const blockers: Blocker[] = [];
  const notes: Note[] = [];
  const { organizations } = survey;
  const organizationKey = primaryColumn(organizations);
  if (organizations === null || organizationKey === null) return { changes, blockers, notes };
  const target = {
    table: organizations,
    sql: sqlOf(organizations),
    key: identifier(organizationKey.name),
    type: organizationKey.type,
    base: organizationKey.base,
  };

  for (const tenant of survey.tenants) {
    const { table } = tenant;
    if (table.isPartition || table.kind === 'foreign') continue;
    const label = `${table.schema}.${table.name}`;
    const now = identifier(tenant.key.name);
    // Whether every text is a uuid, the conversion has found out; other tables do not come here.
    const holds = options.emptied(tenant) ? `t.${now}::text <> '' and ` : '';
    const same = (value: string): string =>
      tenant.key.base === target.base
        ? `o.${target.key} = ${value}`
        : tenant.text && target.base === 'uuid'
          ? `o.${target.key} = ${value}::text::uuid`
          : `o.${target.key}::text = ${value}::text`;
    const right = tenant.foreignKey !== null && !tenant.wrongForeignKey;
    if (right && tenant.foreignKey?.validated === true) continue;

    const referenced = tenant.wrongForeignKey ? referencedBy(survey, tenant) : null;
    const mapped = referenced === null ? null : mapping(survey, referenced);
    if (tenant.wrongForeignKey && tenant.foreignKey !== null && !repair) {
      const elsewhere = await findValues(
        client,
        `${tenant.sql} t`,
        `t.${now} is not null and not exists (select from ${target.sql} o where ${same(`t.${now}`)})`,
        `t.${now}`,
      );
      const { references } = tenant.foreignKey;
      blockers.push({
        problem: `${label}.${tenant.key.name} refers to ${references?.schema}.${references?.table} and not to organizations${elsewhere.count > 0 ? `; ${elsewhere.count} of its values ${elsewhere.count === 1 ? 'names' : 'name'} no organization` : ''}.`,
        remedy:
          'Have the foreign key and the values corrected with --wrong-foreign-keys repair (decisions.wrongForeignKeys); every old value is kept.',
        detail: [`${tenant.foreignKey.name}: ${tenant.foreignKey.definition}`, ...elsewhere.sample].join('\n'),
        answers: [
          decide(
            'wrongForeignKeys',
            'repair',
            'Foreign key and values are made to point at organizations; every old value is kept for the rollback.',
          ),
        ],
      });
      continue;
    }
    const isMapped =
      mapped === null ? 'false' : `exists (select from ${mapped.from} r where ${mapped.matches(`t.${now}`)})`;
    const orphans = await findValues(
      client,
      `${tenant.sql} t`,
      `${holds}t.${now} is not null and not exists (select from ${target.sql} o where ${same(`t.${now}`)}) and not ${isMapped}`,
      `t.${now}`,
    );
    if (orphans.count > 0) {
      blockers.push({
        problem: `${plural(orphans.count, 'row')} of ${label} ${orphans.count === 1 ? 'names' : 'name'} an organization that does not exist.`,
        remedy: `Give them the right organization or NULL, or restore the organization; nothing is deleted here. See them: select * from ${tenant.sql} t where t.${now} is not null and not exists (select from ${target.sql} o where ${same(`t.${now}`)});`,
        detail: orphans.sample.join('\n'),
      });
      continue;
    }

    const own: (SqlChange | BatchChange)[] = [];
    const before = [...after(tenant)];
    if (tenant.wrongForeignKey && tenant.foreignKey !== null) {
      const values =
        referenced === null || mapped === null
          ? null
          : await misplacedValues(client, survey, tenant, referenced, { table: target, same, isMapped });
      if (values !== null && 'problem' in values) {
        blockers.push(values);
        continue;
      }
      // Only the wrong foreign key tells what the values mean: it goes after they were changed, so that a run which is
      // stopped between the two can go on. A text column is converted first, and a partitioned table knows no NOT VALID.
      const early = values !== null && !tenant.text && table.kind !== 'partitioned';
      const drop = dropWrong(tenant, label, early);
      if (early && tenant.foreignKey.validated) own.push(unvalidated(tenant, label));
      if (early) own.push(values, drop);
      else own.push(drop, ...(values === null ? [] : [values]));
      before.push(drop.id);
    }
    own.push(
      ...(right
        ? validation(tenant)
        : added(
            survey,
            tenant,
            target,
            before,
            {
              written: own.some((one) => one.kind === 'batches') || options.live(tenant) || options.emptied(tenant),
              live: options.live(tenant),
              lockTimeout: options.lockTimeout,
            },
            taken,
          )),
    );
    changes.push(...own);
  }
  return { changes, blockers, notes };
}

const referencedBy = (survey: Survey, tenant: TenantTable): Table | null =>
  survey.catalog.tables.find(
    (one) => one.schema === tenant.foreignKey?.references?.schema && one.name === tenant.foreignKey.references.table,
  ) ?? null;

/** How a row of the wrongly named table tells its organization; null when it has none. `then`: after step 1.2. */
function mapping(
  survey: Survey,
  referenced: Table,
  then = false,
): { readonly from: string; readonly org: string; readonly matches: (value: string) => string } | null {
  const tenant = tenantOf(survey, referenced);
  const key = primaryColumn(referenced);
  if (tenant === null || key === null) return null;
  const org = identifier(then ? survey.to : tenant.key.name);
  return {
    from: tenant.sql,
    org,
    matches: (value) => `r.${identifier(key.name)}::text = ${value}::text and r.${org} is not null`,
  };
}

/** The change of values that are rows of the wrongly named table, null when there is none, or what forbids it. */
async function misplacedValues(
  client: ClientBase,
  survey: Survey,
  tenant: TenantTable,
  referenced: Table,
  target: {
    readonly table: { readonly sql: string; readonly key: string; readonly type: string };
    readonly same: (value: string) => string;
    readonly isMapped: string;
  },
): Promise<BatchChange | Blocker | null> {
  const { table } = tenant;
  const label = `${table.schema}.${table.name}`;
  const { sql, key: targetKey, type } = target.table;
  const misplaced = await findValues(
    client,
    `${tenant.sql} t`,
    `not exists (select from ${sql} o where ${target.same(`t.${identifier(tenant.key.name)}`)}) and ${target.isMapped}`,
    `t.${identifier(tenant.key.name)}`,
  );
  if (misplaced.count === 0) return null;
  const key = walkingKey(table);
  if (key === null) {
    return {
      problem: `${plural(misplaced.count, 'value')} of ${label}.${tenant.key.name} must change, and the table has no unique NOT NULL column to walk by.`,
      remedy: 'Give the table a primary key.',
    };
  }
  const then = identifier(survey.to);
  const after = mapping(survey, referenced, true);
  return {
    kind: 'batches',
    id: `values ${label}`,
    title: `Put the organization in place of the ${referenced.name} row in ${label}.${survey.to} (${plural(misplaced.count, 'row')})`,
    table: tenant.sql,
    key,
    write: {
      kind: 'update',
      column: then,
      type: tenant.text ? type : tenant.key.type,
      where: `t.${then} is not null and not exists (select from ${sql} o where o.${targetKey} = t.${then})`,
      value:
        after === null
          ? `t.${then}`
          : `(select r.${after.org} from ${after.from} r where ${after.matches(`t.${then}`)})`,
    },
    // Foreign keys are triggers, silent too: the wrong one does not forbid the right value.
    quiet: true,
  };
}

const notValid = (definition: string): string => `${definition.replace(/ NOT VALID$/, '')} not valid`;

/** Before values are written that the wrong foreign key forbids; taking it back makes it true of every row again. */
function unvalidated(tenant: TenantTable, label: string): SqlChange {
  const { name = '', definition = '' } = tenant.foreignKey ?? {};
  const swap = (then: string): string =>
    `alter table ${tenant.sql} drop constraint ${identifier(name)}, add constraint ${identifier(name)} ${then};`;
  return {
    kind: 'sql',
    id: `unvalidate ${label} ${name}`,
    title: `Hold the wrong foreign key of ${label} against new values only`,
    mode: 'transaction',
    up: swap(notValid(definition)),
    down: swap(definition),
  };
}

/** `early`: its values were changed before, and are restored after it is back. */
function dropWrong(tenant: TenantTable, label: string, early: boolean): SqlChange {
  const { name = '', definition = '' } = tenant.foreignKey ?? {};
  const { references } = tenant.foreignKey ?? {};
  return {
    kind: 'sql',
    id: `drop foreign key ${label} ${name}`,
    title: `Drop the foreign key of ${label} that refers to ${references?.schema}.${references?.table}`,
    mode: 'transaction',
    up: `alter table ${tenant.sql} drop constraint ${identifier(name)};`,
    down: `alter table ${tenant.sql} add constraint ${identifier(name)} ${early ? notValid(definition) : definition};`,
  };
}

const validation = (tenant: TenantTable): readonly SqlChange[] => {
  const { name = '', definition = '' } = tenant.foreignKey ?? {};
  return [
    {
      ...validate(tenant.table, name),
      down: `alter table ${tenant.sql} drop constraint ${identifier(name)}, add constraint ${identifier(name)} ${definition};`,
    },
  ];
};

const validate = (table: Table, name: string): SqlChange => ({
  kind: 'sql',
  id: `validate ${table.schema}.${table.name} ${name}`,
  title: `Validate the foreign key of ${table.schema}.${table.name}`,
  mode: 'transaction',
  up: `alter table ${sqlOf(table)} validate constraint ${identifier(name)};`,
  down: '',
});

/**
 * A validation that only succeeds once rows were written in batches, which a preview does not do: it runs by itself, and
 * the catalog says whether it did.
 */
const validateLater = (table: Table, name: string, definition: string): SqlChange => {
  const own = identifier(name);
  return {
    ...validate(table, name),
    mode: 'autocommit',
    applied: `select coalesce((select c.convalidated from pg_catalog.pg_constraint c where c.conrelid = ${literal(sqlOf(table))}::pg_catalog.regclass and c.conname = ${literal(name)}), false)`,
    down: `alter table ${sqlOf(table)} drop constraint ${own}, add constraint ${own} ${definition} not valid`,
  };
};

/**
 * On a partitioned table PostgreSQL below 18 knows no NOT VALID foreign key: the partitions get theirs first, and the
 * parent's then takes the validated ones over without reading them again.
 */
function added(
  survey: Survey,
  tenant: TenantTable,
  target: { readonly sql: string; readonly key: string; readonly table: Table },
  before: readonly string[],
  rows: { readonly written: boolean; readonly live: boolean; readonly lockTimeout: number },
  taken: Set<string>,
): readonly SqlChange[] {
  const changes: SqlChange[] = [];
  for (const table of partitionsDeepestFirst(survey, tenant.table)) {
    if (table.kind === 'foreign') continue;
    const label = `${table.schema}.${table.name}`;
    const present = ownForeignKeys(survey, table, tenant, target.table);
    if (table.isPartition && table.kind !== 'partitioned' && present.length > 0) {
      if (!present.some((one) => one.validated)) changes.push(validate(table, present[0]?.name ?? ''));
      continue;
    }
    // The wrong one goes first: its name is free, after a stop between the two as well.
    const gone = table === tenant.table && tenant.wrongForeignKey ? tenant.foreignKey?.name : undefined;
    const name = constraintName(table, survey.to, taken, gone);
    const sql = sqlOf(table);
    const definition = `foreign key (${identifier(survey.to)}) references ${target.sql} (${target.key})`;
    const id = `foreign key ${label}`;
    const parent = table.kind === 'partitioned';
    const add: SqlChange = {
      kind: 'sql',
      id,
      title: `Add foreign key ${label}.${survey.to} → ${target.sql.replaceAll('"', '')}`,
      mode: 'transaction',
      up: `alter table ${sql} add constraint ${identifier(name)} ${definition}${parent ? '' : ' not valid'};`,
      // A parent's foreign key takes those of its partitions with it.
      down: [
        `alter table ${sql} drop constraint ${table.isPartition ? 'if exists ' : ''}${identifier(name)};`,
        ...(parent ? lostWith(survey, tenant, table, target.table) : []),
      ].join('\n'),
      ...(before.length > 0 ? { after: before } : {}),
    };
    changes.push(rows.live ? addedLater(add, table, name, rows.lockTimeout) : add);
    if (!parent) {
      changes.push(rows.written ? validateLater(table, name, definition) : { ...validate(table, name), after: [id] });
    }
  }
  return changes;
}

/** Over a column that has its type only once the changes before were applied, which a preview does not do. */
const addedLater = (add: SqlChange, table: Table, name: string, lockTimeout: number): SqlChange => {
  const patience = `set local lock_timeout = ${lockTimeout};\n`;
  return {
    ...add,
    mode: 'autocommit',
    up: patience + add.up,
    down: patience + add.down,
    applied: `select exists (select from pg_catalog.pg_constraint c where c.conrelid = ${literal(sqlOf(table))}::pg_catalog.regclass and c.conname = ${literal(name)})`,
  };
};

const ownForeignKeys = (survey: Survey, table: Table, tenant: TenantTable, target: Table): readonly Constraint[] =>
  table.constraints.filter(
    (one) =>
      one.type === 'f' &&
      one.references?.schema === target.schema &&
      one.references.table === target.name &&
      [survey.to, tenant.key.name].includes(one.columns.join()),
  );

/** Foreign keys that partitions had of their own: the parent's takes them over, so that they go with it. */
const lostWith = (survey: Survey, tenant: TenantTable, parent: Table, target: Table): readonly string[] =>
  partitionsDeepestFirst(survey, parent)
    .filter((table) => table !== parent)
    .flatMap((table) =>
      ownForeignKeys(survey, table, tenant, target).map(
        (one) =>
          `alter table ${sqlOf(table)} drop constraint if exists ${identifier(one.name)};\nalter table ${sqlOf(table)} add constraint ${identifier(one.name)} ${one.definition};`,
      ),
    );

function constraintName(table: Table, column: string, taken: Set<string>, gone?: string): string {
  const there = new Set(table.constraints.map((one) => one.name).filter((name) => name !== gone));
  for (let n = 0; ; n++) {
    const end = `_${column}_fkey${n === 0 ? '' : n}`;
    let start = table.name;
    while (Buffer.byteLength(start + end) > 63) start = start.slice(0, -1);
    const name = `${start}${end}`;
    const id = `constraint ${table.schema}.${table.name}.${name}`;
    if (there.has(name) || taken.has(id)) continue;
    taken.add(id);
    return name;
  }
}
