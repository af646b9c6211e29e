import type { Comparison } from '../rollout/compare-times.ts';
import { duration, type Paint } from './format.ts';
import { placeText } from './saved-plan.ts';

/** Predicted against observed, a row for each step: header first. */
export function comparisonRows({ from, steps }: Comparison): readonly (readonly string[])[] {
  const lock = (value: number | null): string => (value === null ? 'none' : duration(value));
  return [
    ['step', 'changes predicted', 'observed', 'time predicted', 'observed', 'longest lock predicted', 'observed'],
    ...steps.map(({ step, title, predicted, observed, foreign }) => [
      `${step} ${title}`,
      predicted === null ? 'not rehearsed' : String(predicted.changes),
      `${observed.changes}${foreign > 0 ? `, and ${foreign} not of the plan` : ''}`,
      predicted === null ? 'not rehearsed' : duration(predicted.milliseconds),
      duration(observed.milliseconds),
      predicted === null ? 'not rehearsed' : lock(predicted.longestLock),
      from === null ? 'not compared' : lock(observed.longestLock),
    ]),
  ];
}

/** Where the predictions come from. */
export const comparisonSource = ({ from }: Comparison): string =>
  from === null
    ? 'The plan was not rehearsed, so nothing was predicted.'
    : `Predicted from the rehearsal on ${placeText(from.on)}, ${from.at.slice(0, 16).replace('T', ' ')} UTC.`;

/** The same as lines; nothing where nothing was predicted. */
export function comparisonLines(comparison: Comparison, paint: Paint): readonly string[] {
  if (comparison.from === null) return [];
  return [
    '',
    paint('strong', 'Predicted and observed'),
    ...comparison.steps
      .filter((one) => (one.predicted?.changes ?? 0) > 0)
      .map(
        ({ step, title, predicted, observed }) =>
          `${step} ${title}: ${duration(predicted?.milliseconds ?? 0)} predicted, ${duration(observed.milliseconds)} observed${predicted?.longestLock == null ? '' : `; longest lock ${duration(predicted.longestLock)} predicted, ${observed.longestLock === null ? 'none' : duration(observed.longestLock)} observed`}`,
      ),
    paint('dim', comparisonSource(comparison)),
  ];
}
