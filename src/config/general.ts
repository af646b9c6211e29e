import * as z from 'zod';
import { environmentsSchema } from './environments.ts';
import { type Setting, setting } from './setting.ts';

const milliseconds = z.number().int().min(0);

/** What readers of a table may be made to wait without anybody being asked: as long as a strong lock is held at most. */
const longestWait = 100;
const httpUrl = z.url({ protocol: /^https?$/, error: 'expected a URL that starts with http:// or https://' });

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
