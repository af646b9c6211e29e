import type { CheckResult } from '../../rollout/check.ts';
import type { CheckGroup } from '../../rollout/check-groups.ts';
import { count, duration, plural, seconds } from '../../rollout/text.ts';
import { clean, clip, type Line, line, padTo, span, spread, textWidth, width, wrapped, wrapText } from '../lines.ts';
import { sqlLines } from '../preview/sql.ts';
import { checkRows, foldedChecks } from '../state/run.ts';
import type { State } from '../state/state.ts';
import type { Verification } from '../state/views.ts';
import { explained } from './glossary.ts';
import { problemLines } from './problem.ts';
import { signSpan, verdictSign } from './signs.ts';

/** Where titles begin, after the pointer and the verdict. */
const titleColumn = 17;

const spentOn = (check: CheckResult): string => (check.milliseconds < 1 ? '' : `${duration(check.milliseconds)} `);

/** The title in full where the list has to cut it. */
const uncut = (state: State, check: CheckResult): readonly Line[] => {
  const { columns } = state.size;
  const title = clean(check.title);
  const room = columns - titleColumn - (spentOn(check) === '' ? 0 : textWidth(spentOn(check)) + 1);
  return textWidth(title) > room ? wrapped(title, columns - 3, 'strong', '   ').slice(0, 2) : [];
};

const checkRow = (state: State, check: CheckResult, chosen: boolean): Line =>
  spread(
    [
      span(chosen ? ` ${state.look.glyphs.pointer} ` : '   ', 'pointer'),
      signSpan(verdictSign(state.look.glyphs, check.verdict), titleColumn - 3),
      span(clean(check.title), chosen ? 'strong' : 'text'),
    ],
    spentOn(check) === '' ? [] : [span(spentOn(check), 'muted')],
    state.size.columns,
    state.look.glyphs.ellipsis,
  );

const groupText = (state: State, { label, checks }: CheckGroup): string =>
  `${clean(label).replaceAll('×', state.look.glyphs.times)} ${state.look.glyphs.separator} ${plural(checks, 'check')} passed`;

/** What passed of the same kind; its sign stands alone, for the word is in the line. */
const groupRow = (state: State, group: CheckGroup, chosen: boolean): Line =>
  clip(
    [
      span(chosen ? ` ${state.look.glyphs.pointer} ` : '   ', 'pointer'),
      span(`${state.look.glyphs.ok} `, 'status.ok'),
      span(groupText(state, group), chosen ? 'strong' : 'text'),
    ],
    state.size.columns,
    state.look.glyphs.ellipsis,
  );

/** What the checks of a group are about, as far as there is room. */
const groupDetail = (state: State, group: CheckGroup, rows: number): readonly Line[] => {
  const { columns } = state.size;
  const title = wrapped(groupText(state, group), columns - 3, 'strong', '   ').slice(0, 2);
  const names = wrapped(group.names.map(clean).join(', '), columns - 6, undefined, '   ');
  const room = Math.max(1, rows - title.length - 1);
  return [
    ...title,
    ...(names.length > room ? [...names.slice(0, room - 1), line(`   ${state.look.glyphs.ellipsis}`, 'muted')] : names),
    [span('   z', 'key'), span(' shows every check', 'muted')],
  ];
};

/** Expected and observed side by side, so that the difference is seen without reading twice. */
const sides = (state: State, check: CheckResult, limit: number): readonly Line[] => {
  const half = Math.max(8, Math.floor((state.size.columns - 7) / 2));
  const { ellipsis, column } = state.look.glyphs;
  const left = wrapText(clean(check.expected), half);
  const right = wrapText(clean(check.observed), half);
  const tall = Math.max(left.length, right.length);
  const rows = Array.from({ length: Math.min(limit, tall) }, (_, index): Line => {
    const cut = index === limit - 1 && tall > limit ? ` ${ellipsis}` : '';
    return clip(
      [
        span(`   ${padTo(left[index] ?? '', half)}`),
        span(` ${column} `, 'rule'),
        span(right[index] ?? '', check.verdict === 'failed' ? 'status.failed' : 'text'),
        span(cut, 'muted'),
      ],
      state.size.columns,
      ellipsis,
    );
  });
  return [
    [span(`   ${padTo('expected', half)}`, 'muted'), span(` ${column} `, 'rule'), span('observed', 'muted')],
    ...rows,
  ];
};

const detail = (state: State, check: CheckResult, evidence: boolean, rows: number): readonly Line[] => {
  const { columns } = state.size;
  const title = uncut(state, check);
  const id: Line = [span(`   ${clean(check.id)}`, 'muted'), span(`  ${check.kind}`, 'muted')];
  if (evidence) {
    const shown =
      check.evidence === undefined ? [line('none is kept for this check', 'muted')] : sqlLines(check.evidence);
    const room = Math.max(1, rows - 2 - title.length);
    const hidden = shown.length - room;
    return [
      ...title,
      id,
      line('   run this to see the same:', 'muted'),
      ...shown.slice(0, hidden > 0 ? room - 1 : room).map((row): Line => [span('   '), ...row]),
      ...(hidden > 0 ? [line(`   ${hidden + 1} more lines, in the report`, 'muted')] : []),
    ];
  }
  const advice =
    check.advice === undefined ? [] : wrapped(clean(check.advice), columns - 6, undefined, '   ').slice(0, 2);
  const room = Math.max(1, rows - 2 - title.length - advice.length);
  return [...title, id, ...sides(state, check, room), ...advice];
};

const heading = (state: State, verification: Verification): Line => {
  const { glyphs } = state.look;
  const { startedAt, endedAt, step } = verification;
  const spent = endedAt === null ? seconds(state.now - startedAt) : duration(endedAt - startedAt);
  const { run } = state;
  const applied =
    run?.step === step && run.operation === 'apply' && run.endedAt !== null && run.changes.length > 0
      ? `${plural(run.changes.length, 'change')} applied in ${duration(run.endedAt - run.startedAt)}   `
      : '';
  const left = [span(` Verify ${verification.step} `, 'strong'), span(clean(verification.title), 'strong')];
  const checked = spent === '' ? '' : `checked in ${spent} `;
  // The name of the step stays; what applying took is on the overview as well.
  const right = width(left) + textWidth(applied + checked) < state.size.columns ? applied + checked : checked;
  return spread(left, [span(right, 'muted')], state.size.columns, glyphs.ellipsis);
};

const counts = (state: State, verification: Verification): Line => {
  const { glyphs } = state.look;
  const { passed, failed, skipped } = verification.counts;
  const { outcome } = verification;
  const word =
    outcome === 'running'
      ? span(
          ` ${state.look.accessible ? '' : (glyphs.spinner[state.frame % glyphs.spinner.length] ?? '')} checking   `,
          'status.running',
        )
      : outcome === 'verified'
        ? span(` ${glyphs.ok} verified   `, 'status.ok')
        : outcome === 'stopped'
          ? span(` ${glyphs.waiting} stopped   `, 'status.waiting')
          : span(` ${glyphs.failed} not verified   `, 'status.failed');
  return [
    word,
    span(`${count(failed)} failed`, failed > 0 ? 'status.failed' : 'muted'),
    span(`   ${count(skipped)} not checked`, skipped > 0 ? 'status.skipped' : 'muted'),
    span(`   ${count(passed)} passed`, passed > 0 ? 'status.ok' : 'muted'),
  ];
};

/** Checks that the list cannot show because only so many are kept; a group counts all of them. */
const lost = ({ counts: all, failed, skipped, passed }: Verification, folded: boolean): number =>
  all.failed - failed.length + (all.skipped - skipped.length) + (folded ? 0 : all.passed - passed.length);

/** Checks as they finish: failed first, then what was not checked and why, then the rest, in groups where it is much. */
export const verificationScreen = (state: State, rows: number): readonly Line[] => {
  const { verification } = state;
  if (!verification) return [line(' Nothing was verified yet.', 'muted')];
  const { columns } = state.size;
  const { ellipsis, rule, up, down } = state.look.glyphs;
  const checks = checkRows(state);
  const at = Math.max(
    0,
    checks.findIndex((check) => check.id === verification.selected),
  );
  const chosen = checks[at];
  const problem = verification.problem ? problemLines(state, verification.problem, columns) : [];
  const bottom = Math.max(4, Math.floor((rows - 4 - problem.length) / 2));
  const below =
    chosen === undefined
      ? []
      : 'check' in chosen
        ? detail(state, chosen.check, verification.evidence, bottom)
        : groupDetail(state, chosen.group, bottom);
  const visible = Math.max(1, rows - 4 - problem.length - (chosen ? below.length + 1 : 0));
  const top = Math.max(0, Math.min(checks.length - visible, at - Math.floor(visible / 2)));
  const list = checks.slice(top, top + visible);
  const notKept = lost(verification, foldedChecks(state));
  const under = checks.length + notKept - top - list.length;
  const hidden = [
    top > 0 ? `${up} ${count(top)} above` : '',
    under > 0 ? `${down} ${count(under)} below` : '',
    notKept > 0 ? `${count(notKept)} of them only in the report` : '',
  ].filter((text) => text !== '');
  const more = hidden.join('  ');
  // Whoever meets a term for the first time finds it explained above the list.
  const met = explained(list.map((row) => ('check' in row ? row.check.title : row.group.label)));
  return [
    heading(state, verification),
    counts(state, verification),
    ...problem,
    line(met === '' ? '' : ` ${met}`, 'muted'),
    ...list.map((row) =>
      'check' in row ? checkRow(state, row.check, row === chosen) : groupRow(state, row.group, row === chosen),
    ),
    line(more === '' ? '' : `   ${more}`, 'muted'),
    ...(chosen ? [line(rule.repeat(Math.max(0, columns - textWidth(''))), 'rule'), ...below] : []),
  ].map((row) => clip(row, columns, ellipsis));
};
