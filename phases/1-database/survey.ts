import { splitName } from '../../src/config/names.ts';
import type { Config } from '../../src/config/schema.ts';
import { loadCatalog } from '../../src/database/catalog/load.ts';
import type { Catalog, Table } from '../../src/database/catalog/types.ts';
import { qualified } from '../../src/database/quote.ts';
import type { Blocker } from '../../src/rollout/step.ts';
import { plural } from '../../src/rollout/text.ts';
import type { Target } from '../target.ts';
import { type Ask, asker } from './survey/ask.ts';
import { type Counting, countingOf, everyRow } from './survey/conditions.ts';
import { findDirectory } from './survey/directory.ts';
import { findKeys } from './survey/keys.ts';
import { findMemberships } from './survey/memberships.ts';
import { type Memory, memoryOf } from './survey/memory.ts';
import { findModel } from './survey/model.ts';
import { journalledNames, oldNames, renamedNames } from './survey/old-names.ts';
import { findProfiles } from './survey/people.ts';
import { allowedValues, roleColumnOf, roleTableOf } from './survey/roles.ts';
import { authColumn, isPeople, nameOf, primaryColumn, userColumns } from './survey/shape.ts';
import type { Counts, Evidence, Memberships, Survey, TenantTable } from './survey/types.ts';

export { allowedValues } from './survey/roles.ts';
export { isText, primaryColumn } from './survey/shape.ts';
export type { Model, Survey, TenantTable } from './survey/types.ts';

/**
 * Reads the catalog, and the data where names and keys do not say enough, and says what carries a tenant key, under
 * which name and in which shape, and who belongs where. Writes nothing.
 */
export async function survey(target: Target): Promise<Survey> {
  const client = await target.session.work();
  return surveyCatalog(await loadCatalog(client), target.config, asker(client), memoryOf(target.session));
}

async function surveyCatalog(catalog: Catalog, config: Config, ask: Ask, memory: Memory): Promise<Survey> {
  const { names } = config;
  const enums = new Map(catalog.enums.map((one) => [one.name, one.labels]));
  const excludedNames = new Set(config.exclude.map((name) => nameOf(splitName(name))));
  const inScope = catalog.tables.filter((table) => config.schemas === null || config.schemas.includes(table.schema));
  const excluded = inScope.filter((table) => excludedNames.has(nameOf(table)));
  const tables = inScope.filter((table) => !excludedNames.has(nameOf(table)));
  const evidence: Evidence[] = [];
  const questions: Blocker[] = [];
  const note = (what: string, because: string): void => void evidence.push({ what, because });
  const named = (name: string): Table | null =>
    tables.find((table) => nameOf(table) === nameOf(splitName(name))) ?? null;

  const journalled = await journalledNames(ask);
  let organizations: Table | null;
  if (names.organizations !== null) {
    organizations = named(names.organizations);
    if (organizations === null) questions.push(notThere('organizations', names.organizations));
    else note(`Organizations are in ${nameOf(organizations)}`, 'the configuration says so');
  } else {
    const from = renamedNames(names.to, memory, journalled);
    const directory = await findDirectory(tables, catalog.policies, { to: names.to, from }, ask);
    organizations = directory.table;
    if (directory.question !== null) questions.push(directory.question);
    if (organizations !== null) note(`Organizations are in ${nameOf(organizations)}`, directory.because);
  }

  const keys = await findKeys(tables, organizations, catalog.policies, names, ask);
  const { missing, ...keyed } = keys;
  const { tenants } = keyed;
  if (missing.length > 0)
    questions.push({
      problem: `names.keys names what is not there: ${missing.join(', ')}.`,
      remedy: 'Correct the entry in the configuration file.',
    });
  let profiles: Table | null;
  if (names.profiles === 'none') profiles = null;
  else if (names.profiles !== null) {
    profiles = named(names.profiles);
    if (profiles === null && !config.decisions.createProfiles) questions.push(notThere('profiles', names.profiles));
    else if (profiles !== null) note(`Profiles are in ${nameOf(profiles)}`, 'the configuration says so');
  } else {
    const found = await findProfiles(tables, organizations, tenants, ask);
    profiles = found.table;
    if (found.question !== null) questions.push(found.question);
    else note(profiles === null ? 'No profiles table' : `Profiles are in ${nameOf(profiles)}`, found.because);
  }

  const people = new Set([...tables.filter(isPeople), ...(profiles === null ? [] : [profiles])].map(nameOf));
  const found =
    names.memberships === null
      ? findMemberships(tenants, profiles, tables, catalog.policies, catalog.functions)
      : givenMemberships(names.memberships, tenants, people);
  if (found.question !== null) questions.push(found.question);
  const [only] = found.candidates.length === 1 ? found.candidates : [];
  const memberships = only === undefined ? null : await describe(only.tenant, only.user, config, tables, enums, ask);
  if (found.question === null)
    note(
      only === undefined ? 'No memberships table' : `Memberships are in ${nameOf(only.tenant.table)}`,
      found.because,
    );

  const living =
    organizations === null
      ? everyRow
      : await countingOf(organizations, 'organization', names.livingOrganization, enums, ask);
  const profileOrg = tenants.find((one) => one.table === profiles)?.key.name ?? null;
  const counted =
    profiles === null || profileOrg === null || found.candidates.length > 0
      ? everyRow
      : await countingOf(profiles, 'profile', names.activeMembership, enums, ask);
  for (const [what, counting] of [
    ['memberships', memberships?.counting ?? everyRow],
    ['profiles', counted],
    ['organizations', living],
  ] as const) {
    questions.push(...counting.questions);
    if (counting.reasons.length > 0)
      note(
        counting.left === null
          ? `Not all ${what} count`
          : `${counting.left.all - counting.left.not} of ${counting.left.all} ${what} count, ${plural(counting.left.not, 'does', 'do')} not`,
        counting.reasons.map((one) => one.replace(/: does not count$/, '')).join('; '),
      );
  }

  const old = oldNames(keys, organizations, names.to, memory, journalled);
  const model = await findModel(
    { catalog, renamed: old.renamed, tenants, organizations, profiles, memberships, living: living.condition },
    config.decisions.isolation,
    ask,
  );
  note(modelWords[model.model], model.because);
  return {
    catalog,
    enums,
    to: names.to,
    from: names.from ?? old.from,
    ...keyed,
    excluded,
    shared: new Set(config.decisions.sharedTable.map((name) => nameOf(splitName(name)))),
    organizations,
    profiles,
    memberships,
    profileCounts: countsOf(counted),
    membershipCandidates: found.candidates.map((one) => one.tenant.table),
    model: model.model,
    modelConflict: model.conflict,
    truth: memberships !== null ? 'memberships' : profileOrg !== null ? 'profiles' : 'none',
    living: living.condition,
    livingFilters: living.filters,
    idType: (primaryColumn(organizations)?.base ?? 'uuid').replace(/\(.*\)/, ''),
    profileOrg,
    evidence,
    questions,
  };
}

const modelWords = {
  one: 'A user has one organization',
  all: 'A user sees the rows of all their organizations at once',
  active: 'A user may have several organizations and sees one at a time',
} as const;

const notThere = (what: 'organizations' | 'profiles', name: string): Blocker => ({
  problem: `The table of ${what}, ${name}, is not there.`,
  remedy: `Name the right table with --${what} or names.${what} in the configuration file.`,
});

function givenMemberships(name: string, tenants: readonly TenantTable[], people: ReadonlySet<string>) {
  if (name === 'none') return { candidates: [], because: 'the configuration says so', question: null };
  const tenant = tenants.find((one) => nameOf(one.table) === nameOf(splitName(name)));
  const user = tenant === undefined ? undefined : userColumns(tenant.table, people)[0];
  if (tenant !== undefined && user !== undefined)
    return { candidates: [{ tenant, user: user.name }], because: 'the configuration says so', question: null };
  return {
    candidates: [],
    because: '',
    question: {
      problem: `The table of memberships, ${name}, ${tenant === undefined ? 'is not there or has no organization column' : 'has no column that holds a user'}.`,
      remedy: 'Name the right table with --memberships or names.memberships in the configuration file, or "none".',
    },
  };
}

async function describe(
  { table }: TenantTable,
  user: string,
  config: Config,
  tables: readonly Table[],
  enums: Survey['enums'],
  ask: Ask,
): Promise<Memberships & { readonly counting: Counting }> {
  const role = roleColumnOf(table);
  const counting = await countingOf(table, 'membership', config.names.activeMembership, enums, ask);
  return {
    table,
    sql: qualified(table.schema, table.name),
    userColumn: user,
    roleColumn: role?.name ?? null,
    roles: role === null ? [] : allowedValues(table, role, enums),
    roleTable: role === null ? roleTableOf(table, tables) : null,
    ...countsOf(counting),
    counting,
  };
}

const countsOf = (counting: Counting): Counts => ({
  active: counting.condition,
  activeFilters: counting.filters,
  activeValues: counting.values,
  overValues: counting.over,
});

/** The name that a tenant table's key has once step 1.2 is done: what later steps write. */
export const tenantOf = (survey: Survey, table: Table): TenantTable | null =>
  survey.tenants.find((one) => one.table.oid === table.oid) ?? null;

/** The column of profiles that holds the user; their key, where no other column does. */
export const profileUser = ({ profiles }: Pick<Survey, 'profiles'>): string =>
  (profiles === null ? null : (authColumn(profiles) ?? primaryColumn(profiles)))?.name ?? 'id';

/** The column of a table that names the organization today; the name that stays where it has none. */
export const orgColumnOf = (found: Survey, table: Table): string => tenantOf(found, table)?.key.name ?? found.to;
