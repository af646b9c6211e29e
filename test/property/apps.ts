import fc from 'fast-check';

/** A random app as the survey meets it: how its directory, keys, people and memberships are called and tied together. */
export type AppShape = {
  readonly directory: { readonly plural: string; readonly singular: string };
  readonly schema: 'public' | 'core';
  readonly id: 'uuid' | 'bigint' | 'integer' | 'text' | 'domain';
  readonly key: 'own' | 'organization_id' | 'tenant_id' | 'odd';
  readonly foreignKeys: boolean;
  readonly memberships: 'none' | 'pair' | 'single' | 'by profile';
  readonly membershipName: 'members' | 'user_of' | 'memberships' | 'seats';
  readonly people: 'profiles' | 'users' | 'people' | 'employees';
  readonly peopleHaveKey: boolean;
  readonly tables: number;
  readonly noise: readonly Noise[];
};
type Noise = 'projects' | 'customers' | 'followers' | 'settings' | 'plans' | 'vendor' | 'invitations' | 'parent';

const directories = [
  ['organizations', 'organization'],
  ['organisations', 'organisation'],
  ['tenants', 'tenant'],
  ['teams', 'team'],
  ['companies', 'company'],
  ['workspaces', 'workspace'],
  ['clinics', 'clinic'],
  ['practices', 'practice'],
  ['agencies', 'agency'],
  ['boxes', 'box'],
  ['fincas', 'finca'],
].map(([plural = '', singular = '']) => ({ plural, singular }));

export const appShapes: fc.Arbitrary<AppShape> = fc
  .record({
    directory: fc.constantFrom(...directories),
    schema: fc.constantFrom('public' as const, 'public' as const, 'core' as const),
    id: fc.constantFrom(
      'uuid' as const,
      'uuid' as const,
      'bigint' as const,
      'integer' as const,
      'text' as const,
      'domain' as const,
    ),
    key: fc.constantFrom(
      'own' as const,
      'own' as const,
      'organization_id' as const,
      'tenant_id' as const,
      'odd' as const,
    ),
    foreignKeys: fc.boolean(),
    memberships: fc.constantFrom('none' as const, 'pair' as const, 'single' as const, 'by profile' as const),
    membershipName: fc.constantFrom('members' as const, 'user_of' as const, 'memberships' as const, 'seats' as const),
    people: fc.constantFrom('profiles' as const, 'users' as const, 'people' as const, 'employees' as const),
    peopleHaveKey: fc.boolean(),
    tables: fc.integer({ min: 1, max: 4 }),
    noise: fc.subarray<Noise>([
      'projects',
      'customers',
      'followers',
      'settings',
      'plans',
      'vendor',
      'invitations',
      'parent',
    ]),
  })
  .map((one) => ({
    ...one,
    // Somebody has to be tied to an organization; and numbers are ids of everything, so that a foreign key says of what.
    peopleHaveKey: one.peopleHaveKey || one.memberships === 'none',
    foreignKeys: one.foreignKeys || one.key === 'odd' || !['uuid', 'domain'].includes(one.id),
  }));

export const nameOfKey = (one: AppShape): string =>
  one.key === 'own' ? `${one.directory.singular}_id` : one.key === 'odd' ? 'belongs_to' : one.key;

export const nameOfMemberships = (one: AppShape): string =>
  ({
    members: `${one.directory.singular}_members`,
    user_of: `user_${one.directory.plural}`,
    memberships: 'memberships',
    seats: 'seats',
  })[one.membershipName];

const user = (n: number): string => `'b0000000-0000-4000-8000-00000000000${n}'`;

/** The schema with a few rows, as SQL. */
export function sqlOf(one: AppShape): string {
  const at = `${one.schema}.`;
  const directory = `${at}${one.directory.plural}`;
  const type = one.id === 'domain' ? `${at}tenant_ref` : one.id;
  const id = (n: number): string =>
    ['uuid', 'domain'].includes(one.id)
      ? `'a0000000-0000-4000-8000-00000000000${n}'`
      : one.id === 'text'
        ? `'t-${n}'`
        : `${n}`;
  const key = nameOfKey(one);
  const keyed = (more = ''): string => `${key} ${type}${one.foreignKeys ? ` references ${directory}` : ''}${more}`;
  const people = `${at}${one.people}`;
  const other = (name: string, sql: string): string => (one.noise.includes(name as Noise) ? sql : '');
  const members = `${at}${nameOfMemberships(one)}`;
  const member =
    one.memberships === 'by profile'
      ? `profile_id uuid not null references ${people}`
      : 'user_id uuid not null references auth.users';
  const who = one.memberships === 'by profile' ? 'profile_id' : 'user_id';
  return `create schema if not exists core;
${one.id === 'domain' ? `create domain ${type} as uuid;` : ''}
insert into auth.users (id, email) select ('b0000000-0000-4000-8000-00000000000' || n)::uuid, 'u' || n || '@example.com' from generate_series(1, 2) n;
create table ${directory} (id ${type} primary key, name text not null ${other('parent', `, parent_id ${type} references ${directory}`)});
insert into ${directory} (id, name) values (${id(1)}, 'A'), (${id(2)}, 'B');
create table ${people} (id uuid primary key references auth.users, full_name text ${one.peopleHaveKey ? `, ${keyed()}` : ''});
insert into ${people} (id, full_name) select id, email from auth.users;
${one.peopleHaveKey ? `update ${people} set ${key} = case when id = ${user(1)} then ${id(1)} else ${id(2)} end${one.id === 'uuid' || one.id === 'domain' ? '::uuid' : ''};` : ''}
${
  one.memberships === 'none'
    ? ''
    : `create table ${members} (${member}, ${keyed(' not null')}, role text not null default 'member', primary key (${one.memberships === 'single' ? who : `${who}, ${key}`}));
insert into ${members} (${who}, ${key}) values (${user(1)}, ${id(1)}), (${user(2)}, ${id(2)});`
}
${Array.from({ length: one.tables }, (_, n) => `create table ${at}things${n} (id bigint generated always as identity primary key, ${keyed(' not null')}, body text); insert into ${at}things${n} (${key}, body) values (${id(1)}, 'a'), (${id(2)}, 'b');`).join('\n')}
${other('plans', `create table ${at}plans (id int primary key, name text); alter table ${directory} add plan_id int references ${at}plans; alter table ${people} add plan_id int references ${at}plans;`)}
${other('projects', `create table ${at}projects (id uuid primary key, ${keyed(' not null')}); create table ${at}project_members (project_id uuid references ${at}projects, user_id uuid references auth.users, role text, primary key (project_id, user_id)); create table ${at}tasks (id int primary key, project_id uuid references ${at}projects); create table ${at}comments (id int primary key, project_id uuid references ${at}projects);`)}
${other('customers', `create table ${at}customers (id uuid primary key, ${keyed(' not null')}, email text); create table ${at}orders (id int primary key, customer_id uuid references ${at}customers);`)}
${other('followers', `create table ${at}${one.directory.singular}_followers (${keyed(' not null')}, user_id uuid references auth.users, primary key (${key}, user_id));`)}
${other('settings', `create table ${at}user_settings (user_id uuid primary key references auth.users, theme text);`)}
${other('invitations', `create table ${at}invitations (id int primary key, ${keyed(' not null')}, email text, invited_by uuid references auth.users, role text);`)}
${other('vendor', `create table ${at}sso (id int primary key, ${keyed(' not null')}, directory_id uuid); insert into ${at}sso values (1, ${id(1)}, gen_random_uuid());`)}`;
}
