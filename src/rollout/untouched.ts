import type { CheckResult } from './check.ts';
import type { Untouched } from './executor.ts';
import type { StepId } from './step.ts';
import { plural } from './text.ts';

/** What the guard of a step's last apply found, as checks: one for what was compared, one for what was not. */
export function* checkUntouched(step: StepId, found: Untouched): Iterable<CheckResult> {
  const { tables, rows, columns, changed, unchecked } = found;
  const common = { kind: 'probe', milliseconds: 0 } as const;
  if (tables > 0) {
    yield {
      ...common,
      id: `${step}/untouched`,
      title: 'Row counts and untouched columns are as before',
      verdict: changed.length === 0 ? 'passed' : 'failed',
      expected: 'no row more or less, and no other value in a column that no change of the step names',
      observed: `${plural(tables, 'table')}, ${plural(rows, 'row')} and ${plural(columns, 'column')} compared: ${changed.length === 0 ? 'all as before' : changed.slice(0, 20).join('; ')}`,
      evidence: `select moment, at, state from voxanne_rollout.fingerprints where step = '${step}' and moment in ('rows', 'untouched') order by seq;`,
      ...(changed.length === 0
        ? {}
        : { advice: 'Nobody else wrote to these tables while the step ran: roll it back and compare with a backup.' }),
    };
  }
  if (unchecked.length > 0) {
    yield {
      ...common,
      id: `${step}/untouched/not-compared`,
      title: 'Rows of every table were compared',
      verdict: 'skipped',
      expected: 'every table compared',
      observed: `not checked: ${unchecked.slice(0, 20).join('; ')}${unchecked.length > 20 ? `; and ${unchecked.length - 20} more` : ''}`,
      advice: 'Compare these by other means where it matters: a replica or a backup from before the step.',
    };
  }
}
