import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { configFileName } from '../../config/load.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import type { CommonOptions } from '../options.ts';
import { run, withTarget } from '../run.ts';

/** `voxanne-rollout init`: writes what the survey finds as the configuration file; never over one that is there. */
export const initCommand = (options: CommonOptions): Promise<ExitCode> =>
  run(options, async (context) => {
    const path =
      options.config === undefined
        ? resolve(options.workspace ?? '.', configFileName)
        : resolve(process.cwd(), options.config);
    const shown = relative(process.cwd(), path) || path;
    if (existsSync(path)) throw alreadyThere(shown);
    const { config: _, ...rest } = options;
    return withTarget(rest, context, (opened) => write(path, shown, opened, context), { reading: true });
  });

async function write(
  path: string,
  shown: string,
  { target }: Parameters<Parameters<typeof withTarget>[2]>[0],
  { output }: Parameters<Parameters<typeof run>[1]>[0],
): Promise<ExitCode> {
  const { survey } = await import('../../../phases/1-database/survey.ts');
  const { asSentences, namesOf } = await import('../../../phases/1-database/survey/as-config.ts');
  const found = await survey(target);
  try {
    // Somebody may have made it meanwhile: only a file that is not there is written.
    await writeFile(path, `${JSON.stringify({ names: namesOf(found) }, null, 2)}\n`, { flag: 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'EEXIST') throw alreadyThere(shown);
    throw new RolloutError(
      `The configuration file ${shown} cannot be written (${code || String(error)}).`,
      'Name a file in a folder that is there and that you may write, with --config.',
      { cause: error },
    );
  }
  for (const line of asSentences(found)) output.say(line);
  for (const one of found.questions) {
    output.say(output.paint('warn', `? ${one.problem}`));
    output.say(`  ${one.remedy}`);
  }
  output.say('');
  output.say(`${output.paint('ok', '✓')} Wrote ${shown}. Check it before the first step: every later run uses it.`);
  return exitCodes.done;
}

const alreadyThere = (shown: string): RolloutError =>
  new RolloutError(
    `The configuration file ${shown} is there already, and nothing was written.`,
    'Edit it, or name another file with --config.',
    { exitCode: exitCodes.usage },
  );
