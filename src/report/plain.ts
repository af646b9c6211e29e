import type { Change } from '../rollout/change.ts';
import { answersTo, checkText } from '../rollout/check.ts';
import type { Answer } from '../rollout/decision.ts';
import type { Emit, LockHolder } from '../rollout/events.ts';
import { groupsOf } from '../rollout/grouping.ts';
import type { Plan, StepId } from '../rollout/step.ts';
import { tryText } from '../rollout/text.ts';
import { count, duration, type Paint } from './format.ts';
import { overwrite } from './terminal.ts';

export type PlainOptions = {
  readonly write: (text: string) => void;
  readonly paint: Paint;
  /** A terminal: the change under way is shown in one line that is written over. */
  readonly live: boolean;
  readonly columns: number;
  /** Every check and every change gets a line, not only what failed or was not checked. */
  readonly verbose: boolean;
};

/** A listener that writes what happens as lines a person likes to read. */
export function plainListener(options: PlainOptions): Emit {
  const { write, paint, live, verbose } = options;
  let transient = false;
  let waits = 0;
  let told = false;
  let failures = 0;
  let number = 0;
  let of = 0;
  const line = (text: string): void => {
    if (transient) write(overwrite);
    transient = false;
    write(`${text}\n`);
  };
  const over = (text: string): void => {
    if (!live) return;
    write(`${overwrite}${text.slice(0, options.columns - 1)}`);
    transient = true;
  };
  return (event) => {
    switch (event.type) {
      case 'step-started':
        failures = 0;
        line(
          `${paint('strong', `${event.step} ${event.title}`)}${event.changes === 0 ? paint('dim', '  nothing to change') : ''}`,
        );
        return;
      case 'change-started':
        waits = 0;
        told = false;
        number = event.number;
        of = event.of;
        over(`  [${number}/${of}] ${event.change.title}`);
        return;
      case 'change-waiting':
        if (event.attempt !== null) waits++;
        over(
          `  [${number}/${of}] ${event.attempt === null ? '' : 'waiting, '}${tryText(event.attempt)}: ${event.reason}${holdersText(event.holders)}`,
        );
        if (!live && !told) line(`  waiting for a lock: ${event.reason}${holdersText(event.holders)}`);
        told = true;
        return;
      case 'change-progress':
        over(
          `  [${number}/${of}] ${bar(event.done, event.total)} ${event.done.toLocaleString('en')} of ${event.total.toLocaleString('en')}, ${Math.round(event.perSecond).toLocaleString('en')}/s`,
        );
        return;
      case 'change-applied':
        if (verbose || waits > 0 || event.milliseconds > 1000) {
          line(
            `  [${number}/${of}] ${event.change}  ${paint('dim', `${duration(event.milliseconds)}${waits > 0 ? `, ${count(waits, 'retry', 'retries')}` : ''}`)}`,
          );
        }
        return;
      case 'change-failed':
        line(`  ${paint('bad', '✗ failed')}  ${event.change}`);
        return;
      case 'settled':
        line(`  ${paint('warn', '! settled')} ${event.change}: ${event.outcome}`);
        return;
      case 'step-applied':
        if (event.changes > 0)
          line(`  ${paint('ok', '✓ applied')}  ${count(event.changes, 'change')} in ${duration(event.milliseconds)}`);
        return;
      case 'check': {
        const { result } = event;
        if (result.verdict === 'failed' && (verbose || failures++ < 10)) {
          line(`  ${paint('bad', '✗')} ${result.title}`);
          line(`      expected ${result.expected}; observed ${paint('bad', result.observed)}`);
          if (result.advice !== undefined) line(`      ${paint('dim', result.advice)}`);
          for (const text of answerLines(answersTo(result), '      ', paint)) line(text);
        } else if (verbose) {
          const sign =
            result.verdict === 'passed'
              ? paint('ok', '✓')
              : result.verdict === 'failed'
                ? paint('bad', '✗')
                : paint('warn', '-');
          line(`  ${sign} ${checkText(result)}${result.advice === undefined ? '' : ` (${result.advice})`}`);
        } else over(`  checking: ${result.title}`);
        return;
      }
      case 'step-verified':
      case 'step-failed': {
        const { passed, failed, skipped } = event;
        if (!verbose && failures > 10) line(`      and ${failures - 10} more failed checks; --verbose shows all`);
        const rest = skipped === 0 ? '' : `, ${skipped} not checked`;
        line(
          event.type === 'step-verified' && passed === 0
            ? `  ${paint('warn', '- not applicable')} nothing to check was found${rest}`
            : event.type === 'step-verified'
              ? `  ${paint('ok', '✓ verified')} ${count(passed, 'check')} passed${rest} in ${duration(event.milliseconds)}`
              : `  ${paint('bad', '✗ not verified')} ${count(failed, 'check')} failed, ${passed} passed${rest}`,
        );
        return;
      }
      case 'rollback-started':
        number = 0;
        of = event.changes;
        line(`${paint('strong', `${event.step} rolling back`)}  ${paint('dim', count(event.changes, 'change'))}`);
        return;
      case 'change-reverted':
        number++;
        over(`  [${number}/${of}] rolled back ${event.change}`);
        if (verbose) line(`  [${number}/${of}] rolled back ${event.change}`);
        return;
      case 'step-rolled-back':
        line(
          event.proven
            ? `  ${paint('ok', '✓ rolled back')} and proven: the target is as it was before ${event.step} (${comparedText(event.compared)}${duration(event.milliseconds)})`
            : event.differences.length === 0
              ? `  ${paint('dim', '- nothing of it was applied')}`
              : `  ${paint('bad', '✗ rolled back, but not proven')}: ${count(event.differences.length, 'object')} ${event.differences.length === 1 ? 'differs' : 'differ'} from before`,
        );
        for (const text of event.differences.slice(0, 10)) line(`      ${text}`);
        for (const text of event.stayed.slice(0, 10)) line(`      ${paint('warn', 'stays')} ${text}`);
        if (event.stayed.length > 10) line(`      and ${event.stayed.length - 10} more that stay`);
        for (const text of event.unchecked.slice(0, 10)) line(`      ${paint('warn', 'not checked')} ${text}`);
        if (event.unchecked.length > 10) line(`      and ${event.unchecked.length - 10} more that were not checked`);
        return;
      case 'planned':
      case 'previewed':
      case 'command':
        return;
    }
  };
}

/** A plan as lines: changes, notes, and what blocks it. */
export function planLines(
  step: StepId,
  title: string,
  plan: Plan,
  paint: Paint,
  verbose: boolean,
  /** What a change replaces, as old text against new; only asked for where every change is shown. */
  replaced: (change: Change, paint: Paint) => readonly string[] = () => [],
): readonly string[] {
  const lines = [
    `${paint('strong', `${step} ${title}`)}  ${paint('dim', plan.changes.length === 0 ? 'nothing to change' : count(plan.changes.length, 'change'))}`,
  ];
  const shown = (change: Change, indent: string): readonly string[] => [
    `${indent}${change.title}`,
    ...(verbose ? replaced(change, paint).map((row) => `${' '.repeat(indent.length + 2)}${row}`) : []),
  ];
  if (plan.changes.length <= 8) for (const change of plan.changes) lines.push(...shown(change, '  + '));
  else {
    for (const group of groupsOf(plan.changes)) {
      lines.push(
        `  + ${count(group.changes.length, 'change')}: ${group.title}${group.summary === '' ? '' : `, ${group.summary}`}`,
      );
      if (verbose) lines.push(...group.changes.flatMap((change) => shown(change, '      ')));
    }
    if (!verbose) lines.push(paint('dim', '    --verbose shows every change'));
  }
  for (const note of plan.notes) {
    lines.push(`  ${paint('dim', 'i')} ${note.text}`);
    if (verbose) lines.push(...(note.detail?.split('\n') ?? []).map((text) => `      ${paint('dim', text)}`));
    if (verbose) lines.push(...answerLines(note.answers ?? [], '      ', paint));
  }
  for (const one of plan.runs ?? [])
    lines.push(`  ${paint('dim', 'i')} with --run-programs, runs ${one.command} (${one.why})`);
  for (const blocker of plan.blockers) {
    lines.push(`  ${paint('bad', '✗ blocked')} ${blocker.problem}`, `      ${blocker.remedy}`);
    if (blocker.detail !== undefined)
      lines.push(...blocker.detail.split('\n').map((text) => `      ${paint('dim', text)}`));
    lines.push(...answerLines(blocker.answers ?? [], '      ', paint));
  }
  return lines;
}

/** The decisions that get past a blocker, each with the flag that gives it and what it brings. */
export const answerLines = (answers: readonly Answer[], indent: string, paint: Paint): readonly string[] =>
  answers.length === 0
    ? []
    : [
        `${indent}${answers.length === 1 ? 'This decision gets past it:' : 'Decisions that get past it:'}`,
        ...answers.map((one) => `${indent}  ${paint('strong', one.flag)}  ${one.consequence}`),
      ];

/** What "proven" covers: nobody should take it for more. */
function comparedText(
  compared: { readonly objects: number; readonly tables: number; readonly rows: number } | undefined,
): string {
  if (compared === undefined) return '';
  const rows = compared.tables === 0 ? '' : ` and ${count(compared.rows, 'row')} of ${count(compared.tables, 'table')}`;
  return `${count(compared.objects, 'object')}${rows} compared, `;
}

function bar(done: number, total: number): string {
  const filled = total === 0 ? 20 : Math.min(20, Math.floor((done / total) * 20));
  return `[${'#'.repeat(filled)}${'.'.repeat(20 - filled)}]`;
}

function holdersText(holders: readonly LockHolder[]): string {
  if (holders.length === 0) return '';
  const [first] = holders;
  const name = first?.application || first?.user;
  return `; blocked by pid ${first?.pid} (${name}, ${first?.state}, ${first?.seconds.toFixed(0)} s)${holders.length > 1 ? ` and ${holders.length - 1} more` : ''}`;
}
