import { type Answer, answer } from '../rollout/decision.ts';
import type { decisions } from './decisions.ts';
import type { Config } from './schema.ts';
import { settingRows } from './settings.ts';

type Named = keyof typeof decisions;

/** An answer by one of the decisions; a misspelt name does not compile. */
export const decide = (name: Named, value: Answer['value'], consequence: string): Answer =>
  answer(`decisions.${name}`, value, consequence);

/** The settings of a run with these answers added; of a list, their entries follow those that are there. */
export const withAnswers = (config: Config, answers: readonly Answer[]): Config => ({
  ...config,
  decisions: answered(config.decisions, answers),
});

/** A group of decisions, complete or as it stands in a file, with these answers. */
export function answered<T extends object>(group: T, answers: readonly Answer[]): T {
  const result = { ...group } as Record<string, unknown>;
  for (const { setting, value } of answers) {
    const name = nameOf(setting);
    const before = result[name];
    result[name] = Array.isArray(value)
      ? before === 'all'
        ? before
        : [...new Set([...(Array.isArray(before) ? before : []), ...value])]
      : value;
  }
  return result as T;
}

function nameOf(setting: string): string {
  const row = settingRows.find((one) => one.path === setting && one.path.startsWith('decisions.'));
  if (row === undefined) throw new Error(`${setting} is not a decision`);
  return row.name;
}

/** Every decision of these settings that differs from what a run without any would have, as `--flag value`. */
export function decidedIn(config: Config): readonly string[] {
  return settingRows.flatMap((row) => {
    if (!row.path.startsWith('decisions.')) return [];
    const value: unknown = config.decisions[row.name as Named];
    if (value === null || value === false || (Array.isArray(value) && value.length === 0)) return [];
    if (row.name === 'anonymousUsers' && value === 'no-organization') return [];
    if (row.name === 'newUsers' && value === 'own-organization') return [];
    if (typeof value !== 'string' && typeof value !== 'boolean' && !isTexts(value)) return [];
    return [answer(row.path, value, '').flag];
  });
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');
