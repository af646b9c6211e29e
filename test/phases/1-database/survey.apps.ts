/** Small apps of many shapes, as SQL on top of the Supabase base, with what the survey has to find in each. */
export type App = {
  readonly name: string;
  readonly sql: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly found: Readonly<Partial<Summary>>;
};

export type Summary = {
  readonly organizations: string | null;
  readonly profiles: string | null;
  readonly memberships: string | null;
  readonly user: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly unclear: readonly string[];
  readonly active: string;
  readonly activeValues: Readonly<Record<string, string>>;
  readonly living: string;
  readonly model: string;
  readonly conflict: string | null;
  readonly truth: string;
  readonly idType: string;
  readonly profileOrg: string | null;
  readonly from: readonly string[];
  readonly roles: readonly string[];
  readonly roleTable: string | null;
  readonly questions: readonly RegExp[];
  readonly evidence: RegExp;
};

export const user = (n: number): string => `'b0000000-0000-4000-8000-00000000000${n}'`;
export const org = (n: number): string => `'a0000000-0000-4000-8000-00000000000${n}'`;

/** Three users and a directory of two organizations. */
const users = `insert into auth.users (id, email) select ('b0000000-0000-4000-8000-00000000000' || n)::uuid, 'u' || n || '@example.com' from generate_series(1, 3) n;`;
const directory = (table: string, more = ''): string =>
  `create table ${table} (id uuid primary key default gen_random_uuid(), name text not null${more}); insert into ${table} (id, name) values (${org(1)}, 'A'), (${org(2)}, 'B');`;
const profiles = 'create table profiles (id uuid primary key references auth.users on delete cascade, full_name text);';
const members = (more = '', table = 'org_members'): string =>
  `create table ${table} (organization_id uuid not null references organizations, user_id uuid not null references auth.users, role text not null default 'member'${more}, primary key (organization_id, user_id));`;
const joined = `insert into org_members (organization_id, user_id) values (${org(1)}, ${user(1)}), (${org(2)}, ${user(2)});`;
const notes =
  'create table notes (id bigint primary key, organization_id uuid not null references organizations, body text);';
const guard = (condition: string, table = 'notes'): string =>
  `alter table ${table} enable row level security; create policy p on ${table} using (${condition});`;

export const apps: readonly App[] = [
  {
    name: 'a directory of an unusual name that people name by a column, and projects with members of their own',
    sql: `${users} ${directory('fincas')} create table people (id uuid primary key references auth.users, belongs_to uuid references fincas);
      insert into people values (${user(1)}, ${org(1)}), (${user(2)}, ${org(2)});
      create table notes (id bigint primary key, belongs_to uuid not null references fincas, body text);
      create table projects (id uuid primary key, belongs_to uuid not null references fincas);
      create table project_members (project_id uuid references projects, user_id uuid references auth.users, role text, primary key (project_id, user_id));
      create table tasks (id int primary key, project_id uuid references projects); create table comments (id int primary key, project_id uuid references projects);
      ${guard('belongs_to in (select p.belongs_to from people p where p.id = auth.uid())')}`,
    found: {
      organizations: 'public.fincas',
      profiles: 'public.people',
      memberships: null,
      profileOrg: 'belongs_to',
      questions: [],
    },
  },
  {
    name: 'rows that hang on another one and name with whom it is shared; an address in the token is no organization',
    sql: `${users} ${directory('organizations')} ${profiles} ${members()} ${joined} insert into org_members (organization_id, user_id) values (${org(2)}, ${user(1)});
      create table documents (id uuid primary key, organization_id uuid not null references organizations);
      create table document_shares (document_id uuid not null references documents, with_organization_id uuid not null references organizations, primary key (document_id, with_organization_id));
      create table invitations (id int primary key, organization_id uuid not null references organizations, email text);
      ${guard('organization_id in (select m.organization_id from org_members m where m.user_id = auth.uid())', 'documents')}
      ${guard(`email = auth.jwt() ->> 'email'`, 'invitations')}
      alter table document_shares enable row level security; create policy s on document_shares using (with_organization_id in (select m.organization_id from org_members m where m.user_id = auth.uid()));`,
    found: {
      keys: { documents: 'organization_id', invitations: 'organization_id', org_members: 'organization_id' },
      unclear: [],
      model: 'all',
      conflict: null,
      questions: [],
    },
  },
  {
    name: 'memberships alone say who belongs where',
    sql: `${directory('organizations')} ${profiles} ${members()} ${notes}`,
    found: {
      organizations: 'public.organizations',
      profiles: 'public.profiles',
      memberships: 'public.org_members',
      user: 'user_id',
      profileOrg: null,
      truth: 'memberships',
      keys: { org_members: 'organization_id', notes: 'organization_id' },
      questions: [],
    },
  },
  {
    name: 'companies, users, company_id',
    sql: `${directory('companies')} create table users (id uuid primary key references auth.users, email text, company_id uuid references companies);
      create table tasks (id uuid primary key, company_id uuid not null references companies);`,
    found: {
      organizations: 'public.companies',
      profiles: 'public.users',
      memberships: null,
      truth: 'profiles',
      profileOrg: 'company_id',
      keys: { users: 'company_id', tasks: 'company_id' },
    },
  },
  {
    name: 'no foreign key anywhere: the values say it',
    sql: `${users} ${directory('clinics')} create table people (id uuid primary key, email text, tenant_id uuid); create table visits (id int primary key, tenant_id uuid); create table rooms (id int primary key, tenant_id uuid);
      insert into people select id, email, ${org(1)} from auth.users; insert into visits values (1, ${org(1)}), (2, ${org(2)});`,
    found: {
      organizations: 'public.clinics',
      profiles: 'public.people',
      keys: { people: 'tenant_id', visits: 'tenant_id', rooms: 'tenant_id' },
    },
  },
  {
    name: 'a directory by a name that nobody expects',
    sql: `${directory('boxes')} ${profiles} create table box_athletes (box uuid references boxes, athlete uuid references auth.users, primary key (box, athlete), role text);
      create table workouts (id int primary key, box uuid not null references boxes); create table plans (id int primary key);`,
    found: {
      organizations: 'public.boxes',
      memberships: 'public.box_athletes',
      user: 'athlete',
      keys: { box_athletes: 'box', workouts: 'box' },
    },
  },
  {
    name: 'a directory in another schema',
    sql: `create schema core; create schema app; ${directory('core.workspaces')} create table core.accounts (user_id uuid primary key references auth.users, display_name text);
      create table core.workspace_members (workspace_id uuid references core.workspaces, user_id uuid references auth.users, unique (workspace_id, user_id));
      create table app.docs (id int primary key, workspace_id uuid references core.workspaces);`,
    found: {
      organizations: 'core.workspaces',
      profiles: 'core.accounts',
      memberships: 'core.workspace_members',
      keys: { workspace_members: 'workspace_id', docs: 'workspace_id' },
    },
  },
  {
    name: 'agencies over clinics: asked',
    sql: `${directory('agencies')} create table clinics (id uuid primary key, agency_id uuid not null references agencies, name text);
      create table profiles (id uuid primary key references auth.users, agency_id uuid references agencies, clinic_id uuid references clinics, email text);
      create table patients (id int primary key, clinic_id uuid not null references clinics); create table visits (id int primary key, clinic_id uuid not null references clinics);
      create table invoices (id int primary key, agency_id uuid not null references agencies);`,
    found: { organizations: null, questions: [/agencies.*clinics|clinics.*agencies/] },
  },
  {
    name: 'agencies over clinics: told',
    settings: { names: { organizations: 'public.clinics' } },
    sql: `${directory('agencies')} create table clinics (id uuid primary key, agency_id uuid not null references agencies, name text);
      create table profiles (id uuid primary key references auth.users, agency_id uuid references agencies, clinic_id uuid references clinics, email text);
      create table patients (id int primary key, clinic_id uuid not null references clinics);`,
    found: {
      organizations: 'public.clinics',
      profileOrg: 'clinic_id',
      questions: [],
      keys: { profiles: 'clinic_id', patients: 'clinic_id' },
    },
  },
  {
    name: 'projects with members of their own, under organizations',
    sql: `${directory('organizations')} ${profiles} ${members()} create table projects (id uuid primary key, organization_id uuid not null references organizations);
      create table project_members (project_id uuid references projects, user_id uuid references auth.users, role text, primary key (project_id, user_id));
      create table tasks (id int primary key, project_id uuid references projects); create table files (id int primary key, project_id uuid references projects);
      create table comments (id int primary key, project_id uuid references projects); create table boards (id int primary key, project_id uuid references projects);`,
    found: {
      organizations: 'public.organizations',
      memberships: 'public.org_members',
      keys: { org_members: 'organization_id', projects: 'organization_id' },
    },
  },
  {
    name: 'companies that organizations sell to',
    sql: `${directory('organizations')} create table profiles (id uuid primary key references auth.users, organization_id uuid references organizations, email text);
      create table companies (id uuid primary key, organization_id uuid not null references organizations); create table deals (id int primary key, organization_id uuid references organizations, company_id uuid references companies);
      create table contacts (id int primary key, organization_id uuid references organizations, company_id uuid references companies); create table emails (id int primary key, company_id uuid references companies);`,
    found: { organizations: 'public.organizations', profileOrg: 'organization_id' },
  },
  {
    name: 'whole numbers as ids',
    sql: `create table accounts (id bigint generated always as identity primary key, name text); create table profiles (id uuid primary key references auth.users, email text);
      create table account_users (account_id bigint not null references accounts, user_id uuid not null references auth.users, is_owner boolean not null default false, unique (user_id, account_id));
      create table orders (id bigint primary key, account_id bigint not null references accounts);`,
    found: {
      organizations: 'public.accounts',
      memberships: 'public.account_users',
      idType: 'bigint',
      keys: { account_users: 'account_id', orders: 'account_id' },
    },
  },
  {
    name: 'texts as ids',
    sql: `create table teams (id text primary key, name text); create table profiles (id uuid primary key references auth.users, team_id text references teams, email text); create table posts (id int primary key, team_id text not null references teams);`,
    found: {
      organizations: 'public.teams',
      idType: 'text',
      profileOrg: 'team_id',
      keys: { profiles: 'team_id', posts: 'team_id' },
    },
  },
  {
    name: 'a domain over uuid, on both sides',
    sql: `create domain org_ref as uuid check (value <> '00000000-0000-0000-0000-000000000000');
      create table organizations (id org_ref primary key, name text); create table profiles (id uuid primary key references auth.users, organization_id org_ref, email text);
      create table tickets (id int primary key, organization_id org_ref not null references organizations);`,
    found: {
      organizations: 'public.organizations',
      idType: 'uuid',
      keys: { profiles: 'organization_id', tickets: 'organization_id' },
    },
  },
  {
    name: 'a domain over a domain over varchar, and a key of the type below',
    sql: `create domain code as varchar(20); create domain team_code as code; create table teams (id team_code primary key, name text);
      create table profiles (id uuid primary key references auth.users, team_id team_code references teams, email text); create table posts (id int primary key, team_id varchar(20) references teams);`,
    found: {
      organizations: 'public.teams',
      idType: 'character varying',
      keys: { profiles: 'team_id', posts: 'team_id' },
    },
  },
  {
    name: 'a vendor calls its directory a tenant',
    sql: `${directory('organizations')} ${profiles} ${members()} create table sso (id int primary key, organization_id uuid references organizations, tenant_id uuid);
      create table mailboxes (id int primary key, tenant_id uuid); insert into mailboxes values (1, gen_random_uuid()); insert into sso values (1, ${org(1)}, gen_random_uuid());`,
    found: {
      keys: { org_members: 'organization_id', sso: 'organization_id' },
      unclear: ['sso.tenant_id', 'mailboxes.tenant_id'],
      from: ['organization_id'],
    },
  },
  {
    name: 'a second organization in a row',
    sql: `${directory('organizations')} ${profiles} ${members()} create table products (id int primary key, organization_id uuid not null references organizations, supplier_org_id uuid references organizations);
      create table offers (id int primary key, supplier_org_id uuid references organizations, owner_org uuid not null references organizations);
      create table trades (id int primary key, buyer_org_id uuid not null references organizations, seller_org_id uuid not null references organizations);
      create table links (id int primary key, partner_org_id uuid references organizations);`,
    found: {
      keys: { org_members: 'organization_id', products: 'organization_id', offers: 'owner_org' },
      unclear: ['trades.buyer_org_id', 'trades.seller_org_id', 'links.partner_org_id'],
    },
  },
  {
    name: 'the operator names the key of one table',
    settings: { names: { keys: { 'public.trades': 'seller_org_id' } } },
    sql: `${directory('organizations')} ${profiles} ${members()} create table trades (id int primary key, buyer_org_id uuid not null references organizations, seller_org_id uuid not null references organizations);`,
    found: { keys: { org_members: 'organization_id', trades: 'seller_org_id' }, unclear: [] },
  },
  {
    name: 'a column that holds organizations under another name',
    sql: `${directory('organizations')} ${profiles} ${members()} create table docs (id int primary key, belongs_to uuid, entity_id uuid, entity_type text);
      insert into docs select n, case n when 1 then ${org(1)}::uuid else ${org(2)}::uuid end, ${org(1)}, 'org' from generate_series(1, 4) n;`,
    found: { keys: { org_members: 'organization_id', docs: 'belongs_to' } },
  },
  {
    name: 'what people follow or last opened is no membership',
    sql: `${directory('organizations')} ${profiles} ${members('', 'memberships')} create table organization_followers (organization_id uuid references organizations, user_id uuid references auth.users, primary key (organization_id, user_id));
      create table user_org_settings (organization_id uuid references organizations, user_id uuid references auth.users, theme text, primary key (organization_id, user_id));`,
    found: { memberships: 'public.memberships', questions: [] },
  },
  {
    name: 'only followers and invitations: nobody is a member',
    sql: `${directory('organizations')} create table profiles (id uuid primary key references auth.users, organization_id uuid references organizations, email text);
      create table organization_followers (organization_id uuid references organizations, user_id uuid references auth.users, primary key (organization_id, user_id));
      create table organization_invitations (organization_id uuid references organizations, user_id uuid references auth.users, role text, unique (organization_id, user_id));`,
    found: { memberships: null, truth: 'profiles' },
  },
  {
    name: 'members refer to a profile, whose id is its own',
    sql: `${directory('organizations')} create table profiles (id uuid primary key default gen_random_uuid(), user_id uuid not null unique references auth.users, email text);
      create table organization_members (id int primary key, organization_id uuid references organizations, member_id uuid references profiles, role text, unique (organization_id, member_id));`,
    found: { profiles: 'public.profiles', memberships: 'public.organization_members', user: 'member_id' },
  },
  {
    name: 'two equal membership tables: asked',
    sql: `${directory('organizations')} ${profiles} ${members('', 'memberships')} ${members('', 'organization_members')}`,
    found: { memberships: null, questions: [/memberships.*organization_members/] },
  },
  {
    name: 'roles in a table of their own',
    sql: `${directory('organizations')} ${profiles} create table roles (id int primary key, slug text); create table memberships (organization_id uuid references organizations, user_id uuid references auth.users, role_id int references roles, primary key (organization_id, user_id));`,
    found: { memberships: 'public.memberships', roles: [], roleTable: 'public.roles.slug by role_id' },
  },
  {
    name: 'a status that says invited, active or removed',
    sql: `${users} ${directory('organizations')} ${profiles} create type member_status as enum ('invited', 'active', 'removed'); ${members(", status member_status not null default 'invited'")} ${joined} update org_members set status = 'active' where user_id = ${user(1)};`,
    found: {
      active: `lower(m.status::text) in ('active')`,
      activeValues: { status: `'active'::public.member_status` },
      evidence: /1 of 2 memberships count, 1 does not: status is invited or removed/,
      questions: [],
    },
  },
  {
    name: 'a status with a label that nobody can read: asked',
    sql: `${users} ${directory('organizations')} ${profiles} ${members(", status text not null default 'active'")} ${joined} update org_members set status = 'frobbed' where user_id = ${user(1)};`,
    found: { questions: [/status is frobbed in 1 row/] },
  },
  {
    name: 'the operator says which memberships count',
    settings: { names: { activeMembership: "m.status <> 'm.frobbed'" } },
    sql: `${users} ${directory('organizations')} ${profiles} ${members(", status text not null default 'active'")} ${joined} update org_members set status = 'frobbed' where user_id = ${user(1)};`,
    found: { active: "(m.status <> 'm.frobbed')", questions: [] },
  },
  {
    name: 'a condition that cannot be executed',
    settings: { names: { activeMembership: 'm.state = 1', livingOrganization: 'o.nope' } },
    sql: `${directory('organizations')} ${profiles} ${members()}`,
    found: {
      questions: [
        /names.activeMembership cannot be executed.*state/,
        /names.livingOrganization cannot be executed.*nope/,
      ],
    },
  },
  {
    name: 'times that say when a member came and went',
    sql: `${users} ${directory('organizations')} ${profiles} ${members(', accepted_at timestamptz, revoked_at timestamptz, expires_at timestamptz')} ${joined} update org_members set accepted_at = now() where user_id = ${user(1)};`,
    found: {
      active: 'm.accepted_at is not null and m.revoked_at is null and (m.expires_at is null or m.expires_at > now())',
      activeValues: { accepted_at: 'now()' },
    },
  },
  {
    name: 'a time of acceptance that the app never used',
    sql: `${users} ${directory('organizations')} ${profiles} ${members(', accepted_at timestamptz')} ${joined}`,
    found: { active: 'true' },
  },
  {
    name: 'booleans that say who counts',
    sql: `${users} ${directory('organizations', ', is_suspended boolean default false')} ${profiles} ${members(', is_active boolean not null default true, is_deleted boolean')} ${joined}`,
    found: { active: 'm.is_active is not false and m.is_deleted is not true', living: 'o.is_suspended is not true' },
  },
  {
    name: 'organizations that are closed',
    sql: `${directory('organizations', ", deleted_at timestamptz, status text not null default 'trial' check (status in ('trial', 'active', 'suspended'))")} ${profiles} ${members()}`,
    found: {
      living: "o.deleted_at is null and (o.status is null or lower(o.status::text) not in ('suspended'))",
      evidence: /2 of 2 organizations count/,
    },
  },
  {
    name: 'an organization that was cancelled: asked',
    sql: `${directory('organizations', ", status text not null default 'active'")} ${profiles} ${members()} update organizations set status = 'cancelled' where name = 'B';`,
    found: { questions: [/status is cancelled in 1 row/] },
  },
  {
    name: 'people with a row in memberships who were only invited by mail',
    sql: `${users} ${directory('organizations')} ${profiles} create table members (id int primary key, organization_id uuid not null references organizations, user_id uuid references auth.users, email text not null, role text, unique (organization_id, user_id));
      insert into members values (1, ${org(1)}, ${user(1)}, 'a', 'owner'), (2, ${org(1)}, null, 'b', 'member');`,
    found: { memberships: 'public.members', user: 'user_id', questions: [] },
  },
  {
    name: 'all organizations at once, by a test of the row',
    sql: `${users} ${directory('organizations')} ${profiles} ${members()} ${notes} ${joined} insert into org_members (organization_id, user_id) values (${org(2)}, ${user(1)});
      create function is_member(o uuid) returns boolean language sql stable security definer as $$ select exists (select 1 from org_members where organization_id = o and user_id = auth.uid()) $$; ${guard('is_member(organization_id)')}`,
    found: { model: 'all', conflict: null, evidence: /1 user has several memberships/ },
  },
  {
    name: 'all organizations at once, by a subquery in the policy',
    sql: `${directory('organizations')} ${profiles} ${members()} ${notes} ${guard('exists (select 1 from org_members m where m.organization_id = notes.organization_id and m.user_id = auth.uid())')}`,
    found: { model: 'all', conflict: null },
  },
  {
    name: 'one active organization, in a column of the profile',
    sql: `${users} ${directory('organizations')} create table profiles (id uuid primary key references auth.users, current_organization_id uuid references organizations, email text); ${members()} ${notes}
      create function my_org() returns uuid language sql stable security definer as $$ select current_organization_id from profiles where id = auth.uid() $$; ${guard('organization_id = my_org()')}`,
    found: { model: 'active', conflict: null, profileOrg: 'current_organization_id' },
  },
  {
    name: 'one organization per user, by the constraint',
    sql: `${directory('organizations')} ${profiles} create table memberships (organization_id uuid not null references organizations, user_id uuid primary key references auth.users, role text); ${notes} ${guard('organization_id in (select organization_id from memberships where user_id = auth.uid())')}`,
    found: { model: 'one', memberships: 'public.memberships', conflict: null },
  },
  {
    name: 'policies that disagree, and a user whom it touches: asked',
    sql: `${users} ${directory('organizations')} create table profiles (id uuid primary key references auth.users, organization_id uuid references organizations, email text); ${members()} ${notes} create table files (id int primary key, organization_id uuid references organizations);
      ${joined} insert into org_members (organization_id, user_id) values (${org(2)}, ${user(1)}); insert into files values (1, ${org(1)}), (2, ${org(2)}), (3, ${org(2)});
      ${guard("organization_id = (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid")} ${guard('organization_id in (select organization_id from org_members where user_id = auth.uid())', 'files')}`,
    found: { conflict: '1 users: one -1/1, active -1/1, all -0/0' },
  },
  {
    name: 'policies that disagree, and the operator decided',
    settings: { decisions: { isolation: 'all' } },
    sql: `${users} ${directory('organizations')} ${profiles} ${members()} ${notes} ${guard("organization_id = (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid")}`,
    found: { model: 'all', conflict: null },
  },
  {
    name: 'no profiles and no memberships, and the operator says so',
    settings: { names: { profiles: 'none', memberships: 'none' } },
    sql: `${directory('organizations')} ${profiles} ${members()}`,
    found: { profiles: null, memberships: null, truth: 'none' },
  },
  {
    name: 'settings of a user are no profile',
    sql: `${directory('organizations')} ${members()} create table user_settings (user_id uuid primary key references auth.users, theme text);`,
    found: { profiles: null, memberships: 'public.org_members' },
  },
  {
    name: 'old names as the operator gave them',
    settings: { names: { from: ['company'] } },
    sql: `${directory('organizations')} ${profiles} create table jobs (id int primary key, company uuid); create table pets (id int primary key, organization_id uuid references organizations);`,
    found: { keys: { jobs: 'company' }, from: ['company'] },
  },
  {
    name: 'members of committees name their organization too, and are no members of it by that',
    sql: `${directory('organizations')} create table profiles (id uuid primary key references auth.users, organization_id uuid not null references organizations, role text);
      create table committees (id uuid primary key, organization_id uuid not null references organizations);
      create table committee_members (id uuid primary key, organization_id uuid not null references organizations, committee_id uuid not null references committees, profile_id uuid not null references profiles, role text not null default 'member', unique (committee_id, profile_id));
      ${guard('exists (select 1 from committee_members m where m.committee_id = committees.id and m.profile_id = auth.uid())', 'committees')}`,
    found: { profiles: 'public.profiles', memberships: null, truth: 'profiles' },
  },
  {
    name: 'org_id without a foreign key means the table of organizations, not that of teams',
    sql: `create table organizations (id text primary key, name text); create table teams (id text primary key, org_id text not null default '');
      create table org_users (org_id text not null, user_id uuid not null references auth.users, primary key (org_id, user_id));
      create table players (id text primary key, org_id text not null default '', team_id text not null default ''); create table games (id text primary key, org_id text not null default '', team_id text not null default '');`,
    found: { organizations: 'public.organizations', memberships: 'public.org_users', idType: 'text' },
  },
  {
    name: 'a directory of another language, which users and rows name in the same column',
    sql: `create table empresas (id uuid primary key, nome text); create table planos (id uuid primary key, nome text);
      create table users (id uuid primary key references auth.users, company_id uuid references empresas, plano_id uuid references planos, email text);
      create table tickets (id uuid primary key, company_id uuid references empresas, opened_by uuid references users); create table comments (id uuid primary key, company_id uuid references empresas);
      create function my_company() returns uuid language sql stable security definer as 'select company_id from public.users where id = auth.uid()';
      ${guard('company_id = my_company()', 'tickets')} ${guard('company_id = my_company()', 'comments')}`,
    found: {
      organizations: 'public.empresas',
      profiles: 'public.users',
      keys: { users: 'company_id', tickets: 'company_id', comments: 'company_id' },
    },
  },
  {
    name: 'names in capitals and small letters mean what they mean with underscores',
    sql: `${users} create table "Organization" (id text primary key, name text not null, "deletedAt" timestamptz); create table "User" (id uuid primary key references auth.users, "fullName" text);
      create table "OrganizationMember" ("organizationId" text not null, "userId" uuid not null references auth.users, "userRole" text not null, "isActive" boolean not null, primary key ("organizationId", "userId"));
      create table "Project" (id text primary key, "organizationId" text not null, title text);
      insert into "Organization" values ('o1', 'A', null), ('o2', 'B', now()); insert into "OrganizationMember" values ('o1', ${user(1)}, 'ADMIN', true); insert into "Project" values ('p1', 'o1');`,
    found: {
      organizations: 'public.Organization',
      profiles: 'public.User',
      memberships: 'public.OrganizationMember',
      keys: { OrganizationMember: 'organizationId', Project: 'organizationId' },
      active: 'm."isActive" is not false',
      living: 'o."deletedAt" is null',
      idType: 'text',
    },
  },
  {
    name: 'a role that says "pending" is none yet',
    sql: `${users} ${directory('organizations')} ${profiles} ${members(` check (role in ('owner', 'member', 'pending', 'banned'))`)} ${joined} ${notes}`,
    found: {
      active: `(m.role is null or lower(m.role::text) not in ('pending', 'banned'))`,
      roles: ['owner', 'member', 'pending', 'banned'],
    },
  },
  {
    name: 'a profile whose user nothing makes unique, and nothing ties to auth.users',
    sql: `${users} ${directory('teams')} create table roles (id int primary key, name text);
      create table users (id text primary key, supabase_user_id uuid not null, team_id uuid not null references teams, role_id int references roles);
      insert into users values ('u1', ${user(1)}, ${org(1)}), ('u2', ${user(2)}, ${org(2)});
      create table events (id int primary key, team_id uuid not null references teams, created_by text references users);`,
    found: { organizations: 'public.teams', profiles: 'public.users', memberships: null, truth: 'profiles' },
  },
  {
    name: 'what a policy only reaches through says nothing of who belongs where',
    sql: `${users} ${directory('schools')} create table profiles (id uuid primary key references auth.users, school_id uuid references schools, role text);
      insert into profiles values (${user(1)}, ${org(1)}), (${user(2)}, ${org(2)});
      create table teachers (id uuid primary key, school_id uuid not null references schools, user_id uuid unique references auth.users);
      create table grades (id int primary key, teacher_id uuid references teachers);
      ${guard('exists (select 1 from teachers t where t.id = grades.teacher_id and t.school_id = (select p.school_id from profiles p where p.id = auth.uid()))', 'grades')}`,
    found: { organizations: 'public.schools', memberships: null, truth: 'profiles' },
  },
  {
    name: 'what people and rows name in one column, with nothing that asks for it, above projects with members',
    sql: `${users} ${directory('fincas')} create table profiles (id uuid primary key references auth.users, finca_id uuid);
      create table things (id int primary key, finca_id uuid not null); create table projects (id uuid primary key, finca_id uuid not null);
      create table project_members (project_id uuid references projects, user_id uuid references auth.users, role text, primary key (project_id, user_id));
      create table tasks (id int primary key, project_id uuid references projects); create table comments (id int primary key, project_id uuid references projects);`,
    found: { organizations: 'public.fincas', memberships: null, truth: 'profiles' },
  },
  {
    name: 'shops that nobody is a member of, and whose owners reach what hangs on them',
    sql: `${users} create table menu_clients (id uuid primary key, slug text, owner_id uuid references auth.users); create table menu_items (id int primary key, client_id uuid not null references menu_clients);
      create table menu_categories (id int primary key, client_id uuid not null references menu_clients);
      ${guard('exists (select 1 from menu_clients c where c.id = client_id and c.owner_id = auth.uid())', 'menu_items')}`,
    found: { organizations: 'public.menu_clients', memberships: null, truth: 'none' },
  },
  {
    name: 'users whose ids are those of auth.users by their values, beside people of the platform who refer to it',
    sql: `${users} ${directory('businesses')} create table users (id uuid primary key default gen_random_uuid(), business_id uuid not null references businesses, name text);
      insert into users values (${user(1)}, ${org(1)}), (${user(2)}, ${org(2)});
      create table super_admin_users (id int primary key, user_id uuid not null unique references auth.users); create table visits (id int primary key, business_id uuid references businesses);`,
    found: { organizations: 'public.businesses', profiles: 'public.users', truth: 'profiles' },
  },
];
