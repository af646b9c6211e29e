import { afterwards } from '../../rollout/afterwards.ts';
import { duration, plural } from '../../rollout/text.ts';
import { clean, clip, type Line, line, padStart, span, spread, wrapped } from '../lines.ts';
import type { State } from '../state/state.ts';
import { signSpan, stepSign } from './signs.ts';

type Step = NonNullable<State['steps']>[number];

/** Measured where it was done, else what is expected. */
const time = (state: State, step: Step): string => {
  const measured = step.last?.milliseconds;
  const applied = state.measured[step.step];
  if (step.state === 'verified' && (measured || applied)) return duration((measured ?? 0) + (applied ?? 0));
  if (measured && step.state !== 'pending') return duration(measured);
  const expected = state.estimates[step.step];
  if (expected === undefined) return '';
  return state.size.columns < 76 ? `~${duration(expected)}` : `about ${duration(expected)}`;
};

const phaseLine = (state: State, phase: State['phases'][number], steps: readonly Step[]): Line => {
  const verified = steps.filter((step) => step.state === 'verified').length;
  const skipped = steps.filter((step) => step.state === 'skipped').length;
  const done = verified + skipped === steps.length && steps.length > 0;
  const sums = `${verified} of ${steps.length} verified${skipped > 0 ? `, ${skipped} skipped` : ''} `;
  return spread(
    [span(` ${phase.id}  ${clean(phase.title)}`, 'strong')],
    [span(done ? `${state.look.glyphs.ok} ${sums}` : sums, done ? 'status.ok' : 'muted')],
    state.size.columns,
    state.look.glyphs.ellipsis,
  );
};

const stepLine = (state: State, step: Step, chosen: boolean): Line => {
  const { glyphs } = state.look;
  const sign = stepSign(state, step);
  return spread(
    [
      span(chosen ? ` ${glyphs.pointer} ` : '   ', 'pointer'),
      signSpan(sign, 15),
      span(`${step.step}  `, 'muted'),
      span(clean(step.title), chosen ? 'strong' : 'text'),
    ],
    [span(`${padStart(time(state, step), 8)} `, 'muted')],
    state.size.columns,
    glyphs.ellipsis,
  );
};

type List = { readonly lines: readonly Line[]; readonly at: number };

const isDone = ({ state }: Step): boolean => state === 'verified' || state === 'skipped';

/** What is left to a person once every step is done. */
const nextLines = (state: State): readonly Line[] => [
  line(' What comes next:', 'strong'),
  ...afterwards.flatMap((text, index) =>
    wrapped(text, state.size.columns - 5).map(
      (row, at): Line => [span(at === 0 ? ` ${index + 1}. ` : '    ', 'muted'), ...row],
    ),
  ),
  ...wrapped(
    'Leaving writes the report to .voxanne-rollout/report.md in the workspace.',
    state.size.columns - 2,
    'muted',
    ' ',
  ),
];

/** Nothing in it needs anybody now: all done, or all behind the gate. */
const quiet = (steps: readonly Step[]): boolean =>
  steps.every(isDone) || steps.every((step) => step.state === 'pending' && step.gate !== null);

const list = (state: State, { folded, gaps }: { readonly folded: boolean; readonly gaps: boolean }): List => {
  const steps = state.steps ?? [];
  const chosen = steps[state.cursor];
  const lines: Line[] = [];
  let at = 0;
  for (const phase of state.phases) {
    const mine = steps.filter((step) => step.phase === phase.id);
    if (mine.length === 0) continue;
    if (gaps && lines.length > 0) lines.push(line());
    lines.push(phaseLine(state, phase, mine));
    if (folded && chosen?.phase !== phase.id && quiet(mine)) continue;
    for (const step of mine) {
      if (chosen?.step === step.step) at = lines.length;
      lines.push(stepLine(state, step, chosen?.step === step.step));
    }
  }
  return { lines, at };
};

/** Rows for a word on the chosen step, with an empty one above. */
const wordRows = 4;

/**
 * The phases and their steps with a word on the chosen one below. Where they do not all fit, the phases that need
 * nobody now are one line each until the cursor comes to them.
 */
export const overviewScreen = (state: State, rows: number): readonly Line[] => {
  const asked = askedLines(state);
  return [...asked, ...stepsScreen(state, rows - asked.length)];
};

/** Above everything else: somebody waits for an answer. */
const askedLines = ({ waiting, look }: State): readonly Line[] =>
  waiting.length === 0
    ? []
    : [
        [
          span(
            ` ${look.glyphs.waiting} ${plural(waiting.length, 'request')} ${waiting.length === 1 ? 'waits' : 'wait'} for approval`,
            'status.waiting',
          ),
          span(': '),
          span('R', 'key'),
          span(waiting.length === 1 ? ' reads it' : ' reads them'),
        ],
        line(),
      ];

const stepsScreen = (state: State, rows: number): readonly Line[] => {
  const steps = state.steps ?? [];
  const whole = list(state, { folded: false, gaps: true });
  const folded = list(state, { folded: true, gaps: true });
  const dense = list(state, { folded: true, gaps: false });
  const next = steps.length > 0 && steps.every(isDone) ? nextLines(state) : [];
  const under = Math.max(wordRows, next.length + 1);
  const { lines: all, at } = [whole, folded].find(({ lines }) => lines.length + under <= rows) ?? dense;
  if (steps.length === 0) return [line(' Reading the journal of the target.', 'muted')];
  const chosen = steps[state.cursor];
  const gate = chosen?.gate;
  const about =
    next.length > 0
      ? next
      : gate
        ? wrapped(`${state.look.glyphs.blocked} waits: ${clean(gate)}`, state.size.columns - 2, 'status.waiting', ' ')
        : wrapped(clean(chosen?.why ?? ''), state.size.columns - 2, 'muted', ' ');
  const room = Math.max(1, Math.min(under - 1, rows - all.length - 1));
  const { ellipsis } = state.look.glyphs;
  const words = about
    .slice(0, room)
    .map((row, index) =>
      index === room - 1 && about.length > room
        ? [...clip(row, state.size.columns - 2, ellipsis), span(` ${ellipsis}`, 'muted')]
        : row,
    );
  const visible = Math.max(1, rows - 1 - words.length);
  const hidden = all.length > visible;
  const top = hidden ? Math.max(0, Math.min(all.length - visible, at - Math.floor(visible / 2))) : 0;
  const shown = all.slice(top, top + visible);
  const above = top;
  const below = all.length - top - shown.length;
  const more =
    above + below === 0
      ? line()
      : line(
          ` ${above > 0 ? `${state.look.glyphs.up} ${above} above  ` : ''}${below > 0 ? `${state.look.glyphs.down} ${below} below` : ''}`,
          'muted',
        );
  return [...shown, more, ...words];
};
