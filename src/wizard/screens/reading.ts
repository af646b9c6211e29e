import { count, plural, seconds } from '../../rollout/text.ts';
import { available } from '../keys.ts';
import { clean, clip, fold, type Line, line, plainText, type Span, span, wrapText } from '../lines.ts';
import { layout, matches, rowOf } from '../preview/layout.ts';
import { currentReading } from '../state/current-reading.ts';
import { askedFor } from '../state/requests.ts';
import { rollbackRefusal, whatGoes } from '../state/rollback.ts';
import type { State } from '../state/state.ts';
import { statusOf } from '../state/state.ts';
import type { Reading } from '../state/views.ts';
import { problemLines } from './problem.ts';
import { bar, signSpan, stepSign } from './signs.ts';

/** What the plan comes to; where it is empty, also the key that leads on. */
const summaryOf = (state: State, reading: Reading): Line => {
  const { summary } = reading.document;
  const plan = state.screen === 'step' ? state.step?.planned?.plan : undefined;
  if (!plan || plan.changes.length > 0 || plan.blockers.length > 0) return summary;
  const works = available(state).map(({ action }) => action);
  const dot = span(` ${state.look.glyphs.separator} `);
  if (works.includes('apply')) return [...summary, span('. Press '), span('a', 'key'), span(' to mark this step done')];
  return statusOf(state, state.step?.id)?.state === 'failed' && works.includes('findings')
    ? [...summary, dot, span('f', 'key'), span(' shows the places for a person')]
    : summary;
};

const scopeWords = { step: '', phase: 'the phase, ', all: 'everything, ' } as const;

/** The few rows above a text that say what it is about. Their number decides how much of the text there is room for. */
export const readingHead = (state: State): readonly Line[] => {
  const { columns, rows } = state.size;
  const { ellipsis } = state.look.glyphs;
  const reading = currentReading(state);
  const id =
    state.screen === 'rollback'
      ? state.rollback?.step
      : state.screen === 'journey' || state.screen === 'request'
        ? undefined
        : state.step?.id;
  const status = statusOf(state, id);
  const title: Line =
    state.screen === 'journey'
      ? [span(` Journey of ${clean(state.journey?.table ?? 'a table')} through phase 1`, 'strong')]
      : state.screen === 'request' && state.request
        ? [
            span(` ${askedFor(state.request.request)}`, 'strong'),
            span(
              `  asked for by a program at ${clean(state.request.request.at.slice(0, 16).replace('T', ' '))} UTC`,
              'muted',
            ),
          ]
        : state.screen === 'rollback' && state.rollback
          ? [span(` Roll back ${scopeWords[state.rollback.scope]}${clean(whatGoes(state, state.rollback))}`, 'strong')]
          : [
              span(` ${id ?? ''} `, 'strong'),
              span(clean(status?.title ?? ''), 'strong'),
              span('  '),
              ...(status ? [signSpan(stepSign(state, status))] : []),
            ];
  const limit = rows >= 30 ? 4 : rows >= 24 ? 2 : 1;
  const why =
    state.screen === 'rollback' || state.screen === 'request' ? [] : wrapText(clean(status?.why ?? ''), columns - 2);
  const shortened = why.slice(0, limit).map((row, index): Line => {
    const more = index === limit - 1 && why.length > limit;
    return clip(line(` ${row}${more ? ` ${ellipsis}` : ''}`, 'muted'), columns, ellipsis);
  });
  const gate =
    status?.gate && state.screen === 'step'
      ? [[span(` ${state.look.glyphs.blocked} waits: `, 'status.waiting'), span(clean(status.gate))]]
      : [];
  const refused = state.screen === 'rollback' && state.rollback ? rollbackRefusal(state.rollback) : null;
  const refusal =
    refused === null ? [] : [[span(` ${state.look.glyphs.blocked} not now: `, 'status.waiting'), span(clean(refused))]];
  const summary = reading
    ? fold([span(' '), ...summaryOf(state, reading)], columns, '   ').slice(0, rows >= 24 ? 3 : 2)
    : [];
  return [title, ...shortened, ...gate, ...refusal, ...summary, line(state.look.glyphs.rule.repeat(columns), 'rule')];
};

/** Marks what was searched for; a sign stands at the margin too, for where nothing is coloured. */
const marked = (spans: Line, search: string): Line => {
  if (search === '') return spans;
  const text = plainText(spans).toLowerCase();
  const wanted = search.toLowerCase();
  const hit = new Set<number>();
  for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + wanted.length))
    for (let index = at; index < at + wanted.length; index += 1) hit.add(index);
  if (hit.size === 0) return spans;
  const result: Span[] = [];
  let offset = 0;
  for (const part of spans) {
    let piece = '';
    let inside = false;
    for (const character of part.text) {
      const now = hit.has(offset);
      if (now !== inside && piece !== '') {
        result.push(inside ? span(piece, 'match') : { ...part, text: piece });
        piece = '';
      }
      inside = now;
      piece += character;
      offset += character.length;
    }
    if (piece !== '') result.push(inside ? span(piece, 'match') : { ...part, text: piece });
  }
  return result;
};

const position = (state: State, reading: Reading, top: number, visible: number): Line => {
  const rows = layout(reading.document, Math.max(1, state.size.columns - 4));
  const { up, down, separator } = state.look.glyphs;
  const above = top;
  const below = Math.max(0, rows.length - top - visible);
  const parts: string[] = [];
  if (above > 0) parts.push(`${up} ${above} hidden above`);
  if (below > 0) parts.push(`${down} ${below} hidden below`);
  const { anchors } = reading.document;
  const here = rows[top]?.line ?? 0;
  const part = anchors.findLastIndex((anchor) => anchor.line <= here);
  if (anchors.length > 1 && rows.length > visible) parts.push(`${Math.max(1, part + 1)} of ${anchors.length}`);
  if (reading.search !== '') {
    const found = matches(reading.document, reading.search);
    const at = reading.match === null ? 0 : found.indexOf(reading.match) + 1;
    parts.push(found.length === 0 ? `no match of "${reading.search}"` : `match ${at} of ${found.length}`);
  }
  return line(parts.length === 0 ? '' : ` ${parts.join(` ${separator} `)}`, 'muted');
};

/** A document in a window, with the number of rows that it hides. */
const readingLines = (state: State, reading: Reading, visible: number): readonly Line[] => {
  const { match, ellipsis } = state.look.glyphs;
  const columns = Math.max(1, state.size.columns - 4);
  const rows = layout(reading.document, columns);
  const top = Math.max(0, Math.min(reading.top, rows.length - visible));
  const found = reading.match === null ? -1 : rowOf(rows, reading.match);
  const shown = rows.slice(top, top + visible).map((row, index): Line => {
    const here = found === top + index;
    return clip(
      [span(here ? ` ${match} ` : '   ', 'pointer'), ...marked(row.spans, reading.search)],
      state.size.columns,
      ellipsis,
    );
  });
  const filled = [...shown, ...Array.from({ length: Math.max(0, visible - shown.length) }, () => line())];
  return [...filled, position(state, reading, top, visible)];
};

const loading = (state: State): Line => {
  const { glyphs, accessible } = state.look;
  const turn = accessible ? glyphs.waiting : (glyphs.spinner[state.frame % glyphs.spinner.length] ?? '');
  const at = state.step?.loading;
  const under = state.screen === 'step' && at?.of ? at : null;
  // After the changes come the checks, which take as long again: they are not counted beforehand, so a clock shows that
  // they go on.
  const checking = under?.of ? under.done >= under.of : false;
  const clock = under === null || accessible ? '' : seconds(state.now - under.since);
  const progress: Line =
    under?.of && !checking
      ? [
          span('  '),
          ...(accessible ? [] : [...bar(glyphs, under.done, under.of, 12), span('  ')]),
          span(`${count(under.done)} of ${plural(under.of, 'change')}`),
        ]
      : [];
  const what =
    state.screen === 'rollback'
      ? 'Reading the journal'
      : state.screen === 'journey'
        ? 'Planning each step on top of those before it, in a transaction that is rolled back'
        : state.screen === 'request'
          ? 'Computing again what it would do'
          : state.step !== null && /^[234]/.test(state.step.id)
            ? 'Computing the edits'
            : checking
              ? 'All changes ran; now their checks, in a transaction that is rolled back'
              : 'Testing in a transaction that is rolled back';
  return [
    span(` ${turn} `, 'status.running'),
    span(what),
    ...progress,
    ...(clock === '' ? [] : [span(`  ${clock}`, 'muted')]),
  ];
};

/** The step and the rollback screen: a head, and a long text below it. */
export const readingScreen = (state: State, rows: number): readonly Line[] => {
  const head = readingHead(state);
  const view =
    state.screen === 'rollback'
      ? state.rollback
      : state.screen === 'journey'
        ? state.journey
        : state.screen === 'request'
          ? state.request
          : state.step;
  if (state.screen === 'journey' && !state.job && !view?.problem && !view?.reading)
    return [...head, line(' T chooses a table.', 'muted')];
  if (view?.problem) return [...head, ...problemLines(state, view.problem, state.size.columns)];
  if (!view?.reading) return [...head, loading(state)];
  return [...head, ...readingLines(state, view.reading, Math.max(1, rows - head.length - 1))];
};
