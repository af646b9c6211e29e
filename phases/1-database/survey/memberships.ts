import type { DbFunction, Policy, Table } from '../../../src/database/catalog/types.ts';
import { mentions } from '../../../src/database/words.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import { roleColumnOf, roleTableOf } from './roles.ts';
import { isPeople, isUnique, nameOf, plainName, userColumns } from './shape.ts';
import type { TenantTable } from './types.ts';

const usual =
  /(^|_)(members?|memberships?|user_orgs?|org_users?|orgs?_users?|user_organi[sz]ations?|organi[sz]ation_users?|users?_tenants?|tenant_users?|team_users?|user_teams?|company_users?|user_companies|account_users?|user_accounts?|workspace_users?|user_workspaces?|clinic_users?|user_clinics?|clinic_staff|staff|user_roles?|user_org_roles?|employees?|seats?)$/i;

/** Joined with a user and an organization in the same way, and no right to anything. */
const other =
  /(favou?rit|star|bookmark|follow|like|watch|recent|view|read|seen|setting|preference|notif|invit|request|waitlist|applicat|log|audit|session|device|token|api_key|subscri|consent|note|event|activity|digest|usage|quota|group|project|channel|room)/i;

/** A table that says by its name that its rows are memberships. */
export function isMembershipName(table: Table): boolean {
  const name = plainName(table.name);
  return usual.test(name) && !other.test(name.replace(usual, ''));
}

export type Found = {
  readonly candidates: readonly { readonly tenant: TenantTable; readonly user: string }[];
  readonly because: string;
  readonly question: Blocker | null;
};

/** Its users are unique within something else: members of committees, of projects, whose organization it names too. */
const joinsElsewhere = (table: Table, user: string, key: string, people: ReadonlySet<string>): boolean =>
  table.constraints.some(({ type, columns, references }) => {
    const [column] = columns;
    return (
      type === 'f' &&
      columns.length === 1 &&
      column !== undefined &&
      column !== user &&
      column !== key &&
      references !== null &&
      references.schema !== 'auth' &&
      !people.has(`${references.schema}.${references.table}`) &&
      isUnique(table, [user, column])
    );
  });

/** Finds what joins the directory with users: one row for a user and an organization, which rights are given by. */
export function findMemberships(
  tenants: readonly TenantTable[],
  profiles: Table | null,
  tables: readonly Table[],
  policies: readonly Policy[],
  functions: readonly DbFunction[],
): Found {
  const people = new Set([...tables.filter(isPeople), ...(profiles === null ? [] : [profiles])].map(nameOf));
  const texts = [
    ...policies.map((one) => ({ table: `${one.schema}.${one.table}`, text: `${one.using ?? ''} ${one.check ?? ''}` })),
    ...functions.map((one) => ({ table: '', text: one.body })),
  ];
  const scored = tenants.flatMap((tenant) => {
    const { table } = tenant;
    if (table === profiles || table.isPartition || table.kind === 'foreign') return [];
    const user = userColumns(table, people)[0];
    if (user === undefined) return [];
    const pair = isUnique(table, [user.name, tenant.key.name]) || isUnique(table, [user.name]);
    const named = isMembershipName(table);
    const role = roleColumnOf(table) !== null || roleTableOf(table, tables) !== null;
    // A user and an organization in one row is common (a call has both); unique over the two, or named so, is more.
    if (!pair && !named) return [];
    if (!pair && joinsElsewhere(table, user.name, tenant.key.name, people)) return [];
    // Whoever asks for who belongs where names the user; a rule that only reaches through the table does not.
    const asked = texts.some(
      (one) => one.table !== nameOf(table) && mentions(one.text, table.name) && mentions(one.text, user.name),
    );
    const score =
      (pair ? 2 : 0) + (named ? 3 : 0) + (role ? 3 : 0) + (asked ? 3 : 0) - (other.test(plainName(table.name)) ? 5 : 0);
    return score > (named ? 2 : 3) ? [{ tenant, user: user.name, score, pair, role, asked }] : [];
  });
  const best = Math.max(0, ...scored.map((one) => one.score));
  const candidates = scored.filter((one) => one.score === best);
  const [first] = candidates;
  if (first === undefined)
    return { candidates: [], because: 'no table has one row for a user and an organization', question: null };
  if (candidates.length > 1)
    return {
      candidates,
      because: 'several tables could be it',
      question: {
        problem: `More than one table could hold the memberships: ${candidates.map((one) => nameOf(one.tenant.table)).join(', ')}.`,
        remedy:
          'Name the one that says who belongs to which organization with --memberships or names.memberships in the configuration file; "none" if none does.',
      },
    };
  return {
    candidates,
    because: [
      first.pair ? 'one row for a user and an organization' : 'its name, a user and an organization',
      first.role ? 'with a role' : '',
      first.asked ? 'which policies or functions ask' : '',
    ]
      .filter((part) => part !== '')
      .join(', '),
    question: null,
  };
}
