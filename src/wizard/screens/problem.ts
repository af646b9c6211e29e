import { clean, type Line, line, span, wrapped } from '../lines.ts';
import type { Problem } from '../session.ts';
import type { State } from '../state/state.ts';

const who = { operator: '', outside: 'another program: ', defect: 'a defect: ' } as const;

/** What is wrong, what to do, and the excerpt behind it. What the operator stopped is no failure. */
export const problemLines = (state: State, problem: Problem, columns: number): readonly Line[] => {
  const { waiting, failed } = state.look.glyphs;
  const [sign, tone] =
    problem.exitCode === 130 ? ([waiting, 'status.waiting'] as const) : ([failed, 'status.failed'] as const);
  const [first = line(), ...rest] = wrapped(clean(who[problem.kind] + problem.problem), columns - 4, tone);
  return [
    [span(` ${sign} `, tone), ...first],
    ...rest.map((row) => [span('   '), ...row]),
    ...wrapped(clean(problem.remedy), columns - 4).map((row) => [span('   '), ...row]),
    ...(problem.detail === undefined
      ? []
      : problem.detail.split('\n').map((row): Line => [span('   '), span(clean(row), 'muted')])),
  ];
};
