import { nested, readSetting, settingRows, variableName } from './settings.ts';

/**
 * The settings that exported variables give, unchecked, in the shape of the configuration file. Consent may come from an
 * exported variable; it never comes from a `.env` file, so callers pass the process environment and nothing else.
 */
export function variableSettings(env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, unknown>> {
  return nested(
    settingRows.flatMap((row) => {
      const value = env[variableName(row.path)];
      return value === undefined || value === '' ? [] : [[row.path, readSetting(row, value)] as const];
    }),
  );
}
