import { type Command, InvalidArgumentError, Option } from 'commander';
import type { PartialConfig } from '../config/schema.ts';
import type { StepId } from '../rollout/step.ts';

/** What every command that looks at a target accepts. */
export type CommonOptions = {
  readonly dbUrl?: string;
  readonly workspace?: string;
  readonly config?: string;
  readonly executor?: 'pg' | 'supabase-cli';
  readonly json?: boolean;
  readonly color?: boolean;
  readonly lockTimeout?: number;
  readonly patience?: number;
  readonly batchSize?: number;
  readonly orphans?: 'own-organization';
  readonly ambiguousMemberships?: 'owned' | 'oldest';
  readonly wrongForeignKeys?: 'repair';
  readonly disagreeingColumns?: 'keep-new' | 'keep-old';
  readonly revokeExecute?: boolean;
  readonly protectRouters?: 'all' | string[];
  readonly createProfiles?: boolean;
  readonly renameClaims?: boolean;
  readonly legacyReads?: true | 'close';
  readonly anonymousUsers?: 'no-organization' | 'own-organization';
  readonly memberships?: string;
  readonly environment?: string;
  readonly allowPlaintext?: boolean;
  readonly ca?: string;
  readonly backendUrl?: string;
  readonly supabaseUrl?: string;
  readonly verbose?: boolean;
  readonly debug?: boolean;
  readonly commit?: boolean;
  readonly register?: boolean;
  readonly accessTokenHook?: boolean;
};

const whole = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.');
  return Number(text);
};

const legacyWindow = (text: string): 'close' => {
  if (text !== 'close') throw new InvalidArgumentError('expected nothing, or close.');
  return text;
};

const routeFiles = (text: string): 'all' | string[] => (text === 'all' ? text : text.split(/\s*,\s*/));

export const stepId = (text: string): StepId => {
  if (!/^[1-4]\.[1-9]\d*$/.test(text)) throw new InvalidArgumentError('expected a step such as 1.4.');
  return text as StepId;
};

/** Options for finding the target and for output; with `decide`, also those that grant a decision. */
export function withCommonOptions(command: Command, decide: boolean): Command {
  command
    .option('--db-url <url>', 'the database; better in SUPABASE_DB_URL, which no process list shows')
    .option('--workspace <folder>', "the app's checkout; the current folder unless given")
    .option('--config <file>', 'configuration file instead of voxanne-rollout.config.json in the workspace')
    .option('--environment <name>', 'name of the environment, shown everywhere')
    .option('--ca <file>', "certificate authorities of the database's server")
    .option('--allow-plaintext', 'allow a connection without TLS to another machine')
    .option('--json', 'NDJSON on stdout, everything else on stderr')
    .option('--no-color', 'no colours')
    .option('--verbose', 'every change and every check')
    .option('--debug', 'show the stack of an error');
  if (!decide) return command;
  return command
    .addOption(new Option('--executor <name>', 'what runs the changes of the database').choices(['pg', 'supabase-cli']))
    .addOption(new Option('--lock-timeout <ms>', 'how long one try waits for a lock (20)').argParser(whole))
    .addOption(new Option('--patience <ms>', 'how long a change tries again (60000)').argParser(whole))
    .addOption(new Option('--batch-size <rows>', 'rows per batch of a backfill (1000)').argParser(whole))
    .option('--memberships <table>', 'the table that joins users and organizations')
    .addOption(new Option('--orphans <how>', 'users without organization').choices(['own-organization']))
    .addOption(
      new Option('--ambiguous-memberships <which>', 'users in several organizations').choices(['owned', 'oldest']),
    )
    .addOption(new Option('--wrong-foreign-keys <how>', 'foreign keys that point elsewhere').choices(['repair']))
    .addOption(
      new Option('--disagreeing-columns <which>', 'rows whose old and new column differ').choices([
        'keep-new',
        'keep-old',
      ]),
    )
    .addOption(
      new Option('--anonymous-users <what>', 'what anonymous users get').choices([
        'no-organization',
        'own-organization',
      ]),
    )
    .option('--revoke-execute', 'take EXECUTE from API roles on functions that pass by row security')
    .addOption(
      new Option(
        '--protect-routers <files>',
        'put the authentication middleware in front of these route files, with commas; all: of those that nobody from outside seems to call',
      ).argParser(routeFiles),
    )
    .option('--create-profiles', 'create the profiles table where it is absent')
    .option('--rename-claims', 'also rename claim keys and settings that carry an old name')
    .addOption(
      new Option(
        '--legacy-reads [close]',
        'keep the old column names readable through the API; close: end that',
      ).argParser(legacyWindow),
    )
    .option('--access-token-hook', 'also create the access-token hook; enabling it is a line in the dashboard')
    .option('--register', 'record what pg applies in the history of supabase db push')
    .option('--commit', 'one git commit per step of the code phases')
    .option('--backend-url <url>', 'where the running backend answers, for live checks')
    .option('--supabase-url <url>', 'the API of the project, for live checks');
}

/** The settings that flags give; what is absent was not given. */
export function flagsOf(options: CommonOptions): PartialConfig {
  const decisions = present({
    orphans: options.orphans,
    ambiguousMemberships: options.ambiguousMemberships,
    wrongForeignKeys: options.wrongForeignKeys,
    disagreeingColumns: options.disagreeingColumns,
    revokeExecute: options.revokeExecute,
    protectRouters: options.protectRouters,
    createProfiles: options.createProfiles,
    renameClaims: options.renameClaims,
    anonymousUsers: options.anonymousUsers,
  });
  return present({
    executor: options.executor,
    lockTimeout: options.lockTimeout,
    patience: options.patience,
    batchSize: options.batchSize,
    legacyReads: options.legacyReads,
    accessTokenHook: options.accessTokenHook,
    environment: options.environment,
    allowPlaintext: options.allowPlaintext,
    ca: options.ca,
    backendUrl: options.backendUrl,
    supabaseUrl: options.supabaseUrl,
    names: options.memberships === undefined ? undefined : { memberships: options.memberships },
    decisions: Object.keys(decisions).length === 0 ? undefined : decisions,
  });
}

function present<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
