import { splitName } from '../../src/config/names.ts';
import type { Config } from '../../src/config/schema.ts';
import type { Column } from '../../src/database/catalog/types.ts';
import { foreignKeyOf, pointsAt } from '../1-database/survey/shape.ts';
import { primaryColumn, profileUser, type Survey, survey } from '../1-database/survey.ts';
import { memberRole, ownerRole } from '../1-database/values.ts';
import type { Target } from '../target.ts';
import type { DatabaseFacts, EditableColumn } from './database-facts.ts';

/** Reads the facts from the live database. */
export const databaseFacts = async (target: Pick<Target, 'config' | 'session'>): Promise<DatabaseFacts> =>
  factsOf(await survey({ ...target, workspace: null }), target.config);

/** The pure part: a survey in, facts out. */
export function factsOf(found: Survey, config: Config): DatabaseFacts {
  const { memberships, organizations, profiles } = found;
  const named = splitName(config.names.organizations ?? 'public.organizations');
  const roles = memberships?.roles ?? [];
  const owner = ownerRole(roles);
  const columns = organizations?.columns ?? [];
  return {
    column: found.to,
    organizations: {
      schema: organizations?.schema ?? named.schema,
      table: organizations?.name ?? named.name,
      key: primaryColumn(organizations)?.name ?? 'id',
      idType: found.idType,
      living: found.livingFilters,
      nameColumn: ['name', 'display_name', 'title'].find((name) => columns.some((one) => one.name === name)) ?? null,
      editable: columns.flatMap(editable),
    },
    profiles:
      profiles === null
        ? null
        : {
            schema: profiles.schema,
            table: profiles.name,
            userColumn: profileUser(found),
            orgColumn: found.to,
            active: found.profileCounts.activeFilters,
          },
    memberships:
      memberships === null
        ? null
        : {
            schema: memberships.table.schema,
            table: memberships.table.name,
            userColumn: memberships.userColumn,
            orgColumn: found.to,
            roleColumn: memberships.roleColumn,
            active: memberships.activeFilters,
          },
    roles: {
      owner,
      member: memberRole(roles),
      managers: [...new Set([owner, ...['owner', 'admin'].filter((one) => roles.length === 0 || roles.includes(one))])],
    },
    tenants: found.tenants.map(({ table }) => table.name),
    // One of two keys to organizations is unclear as well, and is an organization's all the same.
    elsewhere: found.unclear
      .filter(({ column, table }) => !pointsAt(foreignKeyOf(table, column.name), organizations))
      .map(({ column, table }) => `${table.name}.${column.name}`),
    // After the rename the catalog shows the new name alone, and code with an old one is broken all the same: every
    // old name counts on every tenant table, but where the table keeps such a column for something else.
    renames: found.tenants.flatMap(({ table }) =>
      found.from
        .filter((from) => !found.unclear.some((one) => one.table === table && one.column.name === from))
        .map((from) => ({ table: table.name, from, to: found.to })),
    ),
  };
}

/**
 * Columns that a member may edit in a form: contact data by name. What billing, limits, secrets or integrations depend
 * on is left out, since a form that sets a plan is a hole.
 */
function editable(column: Column): readonly EditableColumn[] {
  const known =
    /^(?:(?:contact|support|billing|notification|clinic|business)_)?(?:email|phone|phone_number|website|address)$|^(?:timezone|time_zone|locale|language|currency|description|industry|city|country)$/;
  if (!known.test(column.name) || column.generated) return [];
  if (!/^(?:text|character varying|citext)/.test(column.type)) return [];
  return [{ name: column.name, type: 'text', required: column.notNull }];
}
