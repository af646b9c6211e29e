import { readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { flagName } from '../rollout/decision.ts';
import { exitCodes, RolloutError } from '../rollout/errors.ts';
import { describeIssue } from './issues.ts';
import { type Config, configSchema, type PartialConfig } from './schema.ts';
import { settingRows, variableName } from './settings.ts';
import { variableSettings } from './variables.ts';

export const configFileName = 'voxanne-rollout.config.json';

export type LoadOptions = {
  /** The app's checkout; relative paths are resolved against the current directory. */
  readonly workspace: string;
  /** `--config`: a file that must be there. Without it, the usual name in the workspace, which may be absent. */
  readonly configPath?: string | undefined;
  /** Settings given on the command line. They win; what is `undefined` was not given. */
  readonly flags?: PartialConfig;
  /** Exported variables (`VOXANNE_ROLLOUT_*`, see `variables.ts`). Never the content of a `.env` file. */
  readonly env?: Readonly<Record<string, string | undefined>>;
};

/**
 * Reads, checks and completes the settings of a run: defaults, then the file, then exported variables, then flags.
 *
 * @throws {RolloutError} exit code 2, naming the file, every wrong key and what was expected there.
 */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const workspace = resolve(options.workspace);
  const env = options.env ?? {};
  const named = options.configPath ?? env.VOXANNE_ROLLOUT_CONFIG;
  const path = named === undefined ? resolve(workspace, configFileName) : resolve(named);
  const text = await readConfigFile(path, named !== undefined);
  const shown = relative(process.cwd(), path) || path;

  const file = text === null ? {} : parseJson(text, shown);
  check(file, `The configuration file ${shown}`, 'Correct the file');
  const variables = variableSettings(env);
  check(variables, 'An exported variable', 'Correct or unset the variable (VOXANNE_ROLLOUT_ and the key in capitals)');
  const flags = options.flags ?? {};
  check(flags, 'The command line', 'Correct the option of that name');

  refuseWeakening(file, [variables, flags], shown);

  const merged = [variables, flags].reduce<unknown>(merge, file);
  const { $schema: _, ...settings } = check(merged, 'The settings together', 'Correct the file or the options');
  return { ...settings, workspace, file: text === null ? null : path };
}

/**
 * A file of the checkout comes from whoever may commit to it, and is no consent: what makes a run less safe is given by
 * the operator, for this run.
 */
function refuseWeakening(file: unknown, given: readonly unknown[], shown: string): void {
  const refused = settingRows.filter(
    ({ path, weakens }) =>
      weakens?.(valueAt(file, path)) === true && given.every((one) => valueAt(one, path) === undefined),
  );
  const [first] = refused;
  if (first === undefined) return;
  const keys = refused.map(({ path }) => path).join(' and ');
  const value = valueAt(file, first.path);
  const text = Array.isArray(value) ? value.join(',') : String(value);
  throw new RolloutError(
    `The configuration file ${shown} sets ${keys} to a value that makes a run less safe, which is not taken from a file.`,
    `Remove it there; where it is meant, give ${flagName(first.name)}${first.argument === undefined ? '' : ` ${text}`} or export ${variableName(first.path)}=${text}.`,
    { exitCode: exitCodes.usage },
  );
}

const valueAt = (settings: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), settings);

async function readConfigFile(path: string, required: boolean): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENOENT' && !required) return null;
    const problem = code === 'ENOENT' ? 'is not there' : code === 'EISDIR' ? 'is a folder' : `cannot be read (${code})`;
    throw new RolloutError(
      `The configuration file ${path} ${problem}.`,
      `Give --config the path of a JSON file, or leave it out to use ${configFileName} of the workspace.`,
      { exitCode: exitCodes.usage, cause: error },
    );
  }
}

function parseJson(text: string, shown: string): unknown {
  const content = text.replace(/^\uFEFF/, '');
  try {
    const value: unknown = JSON.parse(content);
    return value;
  } catch (error) {
    // The parser's message may quote the content, and a file in the wrong place may hold a secret: only the place is said.
    const place = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    const before = content.slice(0, place === undefined ? content.length : Number(place)).split('\n');
    throw new RolloutError(
      `The configuration file ${shown} is not valid JSON at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}.`,
      'Correct the syntax; JSON has no comments and no comma after the last entry.',
      { exitCode: exitCodes.usage },
    );
  }
}

function check(data: unknown, source: string, remedy: string) {
  const result = configSchema.safeParse(data);
  if (result.success) return result.data;
  const lines = result.error.issues.flatMap((issue) => describeIssue(issue, data).split('\n'));
  const [first = '', ...rest] = lines;
  throw new RolloutError(
    `${source} is not usable: ${first}${rest.length === 0 ? '.' : `, and ${rest.length} more.`}`,
    `${remedy}; docs/settings.md lists every key.`,
    { exitCode: exitCodes.usage, detail: lines.join('\n') },
  );
}

/** `over` wins key by key; arrays and single values are replaced whole, `undefined` changes nothing. */
function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isRecord(base) || !isRecord(over)) return over;
  const keys = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries([...keys].map((key) => [key, merge(base[key], over[key])]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
