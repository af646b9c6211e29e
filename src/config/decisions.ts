import * as z from 'zod';
import { insidePath, type Setting, setting } from './setting.ts';

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
        'Tables whose rows without an organization are everybody’s, as schema.table: signed-in users read them.',
      ),
    {
      kind: 'names',
      argument: '<table>',
      help: 'a table whose rows without an organization are everybody’s: signed-in users read them',
    },
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
