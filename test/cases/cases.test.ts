import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { type Outcome, runCase } from './stage.ts';

const alpha = 'aaaaaaaa-0000-4000-8000-000000000001';
const beta = 'bbbbbbbb-0000-4000-8000-000000000002';
const user = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;

const signUp = (email: string, metadata: string): readonly string[] => [
  'set local role supabase_auth_admin',
  `insert into auth.users (id, email, aud, role, raw_app_meta_data, raw_user_meta_data, created_at)
     values ('${user(9)}', '${email}', 'authenticated', 'authenticated', '{"provider":"email"}', '${metadata}', now())`,
  'reset role',
];

type Case = {
  readonly name: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** What has to be named before anything is lost, where the state afterwards may also be right. */
  readonly named?: RegExp;
  /** The state afterwards is right. */
  readonly right?: (outcome: Outcome) => Promise<boolean>;
};

const verified = (outcome: Outcome): Promise<boolean> => Promise.resolve(outcome.stopped === null);

/** Situations that people met in public: right means that the state is right, or that the tool named the thing first. */
const cases: readonly Case[] = [
  {
    name: '01-removed-member',
    named: /removed_at|removed member/,
    right: async ({ ask }) =>
      (await ask(
        `select coalesce(raw_app_meta_data ->> 'org_id', 'none') <> '${alpha}' from auth.users where id = '${user(3)}'`,
      )) === true,
  },
  {
    name: '03-directory-tenant-id',
    named: /names\.from|means something else|no organization has/,
    right: async ({ stopped, ask }) =>
      stopped === null &&
      (await ask(`select count(*) from sso_connections where tenant_id::text like 'd%'`)) === '2' &&
      (await ask(
        `select count(*) from information_schema.columns where table_name = 'mail_accounts' and column_name = 'tenant_id'`,
      )) === '1',
  },
  { name: '04-foreign-table', named: /foreign table/ },
  {
    name: '06-public-page',
    named: /visitors see what is published/,
    right: async ({ ask }) => (await ask('set local role anon', 'select count(*) from services')) === '2',
  },
  {
    name: '08-portal-users',
    settings: { decisions: { orphans: 'own-organization' } },
    named: /the customer|portal|customers/,
    right: async ({ ask, as }) => {
      const stamp = await ask(`select raw_app_meta_data ->> 'org_id' from auth.users where id = '${user(3)}'`);
      return (await as(user(3), typeof stamp === 'string' ? stamp : null, 'select count(*) from invoices')) === '1';
    },
  },
  {
    name: '09-reporting-role',
    named: /bi_reader/,
    right: async ({ ask }) => (await ask('set local role bi_reader', 'select count(*) from orders')) === '2',
  },
  {
    name: '10-two-organizations',
    named: /several organizations|two organizations|other organizations|switch/,
    right: async ({ as }) => (await as(user(3), alpha, 'select count(*) from notes')) === '2',
  },
  {
    name: '11-cross-tenant-fk',
    named: /cross|points? (at|into)|composite/,
    right: async ({ as }) =>
      String(
        await as(user(1), alpha, `insert into jobs (org_id, client_id, title) values ('${alpha}', 2, 'probe')`),
      ).startsWith('ERROR'),
  },
  {
    name: '13-storage-policies',
    named: /storage\.objects.*(open|every)|temp allow/,
    right: async ({ as }) => (await as(user(1), alpha, 'select count(*) from storage.objects')) === '1',
  },
  {
    name: '14-cron-commands',
    named: /scheduled job|nightly usage|cron.*command/,
    right: async ({ ask }) => {
      const command = await ask('select command from cron.job');
      return typeof command === 'string' && !String(await ask(command)).startsWith('ERROR');
    },
  },
  {
    name: '15-invited-sign-up',
    named: /does more than|redeem|writes.*invitations/,
    right: async ({ ask }) =>
      (await ask(
        ...signUp('guest@example.test', '{}'),
        `select org_id from profiles where email = 'guest@example.test'`,
      )) === beta,
  },
  {
    name: '16-metadata-organization',
    right: async ({ ask }) =>
      (await ask(
        ...signUp('evil@example.test', `{"organization_id":"${beta}","role":"owner"}`),
        `select org_id <> '${beta}' from profiles where email = 'evil@example.test'`,
      )) === true,
  },
  { name: '18-restrictive-policies', named: /not checked.*(restrictive|second factor)/, right: verified },
  {
    name: '19-domain-key',
    named: /error.*tickets/,
    right: async ({ as }) => (await as(user(1), alpha, 'select count(*) from tickets')) === '1',
  },
  {
    name: '24-role-enum-upper',
    named: /ADMIN.*(manage|lose)/,
    right: async ({ ask }) =>
      (await ask(
        `update organization_members set role = 'ADMIN' where user_id = '${user(3)}'`,
        'set local role authenticated',
        `select set_config('request.jwt.claims', '{"sub":"${user(3)}","role":"authenticated","app_metadata":{"org_id":"${alpha}"}}', true)`,
        `with x as (update organizations set name = 'x' where id = '${alpha}' returning 1) select count(*) from x`,
      )) === '1',
  },
  { name: '25-event-triggers', named: /event trigger/, right: verified },
  {
    name: '31-closed-organization',
    settings: { decisions: { ambiguousMemberships: 'oldest' } },
    named: /deleted_at|closed/,
    right: async ({ ask }) =>
      (await ask(
        `select count(*) from auth.users u join organizations o on o.id::text = u.raw_app_meta_data ->> 'org_id' where o.deleted_at is not null`,
      )) === '0',
  },
  { name: '32-webhook-payload', named: /notify crm|webhook|payload/ },
  {
    name: '33-invalid-index',
    right: async ({ ask }) =>
      (await ask(`select count(*) from pg_index where indrelid = 'calls'::regclass and indisvalid`)) === '2',
  },
  { name: '37-forced-owner', right: async ({ as }) => (await as(user(1), alpha, 'select ledger_total()')) === '100' },
  { name: '39-short-timeouts', right: verified },
  {
    name: '40-two-permissive-conditions',
    right: async ({ as }) =>
      (await as(user(1), alpha, `select string_agg(title, ',') from deals`)) === 'secret of 1,open of 1',
  },
  { name: '41-typed-table', named: /typed table/ },
  {
    name: '46-view-over-auth-users',
    named: /colleagues/,
    right: async ({ as }) => (await as(user(1), alpha, 'select count(*) from colleagues')) === '2',
  },
  {
    name: '47-public-lookup-function',
    settings: { decisions: { revokeExecute: true } },
    right: async ({ ask }) =>
      (await ask('set local role anon', `select count(*) from public_services('alpha')`)) === '1',
  },
  {
    name: '49-companies-and-users',
    right: async ({ ask }) =>
      (await ask(
        ...signUp('n@example.test', '{}'),
        `select org_id is not null from users where email = 'n@example.test'`,
      )) === true,
  },
  {
    name: '52-shared-rows',
    named: /supplier/,
    right: async ({ as }) => (await as(user(2), beta, 'select count(*) from purchase_orders')) === '1',
  },
];

describe('what people met in public', () => {
  let server: EmbeddedServer;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  it.each(cases)('$name', async ({ name, settings, named, right }) => {
    await using outcome = await runCase(server, name, settings);
    const isRight = right !== undefined && (await right(outcome));
    const isNamed = named !== undefined && outcome.said.some((line) => named.test(line));
    expect(isRight || isNamed, [`stopped at ${outcome.stopped}`, ...outcome.said].join('\n')).toBe(true);
  });
});
