import { afterEach, describe, expect, it } from 'vitest';
import { migrationOf } from '../../src/supabase/cli/migration-file.ts';
import { namesInCode } from '../../src/workspace/names-in-code.ts';
import { namesInFiles } from '../../src/workspace/names-in-files.ts';
import { scanText } from '../../src/workspace/scan/one-file.ts';
import { tablesInFiles } from '../../src/workspace/tables-in-files.ts';
import { folderOf } from '../workspace/scan/files.ts';
import { workspaceOf } from '../workspace/scan/workspace.ts';

const clean: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const remove of clean.splice(0)) await remove();
});

async function vocabularyOf(files: Readonly<Record<string, string>>, types: readonly string[] = []) {
  const { root, remove } = await folderOf({ 'package.json': '{"name":"app"}', ...files });
  clean.push(remove);
  const given = { from: null, to: 'org_id', organizations: null };
  return (await namesInCode(root, namesInFiles(await tablesInFiles(root, types), given))).vocabulary;
}

describe('what an app calls its organizations', () => {
  it('is read from migrations, wherever they lie', async () => {
    const sql = `create table clinics (id uuid primary key);
create table clinic_members (clinic_id uuid references clinics (id), user_id uuid references auth.users, role text);
create table visits (id uuid, clinic_id uuid references clinics);
create table rooms (id uuid, clinic_id uuid not null references clinics, user_id uuid references auth.users);
create table suppliers (id uuid primary key);
create table orders (id uuid, organization_id uuid references suppliers);`;
    expect(await vocabularyOf({ 'apps/web/supabase/migrations/1_init.sql': sql })).toEqual({
      columns: ['clinic_id', 'org_id'],
      tables: ['clinics'],
      memberships: ['clinic_members'],
      elsewhere: ['orders.organization_id'],
      otherwise: [],
      tenants: ['rooms', 'visits'],
    });
  });

  it('does not take the tenants of a landlord for organizations, nor what a user has made', async () => {
    const sql = `create table workspaces (id uuid primary key);
create table workspace_members (workspace_id uuid references workspaces, user_id uuid references auth.users, role text);
create table houses (id uuid primary key, workspace_id uuid references workspaces);
create table tenants (id uuid primary key, house_id uuid references houses, email text);
create table letters (id uuid, workspace_id uuid references workspaces, tenant_id uuid references tenants);`;
    const vocabulary = await vocabularyOf({ 'supabase/migrations/1_init.sql': sql });
    expect(vocabulary).toMatchObject({ tables: ['workspaces'], otherwise: ['tenant'] });
    const code = (asked: string): string =>
      `router.get('/x', async (req, res) => { res.json(await db.from('letters').select('id').eq('${asked}', req.query.${asked})); });`;
    const found = async (asked: string) =>
      (await scanText(workspaceOf(), 'src/routes/a.ts', code(asked), { vocabulary })).map(({ kind }) => kind);
    expect([await found('tenant_id'), await found('workspace_id')]).toEqual([[], ['request-org']]);
    const made = `create table templates (id uuid primary key, user_id uuid references auth.users);
create table tags (id uuid, template_id uuid references templates, user_id uuid references auth.users);
create table files (id uuid, template_id uuid references templates);`;
    expect((await vocabularyOf({ 'supabase/migrations/1_init.sql': made })).tables).toEqual([]);
  });

  it('keeps the word of what stands above the organizations', async () => {
    const sql = `create table organizations (id uuid primary key);
create table workspaces (id uuid primary key, organization_id uuid references organizations);
create table workspace_members (workspace_id uuid references workspaces, user_id uuid references auth.users, role text);
create table letters (id uuid, workspace_id uuid references workspaces);
create table notes (id uuid, workspace_id uuid references workspaces);`;
    expect(await vocabularyOf({ 'supabase/migrations/1_init.sql': sql })).toMatchObject({
      tables: ['workspaces'],
      otherwise: [],
    });
  });

  it('goes by the address of an organization, and takes a membership that holds it without a reference', async () => {
    const sql = `create table organizations (slug text primary key);
create table user_org_roles (user_id uuid references auth.users, organization_slug text not null, role_id uuid);
create table teams (id uuid primary key, organization_slug text references organizations (slug));
create table team_members (team_id uuid references teams, user_id uuid references auth.users, role text);
create table visits (id uuid, organization_slug text references organizations (slug));
create table notes (id uuid, organization_slug text references organizations (slug), team_id uuid references teams);`;
    const vocabulary = await vocabularyOf({ 'supabase/migrations/1_init.sql': sql });
    expect(vocabulary).toMatchObject({
      columns: ['org_id', 'organization_slug'],
      tables: ['organizations'],
      memberships: ['user_org_roles'],
    });
    const code = `router.get('/x', async (req, res) => { res.json(await load(req.headers['x-organization-slug'], req.query.organizationSlug)); });`;
    const found = await scanText(workspaceOf(), 'src/routes/a.ts', code, { vocabulary });
    expect(found.map(({ kind }) => kind)).toEqual(['request-org', 'request-org']);
  });

  it('is read from the migrations that the rollout left, and not from the inverse in their journal rows', async () => {
    const up = `alter table public.visits rename column clinic_id to org_id; comment on table public.visits is 'a \\ b';`;
    const down = 'alter table public.visits rename column org_id to clinic_id;';
    const change = { kind: 'sql', id: 'rename', title: "Rename 'clinic_id'", mode: 'transaction', up, down } as const;
    const row = { id: '00000000-0000-4000-8000-00000000000a', run: '00000000-0000-4000-8000-00000000000b', change };
    const settings = { lockTimeout: 20, statementTimeout: 1000 };
    const ours = migrationOf('2', { step: '1.2', rows: [row] }, settings);
    const { root, remove } = await folderOf({
      'supabase/migrations/1_init.sql': 'create table public.visits (id uuid, clinic_id uuid);',
      [`supabase/migrations/${ours.fileName}`]: ours.text,
    });
    clean.push(remove);
    expect([...((await tablesInFiles(root, [])).get('visits')?.columns ?? [])]).toEqual(['id', 'org_id']);
  });

  it('is read from a Prisma schema, by the names of its fields and of its columns', async () => {
    const schema = `model User {
  id String @id
  teams TeamMember[]
}
model Team {
  id String @id
}
model TeamMember {
  teamId String @map("team_id")
  userId String
  role String
  team Team @relation(fields: [teamId], references: [id])
  user User @relation(fields: [userId], references: [id], onDelete: Cascade)
}
model Invoice {
  id String @id
  teamId String
  team Team @relation(name: "invoices", fields: [teamId], references: [id])
}
`;
    expect(await vocabularyOf({ 'prisma/schema.prisma': schema })).toEqual({
      columns: ['org_id', 'teamId', 'team_id'],
      tables: ['team'],
      memberships: ['team_member'],
      elsewhere: [],
      otherwise: [],
      tenants: ['invoice'],
    });
  });

  it('is read from Drizzle schemas of several files', async () => {
    expect(
      await vocabularyOf({
        'src/db/schema/accounts.ts': `export const accounts = pgTable('accounts', { id: uuid('id').primaryKey() });\n`,
        'src/db/schema/users.ts': `export const usersToAccounts = pgTable('users_to_accounts', { accountId: uuid('account_id').notNull().references(() => accounts.id, { onDelete: 'cascade' }), userId: uuid('user_id').references(() => users.id) });\n`,
        'src/db/schema/notes.ts': `export const notes = pgTable('notes', { id: uuid(), accountId: uuid('account_id') }, (table) => [foreignKey({ columns: [table.accountId], foreignColumns: [accounts.id] })]);\n`,
      }),
    ).toEqual({
      columns: ['accountId', 'account_id', 'org_id'],
      tables: ['accounts'],
      memberships: ['users_to_accounts'],
      elsewhere: [],
      otherwise: [],
      tenants: ['notes'],
    });
  });

  it('is read from entities of TypeORM in several files', async () => {
    const entity = (table: string, name: string, body: string): string =>
      `import { Column, Entity, JoinColumn, ManyToOne } from 'typeorm';\n@Entity(${table})\n@Index(['name'])\nexport class ${name} extends BaseEntity {\n${body}\n}\n`;
    const own = `  @Column({ type: 'uuid' })\n  @Index()\n  centerId: string;\n\n  @ManyToOne(() => Center, (center) => center.all, { onDelete: 'CASCADE' })\n  @JoinColumn({ name: 'centerId' })\n  center: Center;`;
    expect(
      await vocabularyOf({
        'src/centers/entities/center.entity.ts': entity(`'centers'`, 'Center', `  @Column() name: string;`),
        'src/users/entities/user.entity.ts': entity(`{ name: 'users' }`, 'User', `  @Column() email: string;`),
        'src/access/entities/center-member.entity.ts': entity(
          `'center_members'`,
          'CenterMember',
          `${own}\n\n  @ManyToOne(() => User)\n  @JoinColumn({ name: 'userId' })\n  user: User;\n\n  @Column()\n  role: string;`,
        ),
        'src/rooms/entities/room.entity.ts': entity('', 'Room', own),
        'src/visits/entities/visit.entity.ts': entity(
          `'visits'`,
          'Visit',
          `  @ManyToOne(() => Center)\n  center: Center;\n\n  @Column({ nullable: true }) notes?: string;`,
        ),
      }),
    ).toEqual({
      columns: ['centerId', 'org_id'],
      tables: ['centers'],
      memberships: ['center_members'],
      elsewhere: [],
      otherwise: [],
      tenants: ['room', 'visits'],
    });
  });

  it('is read from generated types', async () => {
    const table = (name: string, columns: string, relations = '') =>
      `${name}: { Row: {\n${columns}\n}; Insert: {}; Update: {}; Relationships: [${relations}] };`;
    const to = `{ foreignKeyName: "x"; columns: ["company_id"]; isOneToOne: false; referencedRelation: "companies"; referencedColumns: ["id"] }`;
    const types = `export type Database = { public: { Tables: { ${[
      table('companies', 'id: string'),
      table('company_users', 'company_id: string\nuser_id: string\nrole: string', to),
      table('jobs', 'id: string\ncompany_id: string', to),
    ].join('\n')} } } };`;
    expect(await vocabularyOf({ 'src/database.types.ts': types }, ['src/database.types.ts'])).toMatchObject({
      columns: ['company_id', 'org_id'],
      tables: ['companies'],
      memberships: ['company_users'],
    });
  });

  it('is what the queries of the code are kept to, where no schema is at hand', async () => {
    const query = (table: string, column: string) =>
      `db.from('${table}').select('*').eq('${column}', id).eq('user_id', me);`;
    const code = ['calls', 'notes', 'invoices'].map((table) => query(table, 'business_id')).join('\n');
    expect(await vocabularyOf({ 'src/a.ts': `${code}\n${query('calls', 'project_id')}` })).toMatchObject({
      columns: ['business_id', 'org_id'],
      tables: ['businesses'],
    });
    expect(
      await vocabularyOf({ 'src/a.ts': ['a', 'b', 'c'].map((one) => query(one, 'project_id')).join('\n') }),
    ).toMatchObject({
      columns: ['org_id'],
      tables: [],
    });
  });
});
