import { count, duration, plural, seconds, tryText } from '../../rollout/text.ts';
import { clean, clip, type Line, line, span, spread, wrapped } from '../lines.ts';
import type { State } from '../state/state.ts';
import type { Run, RunChange } from '../state/views.ts';
import { problemLines } from './problem.ts';
import { bar, changeSign, signSpan } from './signs.ts';

/** Rows about one change that is under way or went wrong. */
const details = (state: State, change: RunChange): readonly Line[] => {
  const { glyphs } = state.look;
  const { columns } = state.size;
  const indent = ' '.repeat(15);
  const rows: Line[] = [];
  const { progress, waiting, problem } = change;
  if (progress && change.state !== 'done') {
    const left = progress.perSecond > 0 ? (progress.total - progress.done) / progress.perSecond : null;
    const share = progress.total > 0 ? Math.floor((progress.done / progress.total) * 100) : 100;
    const words = ` ${share}%  ${count(progress.done)} of ${count(progress.total)} rows  ${count(progress.perSecond)}/s${left === null || left <= 0 ? '' : `  ${duration(left * 1000)} left`}`;
    const drawn = state.look.accessible
      ? []
      : bar(glyphs, progress.done, progress.total, Math.min(24, Math.max(6, columns - 66)));
    rows.push([span(indent), ...drawn, span(words)]);
  }
  if (waiting) {
    rows.push(line(`${indent}${tryText(waiting.attempt)}: ${clean(waiting.reason)}`, 'status.waiting'));
    for (const holder of waiting.holders.slice(0, 3)) {
      const name = holder.application === '' ? 'a connection' : clean(holder.application);
      rows.push(
        line(
          `${indent}blocked by ${name}, pid ${holder.pid}, user ${clean(holder.user)}, ${clean(holder.state)} for ${duration(holder.seconds * 1000)}`,
        ),
      );
    }
    if (waiting.holders.length > 3) rows.push(line(`${indent}and ${waiting.holders.length - 3} more`, 'muted'));
  }
  if (problem) {
    rows.push(...wrapped(clean(problem.problem), columns - 16, 'status.failed', indent));
    rows.push(...wrapped(clean(problem.remedy), columns - 16, undefined, indent));
  }
  for (const stayed of change.stayed.slice(0, 3)) rows.push(line(`${indent}stayed: ${clean(stayed)}`, 'muted'));
  if (change.stayed.length > 3) rows.push(line(`${indent}and ${count(change.stayed.length - 3)} more stayed`, 'muted'));
  return rows;
};

const changeRow = (state: State, run: Run, change: RunChange): Line => {
  const under = change.state === 'running' || change.state === 'waiting';
  // A rollback says when a change is taken back and not how long that took; below this the difference is our own clock's.
  const coarse = run.operation === 'rollback' ? 200 : 1;
  const spent =
    change.milliseconds !== null
      ? change.milliseconds < coarse
        ? ''
        : duration(change.milliseconds)
      : under && change.startedAt !== null
        ? seconds(state.now - change.startedAt)
        : '';
  return spread(
    [
      span(' '),
      signSpan(changeSign(state, change.state, run.operation), 14),
      span(clean(change.title), under ? 'strong' : change.state === 'queued' ? 'muted' : 'text'),
    ],
    [span(`${spent} `, 'muted')],
    state.size.columns,
    state.look.glyphs.ellipsis,
  );
};

/** What a stopped run left, in the keys of this screen. The line above it says how far it came. */
const afterStop = (run: Run): string => {
  const next = run.operation === 'apply' ? 'esc and then a go on; u rolls back.' : 'u goes on.';
  if (run.problem === null) return next;
  return run.problem.problem.startsWith('Stopped in step')
    ? `The change under way was cancelled on the server; what it left is looked at first. ${next}`
    : `${run.problem.problem} ${run.problem.remedy}`;
};

const outcome = (state: State, run: Run): readonly Line[] => {
  const { columns } = state.size;
  const { glyphs } = state.look;
  const done = run.changes.filter((change) => change.state === 'done').length;
  const sums = `${done} of ${plural(run.changes.length, 'change')} ${run.operation === 'apply' ? 'applied' : 'rolled back'}`;
  switch (run.outcome) {
    case 'running': {
      const begun = run.changes.some((change) => change.state !== 'queued');
      if (!begun) return [line(' Checking that nothing changed since the preview.', 'muted')];
      const drawn = state.look.accessible
        ? []
        : [...bar(glyphs, done, run.changes.length, Math.min(40, Math.max(8, columns - 46))), span('  ')];
      return [[span(' '), ...drawn, span(sums, 'muted')]];
    }
    case 'stopped':
      return [
        [span(` ${glyphs.waiting} Stopped. `, 'status.waiting'), span(`${sums} and journalled.`)],
        ...wrapped(clean(afterStop(run)), columns - 4, 'muted', '   '),
      ];
    case 'failed':
      return [
        ...(run.problem ? problemLines(state, run.problem, columns) : []),
        line(`   ${sums}. They stay, and can be rolled back.`, 'muted'),
      ];
    case 'done': {
      if (run.operation === 'apply') return [line(` ${glyphs.ok} ${sums}`, 'status.ok')];
      const result = run.result;
      if (!result?.proven)
        return [
          line(
            ` ${glyphs.failed} The rollback ran and is not proven: the target differs from what it was.`,
            'status.failed',
          ),
          ...(result?.differences ?? [])
            .slice(0, 5)
            .flatMap((one) => wrapped(`differs: ${clean(one)}`, columns - 4, undefined, '   ')),
          ...((result?.differences.length ?? 0) > 5
            ? [line(`   and ${count((result?.differences.length ?? 0) - 5)} more, in the report`, 'muted')]
            : []),
        ];
      return [
        line(
          ` ${glyphs.ok} Rolled back: the target is proven to be as it was before ${run.steps.length === 1 ? 'the step' : 'these steps'}.`,
          'status.ok',
        ),
        ...result.stayed.slice(0, 4).flatMap((one) => wrapped(`stayed: ${clean(one)}`, columns - 4, undefined, '   ')),
        ...(result.stayed.length > 4 ? [line(`   and ${count(result.stayed.length - 4)} more stayed`, 'muted')] : []),
        ...result.unchecked
          .slice(0, 4)
          .flatMap((one) => wrapped(`not checked: ${clean(one)}`, columns - 4, undefined, '   ')),
        ...(result.unchecked.length > 4
          ? [line(`   and ${count(result.unchecked.length - 4)} more were not checked`, 'muted')]
          : []),
      ];
    }
  }
};

/** Each change with its state, around the one that is under way. */
export const runningScreen = (state: State, rows: number): readonly Line[] => {
  const { run } = state;
  if (!run) return [line(' Nothing is running.', 'muted')];
  const { columns } = state.size;
  const { ellipsis, up, down } = state.look.glyphs;
  const verb = run.operation === 'apply' ? 'Apply' : 'Roll back';
  const title = spread(
    [
      span(
        run.steps.length > 1
          ? ` ${verb} ${plural(run.steps.length, 'step')}: ${clean(run.title)}`
          : ` ${verb} ${run.step} ${clean(run.title)}`,
        'strong',
      ),
    ],
    [
      span(
        `${run.endedAt === null ? seconds(state.now - run.startedAt) : duration(run.endedAt - run.startedAt)} `,
        'muted',
      ),
    ],
    columns,
    ellipsis,
  );
  const settled = run.settled.map((one) => line(` recovered first: ${clean(one)}`, 'muted'));
  const foot = outcome(state, run);
  const list: Line[] = [];
  let at = 0;
  const active = run.changes.findIndex((change) => change.state !== 'done');
  const focus = run.top ?? (active === -1 ? run.changes.length - 1 : active);
  for (const [index, change] of run.changes.entries()) {
    if (index === focus) at = list.length;
    list.push(changeRow(state, run, change), ...details(state, change));
  }
  const visible = Math.max(1, rows - 3 - settled.length - foot.length - 1);
  const top = Math.max(0, Math.min(list.length - visible, at - Math.floor(visible / 3)));
  const shown = list.slice(top, top + visible);
  const below = list.length - top - shown.length;
  const more = [top > 0 ? `${up} ${top} hidden above` : '', below > 0 ? `${down} ${below} hidden below` : '']
    .filter((text) => text !== '')
    .join('  ');
  return [title, ...settled, line(), ...shown, line(more === '' ? '' : ` ${more}`, 'muted'), ...foot].map((row) =>
    clip(row, columns, ellipsis),
  );
};
