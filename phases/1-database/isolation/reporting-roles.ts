import type { ClientBase } from 'pg';
import { decide } from '../../../src/config/answers.ts';
import type { Table } from '../../../src/database/catalog/types.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import type { Survey } from '../survey.ts';

/** A role of the app's own that reads all rows of guarded tables today and would see none of them. */
export type ReportingRole = {
  readonly name: string;
  /** Tables that it may select from and that hide no row from it now. */
  readonly tables: readonly Table[];
  /** Quoted names of views over guarded tables that it may read. */
  readonly views: readonly string[];
};

/** Name of the policy that lets a reporting role read on. */
export const keptReaderPolicy = 'reporting_read';

/**
 * Roles that are neither the API's nor the platform's, that row security will apply to, and that read all rows of a
 * table which gets row security or new policies: a login of a dashboard or of an export. Row security gives them no
 * error, only empty answers, and their numbers become zero overnight.
 *
 * @param guarded tables whose policies step 1.7 makes.
 */
export async function reportingRoles(
  client: ClientBase,
  found: Survey,
  guarded: readonly Table[],
): Promise<readonly ReportingRole[]> {
  if (guarded.length === 0) return [];
  const { rows } = await client.query<Readers>(readersSql, [guarded.map((table) => table.oid)]);
  const open = (table: Table, role: Readers): boolean =>
    !table.rowSecurity ||
    found.catalog.policies.some(
      (one) =>
        one.schema === table.schema &&
        one.table === table.name &&
        one.permissive &&
        one.using === 'true' &&
        (one.command === 'SELECT' || one.command === 'ALL') &&
        one.roles.some((each) => each === 'public' || role.groups.includes(each)),
    );
  const readers = rows.flatMap((role): (ReportingRole & { groups: readonly string[] })[] => {
    const tables = guarded.filter(
      (table) =>
        role.tables.includes(table.oid) &&
        open(table, role) &&
        !found.catalog.policies.some(
          (one) =>
            one.schema === table.schema &&
            one.table === table.name &&
            role.groups.some((each) => one.name === policyName(each)),
        ),
    );
    const views = role.views ?? [];
    return tables.length === 0 && views.length === 0 ? [] : [{ name: role.name, tables, views, groups: role.groups }];
  });
  // A member of a role that is listed reads what that role reads.
  return readers
    .filter((one) => !readers.some((other) => other !== one && one.groups.includes(other.name) && covers(other, one)))
    .map(({ name, tables, views }) => ({ name, tables, views }));
}

const covers = (role: ReportingRole, member: ReportingRole): boolean =>
  member.tables.every((table) => role.tables.includes(table)) &&
  member.views.every((view) => role.views.includes(view));

type Readers = {
  readonly name: string;
  /** Itself and every role whose rights it has. */
  readonly groups: readonly string[];
  readonly tables: readonly number[];
  readonly views: readonly string[] | null;
};

/** What step 1.7 does about them: their policies where that was decided, a refusal where it was not. */
export function planReportingRoles(
  roles: readonly ReportingRole[],
  decision: 'keep' | 'close' | null,
): { readonly changes: readonly SqlChange[]; readonly blockers: readonly Blocker[]; readonly notes: readonly Note[] } {
  const affected = roles.filter((one) => one.tables.length > 0);
  const behind = roles.filter((one) => one.views.length > 0).map(viewNote);
  if (decision === null) {
    const blockers = affected.map(
      (one): Blocker => ({
        problem: `Role ${one.name} reads all rows of ${some(one.tables)} today and would see none of them once row security asks for an organization.`,
        remedy: `Let it read on with --reporting-roles keep (decisions.reportingRoles), which makes a policy for select to ${identifier(one.name)}; or give it BYPASSRLS; or let it go with --reporting-roles close.`,
        detail: one.tables.map(({ schema, name }) => qualified(schema, name)).join('\n'),
        answers: [
          decide(
            'reportingRoles',
            'keep',
            'Roles of your own that read all rows today get a policy for it and read on.',
          ),
          decide(
            'reportingRoles',
            'close',
            'They see no rows of these tables any more; reports that use them come out empty.',
          ),
        ],
      }),
    );
    return { changes: [], blockers, notes: behind };
  }
  if (decision === 'close') {
    const notes = affected.map(
      (one): Note => ({
        text: `Role ${one.name} sees no row of ${some(one.tables)} any more, as decided.`,
        detail: one.tables.map(({ schema, name }) => qualified(schema, name)).join('\n'),
      }),
    );
    return { changes: [], blockers: [], notes: [...notes, ...behind] };
  }
  const changes = affected.flatMap((one) => one.tables.map((table) => keep(one.name, table)));
  const notes = affected.map(
    (one): Note => ({ text: `Role ${one.name} goes on reading all rows of ${some(one.tables)}, as decided.` }),
  );
  return { changes, blockers: [], notes: [...notes, ...behind] };
}

const viewNote = (one: ReportingRole): Note => ({
  text: `Role ${one.name} reads ${one.views.join(', ')}, which shows rows of guarded tables: a view that asks with its reader's own rights shows it nothing without SELECT on those tables and a policy there.`,
});

/** Before row security goes on: a policy for this role alone, which no API role is a member of. */
function keep(role: string, table: Table): SqlChange {
  const on = qualified(table.schema, table.name);
  const name = identifier(policyName(role));
  return {
    kind: 'sql',
    id: `policy ${policyName(role)} on ${on}`,
    title: `Let ${role} read ${on} as before`,
    mode: 'transaction',
    up: `create policy ${name} on ${on} as permissive for select to ${identifier(role)} using (true);`,
    down: `drop policy ${name} on ${on};`,
  };
}

const policyName = (role: string): string => `${keptReaderPolicy}_${role}`.slice(0, 63);

const some = (tables: readonly Table[]): string => {
  const [first] = tables.map(({ schema, name }) => qualified(schema, name));
  return tables.length === 1 ? `${first}` : `${first} and ${tables.length - 1} more`;
};

/**
 * Who may select from a table or one of its columns, and to whom row security applies. Neither what the platform brings
 * nor the API's roles, whose rights are another question; a role that some API role is a member of counts as the API's.
 */
const readersSql = `with tables as (select c.oid, c.relowner, c.relforcerowsecurity as forced from pg_catalog.pg_class c where c.oid = any($1::oid[])),
views as (
  select distinct v.oid, pg_catalog.format('%I.%I', n.nspname, v.relname) as name
  from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and r.oid = d.objid
  join pg_catalog.pg_class v on v.oid = r.ev_class and v.relkind = 'v' join pg_catalog.pg_namespace n on n.oid = v.relnamespace
  where d.refobjid = any($1::oid[]) and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'),
roles as (
  select r.oid, r.rolname as name from pg_catalog.pg_roles r
  where not r.rolsuper and not r.rolbypassrls and r.rolname <> current_user
    and r.rolname !~ '^(pg_|supabase|pgsodium|pgbouncer|pgtle|cli_login_)'
    and r.rolname not in ('anon', 'authenticated', 'authenticator', 'service_role', 'dashboard_user', 'postgres')
    and not exists (select from pg_catalog.pg_roles api where api.rolname in ('anon', 'authenticated') and pg_catalog.pg_has_role(api.oid, r.oid, 'member')))
select * from (
  select r.name, array(select g.rolname::text from pg_catalog.pg_roles g where pg_catalog.pg_has_role(r.oid, g.oid, 'usage') order by 1) as groups,
    array(select t.oid::int8::float8 from tables t
      where (pg_catalog.has_table_privilege(r.oid, t.oid, 'select') or pg_catalog.has_any_column_privilege(r.oid, t.oid, 'select'))
        and (t.forced or not pg_catalog.pg_has_role(r.oid, t.relowner, 'usage'))) as tables,
    array(select v.name from views v where pg_catalog.has_table_privilege(r.oid, v.oid, 'select') order by 1) as views
  from roles r) readers
where cardinality(tables) > 0 or cardinality(views) > 0
order by name`;
