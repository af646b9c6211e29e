import { type Command, InvalidArgumentError, Option } from 'commander';
import type { PartialConfig } from '../config/schema.ts';
import { nested, readSetting, type SettingRow, settingRows } from '../config/settings.ts';
import { flagName } from '../rollout/decision.ts';
import type { StepId } from '../rollout/step.ts';

/** What every command that looks at a target accepts. */
export type CommonOptions = {
  readonly dbUrl?: string;
  readonly workspace?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly color?: boolean;
  readonly verbose?: boolean;
  readonly debug?: boolean;
  readonly commit?: boolean;
  readonly register?: boolean;
  /** Settings of the configuration file given as flags, by their own names; `flagsOf` reads them. */
  readonly [setting: string]: unknown;
};

export const stepId = (text: string): StepId => {
  if (!/^[1-4]\.[1-9]\d*$/.test(text)) throw new InvalidArgumentError('expected a step such as 1.4.');
  return text as StepId;
};

const settingsGroup = 'Settings (also in the configuration file):';
const decisionsGroup = 'Decisions (--yes grants none of them):';

/** Options for finding the target and for output; with `decide`, also those that grant a decision. */
export function withCommonOptions(command: Command, decide: boolean): Command {
  command
    .option('--db-url <url>', 'the database; better in SUPABASE_DB_URL, which no process list shows')
    .option('--workspace <folder>', "the app's checkout; the current folder unless given")
    .option('--config <file>', 'configuration file instead of voxanne-rollout.config.json in the workspace')
    .option('--json', 'NDJSON on stdout, everything else on stderr')
    .option('--no-color', 'no colours')
    .option('--verbose', 'every change and every check')
    .option('--debug', 'show the stack of an error');
  // The settings of a target first, then the decisions, each under a heading of its own: there are many of them.
  const isDecision = (row: SettingRow): boolean => row.path.startsWith('decisions.');
  for (const row of settingRows)
    if ((decide || row.common === true) && !isDecision(row)) command.addOption(optionOf(row).helpGroup(settingsGroup));
  if (decide)
    for (const row of settingRows.filter(isDecision)) command.addOption(optionOf(row).helpGroup(decisionsGroup));
  if (!decide) return command;
  return command
    .option('--register', 'record what pg applies in the history of supabase db push')
    .option('--commit', 'one git commit per step of the code phases');
}

/** The flag of a setting, made from its one definition. */
function optionOf(row: SettingRow): Option {
  const option = new Option([flagName(row.name), row.argument].filter(Boolean).join(' '), row.help);
  if (row.choices.length > 0) return option.choices(row.choices);
  if (row.argument === undefined) return option;
  return option.argParser((text: string, before: unknown) => {
    const value = readSetting(row, text);
    if (row.kind === 'names') return [...(Array.isArray(before) ? before : []), text];
    if (row.kind === 'number' && typeof value !== 'number') throw new InvalidArgumentError('expected a whole number.');
    if (row.kind === 'boolean' && row.words?.includes(text) !== true)
      throw new InvalidArgumentError(`expected nothing, or ${row.words?.join(' or ')}.`);
    // Two checks ask for the same flag, each with its own id: both were answered.
    return row.kind === 'list' && Array.isArray(value) && Array.isArray(before) ? [...before, ...value] : value;
  });
}

/** The settings that flags give, in the shape of the configuration file; what is absent was not given. */
export const flagsOf = (options: CommonOptions): PartialConfig =>
  nested(
    settingRows.flatMap((row) => (options[row.name] === undefined ? [] : [[row.path, options[row.name]] as const])),
  );
