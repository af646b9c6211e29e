import { type Config, environmentOf } from '../../config/index.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import type { StepStatus } from '../../rollout/rollout.ts';
import { describeUrl } from '../../supabase/connection/describe.ts';
import { loadSettings, openTarget } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { type CommandContext, run } from '../run.ts';

type Column = {
  readonly name: string;
  /** What the journal there says, or why nobody could look. */
  readonly seen: { readonly steps: readonly StepStatus[] } | { readonly problem: string; readonly exit: ExitCode };
};

/**
 * `voxanne-rollout status --all`: every environment of the configuration side by side. Each is reached by the connection
 * string in the exported variable that the configuration names; one whose variable is not set is not looked at.
 */
export const statusAllCommand = (options: CommonOptions): Promise<ExitCode> =>
  run(options, async (context) => {
    const { output } = context;
    const config = await loadSettings(options);
    const names = Object.keys(config.environments);
    if (names.length === 0) {
      throw new RolloutError(
        'The configuration names no environments.',
        'Add "environments" to the configuration file: names, how each is recognised, and the variable with its connection string.',
        { exitCode: exitCodes.usage },
      );
    }
    const columns: Column[] = [];
    for (const name of names) columns.push(await look(name, config, options, context));
    const rows = table(columns);
    const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((cells) => (cells[index] ?? '').length)));
    for (const [index, cells] of rows.entries()) {
      const line = cells
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd();
      output.say(index === 0 ? output.paint('strong', line) : line);
    }
    for (const { name, seen } of columns) {
      if ('problem' in seen) output.say(`${output.paint('warn', '!')} ${name}: ${seen.problem}`);
    }
    return columns.reduce<ExitCode>((worst, { seen }) => ('problem' in seen && seen.exit !== 0 ? seen.exit : worst), 0);
  });

async function look(name: string, config: Config, options: CommonOptions, { output }: CommandContext): Promise<Column> {
  const variable = config.environments[name]?.url ?? null;
  const url = variable === null ? undefined : process.env[variable];
  if (variable === null || url === undefined || url === '') {
    const problem =
      variable === null
        ? 'not checked: the configuration names no variable ("url") with its connection string.'
        : `not checked: ${variable} is not exported.`;
    return { name, seen: { problem, exit: exitCodes.done } };
  }
  try {
    const found = environmentOf(config.environments, describeUrl(url))?.name ?? null;
    if (found !== name) {
      const problem = `not checked: ${variable} names ${found === null ? 'a database of no environment' : `the database of ${found}`}.`;
      return { name, seen: { problem, exit: exitCodes.usage } };
    }
    const opened = await openTarget({ ...options, dbUrl: url }, { reading: true });
    try {
      output.about(opened, false);
      const steps = await opened.rollout.status();
      output.event({ type: 'status', steps });
      return { name, seen: { steps } };
    } finally {
      await opened.close();
    }
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    return { name, seen: { problem: `${error.problem} ${error.remedy}`, exit: error.exitCode } };
  }
}

/**
 * A row for each step of the database, a column for each environment. What was done to the code is in this checkout,
 * whatever is deployed anywhere, and stands in a column of its own.
 */
function table(columns: readonly Column[]): readonly (readonly string[])[] {
  const known = columns.flatMap(({ seen }) => ('steps' in seen ? [seen.steps] : []))[0] ?? [];
  return [
    ['step', ...columns.map((one) => one.name), 'this checkout'],
    ...known.map((row) => [
      `${row.step} ${row.title}`,
      ...columns.map(({ seen }) => {
        if (row.phase > 1) return '';
        return 'steps' in seen ? standing(seen.steps.find((one) => one.step === row.step)) : 'not checked';
      }),
      row.phase > 1 ? standing(row) : '',
    ]),
  ];
}

const standing = (row: StepStatus | undefined): string =>
  `${row?.state ?? 'unknown'}${row?.last == null ? '' : ` ${row.last.at.slice(0, 10)}`}`;
