import { userInfo } from 'node:os';
import { readCode } from '../../../phases/code/code.ts';
import { scanCode } from '../../../phases/code/scan.ts';
import { count } from '../../report/format.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import { plural } from '../../rollout/text.ts';
import type { Finding } from '../../workspace/scan/types.ts';
import { waiveAll } from '../../workspace/waivers.ts';
import { requireNamedTarget } from '../consent.ts';
import type { CommonOptions } from '../options.ts';
import { run, withTarget } from '../run.ts';

export type WaiveOptions = CommonOptions & {
  readonly reason?: string;
  readonly kind?: string;
  readonly path?: string;
  /** Also findings that a step fixes when it is applied. */
  readonly withFix?: boolean;
};

/**
 * `voxanne-rollout waive`: leaves findings on purpose: one by its id, or all of a kind and below a path with one reason.
 * Lists the findings when none is named.
 */
export const waiveCommand = (finding: string | undefined, options: WaiveOptions): Promise<ExitCode> =>
  run(options, (context) =>
    withTarget(
      options,
      context,
      async ({ target, source, connection }) => {
        const { output, signal } = context;
        const named = finding !== undefined || options.kind !== undefined || options.path !== undefined;
        if (named) requireNamedTarget(source, connection.label, 'waive');
        if (target.workspace === null) {
          throw new RolloutError('There is no code to have findings in.', 'Name the app with --workspace.', {
            exitCode: exitCodes.usage,
          });
        }
        const { findings } = await scanCode(await readCode(target), { signal });
        const open = findings.filter((each) => !each.advice);
        if (!named) {
          for (const one of open)
            output.say(
              `${one.id.slice(0, 10)}  ${one.kind.padEnd(20)} ${one.file}:${one.line}  ${one.reason}${one.fix === null ? '' : '  (fixed by its step)'}`,
            );
          return exitCodes.done;
        }
        const wanted = finding === undefined ? chosen(open, options) : [byId(findings, finding)];
        const fixed = wanted.filter((one) => one.fix !== null);
        const left = options.withFix === true ? wanted : wanted.filter((one) => one.fix === null);
        if (left.length === 0) throw nothingToWaive(wanted.length);
        const recorded = await waiveAll(target.workspace.root, left, options.reason ?? '', userInfo().username);
        for (const one of recorded)
          output.say(`Waived: ${one.kind} at ${one.file}:${one.line}. It counts again when that code changes.`);
        if (left.length < wanted.length)
          output.say(
            `${count(fixed.length, 'finding is', 'findings are')} fixed by a step when it is applied, and not waived; --with-fix waives them all the same.`,
          );
        return exitCodes.done;
      },
      { reading: true },
    ),
  );

function byId(findings: readonly Finding[], id: string): Finding {
  const matches = findings.filter((one) => one.id.startsWith(id));
  const [match] = matches;
  if (match !== undefined && matches.length === 1) return match;
  throw new RolloutError(
    matches.length > 1 ? `${plural(matches.length, 'finding')} begin with ${id}.` : `There is no finding ${id}.`,
    'Look them up with "voxanne-rollout waive" without a name.',
    { exitCode: exitCodes.usage },
  );
}

/** Of one kind, and at a path: a file, a folder or a pattern such as `backend/**`. */
function chosen(findings: readonly Finding[], { kind, path }: WaiveOptions): readonly Finding[] {
  const below = path?.replace(/\/+$/, '');
  const pattern = below !== undefined && /[*?]/.test(below) ? globOf(below) : null;
  const found = findings.filter(
    (one) =>
      (kind === undefined || one.kind === kind) &&
      (below === undefined ||
        one.file === below ||
        one.file.startsWith(`${below}/`) ||
        pattern?.test(one.file) === true),
  );
  if (found.length > 0) return found;
  const kinds = [...new Set(findings.map((one) => one.kind))].sort().join(', ');
  throw new RolloutError(
    `No open finding ${[kind === undefined ? '' : `of kind ${kind}`, path === undefined ? '' : `at ${path}`].filter(Boolean).join(' ')}.`,
    findings.length === 0
      ? 'There is nothing to waive.'
      : `The open findings are of these kinds: ${kinds}. Paths are relative to the workspace.`,
    { exitCode: exitCodes.usage },
  );
}

/** `*` is anything within one folder, `**` anything at all, `?` one character. */
const globOf = (glob: string): RegExp =>
  new RegExp(
    `^${glob
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*\*\/?|\*|\?/g, (found) => (found.startsWith('**') ? '.*' : found === '*' ? '[^/]*' : '[^/]'))}$`,
  );

const nothingToWaive = (fixed: number): RolloutError =>
  new RolloutError(
    fixed === 1
      ? 'A step fixes this finding when it is applied, so there is nothing to waive.'
      : `A step fixes each of these ${fixed} findings when it is applied, so there is nothing to waive.`,
    'Apply the step. To leave the code as it is all the same, add --with-fix.',
    { exitCode: exitCodes.usage },
  );
