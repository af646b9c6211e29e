import { clean, type Line, line, wrapped } from '../lines.ts';
import type { State } from '../state/state.ts';

/** The least that a question with its target and its answers, and something of what it is about, can be read in. */
const least = { columns: 50, rows: 12 } as const;

/** Whether what would be agreed to could not be read. Lines that are only added are read at any size. */
export const tooSmall = ({ size, look }: State): boolean =>
  !look.accessible && (size.columns < least.columns || size.rows < least.rows);

/** Says so, with what goes on meanwhile, in as few words as there is room for. */
export const tooSmallScreen = (state: State): readonly Line[] => {
  const { columns, rows } = state.size;
  const { job, run } = state;
  const done = run?.changes.filter((change) => change.state === 'done').length ?? 0;
  const going =
    (job?.kind === 'apply' || job?.kind === 'rollback') && run
      ? `${job.kind === 'apply' ? 'Applying' : 'Rolling back'} ${clean(run.title)}: ${done} of ${run.changes.length}.`
      : '';
  return [
    ...wrapped(
      `This terminal is ${columns}x${rows}. Make it at least ${least.columns}x${least.rows}.`,
      columns,
      'strong',
    ),
    ...wrapped('Until then nothing can be agreed to: it could not be read.', columns),
    ...(going === '' ? [] : wrapped(going, columns, 'status.running')),
    line(job ? 'ctrl-c stops, q quits' : 'q quits', 'muted'),
  ];
};
