import * as z from 'zod';

/** An identifier as PostgreSQL stores it: unquoted, at most 63 bytes. */
const identifier = z
  .string()
  .min(1)
  .refine((name) => Buffer.byteLength(name) <= 63, 'expected a name of at most 63 bytes')
  .refine((name) => !name.includes('"'), 'expected the name without quotes');

/** `schema.table`, either part in double quotes where it holds a dot. */
const qualifiedName = z
  .string()
  .regex(
    /^(?:"(?:[^"]|"")+"|[^".\s]+)\.(?:"(?:[^"]|"")+"|[^".\s]+)$/,
    'expected schema.table, for instance public.profiles',
  );

/** A path inside the workspace, relative to it. */
const insidePath = z
  .string()
  .min(1)
  .refine(
    (path) => !/^(?:[/\\]|[A-Za-z]:)/.test(path) && !path.split(/[/\\]/).includes('..'),
    'expected a path inside the workspace, relative to it',
  );

const milliseconds = z.number().int().min(0);
const httpUrl = z.url({ protocol: /^https?$/, error: 'expected a URL that starts with http:// or https://' });

const names = z
  .strictObject({
    from: z
      .array(identifier)
      .min(1)
      .default(['organization_id', 'tenant_id'])
      .describe('Column names that mean the organization today.'),
    to: identifier.default('org_id').describe('The one column name that stays.'),
    organizations: qualifiedName.default('public.organizations').describe('The table of organizations.'),
    profiles: qualifiedName.default('public.profiles').describe('The table with one row per user.'),
    memberships: qualifiedName
      .nullable()
      .default(null)
      .describe('The table that joins users and organizations; null: found in the catalog.'),
  })
  .refine((value) => !value.from.includes(value.to), {
    path: ['from'],
    message: 'expected only old names: the name in `names.to` may not be among them',
  });

const decisions = z.strictObject({
  orphans: z
    .enum(['own-organization'])
    .nullable()
    .default(null)
    .describe('Users that nothing connects to an organization: each gets one of its own. null: the step stops.'),
  wrongForeignKeys: z
    .enum(['repair'])
    .nullable()
    .default(null)
    .describe('Foreign keys of the organization column that point at another table. null: the step stops.'),
  revokeExecute: z
    .boolean()
    .default(false)
    .describe('Take EXECUTE away from API roles on SECURITY DEFINER functions that accept an organization id.'),
  protectRouters: z
    .union([z.literal('all'), z.array(insidePath)])
    .nullable()
    .default(null)
    .describe(
      'Route files that get the authentication middleware: their paths, or "all" that nobody from outside seems to call. null: it is proposed, and left to a person.',
    ),
  disagreeingColumns: z
    .enum(['keep-new', 'keep-old'])
    .nullable()
    .default(null)
    .describe('Which column wins where a table has both names and rows disagree. null: the step stops.'),
  createProfiles: z.boolean().default(false).describe('Create the profiles table where it is absent.'),
  renameClaims: z
    .boolean()
    .default(false)
    .describe('Also rename JWT claim keys and settings that carry an old name; clients may depend on them.'),
  anonymousUsers: z
    .enum(['no-organization', 'own-organization'])
    .default('no-organization')
    .describe('What an anonymous sign-up gets.'),
  ambiguousMemberships: z
    .enum(['owned', 'oldest'])
    .nullable()
    .default(null)
    .describe(
      'A user in several organizations whose profile names none: the single one they own, or the one joined first. null: the step stops.',
    ),
});

const command = z.string().min(1).nullable().default(null);

const code = z.strictObject({
  backend: insidePath.nullable().default(null).describe('Folder of the backend; null: found.'),
  frontend: insidePath.nullable().default(null).describe('Folder of the frontend; null: found.'),
  authMiddleware: insidePath.nullable().default(null).describe('File of the authentication middleware; null: found.'),
  services: z.array(insidePath).nullable().default(null).describe('Folders of services; null: found.'),
  tests: command.describe("Command that runs the app's own tests; null: none."),
  build: command.describe('Command that builds the app; null: none.'),
});

/** The content of `voxanne-rollout.config.json`. Holds no secret: it is meant to be committed. */
export const configSchema = z.strictObject({
  $schema: z.string().optional().describe('Where an editor finds the schema of this file.'),
  names: names.prefault({}),
  schemas: z
    .array(identifier)
    .min(1)
    .nullable()
    .default(null)
    .describe("The app's schemas; null: every schema that is not the platform's."),
  exclude: z.array(qualifiedName).default([]).describe('Tables that are left out, as schema.table.'),
  decisions: decisions.prefault({}),
  legacyReads: z
    .union([z.boolean(), z.literal('close')])
    .default(false)
    .describe('true: keep the old column names readable through the API; "close": take those readers away again.'),
  lockTimeout: milliseconds
    .min(1)
    .max(10_000)
    .default(20)
    .describe('Milliseconds that one try waits for a lock at most, while readers queue behind it.'),
  statementTimeout: milliseconds.default(120_000).describe('Milliseconds that one statement may run; 0: no limit.'),
  patience: milliseconds
    .default(60_000)
    .describe('Milliseconds for which a change is tried again before it gives up with nothing done.'),
  batchSize: z.number().int().min(1).max(100_000).default(1000).describe('Rows per batch of a backfill.'),
  executor: z.enum(['pg', 'supabase-cli']).default('pg').describe('What runs the changes of the database.'),
  environment: z
    .string()
    .min(1)
    .max(40)
    .nullable()
    .default(null)
    .describe('Name of the environment, shown everywhere; "production" makes the target count as production.'),
  production: z
    .array(z.string().min(1))
    .default([])
    .describe('Project refs and hosts that count as production, beyond those that do by default.'),
  notProduction: z
    .array(z.string().min(1))
    .default([])
    .describe('Project refs and hosts that do not count as production.'),
  ca: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('File with the certificate authorities of the database server, relative to the workspace.'),
  allowPlaintext: z
    .boolean()
    .default(false)
    .describe('Allow a connection without TLS to a host that is not this machine.'),
  code: code.prefault({}),
  exposedSchemas: z
    .array(identifier)
    .min(1)
    .default(['public'])
    .describe('Schemas that the data API exposes; live checks go through them.'),
  probeEmailDomain: z
    .string()
    .regex(/^[a-z0-9.-]+$/i, 'expected a domain, for instance example.com')
    .nullable()
    .default(null)
    .describe('Domain of the addresses of probe users; no mail is ever sent there.'),
  accessTokenHook: z
    .boolean()
    .default(false)
    .describe('Also create the access-token hook, for projects whose every first token must carry org_id.'),
  backendUrl: httpUrl.nullable().default(null).describe('Where the running backend answers; null: not probed.'),
  supabaseUrl: httpUrl.nullable().default(null).describe('The API of the Supabase project; null: not probed.'),
});

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** Every key optional, at every depth; arrays are given whole. What flags add to the file. */
export type PartialConfig = PartialDeep<Omit<z.output<typeof configSchema>, '$schema'>>;
type PartialDeep<T> = T extends readonly unknown[]
  ? DeepReadonly<T>
  : T extends object
    ? { readonly [Key in keyof T]?: PartialDeep<T[Key]> | undefined }
    : T;

/** The settings of a run, complete: defaults, then the file, then exported variables, then flags. */
export type Config = DeepReadonly<Omit<z.output<typeof configSchema>, '$schema'>> & {
  /** Absolute path of the app's checkout. */
  readonly workspace: string;
  /** Absolute path of the file that was read; null when there is none. */
  readonly file: string | null;
};

/** JSON schema of the configuration file, for editors and for the documentation. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' });
  return { ...schema, title: 'voxanne-rollout configuration' };
}
