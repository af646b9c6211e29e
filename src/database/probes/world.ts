import { randomBytes, randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { Catalog, Table } from '../catalog/types.ts';
import type { Circle } from '../circles.ts';
import { type ApiRole, loadFacts, type TableFacts } from './facts.ts';
import { loadSurroundings, type Surroundings } from './surroundings.ts';

export type TableName = { readonly schema: string; readonly table: string };

/** Which rows of the table that says who belongs where count. */
type Counting = {
  /** What a row has to hold beside its keys to count: column to SQL. */
  readonly counts?: Readonly<Record<string, string>>;
  /** Columns with what each may hold where a row counts no more; absent where such rows are not kept. */
  readonly over?: readonly (readonly [column: string, sql: string])[];
  /** SQL condition over a row of it under this alias: it counts now. */
  readonly counting?: (alias: string) => string;
};

export type IsolationOptions = {
  /** The column that says whose a row is; null for tables that belong to nobody in particular. */
  readonly tenantColumn: (table: Table) => string | null;
  readonly organizations: TableName;
  /** `userColumn` holds the id of the user, beside the key and `user_id`; `role` what owners and members have there. */
  readonly profiles:
    | (TableName &
        Counting & {
          readonly userColumn?: string;
          readonly role?: { readonly column: string; readonly owner: string; readonly member: string };
        })
    | null;
  readonly memberships:
    | (TableName &
        Counting & {
          readonly userColumn: string;
          readonly orgColumn: string;
          readonly roleColumn: string | null;
          /** `owner` unless said; a role that the column's CHECK or enum does not know is replaced by its first value. */
          readonly ownerRole?: string;
          /** `member` unless said. */
          readonly memberRole?: string;
        })
    | null;
  /** Tables of all, as `schema.name`, to which signed-in users may add rows because triggers do so on their behalf. */
  readonly appendOnly?: ReadonlySet<string>;
  readonly schemas: readonly string[];
  /** Foreign keys hold rows to their own organization: whether they do is tried on every reference. */
  readonly sameOrganization?: boolean;
  /** `schema.table` of the tables that are probed, and nothing but them; without it every door. */
  readonly only?: ReadonlySet<string>;
  /** Only what people may do with rows of their own, on tables: what a step is compared with. */
  readonly ownOnly?: boolean;
  /** Of `ownOnly`: tables whose policies are known to ask in a circle, so that nobody reaches a row of theirs. */
  readonly circular?: ReadonlyMap<string, Circle>;
  /** Ids of such checks that failed before the step as well. */
  readonly failedBefore?: ReadonlySet<string>;
  readonly signal: AbortSignal;
  /** Beginning of every check's id; `1.7/two-org` unless said. */
  readonly idPrefix?: string;
};

/** The people of the probe: an owner of each organization and an ordinary member of the first. */
export type Person = 'a' | 'b' | 'member';
export type Side = 'a' | 'b';
export const sideOf = (person: Person): Side => (person === 'b' ? 'b' : 'a');

/** Synthetic ids, as text. */
export type Ids = {
  readonly org: Readonly<Record<Side, string>>;
  readonly user: Readonly<Record<Person, string>>;
  /** Confirmed addresses. */
  readonly email: Readonly<Record<Person, string>>;
};

/** What the whole probe knows: the app's tables and which of them are organizations, profiles and memberships. */
export type World = {
  readonly client: ClientBase;
  readonly catalog: Catalog;
  readonly options: IsolationOptions;
  readonly facts: ReadonlyMap<string, TableFacts>;
  readonly users: TableFacts;
  readonly organizations: TableFacts;
  readonly organizationKey: string;
  readonly profiles: TableFacts | null;
  readonly memberships: TableFacts | null;
  readonly nonce: string;
  readonly tenantColumns: ReadonlyMap<string, string>;
  readonly surroundings: Surroundings;
};

export const nameOf = (table: { readonly schema: string; readonly name: string }): string =>
  `${table.schema}.${table.name}`;

/** Resolves to a sentence when the database has nothing that a probe of two organizations could start from. */
export async function createWorld(
  client: ClientBase,
  catalog: Catalog,
  options: IsolationOptions,
): Promise<World | string> {
  const facts = new Map((await loadFacts(client, options.schemas)).map((table) => [nameOf(table), table]));
  const find = (name: TableName | null): TableFacts | null =>
    name === null ? null : (facts.get(`${name.schema}.${name.table}`) ?? null);
  const users = facts.get('auth.users');
  if (users === undefined) return 'There is no table auth.users, so no user can be made to act as.';
  const organizations = find(options.organizations);
  if (organizations === null) {
    return `There is no table ${options.organizations.schema}.${options.organizations.table}, so no organization can be made.`;
  }
  const [organizationKey, ...more] = organizations.primary;
  if (organizationKey === undefined || more.length > 0) {
    return `${nameOf(organizations)} has no primary key of one column, so rows cannot be told apart by organization.`;
  }
  const tenantColumns = new Map<string, string>();
  for (const table of catalog.tables) {
    const column = options.tenantColumn(table);
    if (column !== null) tenantColumns.set(nameOf(table), column);
  }
  return {
    client,
    catalog,
    options,
    facts,
    users,
    organizations,
    organizationKey,
    profiles: find(options.profiles),
    memberships: find(options.memberships),
    nonce: randomBytes(4).toString('hex'),
    tenantColumns,
    surroundings: await loadSurroundings(client, options.schemas),
  };
}

/** New ids, of the type of the organizations' key. Numbers stand far above what a sequence has reached. */
export function createIds(world: World): Ids {
  const type = world.organizations.columns.find(({ name }) => name === world.organizationKey)?.base;
  const number = Number.parseInt(world.nonce, 16) % 1_000_000;
  const org = (side: Side): string => {
    const ordinal = side === 'a' ? 1 : 2;
    if (type === 'uuid') return randomUUID();
    if (type === 'bigint') return String(4_000_000_000_000_000 + number * 10 + ordinal);
    if (type === 'integer') return String(2_000_000_000 + number * 10 + ordinal);
    if (type === 'smallint') return String(32_000 + ordinal);
    return `probe-${side}-${world.nonce}`;
  };
  const email = (person: Person): string => `probe-${person}-${world.nonce}@example.invalid`;
  return {
    org: { a: org('a'), b: org('b') },
    user: { a: randomUUID(), b: randomUUID(), member: randomUUID() },
    email: { a: email('a'), b: email('b'), member: email('member') },
  };
}

/**
 * A token as the auth server puts it, without its signature: what PostgREST hands to the database as claims. One without
 * an organization has no address either, as of a user who signed up by phone.
 */
export function claims(
  ids: Ids,
  person: Person,
  token: { readonly org: string | null; readonly userMetadata?: Readonly<Record<string, unknown>> },
): string {
  return JSON.stringify({
    aud: 'authenticated',
    sub: ids.user[person],
    role: 'authenticated',
    ...(token.org === null ? {} : { email: ids.email[person] }),
    app_metadata: {
      provider: 'email',
      providers: ['email'],
      ...(token.org === null ? {} : { org_id: token.org }),
    },
    user_metadata: token.userMetadata ?? {},
    // A second factor takes nothing from anybody, and policies may ask for it.
    aal: 'aal2',
    is_anonymous: false,
  });
}

/** What a request without a login carries. */
export const anonClaims = JSON.stringify({ role: 'anon' satisfies ApiRole });
