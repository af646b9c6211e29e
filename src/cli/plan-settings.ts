import { type Config, configSchema, flagName, type PartialConfig } from '../config/index.ts';
import { exitCodes, RolloutError } from '../rollout/errors.ts';
import { canonical, type SavedPlan } from '../rollout/saved-plan.ts';

/** Settings that shape the changes; everything else is about this run alone. */
const shaping = [
  'names',
  'schemas',
  'exclude',
  'decisions',
  'signUp',
  'legacyReads',
  'accessTokenHook',
  'exposedSchemas',
] as const satisfies readonly (keyof Config)[];

/** The same of `code`, whose other settings are commands: a file that is handed around starts none. */
const shapingCode = [
  'backend',
  'frontend',
  'authMiddleware',
  'services',
] as const satisfies readonly (keyof Config['code'])[];

export const settingsOfPlan = (config: Config): SavedPlan['settings'] => ({
  ...Object.fromEntries(shaping.map((key) => [key, config[key]])),
  code: Object.fromEntries(shapingCode.map((key) => [key, config.code[key]])),
});

/**
 * A plan file is no signed one, and its settings stand above those of the run: what shapes no change, such as a command
 * or an address, is never taken from it.
 *
 * @throws {RolloutError} exit code 2.
 */
function refuseOthers(settings: SavedPlan['settings']): void {
  const { code, ...rest } = settings;
  const others = [
    ...Object.keys(rest).filter((key) => !shaping.some((one) => one === key)),
    ...(typeof code === 'object' && code !== null ? Object.keys(code) : [])
      .filter((key) => !shapingCode.some((one) => one === key))
      .map((key) => `code.${key}`),
  ];
  if (others.length === 0) return;
  throw new RolloutError(
    `The plan sets ${others.join(', ')}, which no plan holds.`,
    'Nothing was changed. Whoever made the file did not make it with this tool: make the plan again.',
    { exitCode: exitCodes.usage },
  );
}

/**
 * The settings with which a plan is applied: its own. What is set otherwise for this run is a contradiction that only a
 * person can solve.
 *
 * @throws {RolloutError} exit code 2, naming the first setting and both values.
 */
export function agreedSettings(plan: SavedPlan, config: Config): PartialConfig {
  refuseOthers(plan.settings);
  const defaults: Readonly<Record<string, unknown>> = configSchema.parse({});
  const own: Readonly<Record<string, unknown>> = config;
  for (const [path, planned] of leaves(plan.settings)) {
    const now = at(own, path);
    if (canonical(now) === canonical(planned) || canonical(now) === canonical(at(defaults, path))) continue;
    const name = path.at(-1) ?? '';
    if (name === 'acceptNotChecked') continue;
    throw new RolloutError(
      `The plan was made with ${path.join('.')} ${shown(planned)}, and this run sets it to ${shown(now)}.`,
      `Leave out ${flagName(name)} (or the key in the configuration file), or make and rehearse the plan again with it.`,
      { exitCode: exitCodes.usage },
    );
  }
  // Whether a check can be made is a matter of this database and this hour, and no change depends on it.
  const settings = plan.settings as PartialConfig;
  const accepted = [...(settings.decisions?.acceptNotChecked ?? []), ...config.decisions.acceptNotChecked];
  return { ...settings, decisions: { ...settings.decisions, acceptNotChecked: [...new Set(accepted)] } };
}

const groups: readonly string[] = ['names', 'decisions', 'signUp', 'code'];

type Leaf = readonly [path: readonly string[], value: unknown];

/** Each setting of a group for itself, so that the one that differs is named. */
const leaves = (settings: SavedPlan['settings']): readonly Leaf[] =>
  Object.entries(settings).flatMap(([key, value]): readonly Leaf[] =>
    groups.includes(key) && typeof value === 'object' && value !== null
      ? Object.entries(value).map(([name, one]: [string, unknown]): Leaf => [[key, name], one])
      : [[[key], value]],
  );

const at = (settings: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    settings,
  );

const shown = (value: unknown): string =>
  value === null ? '(not decided)' : JSON.stringify(value) === '[]' ? '(empty)' : JSON.stringify(value);
