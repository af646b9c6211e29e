import { type CheckResult, verdictWord } from '../rollout/check.ts';
import { count, duration, tryText } from '../rollout/text.ts';
import { available } from './keys.ts';
import { clean, plainText } from './lines.ts';
import { documentText } from './preview/document.ts';
import { dialogLines } from './screens/dialog.ts';
import { body } from './screens/frame.ts';
import { glossary } from './screens/glossary.ts';
import { header } from './screens/header.ts';
import { currentReading, reads } from './state/current-reading.ts';
import { shownChecks } from './state/run.ts';
import type { State } from './state/state.ts';
import type { Run } from './state/views.ts';

/** Wide and long enough that no line is cut or hidden: the terminal folds and keeps them. */
const endless = { columns: 400, rows: 4000 } as const;

const ruled = /^[-\s]*$/;

const text = (state: State, lines: readonly Parameters<typeof plainText>[0][]): string[] => {
  const { rule } = state.look.glyphs;
  return lines
    .map((row) =>
      plainText(row)
        .trimEnd()
        .replaceAll(/(?<=\S) {3,}/g, '  '),
    )
    .filter((row) => row !== '' && !(row.includes(rule.repeat(10)) && ruled.test(row)));
};

const whole = (state: State): State => ({ ...state, size: endless, help: null, notice: null, dialog: null });

const hints = (state: State): string =>
  `Keys, then Enter: ${available(state)
    .filter((binding) => binding.hint !== undefined)
    .map((binding) => `${binding.shown} ${binding.hint}`)
    .join(', ')}.`;

/** Everything about the present screen. */
const screen = (state: State): string[] => {
  const view = whole(state);
  const reading = currentReading(state);
  // Each check was said when it came; what remains is the sum.
  const brief = state.screen === 'verification' ? 2 : undefined;
  const long = reads(state) && reading;
  return [
    '',
    ...text(view, header(view)),
    ...(long
      ? documentText(reading.document).trimEnd().split('\n')
      : text(view, body(view, endless.rows)).slice(0, brief)),
    hints(state),
  ];
};

const question = (state: State): string[] => {
  const view = { ...state, size: { ...endless, columns: 120 } };
  return ['', ...text(view, dialogLines(view, 120))];
};

/** The first lines of all. */
export const hello = (state: State): readonly string[] => [...screen(state), ...(state.dialog ? question(state) : [])];

const runLines = (before: Run | null, now: Run): string[] => {
  const lines: string[] = [];
  for (const [index, change] of now.changes.entries()) {
    const was = before?.startedAt === now.startedAt ? before.changes[index] : undefined;
    if (was?.state !== change.state && change.state !== 'queued') {
      const spent = change.milliseconds === null ? '' : `, ${duration(change.milliseconds)}`;
      lines.push(`${index + 1} of ${now.changes.length} ${change.state}: ${clean(change.title)}${spent}`);
      if (change.problem) lines.push(clean(`${change.problem.problem} ${change.problem.remedy}`));
    }
    if (change.waiting && (!was?.waiting || change.waiting.attempt !== was.waiting.attempt)) {
      const holders = change.waiting.holders.map((one) => `${one.application || 'a connection'} pid ${one.pid}`);
      lines.push(
        clean(`${tryText(change.waiting.attempt)}: ${change.waiting.reason}; blocked by ${holders.join(', ')}`),
      );
    }
    // A tenth at a time: a line for every batch would drown everything else.
    const tenth = (of: typeof change | undefined): number =>
      of?.progress && of.progress.total > 0 ? Math.floor((of.progress.done / of.progress.total) * 10) : 0;
    if (change.progress && tenth(change) !== tenth(was))
      lines.push(`${count(change.progress.done)} of ${count(change.progress.total)} rows: ${clean(change.title)}`);
  }
  return lines;
};

const checkLine = (check: CheckResult): string =>
  check.verdict === 'passed'
    ? `passed: ${clean(check.title)}`
    : clean(
        `${verdictWord(check.verdict)}: ${check.title}. Expected: ${check.expected}. Observed: ${check.observed}. ${check.advice ?? ''}`,
      );

const checkLines = (before: State, now: State): string[] => {
  const was = before.verification?.startedAt === now.verification?.startedAt ? before.verification : null;
  if (!now.verification) return [];
  const known = new Set(was ? shownChecks(was) : []);
  return shownChecks(now.verification)
    .filter((check) => !known.has(check))
    .map(checkLine);
};

/** The check that the cursor came to, and its evidence where that was asked for. */
const chosenCheck = (before: State, now: State): string[] => {
  const [was, is] = [before.verification, now.verification];
  if (!was || !is || (was.selected === is.selected && was.evidence === is.evidence)) return [];
  // Folded or not is for the eye: here each check was said when it came, and the cursor goes from check to check.
  const checks = shownChecks(is);
  const check = checks.find((one) => one.id === is.selected) ?? checks[0];
  if (!check) return [];
  return [checkLine(check), ...(is.evidence ? (check.evidence ?? 'no evidence is kept').split('\n').map(clean) : [])];
};

/** What changed between two states, as lines to add below what was said already. */
export const announce = (before: State, now: State): readonly string[] => {
  const lines: string[] = [];
  if (now.screen === 'running' && now.run) lines.push(...runLines(before.run, now.run));
  if (now.screen === 'verification' && now.verification !== before.verification)
    lines.push(...checkLines(before, now), ...chosenCheck(before, now));
  const settled = before.job !== null && now.job === null;
  const arrived =
    before.screen !== now.screen ||
    (settled && now.job === null) ||
    (before.steps === null && now.steps !== null) ||
    (now.screen === 'overview' && before.cursor !== now.cursor) ||
    (now.screen === 'step' && before.step?.id === now.step?.id && before.step?.folded !== now.step?.folded) ||
    (now.screen === 'rollback' && before.rollback?.folded !== now.rollback?.folded) ||
    (now.screen === 'journey' && before.journey?.reading !== now.journey?.reading) ||
    (now.screen === 'overview' && before.waiting.length < now.waiting.length) ||
    (now.screen === 'decide' && before.decide?.at !== now.decide?.at) ||
    (now.screen === 'findings' && before.findings !== now.findings);
  const premature = now.screen === 'start' && now.target !== null && now.steps === null;
  if (arrived && !premature && !(now.screen === 'running' && now.job)) lines.push(...screen(now));
  if (now.notice && now.notice !== before.notice) lines.push(clean(now.notice.text));
  if (now.dialog && now.dialog.kind !== before.dialog?.kind) lines.push(...question(now));
  else if (
    now.dialog &&
    'complaint' in now.dialog &&
    now.dialog.complaint !== null &&
    before.dialog &&
    'complaint' in before.dialog &&
    before.dialog.complaint !== now.dialog.complaint
  )
    lines.push(clean(now.dialog.complaint));
  if (now.help !== null && before.help === null)
    lines.push(
      ...available(now).flatMap(({ keys, help }) => (help === undefined ? [] : [`${keys.join(' or ')}: ${help}`])),
      ...glossary.map(([term, meaning]) => `${term}: ${meaning}`),
    );
  return lines;
};
