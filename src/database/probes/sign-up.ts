import { randomBytes, randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { CheckResult } from '../../rollout/check.ts';
import { plural } from '../../rollout/text.ts';
import { identifier, literal, qualified } from '../quote.ts';
import { bracket, rollBack } from '../rolled-back.ts';
import { type Kind, kinds, type NewUser, organizationsHere } from './sign-up-kinds.ts';
import { mayBeOurs, type Refused, raisedIn, refusedByApp, refusedOf } from './sign-up-refused.ts';
import { skipped } from './verdict.ts';
import type { TableName } from './world.ts';

export type SignUpOptions = {
  readonly organizations: TableName;
  /** `idColumn` is the user's id; `id` unless said. Without `orgColumn` a profile names no organization. */
  readonly profiles: (TableName & { readonly idColumn?: string; readonly orgColumn: string | null }) | null;
  readonly memberships:
    | (TableName & {
        readonly userColumn: string;
        readonly orgColumn: string;
        readonly roleColumn: string | null;
        /** `owner` unless said. */
        readonly ownerRole?: string;
        /** `member` unless said. */
        readonly memberRole?: string;
        /** SQL condition over alias `m`: the membership counts; every one does unless said. */
        readonly active?: string;
        /** SQL for the value of the user column, of an expression for the user's id; the id itself unless said. */
        readonly member?: (user: string) => string;
      })
    | null;
  /** Key of the organizations table; `id` unless said. */
  readonly organizationKey?: string;
  /** What an anonymous sign-up gets. */
  readonly anonymous: 'no-organization' | 'own-organization';
  /** What everybody else gets whom nobody invited; an organization of their own unless said. */
  readonly newUsers?: 'as-today' | 'own-organization';
  /** Names under which columns stood that the rollout renamed. */
  readonly renamed?: readonly string[];
  /** What to do about a sign-up that PostgreSQL refused; nothing where nothing is known of it. */
  readonly advise?: (error: Refused) => Pick<CheckResult, 'advice' | 'answers'>;
  /** What to do where a sign-up makes what the app makes, and that is not all that it takes to belong somewhere. */
  readonly incomplete?: Pick<CheckResult, 'advice' | 'answers'>;
  /** What to do where the app makes an organization of its own for somebody whom the rollout gave one. */
  readonly twice?: Pick<CheckResult, 'advice' | 'answers'>;
  /** What to do where the app makes an organization for somebody anonymous who was to get none. */
  readonly anonymously?: Pick<CheckResult, 'advice' | 'answers'>;
  /** SQL condition over an organization under this alias: it is open; every one is unless said. */
  readonly living?: (alias: string) => string;
  readonly signal: AbortSignal;
  /** Only whether a sign-up is refused counts, not what it makes. */
  readonly refusalsAlone?: boolean;
  /** Beginning of every check's id; `1.4/sign-up` unless said. */
  readonly idPrefix?: string;
};

type Found = {
  readonly organizations: number;
  /** What the profiles of the new user name; null for each that names nothing because it has no such column. */
  readonly profiles: readonly (string | null)[] | null;
  readonly memberships:
    | readonly { readonly org: string | null; readonly role: string | null; readonly active: boolean }[]
    | null;
  readonly stamp: string | null;
  readonly exists: boolean;
};

/**
 * Signs up one user of each kind with the auth server's own statements and looks at what the sign-up trigger made of
 * them. Each in a transaction that is rolled back. Where the role may become `supabase_auth_admin`, it acts as that.
 *
 * The connection must be in no transaction.
 */
export async function* probeSignUps(client: ClientBase, options: SignUpOptions): AsyncIterable<CheckResult> {
  const prefix = options.idPrefix ?? '1.4/sign-up';
  const asAuthServer = await mayBecomeAuthServer(client);
  const weak = asAuthServer ? null : await invokerTrigger(client, options);
  let seen = 0;
  for (const kind of kinds) {
    options.signal.throwIfAborted();
    const result = await signUp(client, options, kind, `${prefix}/${kind.id}`, asAuthServer, weak);
    // Whoever stays without an organization shows nothing of how others get theirs.
    if (result.verdict !== 'skipped' && kind.id !== 'anonymous') seen++;
    yield result;
  }
  if (seen > 0) return;
  yield {
    ...skipped(
      { id: `${prefix}/any`, title: 'Somebody can sign up', expected: 'at least one kind of sign-up that was seen' },
      'The app’s own functions refuse every kind of sign-up, so nothing that the rollout adds to one was seen. Correct them, or accept this check by its id.',
    ),
    matters: true,
  };
}

async function mayBecomeAuthServer(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean | null }>(
    `select pg_catalog.pg_has_role(pg_catalog.to_regrole('supabase_auth_admin')::oid, 'MEMBER') as may`,
  );
  return rows[0]?.may === true;
}

/**
 * A trigger function of `auth.users` that runs with its caller's rights succeeds for `postgres` and fails for the auth
 * server, which has none on the app's tables. Where the server cannot be acted as, this is looked up instead.
 */
async function invokerTrigger(client: ClientBase, { organizations }: SignUpOptions): Promise<string | null> {
  const { rows } = await client.query<{ name: string }>(
    `select p.oid::pg_catalog.regprocedure::text as name
     from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid
     where t.tgrelid = 'auth.users'::pg_catalog.regclass and not t.tgisinternal and t.tgenabled <> 'D' and not p.prosecdef
       and p.prosrc ~* 'insert' and (t.tgtype & 4) <> 0 and pg_catalog.to_regrole('supabase_auth_admin') is not null
       and not pg_catalog.has_table_privilege(pg_catalog.to_regrole('supabase_auth_admin')::oid,
         pg_catalog.to_regclass($1)::oid, 'INSERT')`,
    [qualified(organizations.schema, organizations.table)],
  );
  return rows[0]?.name ?? null;
}

async function signUp(
  client: ClientBase,
  options: SignUpOptions,
  kind: Kind,
  id: string,
  asAuthServer: boolean,
  weak: string | null,
): Promise<CheckResult> {
  const user: NewUser = { id: randomUUID(), nonce: randomBytes(4).toString('hex') };
  const without = options.newUsers === 'as-today';
  const none = without || (kind.id === 'anonymous' && options.anonymous === 'no-organization');
  const expected =
    options.refusalsAlone === true
      ? 'nobody is refused'
      : none
        ? 'no organization, no profile with one, no stamp'
        : [
            '1 organization',
            ...(options.profiles === null
              ? []
              : [options.profiles.orgColumn === null ? '1 profile' : '1 profile in it']),
            ...(options.memberships === null
              ? []
              : [
                  options.memberships.roleColumn === null
                    ? '1 membership'
                    : `1 membership as ${options.memberships.ownerRole ?? 'owner'}`,
                ]),
            'its id stamped',
          ].join(', ');
  const organizations = qualified(options.organizations.schema, options.organizations.table);
  const acts = kind.statements(user).map((statement) => statement.replace(organizationsHere, () => organizations));
  const body = [
    `set local lock_timeout = '50ms'`,
    `set local statement_timeout = '5s'`,
    `select set_config('voxanne_probe.before', (select count(*) from ${organizations})::text, true)`,
    // The auth server's search_path: a trigger that names a table without its schema fails here as it does there.
    `set local search_path = auth`,
    ...(asAuthServer ? ['set local role supabase_auth_admin'] : []),
    ...acts.map((statement) => (asAuthServer ? beforeCounting(statement) : statement)),
    ...(asAuthServer ? ['reset role'] : []),
    // Deferred foreign keys would speak at COMMIT, which never comes.
    'set constraints all immediate',
    lookSql(options, user.id),
  ];
  const text = (lines: readonly string[]): string => lines.map((line) => `${line};\n`).join('');
  // One snapshot for all of it: organizations that others create meanwhile are not counted.
  const mode = 'isolation level repeatable read';
  const { open, close } = bracket(client, mode);
  const script = text([`begin transaction ${mode}`, ...body, 'rollback']);
  const began = performance.now();
  const title = options.refusalsAlone === true ? (kind.works ?? kind.title) : kind.title;
  const base = { id, title, kind: 'probe', expected, evidence: script } as const;
  try {
    const results = (await client.query(text([open, ...body, ...close]))) as unknown as readonly {
      rows: { found: Found }[];
    }[];
    const found = results.at(-1 - close.length)?.rows[0]?.found;
    const milliseconds = performance.now() - began;
    if (found === undefined) return skipped(base, 'The server reported nothing.');
    const right =
      options.refusalsAlone === true ||
      (none ? isNothing(found) || (without && isWhole(found, options)) : isComplete(found, options));
    if (right && weak !== null && !none) {
      return {
        ...base,
        verdict: 'failed',
        observed: `${describe(found)}; but ${weak} runs with the rights of its caller, and supabase_auth_admin may not insert into ${organizations}`,
        advice: 'Make the trigger function SECURITY DEFINER, with an empty search_path.',
        milliseconds,
      };
    }
    return {
      ...base,
      verdict: right ? 'passed' : 'failed',
      observed: describe(found, options.profiles?.orgColumn !== null),
      ...(right
        ? {}
        : found.organizations > 1 && options.twice !== undefined
          ? options.twice
          : kind.id === 'anonymous' && none && options.anonymously !== undefined
            ? options.anonymously
            : (options.incomplete ?? {
                advice:
                  'Apply the sign-up step: its trigger makes the organization, the profile, the membership and the stamp.',
              })),
      milliseconds,
    };
  } catch (error) {
    await rollBack(client);
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error;
    const milliseconds = performance.now() - began;
    if (/^(55P03|40|53|57)/.test(error.code)) {
      return {
        ...skipped(base, `The server gave up: ${error.message} (${error.code}).`),
        evidence: script,
        milliseconds,
      };
    }
    const refusal = refusedByApp(error, options.profiles?.orgColumn ?? 'org_id', options.renamed ?? []);
    if (refusal !== null) {
      const what = `The app’s own ${raisedIn(error)} refuses this sign-up: ${error.message} (${error.code}).`;
      const key = options.profiles?.orgColumn ?? options.memberships?.orgColumn ?? 'org_id';
      return {
        // What it raises itself is a rule. An error in it may have come with the rollout: somebody has to say that it did not.
        ...(refusal === 'rule'
          ? skipped(base, what)
          : !(await mayBeOurs(client, refusedOf(error, error.code), key))
            ? skipped(base, `${what} The rollout changes nothing that this names: it fails in today’s app as well.`)
            : {
                ...skipped(
                  base,
                  `${what} Nothing shows whether it did so before the rollout. Correct the function, or sign up like this in today’s app, and accept it by name if it is refused there too.`,
                ),
                matters: true,
              }),
        evidence: script,
        milliseconds,
      };
    }
    const advised = options.advise?.(refusedOf(error, error.code)) ?? {};
    return {
      ...base,
      verdict: 'failed',
      observed: `the sign-up fails: ${error.message} (${error.code})`,
      ...advised,
      advice: `People see "Database error saving new user". ${advised.advice ?? 'Correct what the message names, or apply the sign-up step.'}`,
      milliseconds,
    };
  }
}

/** The auth server may not read the app's tables: the count in the middle of a sequence is the connected role's. */
const beforeCounting = (statement: string): string =>
  statement.startsWith('select set_config')
    ? `reset role;\n${statement};\nset local role supabase_auth_admin`
    : statement;

function lookSql(
  { organizations, organizationKey = 'id', profiles, memberships }: SignUpOptions,
  userId: string,
): string {
  const orgs = qualified(organizations.schema, organizations.table);
  const user = literal(userId);
  const stamp = `(select u.raw_app_meta_data ->> 'org_id' from auth.users u where u.id = ${user})`;
  return `select jsonb_build_object(
  'organizations', (select count(*) from ${orgs}) - current_setting('voxanne_probe.before')::int8,
  'profiles', ${
    profiles === null
      ? 'null'
      : `(select coalesce(jsonb_agg(${profiles.orgColumn === null ? 'null::text' : `p.${identifier(profiles.orgColumn)}::text`}), '[]') from ${qualified(profiles.schema, profiles.table)} p where p.${identifier(profiles.idColumn ?? 'id')}::text = ${user})`
  },
  'memberships', ${
    memberships === null
      ? 'null'
      : `(select coalesce(jsonb_agg(jsonb_build_object('org', m.${identifier(memberships.orgColumn)}::text,
      'role', ${memberships.roleColumn === null ? 'null' : `m.${identifier(memberships.roleColumn)}::text`}, 'active', ${memberships.active ?? 'true'})), '[]')
    from ${qualified(memberships.schema, memberships.table)} m where m.${identifier(memberships.userColumn)}::text = ${memberships.member === undefined ? user : `${memberships.member(`${user}::uuid`)}::text`})`
  },
  'stamp', ${stamp},
  'exists', exists (select from ${orgs} o where o.${identifier(organizationKey)}::text = ${stamp})) as found`;
}

function isComplete(found: Found, options: SignUpOptions): boolean {
  const { roleColumn, ownerRole = 'owner' } = options.memberships ?? {};
  return (
    found.organizations === 1 &&
    isWhole(found, options) &&
    (found.memberships ?? []).every((one) => roleColumn === null || one.role === ownerRole)
  );
}

/** Whoever belongs somewhere does so in every respect: profile, membership and stamp name the same organization. */
function isWhole({ exists, stamp, profiles, memberships }: Found, options: SignUpOptions): boolean {
  const [membership] = memberships ?? [];
  return (
    exists &&
    stamp !== null &&
    (profiles === null || (profiles.length === 1 && (options.profiles?.orgColumn === null || profiles[0] === stamp))) &&
    (memberships === null || (memberships.length === 1 && membership?.org === stamp && membership.active))
  );
}

const isNothing = (found: Found): boolean =>
  found.organizations === 0 &&
  found.stamp === null &&
  (found.profiles ?? []).every((org) => org === null) &&
  (found.memberships ?? []).length === 0;

function describe({ organizations, profiles, memberships, stamp, exists }: Found, named = true): string {
  const parts = [`${plural(organizations, 'organization')}`];
  if (profiles !== null) {
    const [org] = profiles;
    const where =
      profiles.length !== 1 || !named
        ? ''
        : org === null
          ? ' without organization'
          : org === stamp
            ? ' in it'
            : ' in another';
    parts.push(`${plural(profiles.length, 'profile')}${where}`);
  }
  if (memberships !== null) {
    const roles = memberships.map(({ role }) => role ?? 'nobody').join(', ');
    parts.push(
      `${plural(memberships.length, 'membership')}${roles === '' ? '' : ` as ${roles}`}${memberships.every((one) => one.active) ? '' : ', not active'}`,
    );
  }
  parts.push(stamp === null ? 'no stamp' : exists ? 'its id stamped' : 'a stamp that names no organization');
  return parts.join(', ');
}
