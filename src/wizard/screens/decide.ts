import { clean, clip, type Line, line, span, wrapped } from '../lines.ts';
import type { State } from '../state/state.ts';
import type { DecideView, Question } from '../state/views.ts';

const head = (state: State, decide: DecideView, question: Question, room: number): readonly Line[] => {
  const { columns } = state.size;
  const title = state.steps?.find((one) => one.step === decide.step)?.title ?? '';
  const many = decide.questions.length > 1 ? ` ${decide.at + 1} of ${decide.questions.length}` : '';
  const problem = wrapped(clean(question.problem), columns - 2, 'strong', ' ');
  const { failed } = state.look.glyphs;
  return [
    [span(` Decision${many}`, 'strong'), span(`  ${decide.step} ${clean(title)}`, 'muted')],
    ...(question.failed === undefined ? [] : [line(` ${failed} ${clean(question.failed)}`, 'status.failed')]),
    ...(problem.length > room
      ? [...problem.slice(0, room - 1), line(` ${state.look.glyphs.ellipsis}`, 'muted')]
      : problem),
  ];
};

/** Each answer with what it brings and the flag that gives it; the last one decides nothing. */
const choices = (state: State, decide: DecideView, question: Question): { lines: readonly Line[]; at: number } => {
  const { columns } = state.size;
  const { pointer } = state.look.glyphs;
  const lines: Line[] = [];
  let at = 0;
  const add = (index: number, text: string, flag: string | null): void => {
    const chosen = index === decide.cursor;
    if (chosen) at = lines.length;
    const [first = line(), ...rest] = wrapped(clean(text), columns - 9, chosen ? 'strong' : 'text');
    lines.push(
      [span(chosen ? ` ${pointer} ` : '   ', 'pointer'), span(`${index + 1}  `, 'key'), ...first],
      ...rest.map((row): Line => [span('      '), ...row]),
    );
    if (flag !== null) lines.push(line(`      ${clean(flag)}`, 'muted'));
  };
  for (const [index, one] of question.answers.entries()) add(index, one.consequence, one.flag);
  add(question.answers.length, 'Not now: nothing is decided.', null);
  return { lines, at };
};

type Parts = {
  readonly above: readonly Line[];
  readonly detail: readonly Line[];
  readonly below: readonly Line[];
  readonly visible: number;
};

const parts = (state: State, decide: DecideView, rows: number): Parts => {
  const { columns } = state.size;
  const question = decide.questions[decide.at];
  if (!question) return { above: [], detail: [], below: [], visible: 0 };
  const rule = line(state.look.glyphs.rule.repeat(columns), 'rule');
  const { lines, at } = choices(state, decide, question);
  const above = head(state, decide, question, Math.max(2, Math.floor(rows / 3)));
  const room = Math.max(2, rows - above.length - 1);
  const top = Math.max(0, Math.min(lines.length - room, at - 1));
  const shown = lines.slice(top, top + room);
  const rest = rows - above.length - shown.length - 1;
  const remedy = question.remedy === '' ? [] : wrapped(clean(question.remedy), columns - 2, 'muted', ' ');
  const about = [
    ...question.detail
      .split('\n')
      .flatMap((row) => (row === '' ? [] : wrapped(clean(row), columns - 3, undefined, '   '))),
    ...remedy,
  ];
  const visible = Math.max(0, Math.min(about.length, rest - 2));
  return { above, detail: about, below: [rule, ...shown], visible };
};

/** How far what the question is about can be scrolled. */
export const detailEnd = (state: State, rows: number): number => {
  if (!state.decide) return 0;
  const { detail, visible } = parts(state, state.decide, rows);
  return Math.max(0, detail.length - visible);
};

/** One question: what it is about, whom or what it concerns, and each answer with its consequence. */
export const decideScreen = (state: State, rows: number): readonly Line[] => {
  const { decide } = state;
  if (!decide) return [];
  const { columns } = state.size;
  const { ellipsis, up, down, rule } = state.look.glyphs;
  const { above, detail, below, visible } = parts(state, decide, rows);
  const top = Math.min(decide.top, Math.max(0, detail.length - visible));
  const under = detail.length - top - visible;
  const more = [top > 0 ? `${up} ${top} above` : '', under > 0 ? `${down} ${under} below (pgdn)` : '']
    .filter((text) => text !== '')
    .join('  ');
  return [
    ...above,
    ...(visible > 0 ? [line(rule.repeat(columns), 'rule'), ...detail.slice(top, top + visible)] : []),
    ...(more === '' || visible === 0 ? [] : [line(` ${more}`, 'muted')]),
    ...below,
  ].map((row) => clip(row, columns, ellipsis));
};
