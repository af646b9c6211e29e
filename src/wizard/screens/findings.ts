import { count, plural } from '../../rollout/text.ts';
import { clean, clip, clipMiddle, type Line, line, padStart, span, wrapped } from '../lines.ts';
import type { CodeFinding } from '../session.ts';
import { orderedFindings } from '../state/findings.ts';
import type { State } from '../state/state.ts';
import { explained } from './glossary.ts';
import { problemLines } from './problem.ts';

const excerpt = (finding: CodeFinding, pointer: string): readonly Line[] =>
  finding.excerpt.split('\n').map((text, index): Line => {
    const number = finding.excerptLine + index;
    const here = number === finding.line;
    return [
      span(here ? ` ${pointer} ` : '   ', 'pointer'),
      span(padStart(String(number), 5), 'muted'),
      span(`  ${clean(text)}`, here ? 'strong' : 'text'),
    ];
  });

const detail = (state: State, finding: CodeFinding): readonly Line[] => {
  const { columns } = state.size;
  const { pointer } = state.look.glyphs;
  const fix =
    finding.fix === null
      ? wrapped(clean(finding.instruction ?? 'It needs a manual change.'), columns - 6, undefined, '   ')
      : [
          line('   the step writes:', 'muted'),
          ...finding.fix
            .split('\n')
            .map((row) => line(`   ${state.look.accessible ? 'add: ' : '+ '}${clean(row)}`, 'diff.add')),
        ];
  return [
    ...wrapped(clean(finding.reason), columns - 3, 'strong', ' '),
    ...excerpt(finding, pointer),
    ...fix,
    ...(finding.waived === null ? [] : [line(`   waived: ${clean(finding.waived)}`, 'status.skipped')]),
  ];
};

/** Places in the code, grouped, with the chosen one's source and what is to be done about it. */
export const findingsScreen = (state: State, rows: number): readonly Line[] => {
  const view = state.findings;
  const { columns } = state.size;
  const { ellipsis, pointer, ok, skipped, failed, rule } = state.look.glyphs;
  if (view?.problem) return problemLines(state, view.problem, columns);
  if (!view?.list) return [line(' Scanning the workspace.', 'muted')];
  const ordered = orderedFindings(view);
  const waived = ordered.filter((one) => one.waived !== null).length;
  const open = ordered.length - waived;
  const fixed = ordered.filter((one) => one.waived === null && one.fix !== null).length;
  const of = view.step === null ? '' : ` of step ${view.step}`;
  const parts = [
    fixed > 0 ? `${count(fixed)} fixed by ${view.step === null ? 'their steps' : 'the step'}` : '',
    open - fixed > 0
      ? open - fixed === 1
        ? '1 needs a manual change'
        : `${count(open - fixed)} need a manual change`
      : '',
    waived > 0 ? `${count(waived)} waived` : '',
    `by ${view.by}`,
  ].filter((text) => text !== '');
  const title: Line =
    open === 0
      ? [
          span(` ${ok} No open findings${of}`, 'status.ok'),
          span(waived > 0 ? `  ${count(waived)} waived` : '', 'muted'),
        ]
      : [span(` ${plural(open, 'finding')}${of}`, 'strong'), span(`  ${parts.join(', ')}`, 'muted')];
  const list: Line[] = [];
  let at = 0;
  let group = '';
  for (const [index, finding] of ordered.entries()) {
    const name = finding.waived === null ? (view.by === 'kind' ? finding.kind : finding.file) : 'waived';
    if (name !== group) {
      group = name;
      list.push(line(` ${clean(name)}`, 'muted'));
    }
    const chosen = index === view.cursor;
    if (chosen) at = list.length;
    const place =
      view.by === 'kind' || finding.waived !== null
        ? `${finding.file}:${finding.line}`
        : `line ${finding.line}  ${finding.kind}`;
    list.push([
      span(chosen ? ` ${pointer} ` : '   ', 'pointer'),
      finding.waived === null ? span(`${failed} `, 'status.failed') : span(`${skipped} `, 'status.skipped'),
      span(clipMiddle(clean(place), columns - 24, ellipsis), chosen ? 'strong' : 'text'),
      span(
        finding.fix === null ? '  manual' : finding.step === null ? '  has a fix' : `  fixed by ${finding.step}`,
        'muted',
      ),
    ]);
  }
  const chosen = ordered[view.cursor];
  const below = chosen ? detail(state, chosen) : [];
  const room = Math.max(1, Math.min(below.length, Math.floor((rows - 3) * 0.6)));
  const visible = Math.max(1, rows - 3 - room);
  const top = Math.max(0, Math.min(list.length - visible, at - Math.floor(visible / 2)));
  return [
    title,
    line(open > 0 ? ` ${explained(['finding'])}` : '', 'muted'),
    ...list.slice(top, top + visible),
    line(rule.repeat(columns), 'rule'),
    ...(below.length > room
      ? [...below.slice(0, room - 1), line(`   ${below.length - room + 1} more lines: o opens the file`, 'muted')]
      : below),
  ].map((row) => clip(row, columns, ellipsis));
};
