import * as z from 'zod';
import { flagName } from '../rollout/decision.ts';
import { environmentsSchema } from './environments.ts';

/** How a setting is written as a flag, and, under the same kind, as an exported variable. */
export type Flag = {
  /**
   * `text` is taken as it is; `list` is split at commas; of `names`, which may hold commas, each is given by a flag of
   * its own, or on a line of its own in a variable; a `boolean` has no argument on the command line.
   */
  readonly kind: 'text' | 'boolean' | 'number' | 'list' | 'names';
  /** What stands for the argument in the help: `<how>`. */
  readonly argument?: string;
  /** A few words for the help. */
  readonly help: string;
  /** True: every command that looks at a target has it, not only those that decide. */
  readonly common?: boolean;
  /** Words that are taken as they are where a list or nothing is expected. */
  readonly words?: readonly string[];
  /**
   * Whether a value makes a run less safe. Such a value is taken from a flag or an exported variable alone: the file
   * lies in the checkout, and comes from whoever may commit there.
   */
  readonly weakens?: (value: unknown) => boolean;
};

type Setting<S extends z.ZodType = z.ZodType> = { readonly schema: S; readonly flag: Flag | null };

/** One definition of a setting: its type, default and description, and how it is given outside the file. */
const setting = <S extends z.ZodType>(schema: S, flag: Flag | null = null): Setting<S> => ({ schema, flag });

/** A path inside the workspace, relative to it. */
export const insidePath = z
  .string()
  .min(1)
  .refine(
    (path) => !/^(?:[/\\]|[A-Za-z]:)/.test(path) && !path.split(/[/\\]/).includes('..'),
    'expected a path inside the workspace, relative to it',
  );

const milliseconds = z.number().int().min(0);

/** What readers of a table may be made to wait without anybody being asked: as long as a strong lock is held at most. */
const longestWait = 100;
const httpUrl = z.url({ protocol: /^https?$/, error: 'expected a URL that starts with http:// or https://' });

const policyNames = z
  .array(z.string().regex(/^.+\..+: .+$/, 'expected schema.table: policy, for instance public.services: visitors'))
  .default([]);

/** Everything that only the operator can decide. `--yes` grants none of it. */
export const decisions = {
  orphans: setting(
    z
      .enum(['own-organization', 'leave'])
      .nullable()
      .default(null)
      .describe(
        'Users that nothing connects to an organization: each gets one of its own, or they stay without one until somebody makes them a member. null: the step stops.',
      ),
    { kind: 'text', argument: '<how>', help: 'users without an organization' },
  ),
  wrongForeignKeys: setting(
    z
      .enum(['repair'])
      .nullable()
      .default(null)
      .describe(
        'Foreign keys of the organization column that point at another table than organizations: they and their values are corrected, and every old value is kept. null: the step stops.',
      ),
    { kind: 'text', argument: '<how>', help: 'foreign keys that point elsewhere' },
  ),
  revokeExecute: setting(
    z
      .boolean()
      .default(false)
      .describe(
        'Revoke EXECUTE from API roles on functions with their owner’s rights that accept an organization id, or that show or change the rows of every organization.',
      ),
    { kind: 'boolean', help: 'revoke EXECUTE from API roles on functions that bypass row security' },
  ),
  keepPolicy: setting(
    policyNames.describe(
      'Policies that let others in on purpose (a public page, a share token, a table of shares, the platform’s own people, an open policy of storage) and stay, each as "schema.table: policy"; every later check accepts them. One that is in neither list stops step 1.7.',
    ),
    { kind: 'names', argument: '<policy>', help: 'keep a policy that is meant for others too: "schema.table: policy"' },
  ),
  dropPolicy: setting(
    policyNames.describe('Policies of the same kind that are dropped, each as "schema.table: policy".'),
    {
      kind: 'names',
      argument: '<policy>',
      help: 'drop such a policy instead',
    },
  ),
  acceptFunction: setting(
    z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Functions with their owner’s rights that cannot be judged by reading or calling them, and that a person has checked: API roles keep them. Each as schema.name(argument types).',
      ),
    { kind: 'names', argument: '<function>', help: 'leave a function that bypasses row security to API roles' },
  ),
  revokeFunction: setting(
    z
      .array(z.string().min(1))
      .default([])
      .describe('Functions that API roles may no longer execute, each as schema.name(argument types).'),
    { kind: 'names', argument: '<function>', help: 'revoke EXECUTE on this function from API roles' },
  ),
  acceptView: setting(
    z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Views over what callers may not read, whose condition a person has checked: they keep their owner’s permissions. Each as schema.view.',
      ),
    { kind: 'names', argument: '<view>', help: 'leave a view that callers cannot read with their own permissions' },
  ),
  leaveFunction: setting(
    z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Functions whose text cannot be rewritten with certainty when columns are renamed, and that stay as they are because a person has checked them. Each as schema.name(argument types).',
      ),
    {
      kind: 'names',
      argument: '<function>',
      help: 'leave a function that the rename cannot rewrite as it is',
    },
  ),
  readAppMetadata: setting(
    z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Functions of sign-up triggers that read an organization or a role from metadata which whoever signs up writes: they read the same keys from app metadata instead, which only the server writes. Each as schema.name(argument types).',
      ),
    {
      kind: 'names',
      argument: '<function>',
      help: 'let a sign-up trigger read organization and role from app metadata, which only the server writes',
    },
  ),
  sharedTable: setting(
    z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Tables without an organization whose rows are everybody’s, as schema.table: signed-in users read them.',
      ),
    { kind: 'names', argument: '<table>', help: 'a table whose rows are everybody’s: signed-in users read it' },
  ),
  sameOrganizationReferences: setting(
    z
      .boolean()
      .default(false)
      .describe(
        'Add composite foreign keys, so that a row can refer only to rows of its own organization. Rows that refer to others already stop step 1.7 with a list.',
      ),
    { kind: 'boolean', help: 'let rows refer only to rows of their own organization: composite foreign keys' },
  ),
  protectRouters: setting(
    z
      .union([z.literal('all'), z.array(insidePath)])
      .nullable()
      .default(null)
      .describe(
        'Route files that get the authentication middleware in front of routers that have none: their paths, or "all" except those that callers from outside seem to use (webhooks, callbacks), which have to be named. null: the plan of step 2.3 proposes them.',
      ),
    {
      kind: 'list',
      argument: '<files>',
      help: 'put the authentication middleware in front of these route files: comma-separated; all = every router without apparent external callers',
      words: ['all'],
    },
  ),
  disagreeingColumns: setting(
    z
      .enum(['keep-new', 'keep-old'])
      .nullable()
      .default(null)
      .describe('Which column is right where a table has both names and rows disagree. null: the step stops.'),
    { kind: 'text', argument: '<which>', help: 'rows whose old and new column differ' },
  ),
  reportingRoles: setting(
    z
      .enum(['keep', 'close'])
      .nullable()
      .default(null)
      .describe(
        'Roles of your own (a dashboard, an export) that read all rows of a table which gets row security: "keep" creates a policy for each, "close" lets them see nothing. null: the step stops.',
      ),
    { kind: 'text', argument: '<how>', help: 'roles of your own that read all rows of guarded tables' },
  ),
  emptyKeys: setting(
    z
      .enum(['null'])
      .nullable()
      .default(null)
      .describe(
        'An empty text in an organization column: "null" makes it NULL, now and whenever it is written. null: the step stops.',
      ),
    { kind: 'text', argument: '<what>', help: 'empty texts in organization columns' },
  ),
  createProfiles: setting(z.boolean().default(false).describe('Create the profiles table where it is absent.'), {
    kind: 'boolean',
    help: 'create the profiles table where it is absent',
  }),
  renameClaims: setting(
    z
      .boolean()
      .default(false)
      .describe('Also rename JWT claim keys and settings that carry an old name; clients may depend on them.'),
    { kind: 'boolean', help: 'also rename claim keys and settings that carry an old name' },
  ),
  anonymousUsers: setting(
    z
      .enum(['no-organization', 'own-organization'])
      .default('no-organization')
      .describe('Whether an anonymous user gets an organization at once, or none until they sign up for good.'),
    { kind: 'text', argument: '<what>', help: 'what anonymous users get' },
  ),
  newUsers: setting(
    z
      .enum(['own-organization', 'as-today'])
      .default('own-organization')
      .describe(
        'What a sign-up makes for somebody whom nobody invited: an organization of their own; or what the app makes today and nothing more, for apps whose users make or join an organization later. The app’s own sign-up triggers then stay, the stamp comes with the first membership, and users without an organization are no orphans.',
      ),
    {
      kind: 'text',
      argument: '<what>',
      help: 'what new users get: an organization of their own, or what the app gives',
    },
  ),
  ambiguousMemberships: setting(
    z
      .enum(['owned', 'oldest'])
      .nullable()
      .default(null)
      .describe(
        'A user in several organizations whose profile names none: the single one they own, or the one joined first. null: the step stops.',
      ),
    { kind: 'text', argument: '<which>', help: 'users in several organizations' },
  ),
  isolation: setting(
    z
      .enum(['one', 'all', 'active'])
      .nullable()
      .default(null)
      .describe(
        'What a member of several organizations sees: "one" organization per user, "all" of them at once, or the one that is "active". null: as the app does it; where its policies contradict each other, step 1.7 stops.',
      ),
    { kind: 'text', argument: '<model>', help: 'what a user of several organizations sees at once' },
  ),
  trustProfiles: setting(
    z
      .boolean()
      .default(false)
      .describe(
        'Believe a profile that its own user may write, where nothing else says which organization the user belongs to. false: the step stops and names each.',
      ),
    { kind: 'boolean', help: 'believe profiles that their own users may write' },
  ),
  acceptAnswers: setting(
    z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Functions that swallow errors and may give another answer after the rename, by name: public.hook. The refusal shows the call and both answers.',
      ),
    { kind: 'list', argument: '<functions>', help: 'functions that may answer differently after the rename' },
  ),
  acceptNotChecked: setting(
    z
      .array(z.string().min(1))
      .default([])
      .describe('Ids of checks that could not be run and matter for isolation, accepted one by one after a look.'),
    { kind: 'list', argument: '<checks>', help: 'accept that these checks did not run: their ids, comma-separated' },
  ),
  acceptAccess: setting(
    z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Rights that users lose, or have across organizations, accepted by the id of the check that names them: 1.7/access/public.totals/kept.',
      ),
    { kind: 'list', argument: '<checks>', help: 'accept these changes of access: ids of checks, comma-separated' },
  ),
} as const satisfies Readonly<Record<string, Setting>>;

/** Settings of the first level that a flag or a variable may give as well. */
export const general = {
  legacyReads: setting(
    z
      .union([z.boolean(), z.literal('close')])
      .default(false)
      .describe('true: keep the old column names readable through the API; "close": remove those readers again.'),
    {
      kind: 'boolean',
      argument: '[close]',
      help: 'keep the old column names readable through the API; close: end that',
      words: ['close'],
    },
  ),
  lockTimeout: setting(
    milliseconds
      .min(1)
      .max(10_000)
      .default(20)
      .describe(
        'Milliseconds that one try waits for a lock at most, while readers queue behind it. More than 100 by flag or variable only.',
      ),
    {
      kind: 'number',
      argument: '<ms>',
      help: 'how long one try waits for a lock (20)',
      weakens: (value) => typeof value === 'number' && value > longestWait,
    },
  ),
  statementTimeout: setting(
    milliseconds
      .default(120_000)
      .describe('Milliseconds that one statement may run; 0: no limit, by flag or variable only.'),
    {
      kind: 'number',
      argument: '<ms>',
      help: 'how long one statement may run (120000); 0: no limit',
      weakens: (value) => value === 0,
    },
  ),
  patience: setting(
    milliseconds
      .default(60_000)
      .describe('Milliseconds for which a change is tried again before it gives up with nothing done.'),
    { kind: 'number', argument: '<ms>', help: 'how long a change tries again (60000)' },
  ),
  batchSize: setting(z.number().int().min(1).max(100_000).default(1000).describe('Rows per batch of a backfill.'), {
    kind: 'number',
    argument: '<rows>',
    help: 'rows per batch of a backfill (1000)',
  }),
  runPrograms: setting(
    z
      .boolean()
      .default(false)
      .describe(
        'Run programs of the app where a check needs them: its compiler, code.tests, code.build. By flag or variable only.',
      ),
    {
      kind: 'boolean',
      help: 'run programs of the app where a check needs them (compiler, tests, build); each is named first',
      weakens: (value) => value === true,
    },
  ),
  executor: setting(z.enum(['pg', 'supabase-cli']).default('pg').describe('What runs the changes of the database.'), {
    kind: 'text',
    argument: '<name>',
    help: 'what runs the changes of the database',
  }),
  environment: setting(
    z
      .string()
      .min(1)
      .max(40)
      .nullable()
      .default(null)
      .describe('Name of the environment, shown everywhere; "production" makes the target count as production.'),
    { kind: 'text', argument: '<name>', help: 'name of the environment, shown everywhere', common: true },
  ),
  environments: setting(
    environmentsSchema.describe(
      'The environments of the app by name: {"production": {"is": ["abcdefghij"], "after": ["staging"], "url": "PRODUCTION_DB_URL"}}.',
    ),
  ),
  ca: setting(
    z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe('File with the certificate authorities of the database server, relative to the workspace.'),
    { kind: 'text', argument: '<file>', help: "certificate authorities of the database's server", common: true },
  ),
  allowPlaintext: setting(
    z
      .boolean()
      .default(false)
      .describe('Allow a connection without TLS to a host that is not this machine. By flag or variable only.'),
    {
      kind: 'boolean',
      help: 'allow a connection without TLS to another machine',
      common: true,
      weakens: (value) => value === true,
    },
  ),
  notProduction: setting(
    z
      .array(z.string().min(1))
      .default([])
      .describe('Project refs and hosts that do not count as production. By flag or variable only.'),
    {
      kind: 'list',
      argument: '<targets>',
      help: 'project refs and hosts that do not count as production, comma-separated: they are asked for a plain y',
      common: true,
      weakens: (value) => Array.isArray(value) && value.length > 0,
    },
  ),
  probeEmailDomain: setting(
    z
      .string()
      .regex(/^[a-z0-9.-]+$/i, 'expected a domain, for instance example.com')
      .nullable()
      .default(null)
      .describe('Domain of the addresses of probe users; no mail is ever sent there.'),
    { kind: 'text', argument: '<domain>', help: 'domain of the addresses of probe users' },
  ),
  accessTokenHook: setting(
    z
      .boolean()
      .default(false)
      .describe('Also create the access-token hook, for projects whose every first token must carry org_id.'),
    { kind: 'boolean', help: 'also create the access-token hook; enabling it is a line in the dashboard' },
  ),
  backendUrl: setting(
    httpUrl.nullable().default(null).describe('Where the running backend answers; null: not probed.'),
    { kind: 'text', argument: '<url>', help: 'where the running backend answers, for live checks' },
  ),
  supabaseUrl: setting(
    httpUrl.nullable().default(null).describe('The API of the Supabase project; null: not probed.'),
    { kind: 'text', argument: '<url>', help: 'the API of the project, for live checks' },
  ),
} as const satisfies Readonly<Record<string, Setting>>;

/** A setting that can be given outside the file. */
export type SettingRow = Flag & {
  /** Where it stands in the file: `decisions.orphans`. */
  readonly path: string;
  /** Its own name, as commander knows the flag: `orphans`. */
  readonly name: string;
  /** What an enum accepts; empty for everything else. */
  readonly choices: readonly string[];
};

const rows = (prefix: string, group: Readonly<Record<string, Setting>>): readonly SettingRow[] =>
  Object.entries(group).flatMap(([name, { schema, flag }]) =>
    flag === null ? [] : [{ ...flag, path: `${prefix}${name}`, name, choices: choicesOf(schema) }],
  );

function choicesOf(schema: z.ZodType): readonly string[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) return choicesOf(schema.unwrap() as z.ZodType);
  return schema instanceof z.ZodEnum ? schema.options.map(String) : [];
}

/** Every setting that a flag or an exported variable may give: flags, help, variables and docs/settings.md are made from this. */
export const settingRows: readonly SettingRow[] = [
  {
    path: 'names.organizations',
    name: 'organizations',
    kind: 'text',
    argument: '<table>',
    help: 'the table of organizations',
    choices: [],
  },
  {
    path: 'names.profiles',
    name: 'profiles',
    kind: 'text',
    argument: '<table>',
    help: 'the table with one row per user, or none',
    choices: [],
  },
  {
    path: 'names.memberships',
    name: 'memberships',
    kind: 'text',
    argument: '<table>',
    help: 'the table that joins users and organizations, or none',
    choices: [],
  },
  ...rows('decisions.', decisions),
  ...rows('', general),
];

export { flagName };

/** `decisions.wrongForeignKeys` is `VOXANNE_ROLLOUT_WRONG_FOREIGN_KEYS`. */
export const variableName = (path: string): string =>
  `VOXANNE_ROLLOUT_${(path.split('.').at(-1) ?? path).replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

/** The zod shape of a group. */
export const shapeOf = <T extends Readonly<Record<string, Setting>>>(
  group: T,
): { readonly [K in keyof T]: T[K]['schema'] } =>
  Object.fromEntries(Object.entries(group).map(([name, one]) => [name, one.schema])) as {
    readonly [K in keyof T]: T[K]['schema'];
  };

/** What a text given as a flag or a variable means; a text of the wrong form stays as it is, for the check to name. */
export function readSetting(row: SettingRow, value: string): unknown {
  if (row.words?.includes(value) === true) return value;
  // The arguments of a function are part of its name.
  if (row.kind === 'list') return value.split(/\s*,\s*(?![^()]*\))/).filter((part) => part !== '');
  if (row.kind === 'names') return value.split('\n').filter((part) => part !== '');
  if (row.kind === 'number') return /^\d+$/.test(value) ? Number(value) : value;
  if (row.kind === 'boolean') return { true: true, '1': true, false: false, '0': false }[value.toLowerCase()] ?? value;
  return value;
}

/** Settings in the shape of the file. */
export function nested(values: Iterable<readonly [path: string, value: unknown]>): Readonly<Record<string, unknown>> {
  const root: Record<string, Record<string, unknown> | unknown> = {};
  for (const [path, value] of values) {
    const [first = path, second] = path.split('.');
    if (second === undefined) root[first] = value;
    else root[first] = { ...(root[first] as Record<string, unknown> | undefined), [second]: value };
  }
  return root;
}
