import { plural } from '../../rollout/text.ts';
import { clean, clipMiddle, type Line, line, padTo, span, wrapped } from '../lines.ts';
import type { State } from '../state/state.ts';
import { problemLines } from './problem.ts';
import { signSpan, stepSign, verdictSign } from './signs.ts';

const label = (text: string) => span(` ${padTo(text, 13)}`, 'muted');

const found = (state: State, columns: number): readonly Line[] => {
  const target = state.target ?? state.start;
  const { workspace } = target;
  const cut = (text: string) => clipMiddle(clean(text), columns - 16, state.look.glyphs.ellipsis);
  const reason = state.target?.productionReason;
  return [
    [label('Database'), span(target.host === null ? 'not given yet' : cut(target.host))],
    [label('Project ref'), span(target.project === null ? 'not known yet' : cut(target.project), 'strong')],
    [
      label('Environment'),
      target.environment === null
        ? span('not known yet')
        : span(
            target.production
              ? `${cut(target.environment)} (changes ask for the project ref)`
              : cut(target.environment),
            target.production ? 'target.production' : 'target.other',
          ),
    ],
    ...(reason === undefined
      ? []
      : wrapped(clean(reason), columns - 16, 'muted').map((row): Line => [label(''), ...row])),
    [
      label('Workspace'),
      workspace !== null
        ? span(cut(workspace.shown ?? workspace.root))
        : state.start.looking
          ? span('looking', 'muted')
          : span('none: phases 2 to 4 need a checkout of the app'),
    ],
    ...(workspace === null
      ? []
      : [
          [
            label('Branch'),
            span(workspace.branch === null ? 'none: not a git checkout, or a detached head' : cut(workspace.branch)),
            workspace.dirty > 0
              ? span(`  ${plural(workspace.dirty, 'file')} not committed`, 'status.waiting')
              : span(workspace.branch === null ? '' : '  clean', 'muted'),
          ],
        ]),
  ];
};

/** As wide as the longest word for a verdict, with its sign and a space. */
const signColumns = 14;

/** What needs somebody comes first. */
const worst = ['failed', 'warning', 'skipped', 'passed'];

const attention = (state: State, columns: number): readonly Line[] =>
  state.doctor
    .filter((finding) => finding.verdict !== 'passed')
    .sort((a, b) => worst.indexOf(a.verdict) - worst.indexOf(b.verdict))
    .flatMap((finding): readonly Line[] => {
      const sign = verdictSign(state.look.glyphs, finding.verdict);
      const row: Line = [
        span(' '),
        signSpan(sign, signColumns),
        span(clean(finding.title)),
        span(`  ${clean(finding.observed)}`, 'muted'),
      ];
      if (finding.advice === undefined || finding.verdict === 'passed') return [row];
      return [
        row,
        ...wrapped(clean(finding.advice), columns - signColumns - 3).map(
          (advice): Line => [span(' '.repeat(signColumns + 1)), ...advice],
        ),
      ];
    });

/** What somebody must see has rows of its own; what is well is one list of names. */
const doctor = (state: State, columns: number): readonly Line[] => {
  const well = state.doctor.filter((finding) => finding.verdict === 'passed').map((finding) => clean(finding.title));
  if (well.length === 0) return attention(state, columns);
  const sign = verdictSign(state.look.glyphs, 'passed');
  const [first = line(), ...rest] = wrapped(well.join(', '), columns - signColumns - 3, 'muted');
  return [
    ...attention(state, columns),
    [span(' '), signSpan(sign, signColumns), ...first],
    ...rest.map((row): Line => [span(' '.repeat(signColumns + 1)), ...row]),
  ];
};

/** What an earlier run left, from the journal of the target. */
const left = (state: State): readonly Line[] => {
  const { steps } = state;
  if (steps === null) return [];
  const touched = steps.filter((step) => step.last !== null || step.interrupted || step.applied > 0);
  if (touched.length === 0) return [line(' Nothing was applied here yet.')];
  const verified = steps.filter((step) => step.state === 'verified').length;
  const open = touched.filter((step) => step.state !== 'verified' && step.state !== 'skipped');
  const who = state.deeds.length > 0 ? 'So far' : 'An earlier run got to';
  return [
    [span(` ${who} ${verified} of ${plural(steps.length, 'step')} verified.`)],
    ...open.map((step): Line => {
      const more = step.interrupted
        ? 'half-way; recovered first'
        : step.applied > 0
          ? `${plural(step.applied, 'change')} in place`
          : '';
      return [
        span(' '),
        signSpan(stepSign(state, step), 15),
        span(`${step.step} ${clean(step.title)}`),
        span(`  ${more}`, 'muted'),
      ];
    }),
  ];
};

const waiting = (state: State): Line => {
  if (state.job?.kind === 'connect') {
    const { glyphs, accessible } = state.look;
    const turn = accessible ? glyphs.waiting : (glyphs.spinner[state.frame % glyphs.spinner.length] ?? '');
    return [span(` ${turn} connecting`, 'status.running'), span('  looking only, nothing is changed', 'muted')];
  }
  if (state.target === null) return line(' Not connected.', 'muted');
  if (state.steps === null) return line(' Reading the journal of the target.', 'muted');
  return [span(' '), span('enter', 'key'), span(' continues. Nothing is changed without a question.')];
};

const content = (state: State): readonly Line[] => {
  const { columns } = state.size;
  const gap = state.size.rows >= 22 ? [line()] : [];
  return [
    line(` Voxanne rollout ${clean(state.start.version)}`, 'strong'),
    ...gap,
    ...found(state, columns),
    ...gap,
    ...(state.doctor.length > 0 ? [...doctor(state, columns), ...gap] : []),
    ...(state.connectProblem ? [...problemLines(state, state.connectProblem, columns), ...gap] : []),
    ...left(state),
    ...(state.steps === null ? [] : gap),
    waiting(state),
  ];
};

/** How far the screen can be scrolled. */
export const startEnd = (state: State, rows: number): number => Math.max(0, content(state).length + 1 - rows);

/** What was found, what is missing, and what an earlier run left. Reading only. */
export const startScreen = (state: State, rows: number): readonly Line[] => {
  const lines = content(state);
  if (lines.length <= rows) return lines;
  const { up, down } = state.look.glyphs;
  const top = Math.min(state.startTop, startEnd(state, rows));
  const below = lines.length - top - (rows - 1);
  return [
    ...lines.slice(top, top + rows - 1),
    line(` ${up} ${top} above  ${down} ${Math.max(0, below)} below`, 'muted'),
  ];
};
