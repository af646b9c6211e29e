import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { step } from '../../../phases/1-database/7-isolation.ts';
import { checkCatalog } from '../../../phases/1-database/isolation/checks.ts';
import { phase } from '../../../phases/1-database/phase.ts';
import { survey } from '../../../phases/1-database/survey.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import type { Plan } from '../../../src/rollout/step.ts';
import { asAdmin } from '../../helpers/admin.ts';
import { renamedKeys } from '../../helpers/renames.ts';
import { roundTrip } from '../../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const { signal } = new AbortController();
const org = (number: number): string => `a0000000-0000-4000-8000-00000000000${number}`;
const user = (number: number): string => `b0000000-0000-4000-8000-00000000000${number}`;
const claims = (number: number, orgId?: string) => ({
  sub: user(number),
  app_metadata: orgId === undefined ? {} : { org_id: orgId },
});
/** Of A, of A, of B, of none. */
const [ann, bob, cleo, eve] = [1, 2, 3, 5];

const base = `
create function public.my_org() returns uuid language sql stable security definer set search_path = public as $$ select org_id from profiles where id = auth.uid() $$;
create table public.memberships (user_id uuid references auth.users, org_id uuid references public.organizations, role text not null default 'member', primary key (user_id, org_id));
insert into public.memberships select id, org_id, case full_name when 'Bob' then 'member' else 'owner' end from public.profiles where org_id is not null;
create function public.my_admin_orgs() returns setof uuid language sql stable security definer set search_path = public as $$ select org_id from memberships where user_id = auth.uid() and role in ('owner', 'admin') $$;
`;

async function open(
  name: string,
  sql: string,
  policies: Readonly<Record<string, 'keep' | 'drop'>> = {},
): Promise<TestTarget> {
  await loadDatabase(server, 'tiny', name);
  const of = (what: string) => Object.keys(policies).filter((one) => policies[one] === what);
  const at = await makeTarget(server, name, { decisions: { keepPolicy: of('keep'), dropPolicy: of('drop') } });
  await renamedKeys(at);
  await at.sql(base + sql);
  return at;
}

const rows = async (
  at: TestTarget,
  who: Readonly<Record<string, unknown>>,
  sql: string,
  role: 'anon' | 'authenticated' = 'authenticated',
): Promise<number | string> => {
  try {
    return (await at.as(role, who, sql)).length;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
};

const apply = (at: TestTarget): Promise<unknown> => at.rollout([step]).apply('1.7', signal);

describe('policies that ask more than the organization', () => {
  it('stay beside the rule: of payroll, a helper that gives only organizations one runs', async () => {
    await using at = await open(
      'ask_payroll',
      `create table public.payroll (id int primary key, org_id uuid not null references public.organizations, cents int);
       insert into public.payroll values (1, '${org(1)}', 1), (2, '${org(2)}', 2);
       alter table public.payroll enable row level security;
       create policy admins on public.payroll using (org_id in (select public.my_admin_orgs()));`,
    );
    await roundTrip(at, at.rollout([step]), '1.7');
    const read = 'select from public.payroll';
    expect([
      await rows(at, claims(ann), read),
      await rows(at, claims(bob), read),
      await rows(at, claims(cleo), read),
    ]).toEqual([1, 0, 1]);
    expect(await rows(at, claims(bob), `insert into public.payroll values (3, '${org(1)}', 1)`)).toBe('42501');
    expect(await rows(at, claims(ann), `insert into public.payroll values (3, '${org(1)}', 1) returning 1`)).toBe(1);
    expect(await rows(at, claims(ann), `insert into public.payroll values (3, '${org(2)}', 1)`)).toBe('42501');
  });

  it('are joined by OR, and a stricter WITH CHECK is not lost', async () => {
    await using at = await open(
      'ask_deals',
      `create table public.deals (id int primary key, org_id uuid not null references public.organizations, seller uuid, confidential boolean not null default false, locked boolean not null default false);
       insert into public.deals values (1, '${org(1)}', '${user(ann)}', true), (2, '${org(1)}', '${user(bob)}', true), (3, '${org(1)}', null, false), (4, '${org(2)}', null, false);
       alter table public.deals enable row level security;
       create policy mine on public.deals for select to authenticated using (org_id = public.my_org() and seller = auth.uid());
       create policy plain on public.deals for select to authenticated using (org_id = public.my_org() and not confidential);
       create policy change on public.deals for update to authenticated using (org_id = public.my_org()) with check (org_id = public.my_org() and not locked);`,
    );
    await roundTrip(at, at.rollout([step]), '1.7');
    expect(await rows(at, claims(ann), 'select from public.deals')).toBe(2);
    expect(
      await rows(at, claims(ann), `update public.deals set seller = '${user(ann)}' where id = 3 returning 1`),
    ).toBe(1);
    expect(await rows(at, claims(ann), 'update public.deals set locked = true where id = 3')).toBe('42501');
    expect(await rows(at, claims(ann), 'delete from public.deals where true returning 1')).toBe(0);
  });
});

describe('rights of somebody else than the members', () => {
  const people = "public.tickets: platform's people";
  const helpers = 'public.calls_for_help: helpers';
  const platform = (database: string, operators: readonly number[], decided: 'keep' | 'drop' | null) =>
    open(
      database,
      `create table public.operators (user_id uuid primary key references auth.users);
       insert into public.operators select id from auth.users where id::text = any (array[${operators.map((one) => `'${user(one)}'`).join(', ')}]::text[]);
       alter table public.operators enable row level security;
       create policy self on public.operators for select to authenticated using (user_id = auth.uid());
       create function public.is_super_admin() returns boolean language sql stable security definer set search_path = public as $$ select exists (select from operators where user_id = auth.uid()) $$;
       create table public.tickets (id int primary key, org_id uuid not null references public.organizations);
       insert into public.tickets values (1, '${org(1)}'), (2, '${org(2)}');
       alter table public.tickets enable row level security;
       create policy members on public.tickets using (org_id = public.my_org());
       create policy "platform's people" on public.tickets to authenticated using (public.is_super_admin());
       create table public.empty_yet (id int primary key, org_id uuid not null references public.organizations);
       alter table public.empty_yet enable row level security;
       create policy members on public.empty_yet using (org_id = public.my_org());
       create policy staff on public.empty_yet for select to authenticated using (auth.uid() in (select user_id from public.operators));
       create table public.calls_for_help (id int primary key, org_id uuid not null references public.organizations, urgent boolean not null);
       insert into public.calls_for_help values (1, '${org(1)}', true), (2, '${org(2)}', false);
       alter table public.calls_for_help enable row level security;
       create policy members on public.calls_for_help using (org_id = public.my_org());
       create policy helpers on public.calls_for_help for select to authenticated using (urgent and public.is_super_admin());`,
      decided === null ? {} : { [people]: decided, [helpers]: decided },
    );
  const toKeep = (plan: Plan): readonly (string | undefined)[] =>
    plan.notes.flatMap(({ text }) => (text.includes('keep the policy:') ? [text.split('--keep-policy ')[1]] : []));

  it('of the platform’s own people are asked about where such a person is there, with what each answer means', async () => {
    await using at = await platform('ask_platform', [eve], null);
    const { plan } = await at.rollout([step]).plan('1.7');
    const [help, asked, ...more] = plan.blockers;
    expect(more).toEqual([]);
    expect(help?.problem).toMatch(/"helpers" of public\.calls_for_help \(1 row\) lets 1 user reach rows.*urgent/);
    expect(asked?.problem).toMatch(
      /"platform's people" of public\.tickets \(2 rows\) lets 1 user reach rows.*is_super_admin/,
    );
    expect(asked?.detail).toBe(`user ${user(eve)}`);
    expect(asked?.answers?.map(({ setting, value }) => [setting, value])).toEqual([
      ['decisions.keepPolicy', [people]],
      ['decisions.dropPolicy', [people]],
    ]);
    // Nobody reaches a row of an empty table, so that nobody loses one.
    expect(toKeep(plan)).toEqual([]);
    await expect(apply(at)).rejects.toThrow(/because of who they are/);
    expect(await rows(at, claims(eve), 'select from public.tickets')).toBe(2);
  });

  it('of a platform without any such people end with a word about it', async () => {
    await using at = await platform('ask_no_platform', [], null);
    const { plan } = await at.rollout([step]).plan('1.7');
    expect(toKeep(plan)).toEqual([
      "'public.calls_for_help: helpers'",
      "'public.empty_yet: staff'",
      "'public.tickets: platform'\\''s people'",
    ]);
    await roundTrip(at, at.rollout([step]), '1.7');
  });

  it.each(['keep', 'drop'] as const)('of the platform’s own people %s as decided', async (decided) => {
    await using at = await platform(`ask_platform_${decided}`, [eve], decided);
    await roundTrip(at, at.rollout([step]), '1.7');
    const read = 'select from public.tickets';
    expect([await rows(at, claims(ann), read), await rows(at, claims(cleo), read)]).toEqual([1, 1]);
    expect(await rows(at, claims(eve), read)).toBe(decided === 'keep' ? 2 : 0);
    expect(await rows(at, claims(eve), 'delete from public.tickets where true returning 1')).toBe(
      decided === 'keep' ? 2 : 0,
    );
    if (decided === 'drop') return;
    // It was kept for those people: when it lets in every member, and when another such policy comes, that is found.
    const failing = async (): Promise<readonly string[]> => {
      const rollout = at.rollout([step]);
      const failed: string[] = [];
      rollout.listen((event) => {
        if (event.type === 'check' && event.result.verdict === 'failed') failed.push(event.result.id);
      });
      await rollout.verify('1.7', signal);
      return failed;
    };
    expect(await failing()).toEqual([]);
    await at.sql(`create policy more on public.tickets for select to authenticated using (public.is_super_admin())`);
    expect(await failing()).toContain('1.7/open-policies');
    await at.sql(`drop policy more on public.tickets;
      create or replace function public.is_super_admin() returns boolean language sql stable security definer set search_path = public as $$ select auth.uid() is not null $$`);
    expect(await failing()).toEqual(expect.arrayContaining(['1.7/two-org/public.tickets/read']));
  });

  it('stay with the customer who signs in, also through the row that names them', async () => {
    await using at = await open(
      'ask_portal',
      `create table public.customers (id int primary key, org_id uuid not null references public.organizations, auth_user_id uuid, name text);
       create table public.invoices (id int primary key, org_id uuid not null references public.organizations, customer_id int not null references public.customers);
       insert into public.customers values (1, '${org(1)}', '${user(eve)}'), (2, '${org(2)}', null);
       insert into public.invoices values (1, '${org(1)}', 1), (2, '${org(1)}', 1), (3, '${org(2)}', 2);
       alter table public.customers enable row level security; alter table public.invoices enable row level security;
       create policy staff on public.customers using (org_id = public.my_org());
       create policy customer on public.customers for select to authenticated using (auth_user_id = auth.uid());
       create policy staff on public.invoices using (org_id = public.my_org());
       create policy customer on public.invoices for select to authenticated using (customer_id in (select c.id from public.customers c where c.auth_user_id = auth.uid()));`,
    );
    await roundTrip(at, at.rollout([step]), '1.7');
    expect(await rows(at, claims(eve), 'select from public.invoices')).toBe(2);
    expect(await rows(at, claims(ann), 'select from public.invoices')).toBe(2);
    expect(await rows(at, claims(cleo), 'select from public.invoices')).toBe(1);
    const left = await at.sql(`select from pg_policies where policyname = 'customer'`);
    expect(left).toHaveLength(2);
  });

  it('stay with a user’s own rows, for every command but those that would write elsewhere', async () => {
    await using at = await open(
      'ask_own',
      `create table public.drafts (id int primary key, org_id uuid references public.organizations, user_id uuid, body text);
       insert into public.drafts values (1, '${org(1)}', '${user(ann)}'), (3, '${org(1)}', '${user(bob)}');
       alter table public.drafts enable row level security;
       create policy own on public.drafts using (user_id = auth.uid());`,
    );
    await roundTrip(at, at.rollout([step]), '1.7');
    expect(await rows(at, claims(ann), 'select from public.drafts')).toBe(1);
    expect(await rows(at, claims(bob), 'select from public.drafts')).toBe(1);
    const insert = (n: number): string =>
      `insert into public.drafts values (4, '${org(n)}', '${user(ann)}') returning 1`;
    expect([await rows(at, claims(ann), insert(1)), await rows(at, claims(ann), insert(2))]).toEqual([1, '42501']);
    expect(await rows(at, claims(ann), `update public.drafts set body = 'x' where id = 1 returning 1`)).toBe(1);
    expect(await rows(at, claims(ann), `update public.drafts set org_id = '${org(2)}' where id = 1`)).toBe('42501');
    expect(await rows(at, claims(ann), 'delete from public.drafts where true returning 1')).toBe(1);
  });

  it('stay with a second organization that a row names, by membership', async () => {
    await using at = await open(
      'ask_shared',
      `create table public.orders (id int primary key, org_id uuid not null references public.organizations, supplier_org_id uuid references public.organizations, title text);
       insert into public.orders values (1, '${org(1)}', '${org(2)}'), (2, '${org(1)}', null), (3, '${org(2)}', null);
       alter table public.orders enable row level security;
       create policy buyer on public.orders using (org_id = public.my_org());
       create policy supplier on public.orders for select to authenticated using (supplier_org_id = public.my_org());`,
    );
    await roundTrip(at, at.rollout([step]), '1.7');
    expect(await rows(at, claims(cleo), 'select from public.orders')).toBe(2);
    expect(await rows(at, claims(ann), 'select from public.orders')).toBe(2);
    expect(await rows(at, claims(cleo), `update public.orders set title = 'x' where true returning 1`)).toBe(1);
  });
});

describe('policies that are meant for others too', () => {
  const page = `create table public.services (id int primary key, org_id uuid not null references public.organizations, published boolean, title text);
    insert into public.services values (1, '${org(1)}', true), (2, '${org(2)}', true), (3, '${org(2)}', false);
    alter table public.services enable row level security;
    create policy "visitors see what is published" on public.services for select to anon, authenticated using (published);
    create policy staff on public.services to authenticated using (org_id = public.my_org() or (published and title is null));`;
  const visitors = 'public.services: visitors see what is published';

  it('stop the step by name, with the rows behind them', async () => {
    await using at = await open('ask_page', page);
    const { plan } = await at.rollout([step]).plan('1.7');
    expect(plan.changes).toEqual([]);
    expect(plan.blockers.map((one) => one.problem)).toEqual([
      expect.stringContaining('"staff" of public.services'),
      expect.stringMatching(/"visitors see what is published".*anon and authenticated.*published.*2 of 3 rows/),
    ]);
    expect(plan.blockers[1]?.remedy).toContain(`--keep-policy '${visitors}'`);
  });

  it('stay as decided, also where only a part of one is', async () => {
    await using at = await open('ask_page_keep', page, { [visitors]: 'keep', 'public.services: staff': 'keep' });
    await apply(at);
    expect(await rows(at, {}, 'select from public.services', 'anon')).toBe(2);
    expect(await rows(at, claims(ann), 'select from public.services')).toBe(2);
    expect(await rows(at, claims(cleo), 'select from public.services')).toBe(3);
    const { plan } = await at.rollout([step]).plan('1.7');
    expect(plan).toMatchObject({ changes: [], blockers: [] });
    const names = await at.sql<{ name: string }>(
      `select policyname as name from pg_policies where tablename = 'services' order by 1`,
    );
    expect(names.map((one) => one.name)).toContain('staff (kept)');
  });

  it('go as decided', async () => {
    await using at = await open('ask_page_drop', page, { [visitors]: 'drop', 'public.services: staff': 'drop' });
    await apply(at);
    expect(await rows(at, {}, 'select from public.services', 'anon')).toBe(0);
    expect(await rows(at, claims(ann), 'select from public.services')).toBe(1);
  });
});

describe('policies of memberships', () => {
  it('never let anybody join by themselves or change their own role, and let those manage who did', async () => {
    await using at = await open(
      'ask_members',
      `insert into public.memberships values ('${user(eve)}', '${org(1)}', 'manager');
       create function public.manages(o uuid) returns boolean language sql stable security definer set search_path = public as $$ select exists (select 1 from memberships where user_id = auth.uid() and org_id = o and role in ('owner', 'manager')) $$;
       alter table public.memberships enable row level security;
       create policy self on public.memberships using (user_id = auth.uid());
       create policy managers on public.memberships using (public.manages(org_id));`,
    );
    const { plan } = await at.rollout([step]).plan('1.7');
    expect(plan.notes.map((one) => one.text)).toContainEqual(expect.stringContaining('join any organization'));
    await roundTrip(at, at.rollout([step]), '1.7');
    const join = `insert into public.memberships values ('${user(ann)}', '${org(2)}', 'owner')`;
    expect(await rows(at, claims(ann), join)).toBe('42501');
    const promote = (who: number, role: string): string =>
      `update public.memberships set role = '${role}' where user_id = '${user(who)}' returning 1`;
    expect(await rows(at, claims(bob), promote(bob, 'owner'))).toBe(0);
    expect(await rows(at, claims(eve), promote(bob, 'manager'))).toBe(1);
    expect(await rows(at, claims(eve), promote(bob, 'owner'))).toBe('42501');
    expect(await rows(at, claims(eve), promote(ann, 'member'))).toBe(0);
    // Whoever could leave goes on to.
    expect(
      await rows(at, claims(bob), `delete from public.memberships where user_id = '${user(bob)}' returning 1`),
    ).toBe(1);
  });
});

describe('policies that ask in a circle', () => {
  it('are found before they are made', async () => {
    await using at = await open(
      'ask_circle',
      `create table public.quotas (id int primary key, org_id uuid not null references public.organizations, user_id uuid);
       alter table public.quotas enable row level security;
       create policy staff on public.quotas for select to authenticated using (org_id = public.my_org());
       create policy few on public.quotas for insert to authenticated with check (org_id = public.my_org() and (select count(*) from public.quotas q where q.user_id = auth.uid()) < 3);`,
    );
    const insert = `insert into public.quotas values (1, '${org(1)}', '${user(ann)}') returning 1`;
    expect(await rows(at, claims(ann), insert)).toBe(1);
    const { plan } = await at.rollout([step]).plan('1.7');
    expect(plan.changes).toEqual([]);
    expect(plan.blockers).toMatchObject([{ problem: expect.stringContaining('public.quotas → public.quotas') }]);
  });
});

describe('privileges that row security does not limit', () => {
  it('are revoked from API roles, and restored exactly', async () => {
    await using at = await open(
      'ask_truncate',
      `grant all on public.calls to anon, authenticated;
       grant truncate on public.calls to public; grant references on public.calls to authenticated with grant option;`,
    );
    const truncate = 'truncate public.calls cascade';
    expect(await rows(at, {}, truncate, 'anon')).toBe(0);
    await roundTrip(at, at.rollout([step]), '1.7');
    expect(await rows(at, {}, truncate, 'anon')).toBe('42501');
    expect(await rows(at, claims(ann), truncate)).toBe('42501');
    expect(await rows(at, claims(ann), 'select from public.calls')).toBe(2);
  });
});

describe('verification', () => {
  const added: readonly [string, string][] = [
    ['header', `for select using (title = current_setting('request.headers', true)::json ->> 'x-share')`],
    ['time', `for select to authenticated using (now() > '2031-01-01')`],
    ['whole', 'for select using (true)'],
    ['member', `for select using ((auth.jwt() -> 'user_metadata' ->> 'org_id')::uuid = org_id)`],
    ['admins', `for select using ((select auth.jwt()) -> 'app_metadata' ->> 'admin' = 'yes')`],
    ['fixed', `for select using (org_id = '${org(2)}')`],
  ];

  it('shows a policy that was added later, whatever it asks, until it is accepted by name', async () => {
    await using at = await open(
      'ask_later',
      `create table public.files (id int primary key, org_id uuid not null references public.organizations, user_id uuid, title text);
       alter table public.files enable row level security;
       create policy staff on public.files using (org_id = public.my_org());
       create table public.notices (id int primary key, user_id uuid references auth.users, body text);
       alter table public.notices enable row level security;`,
      { 'public.files: kept': 'keep' },
    );
    await apply(at);
    const check = async (): Promise<string> => {
      const found = await survey(at.target);
      for await (const one of checkCatalog(at.target, found)) if (one.id === '1.7/open-policies') return one.verdict;
      return 'missing';
    };
    expect(await check()).toBe('passed');
    for (const [name, policy] of added) {
      await at.sql(`create policy ${name} on public.files ${policy}`);
      expect(await check(), name).toBe('failed');
      await at.sql(`drop policy ${name} on public.files`);
    }
    // A membership that binds the row is enough, whatever else is asked; one's own row is, where it names no organization.
    const inside: readonly [string, string][] = [
      [
        'organizations',
        `for update using (id in (select org_id from public.memberships where user_id = auth.uid() and role = 'owner'))`,
      ],
      [
        'organizations',
        `for delete using (exists (select from public.memberships m where m.org_id = organizations.id and m.user_id = auth.uid() and m.role = 'owner'))`,
      ],
      ['organizations', 'for update using (id in (select public.my_admin_orgs()))'],
      [
        'files',
        `for delete using (org_id in (select org_id from public.memberships where user_id = auth.uid() and role <> 'guest'))`,
      ],
      [
        'files',
        'for update using (user_id = auth.uid()) with check (org_id = public.current_org_id() and user_id = auth.uid())',
      ],
      ['notices', 'for insert with check (user_id = auth.uid())'],
      ['notices', 'for update using (user_id = auth.uid())'],
      ['memberships', 'for insert with check (org_id in (select public.my_admin_orgs()))'],
    ];
    for (const [table, policy] of inside) {
      await at.sql(`create policy added on public.${table} ${policy}`);
      expect(await check(), `${table} ${policy}`).toBe('passed');
      await at.sql(`drop policy added on public.${table}`);
    }
    const outside: readonly [string, string][] = [
      ['files', 'for insert with check (user_id = auth.uid())'],
      ['files', 'for update using (user_id = auth.uid())'],
      ['files', `for select using (org_id::text = (auth.jwt() -> 'app_metadata' ->> 'org_id'))`],
      [
        'organizations',
        `for update using (exists (select from public.memberships m where m.user_id = auth.uid() and m.role = 'owner'))`,
      ],
      [
        'memberships',
        'for update using (org_id in (select org_id from public.memberships where user_id = auth.uid()))',
      ],
    ];
    for (const [table, policy] of outside) {
      await at.sql(`create policy added on public.${table} ${policy}`);
      expect(await check(), `${table} ${policy}`).toBe('failed');
      await at.sql(`drop policy added on public.${table}`);
    }
    await at.sql(`create policy own on public.files for select using (user_id = auth.uid());
      create policy kept on public.files for select to anon using (title = 'public')`);
    expect(await check()).toBe('passed');
  });
});

describe('tables without an organization column', () => {
  it('are guarded by what they refer to: by wide keys, by names, and never in a circle', async () => {
    await using at = await open(
      'ask_links',
      `create table public.patients (id uuid primary key default gen_random_uuid(), org_id uuid not null references public.organizations, no int not null, unique (org_id, no));
       create table public.visits (region text, no int, org_id uuid not null references public.organizations, primary key (region, no));
       create domain public.ref as uuid;
       create table public.case_notes (id int primary key, patient_id public.ref not null, body text);
       create table public.visit_lines (id int primary key, visit_region text, visit_no int, foreign key (visit_region, visit_no) references public.visits);
       create table public.reports (id int primary key, patient_id uuid references public.patients, current_version int);
       create table public.report_versions (id int primary key, report_id int references public.reports, patient_id uuid references public.patients);
       alter table public.reports add foreign key (current_version) references public.report_versions;
       insert into public.patients values ('c0000000-0000-4000-8000-000000000001', '${org(1)}', 1), ('c0000000-0000-4000-8000-000000000002', '${org(2)}', 1);
       insert into public.visits values ('n', 1, '${org(1)}'), ('n', 2, '${org(2)}');
       insert into public.case_notes values (1, 'c0000000-0000-4000-8000-000000000001'), (2, 'c0000000-0000-4000-8000-000000000002');
       insert into public.visit_lines values (1, 'n', 1), (2, 'n', 2);
       insert into public.reports values (1, 'c0000000-0000-4000-8000-000000000001'), (2, 'c0000000-0000-4000-8000-000000000002');
       insert into public.report_versions values (1, 1), (2, 2);
       alter table public.case_notes enable row level security;
       create policy anybody on public.case_notes using (true);`,
    );
    await roundTrip(at, at.rollout([step]), '1.7');
    for (const table of ['case_notes', 'visit_lines', 'reports', 'report_versions']) {
      expect(await rows(at, claims(ann), `select from public.${table}`), table).toBe(1);
      expect(await rows(at, claims(cleo), `select from public.${table}`), table).toBe(1);
      expect(await rows(at, claims(eve), `select from public.${table}`), table).toBe(0);
    }
  });

  it('stop the step where ids in them refer to what nobody knows', async () => {
    await using at = await open(
      'ask_orphan_table',
      `create table public.scans (id int primary key, subject uuid, result text);
       create table public.colours (code text primary key, label text);`,
    );
    const { plan } = await at.rollout([step]).plan('1.7');
    expect(plan.blockers).toMatchObject([
      {
        problem: expect.stringMatching(/public\.scans.*subject/),
        remedy: expect.stringContaining('--shared-table public.scans'),
      },
    ]);
  });
});

describe('policies of storage', () => {
  const folders = `insert into storage.buckets (id, name, public) values ('files', 'files', false), ('logos', 'logos', true);
    insert into storage.objects (bucket_id, name) values ('files', '${org(1)}/a'), ('files', '${org(2)}/b'), ('logos', '${org(2)}/logo');
    create policy "own folder" on storage.objects for select to authenticated using (bucket_id = 'files' and (storage.foldername(name))[1] = (select public.my_org())::text);
    create policy "logos" on storage.objects for select using (bucket_id = 'logos');
    create policy "temp allow reads" on storage.objects for select to authenticated using (bucket_id = 'files');`;

  it('that are open stop the step by name, and go as decided', async () => {
    await using at = await open('ask_storage', '');
    await asAdmin(server, 'ask_storage', folders);
    const { plan } = await at.rollout([step]).plan('1.7');
    expect(plan.blockers).toMatchObject([
      { problem: expect.stringMatching(/"temp allow reads" of storage\.objects is open/) },
    ]);
    await using decided = await open('ask_storage_drop', '', { 'storage.objects: temp allow reads': 'drop' });
    await asAdmin(server, 'ask_storage_drop', folders);
    const next = await decided.rollout([step]).plan('1.7');
    expect(next.plan.blockers).toEqual([]);
    expect(next.plan.changes.map((one) => one.id)).toContain('drop policy storage.objects temp allow reads');
    expect(next.plan.notes.map((one) => one.text)).toContainEqual(expect.stringContaining('Bucket logos is public'));
  });
});

describe('functions with their owner’s rights that API roles may call', () => {
  const functions = `
    create function public.run_sql(q text) returns void language plpgsql security definer as $$ begin execute q; end $$;
    create function public.plan_job(command text) returns void language plpgsql security definer as $$ begin perform cron.schedule('job', '* * * * *', command); end $$;
    create function public.plan_report(label text) returns void language plpgsql security definer as $$ begin raise notice '%', label; perform cron.schedule('report', '* * * * *', 'select 1'); end $$;
    create function public.sorted(col text) returns void language plpgsql security definer as $$ begin execute format('update public.calls set caller = caller order by %I', col); end $$;
    create function public.empty_calls() returns void language plpgsql security definer as $$ begin if auth.uid() is not null then truncate public.calls; end if; end $$;
    create function public.join_by_code(code text) returns void language plpgsql security definer as $$ begin insert into public.memberships (user_id, org_id) select auth.uid(), o.id from public.organizations o where o.name = code; end $$;
    create function public.f_search(q text) returns setof public.contacts language sql stable security definer as $$ select * from public.contacts where phone ilike '%' || q || '%' $$;
    create function public.mine() returns bigint language sql stable security definer as $$ select count(*) from public.calls where org_id = public.my_org() $$;`;

  it('are judged, or decided by name', async () => {
    await using at = await open('ask_functions', functions);
    const problems = (await at.rollout([step]).plan('1.7')).plan.blockers.map((one) => one.problem);
    const about = (text: string): readonly string[] => problems.filter((one) => one.includes(text));
    expect(about('runs SQL that its caller gives it')).toEqual([
      expect.stringContaining('public.plan_job(text)'),
      expect.stringContaining('public.run_sql(text)'),
    ]);
    expect(about('empties tables')).toEqual([expect.stringContaining('public.empty_calls()')]);
    expect(about('which says who belongs where')).toEqual([expect.stringContaining('public.join_by_code(text)')]);
    expect(about('does not ask who is calling')).toEqual([expect.stringContaining('public.f_search(text)')]);
    expect(problems).toHaveLength(5);
  });

  it('are left or revoked as decided', async () => {
    await loadDatabase(server, 'tiny', 'ask_functions_decided');
    await using at = await makeTarget(server, 'ask_functions_decided', {
      decisions: {
        acceptFunction: ['public.join_by_code(text)'],
        revokeFunction: [
          'public.run_sql(text)',
          'public.empty_calls()',
          'public.f_search(text)',
          'public.plan_job(text)',
        ],
      },
    });
    await renamedKeys(at);
    await at.sql(base + functions);
    const { plan } = await at.rollout([step]).plan('1.7');
    expect(plan.blockers).toEqual([]);
    expect(plan.changes.filter((one) => one.id.startsWith('execute ')).map((one) => one.id)).toEqual([
      'execute public.empty_calls()',
      'execute public.f_search(text)',
      'execute public.plan_job(text)',
      'execute public.run_sql(text)',
    ]);
  });
});

describe('a function that a policy calls', () => {
  const called = `
    create function public.company_of(person uuid) returns uuid language sql stable security definer set search_path = public
      as 'select org_id from profiles where id = person';
    create policy "members only" on public.calls as restrictive using (public.company_of(auth.uid()) is not null);`;

  it('is not revoked: its table would answer with errors', async () => {
    await loadDatabase(server, 'tiny', 'called_by_policy');
    await using at = await makeTarget(server, 'called_by_policy', {
      decisions: { revokeFunction: ['public.company_of(uuid)'] },
    });
    await renamedKeys(at);
    await at.sql(base + called);
    const { plan } = await at.rollout([step]).plan('1.7');
    expect(plan.changes).toEqual([]);
    expect(plan.blockers).toMatchObject([
      {
        problem: expect.stringContaining('A policy calls public.company_of(uuid)'),
        remedy: expect.stringContaining('Take it out of --revoke-function'),
      },
    ]);
  });
});

describe('views over what callers may not read', () => {
  it('are not broken: they stay with their owner’s permissions by name, or stop the step', async () => {
    const view = `create view public.colleagues as select p.id, p.org_id, u.email from public.profiles p join auth.users u on u.id = p.id where p.org_id = public.my_org();
      grant select on public.colleagues to authenticated;`;
    await using at = await open('ask_view', view);
    const { plan } = await at.rollout([step]).plan('1.7');
    expect(plan.blockers).toMatchObject([{ problem: expect.stringMatching(/public\.colleagues reads auth\.users/) }]);
    await loadDatabase(server, 'tiny', 'ask_view_accepted');
    await using next = await makeTarget(server, 'ask_view_accepted', {
      decisions: { acceptView: ['public.colleagues'] },
    });
    await renamedKeys(next);
    await next.sql(base + view);
    await roundTrip(next, next.rollout([step]), '1.7');
    expect(await rows(next, claims(ann), 'select from public.colleagues')).toBe(2);
  });
});

describe('policies that the step made', () => {
  it('of profiles that admins and their own users update are known again', async () => {
    await loadDatabase(server, 'base', 'known_again');
    await using at = await makeTarget(server, 'known_again', { decisions: { trustProfiles: true } });
    await at.sql(`create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
      create table profiles (id uuid primary key references auth.users on delete cascade, company_id uuid references organizations, role text not null default 'member');
      create function my_company() returns uuid language sql stable security definer set search_path = public as $$ select company_id from profiles where id = auth.uid() $$;
      create function is_admin() returns boolean language sql stable security definer set search_path = public as $$ select exists (select from profiles where id = auth.uid() and role = 'admin') $$;
      alter table organizations enable row level security; create policy o on organizations for select using (id = my_company());
      alter table profiles enable row level security;
      create policy s on profiles for select using (company_id = my_company());
      create policy u on profiles for update using (id = auth.uid());
      create policy a on profiles for update using (company_id = my_company() and is_admin());
      insert into organizations (name) values ('A'), ('B');`);
    const rollout = at.rollout([phase]);
    const { signal } = new AbortController();
    for (const { id } of phase.steps) {
      await rollout.apply(id, signal);
      expect(await rollout.verify(id, signal)).toMatchObject({ failed: 0, unproven: 0 });
    }
    expect((await rollout.plan('1.7')).plan).toMatchObject({ changes: [], blockers: [] });
  });
});
