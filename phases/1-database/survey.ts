import { splitName } from '../../src/config/names.ts';
import type { Config } from '../../src/config/schema.ts';
import { loadCatalog } from '../../src/database/catalog/load.ts';
import type { Catalog, Column, Constraint, Table } from '../../src/database/catalog/types.ts';
import { qualified } from '../../src/database/quote.ts';
import type { Target } from '../target.ts';

/** A table with a column that means the organization. */
export type TenantTable = {
  readonly table: Table;
  /** Quoted `schema.name`. */
  readonly sql: string;
  /** The column that carries the key today. */
  readonly key: Column;
  /** Other columns of the same meaning: the table has the new and an old name, or two old ones. */
  readonly also: readonly Column[];
  /** Must be renamed in step 1.2; false where the new name is there, or where the name comes from a parent table. */
  readonly renamed: boolean;
  /** The foreign key of the key column, wherever it points. */
  readonly foreignKey: Constraint | null;
  /** Its foreign key points at another table than organizations. */
  readonly wrongForeignKey: boolean;
  /** The key is text of some kind and has to become uuid. */
  readonly text: boolean;
};

/** The table that joins users with organizations. Names are unquoted and as they stand now. */
export type Memberships = {
  readonly table: Table;
  readonly sql: string;
  readonly userColumn: string;
  readonly roleColumn: string | null;
  /** Values that the role column accepts; empty when it accepts any. */
  readonly roles: readonly string[];
  /** SQL condition over a row of it under this alias: the membership counts now. `true` where every row does. */
  readonly active: (alias: string) => string;
};

/**
 * How the app says who belongs where.
 *
 * - `one`: a user has one organization.
 * - `all`: a user has the rows of every organization they belong to, at once.
 * - `active`: several memberships, one of them at a time, as a claim, a profile column or a setting says.
 */
export type Model = 'one' | 'all' | 'active';

/** Whose word counts: a membership row, a profile that only the server writes, or nobody's yet. */
export type Truth = 'memberships' | 'profiles' | 'none';

/** Everything that later steps plan from. */
export type Survey = {
  readonly catalog: Catalog;
  /** Labels of every enum type, by the name that `format_type` prints. */
  readonly enums: ReadonlyMap<string, readonly string[]>;
  /** The one name that stays: `org_id`. */
  readonly to: string;
  readonly tenants: readonly TenantTable[];
  /** Tables without any key; global look-up tables, or forgotten ones. */
  readonly unkeyed: readonly Table[];
  /** Columns that carry a tenant name but cannot be a key to organizations, with the reason. */
  readonly unclear: readonly { readonly table: Table; readonly column: Column; readonly reason: string }[];
  readonly excluded: readonly Table[];
  readonly organizations: Table | null;
  readonly profiles: Table | null;
  readonly memberships: Memberships | null;
  /** More than one table could be the membership table. */
  readonly membershipCandidates: readonly Table[];
  readonly model: Model;
  readonly truth: Truth;
  /** SQL condition over a row of organizations under this alias: it is not closed, deleted or suspended. */
  readonly living: (alias: string) => string;
  /** Base type of the organizations' key, domains looked through: `uuid`, `bigint`, `text`. */
  readonly idType: string;
  /** Column of profiles that names the organization, as it is called now; null where memberships alone say it. */
  readonly profileOrg: string | null;
};

/** Reads the catalog and says what carries a tenant key, under which name and in which shape. Writes nothing. */
export async function survey(target: Target): Promise<Survey> {
  const client = await target.session.work();
  return surveyCatalog(await loadCatalog(client), target.config);
}

/** The pure part: a catalog and settings in, a survey out. */
function surveyCatalog(catalog: Catalog, config: Config): Survey {
  const { names } = config;
  const enums = new Map(catalog.enums.map((one) => [one.name, one.labels]));
  const excludedNames = new Set(config.exclude.map((name) => key(splitName(name))));
  const inScope = catalog.tables.filter((table) => config.schemas === null || config.schemas.includes(table.schema));
  const excluded = inScope.filter((table) => excludedNames.has(key(table)));
  const tables = inScope.filter((table) => !excludedNames.has(key(table)));
  const organizations = tables.find((table) => key(table) === key(splitName(names.organizations))) ?? null;
  const profiles = tables.find((table) => key(table) === key(splitName(names.profiles))) ?? null;
  const organizationType = primaryColumn(organizations)?.type ?? 'uuid';

  const tenants: TenantTable[] = [];
  const unkeyed: Table[] = [];
  const unclear: { table: Table; column: Column; reason: string }[] = [];
  for (const table of tables) {
    if (table === organizations) continue;
    const named = [names.to, ...names.from].flatMap((name) => table.columns.filter((column) => column.name === name));
    const usable = named.filter((column) => {
      const reason = reasonNotAKey(table, column, organizations, organizationType);
      if (reason !== null) unclear.push({ table, column, reason });
      return reason === null;
    });
    const [first, ...also] = usable;
    if (first === undefined) {
      if (named.length === 0) unkeyed.push(table);
      continue;
    }
    const foreignKey = table.constraints.find((one) => one.type === 'f' && one.columns.join() === first.name) ?? null;
    tenants.push({
      table,
      sql: qualified(table.schema, table.name),
      key: first,
      also,
      renamed: first.name !== names.to && first.local && !table.isPartition,
      foreignKey,
      wrongForeignKey:
        foreignKey !== null &&
        organizations !== null &&
        (foreignKey.references?.table !== organizations.name || foreignKey.references.schema !== organizations.schema),
      text: isText(first.type),
    });
  }

  const candidates = findMemberships(tables, tenants, config, organizations, profiles);
  const membershipTable = candidates.length === 1 ? (candidates[0] ?? null) : null;
  const profileOrg = tenants.find((one) => one.table === profiles)?.key.name ?? null;
  return {
    catalog,
    enums,
    to: names.to,
    tenants,
    unkeyed,
    unclear,
    excluded,
    organizations,
    profiles,
    memberships: membershipTable === null ? null : describeMemberships(membershipTable, enums),
    membershipCandidates: candidates,
    model: 'one',
    truth: membershipTable !== null ? 'memberships' : profileOrg !== null ? 'profiles' : 'none',
    living: () => 'true',
    idType: organizationType,
    profileOrg,
  };
}

/** The name that a tenant table's key has once step 1.2 is done: what later steps write. */
export const tenantOf = (survey: Survey, table: Table): TenantTable | null =>
  survey.tenants.find((one) => one.table.oid === table.oid) ?? null;

export const isText = (type: string): boolean => /^(text|character varying|character|citext)/.test(type);

export const primaryColumn = (table: Table | null): Column | null => {
  const columns = table?.constraints.find((one) => one.type === 'p')?.columns ?? [];
  return columns.length === 1 ? (table?.columns.find((column) => column.name === columns[0]) ?? null) : null;
};

const key = (table: { readonly schema: string; readonly name: string }): string => `${table.schema}.${table.name}`;

/**
 * A tenant name can mean something else: a number where organizations have uuids, or a key to another app-level table
 * by a type that organizations do not have. A uuid with a foreign key elsewhere stays a key, with a wrong foreign key.
 */
function reasonNotAKey(
  table: Table,
  column: Column,
  organizations: Table | null,
  organizationType: string,
): string | null {
  if (column.generated) return 'it is a generated column';
  const foreign = table.constraints.find((one) => one.type === 'f' && one.columns.join() === column.name);
  const toOrganizations =
    foreign?.references?.table === organizations?.name && foreign?.references?.schema === organizations?.schema;
  if (column.type === organizationType || column.type === 'uuid') return null;
  if (foreign !== undefined && !toOrganizations) {
    return `its type is ${column.type} and it refers to ${foreign.references?.schema}.${foreign.references?.table}`;
  }
  if (isText(column.type)) return null;
  return `its type is ${column.type}, while organizations are known by ${organizationType}`;
}

function findMemberships(
  tables: readonly Table[],
  tenants: readonly TenantTable[],
  config: Config,
  organizations: Table | null,
  profiles: Table | null,
): readonly Table[] {
  if (config.names.memberships !== null) {
    return tables.filter((table) => key(table) === key(splitName(config.names.memberships ?? '')));
  }
  const shaped = tenants
    .map((one) => one.table)
    .filter(
      (table) => table !== organizations && table !== profiles && !table.isPartition && userColumn(table) !== null,
    )
    // A user and an organization in one row is common (a call has both); unique over the two is a membership.
    .filter(
      (table) =>
        table.indexes.some((index) => {
          const tenant = tenants.find((one) => one.table === table);
          const pair = [userColumn(table), tenant?.key.name];
          return (
            index.unique && index.columns.length >= 2 && pair.every((name) => index.columns.includes(name ?? null))
          );
        }) ||
        /(^|_)(members?|memberships?|user_org|org_user|user_organization|organization_user|user_tenants?)/.test(
          table.name,
        ),
    );
  const withRole = shaped.filter((table) => table.columns.some((column) => column.name === 'role'));
  return withRole.length > 0 ? withRole : shaped;
}

const userColumn = (table: Table): string | null =>
  table.columns.find((column) => ['user_id', 'profile_id', 'member_id'].includes(column.name) && column.type === 'uuid')
    ?.name ?? null;

function describeMemberships(table: Table, enums: ReadonlyMap<string, readonly string[]>): Memberships {
  const role = table.columns.find((column) => column.name === 'role') ?? null;
  return {
    table,
    sql: qualified(table.schema, table.name),
    userColumn: userColumn(table) ?? 'user_id',
    roleColumn: role?.name ?? null,
    roles: role === null ? [] : allowedValues(table, role, enums),
    active: () => 'true',
  };
}

/** Values that a column accepts by its enum type or by a CHECK over it alone; empty when nothing restricts it. */
export function allowedValues(
  table: Table,
  column: Column,
  enums: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const labels = enums.get(column.type);
  if (labels !== undefined) return labels;
  const check = table.constraints.find((one) => one.type === 'c' && one.columns.join() === column.name);
  return [...(check?.definition.matchAll(/'((?:[^']|'')*)'::/g) ?? [])].map(([, value]) =>
    (value ?? '').replaceAll("''", "'"),
  );
}

/** The column of profiles that holds the user: the one with a foreign key to auth.users, else `user_id`, else `id`. */
export function profileUser(found: Survey): string {
  const table = found.profiles;
  const foreign = table?.constraints.find(
    (one) => one.type === 'f' && one.references?.schema === 'auth' && one.references.table === 'users',
  );
  return foreign?.columns[0] ?? table?.columns.find((one) => one.name === 'user_id')?.name ?? 'id';
}

/** The column of a table that names the organization today; the name that stays where it has none. */
export const orgColumnOf = (found: Survey, table: Table): string => tenantOf(found, table)?.key.name ?? found.to;
