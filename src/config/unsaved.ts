import { readFile } from 'node:fs/promises';
import { decidedIn } from './answers.ts';
import { type Config, configSchema } from './schema.ts';
import { settingRows } from './settings.ts';

/**
 * The decisions of a run that came by flag, variable or question and that its configuration file does not hold, as JSON
 * for that file; null where there are none. The journal keeps what was done, not why: a later run without them would plan
 * something else, and call what was decided a fault.
 */
export async function unsavedDecisions(config: Config): Promise<string | null> {
  // It was read and accepted when the run began.
  const { decisions: kept = {} } =
    config.file === null
      ? {}
      : (JSON.parse((await readFile(config.file, 'utf8')).replace(/^\uFEFF/, '')) as Partial<Config>);
  const held = { ...config, decisions: configSchema.parse({ decisions: kept }).decisions };
  const flags = new Set(decidedIn(held));
  if (decidedIn(config).every((flag) => flags.has(flag))) return null;
  const decided = settingRows.flatMap(({ path, name }) => {
    if (!path.startsWith('decisions.')) return [];
    const [value, before] = [config, held].map(({ decisions }) => decisions[name as keyof Config['decisions']]);
    return JSON.stringify(value) === JSON.stringify(before) ? [] : [[name, value] as const];
  });
  return JSON.stringify(Object.fromEntries(decided));
}
