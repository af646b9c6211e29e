import { clean, clip, clipMiddle, type Line, line, span, spread, textWidth } from '../lines.ts';
import type { State } from '../state/state.ts';

/** What was decided in this session, on every screen that has the room. */
const decided = (state: State): readonly Line[] => {
  if (state.decided.length === 0 || state.size.rows < 20) return [];
  const flags = state.decided.map(({ answer }) => clean(answer.flag.replace(/^--/, '')).replaceAll(' --', ', '));
  return [clip([span(' decided: ', 'muted'), span(flags.join('; '))], state.size.columns, state.look.glyphs.ellipsis)];
};

/** Which target: on every screen, never cut away. The host gives way first, in its middle. */
export const header = (state: State): readonly Line[] => {
  const { columns } = state.size;
  const { glyphs } = state.look;
  const target = state.target ?? state.start;
  const project = target.project === null ? 'no database yet' : clean(target.project);
  const environment = target.environment === null ? '' : clean(target.environment);
  const mark = target.production ? `${glyphs.alert} ` : '';
  const dot = `  ${glyphs.separator}  `;
  const name = columns >= 100 ? 'voxanne-rollout' : columns >= 76 ? 'voxanne' : '';
  const brand = name === '' ? [span(' ')] : [span(` ${name}`, 'brand'), span('  ')];
  const fixed =
    textWidth(project) + textWidth(mark + environment) + 2 * dot.length + (name === '' ? 1 : name.length + 3);
  const host =
    target.host === null ? '' : clipMiddle(clean(target.host), Math.max(6, columns - fixed - 1), glyphs.ellipsis);
  const left: Line = [
    ...brand,
    span(project, 'strong'),
    ...(host === '' ? [] : [span(dot, 'muted'), span(host)]),
    ...(environment === '' ? [] : [span(dot, 'muted')]),
    ...(environment === '' ? [] : [span(mark + environment, target.production ? 'target.production' : 'target.other')]),
  ];
  return [spread(left, [], columns, glyphs.ellipsis), ...decided(state), line(glyphs.rule.repeat(columns), 'rule')];
};
