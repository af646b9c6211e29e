import * as z from 'zod';
import { decisions } from './decisions.ts';
import { general } from './general.ts';
import { insidePath, shapeOf } from './setting.ts';

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

const found = 'null: found in the catalog and the data';

/** A condition over one row, under the alias that the description names; executed before it is used. */
const condition = z
  .string()
  .min(1)
  .refine((text) => !text.includes(';'), 'expected one SQL condition, without a semicolon')
  .nullable()
  .default(null);

const names = z
  .strictObject({
    from: z
      .array(identifier)
      .min(1)
      .nullable()
      .default(null)
      .describe(`Column names that mean the organization today; ${found}.`),
    to: identifier.default('org_id').describe('The one column name that stays.'),
    keys: z
      .record(qualifiedName, identifier.nullable())
      .default({})
      .describe('The organization column of single tables, as {"schema.table": "column"}; null: the table has none.'),
    organizations: qualifiedName
      .nullable()
      .default(null)
      .describe(`The table of organizations, as schema.table; ${found}.`),
    profiles: z
      .union([qualifiedName, z.literal('none')])
      .nullable()
      .default(null)
      .describe(`The table with one row per user, as schema.table, or "none"; ${found}.`),
    memberships: z
      .union([qualifiedName, z.literal('none')])
      .nullable()
      .default(null)
      .describe(`The table that joins users and organizations, as schema.table, or "none"; ${found}.`),
    activeMembership: condition.describe(
      `SQL condition over a row m of memberships, or of profiles where those say who belongs where: it counts, for instance "m.status = 'active'"; ${found}.`,
    ),
    livingOrganization: condition.describe(
      `SQL condition over a row o of organizations: it is not closed, for instance "o.deleted_at is null"; ${found}.`,
    ),
  })
  .refine((value) => value.from?.includes(value.to) !== true, {
    path: ['from'],
    message: 'expected only old names: the name in `names.to` may not be among them',
  });

const signUpValues = z
  .record(
    z.string().regex(/^[^.]+(\.[^.]+)?$/, 'expected a table, for instance organizations or public.organizations'),
    z.record(identifier, z.string().min(1)),
  )
  .default({});

const signUp = z.strictObject({
  values: signUpValues.describe(
    'SQL expressions for required columns of rows that a sign-up makes, by table and column; `new` is the row of auth.users: {"organizations": {"plan_id": "(select id from public.plans where name = \'free\')"}}.',
  ),
  memberValues: signUpValues.describe(
    'The same for people who join an organization that others made: a role, for instance.',
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
  decisions: z.strictObject(shapeOf(decisions)).prefault({}),
  signUp: signUp.prefault({}),
  ...shapeOf(general),
  production: z
    .array(z.string().min(1))
    .default([])
    .describe('Project refs and hosts that count as production, beyond those that do by default.'),
  code: code.prefault({}),
  exposedSchemas: z
    .array(identifier)
    .min(1)
    .default(['public'])
    .describe('Schemas that the data API exposes; live checks go through them.'),
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
