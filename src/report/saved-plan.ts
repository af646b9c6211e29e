import { type PlanIdentity, planName, type Rehearsal, type SavedCode, type SavedPlan } from '../rollout/saved-plan.ts';
import { count, duration, onOneLine, type Paint } from './format.ts';
import { planLines } from './plain.ts';

export const placeText = (one: PlanIdentity): string =>
  `${one.project === null ? `${one.host}:${one.port}/${one.database}` : `project ${one.project}`} (${one.environment})`;

/** How far the code came, in one sentence. */
export function codeText(code: Rehearsal['code']): string {
  if (code === null) return 'not carried out.';
  const { steps, files, stopped } = code;
  const done =
    steps.length === 0
      ? ''
      : `${count(steps.length, 'step')} in a copy of the checkout, ${count(files, 'file')}: forward and verified, back to the same bytes, forward again`;
  if (stopped === null) return `${done}.`;
  const rest = `${stopped.step} and what comes after it ${steps.length === 0 ? 'was not carried out' : 'was not'}: ${stopped.reason}`;
  return done === '' ? rest : `${done}; ${rest}`;
}

/** A plan file as lines: where it comes from, what it does, what is known of it, and what it does not cover. */
export function savedPlanLines(plan: SavedPlan, paint: Paint, verbose: boolean): readonly string[] {
  const all = plan.steps.flatMap((step) => step.changes);
  const files = (plan.code?.steps ?? []).flatMap((step) => step.changes);
  const hidden = [...all, ...files].filter((one) => one.hidden).length;
  const lines = [
    `${paint('strong', `Plan ${planName(plan)}`)}  for ${placeText(plan.target)}`,
    `made ${plan.made.at.slice(0, 16).replace('T', ' ')} UTC by voxanne-rollout ${plan.made.tool}, PostgreSQL ${plan.made.server}`,
    `${count(all.length, 'change')} with inverses, computed from ${count(new Set(all.flatMap((one) => one.reads)).size, 'table, view or function', 'tables, views and functions')}`,
  ];
  if (plan.code !== null)
    lines.push(
      `${count(files.length, 'change')} of ${count(new Set(files.map((one) => one.change.path)).size, 'file')}, computed from ${count(Object.keys(plan.code.files).length, 'file')} of the app`,
    );
  if (plan.applied.length > 0) lines.push(`in force already when it was made: ${plan.applied.join(', ')}`);
  if (hidden > 0)
    lines.push(`${count(hidden, 'change')} with text that looks like a secret, masked here and compared by hash`);
  lines.push(...settingLines(plan.settings), '');
  for (const { step, title, changes } of plan.steps) {
    lines.push(
      ...planLines(step, title, { changes: changes.map((one) => one.change), blockers: [], notes: [] }, paint, verbose),
    );
  }
  for (const step of plan.code?.steps ?? []) lines.push(...codeLines(step, paint, verbose));
  if (plan.uncovered.length > 0) lines.push('', paint('warn', 'Not part of the plan:'), ...uncoveredLines(plan));
  lines.push('');
  for (const one of plan.carriedOut) lines.push(carriedOutLine(one, paint));
  if (plan.carriedOut.length === 0)
    lines.push(paint('warn', 'Not rehearsed: how long it takes and who waits is not known.'));
  lines.push('The hash shows that nobody edited the file; it is not a signature.');
  return lines.map(onOneLine);
}

/** Steps that the plan does not cover; those of one reason stand together. */
export function uncoveredLines({ uncovered }: Pick<SavedPlan, 'uncovered'>): readonly string[] {
  const reasons = new Map<string, string[]>();
  for (const { step, reason } of uncovered) reasons.set(reason, [...(reasons.get(reason) ?? []), step]);
  return [...reasons].map(([reason, steps]) => `  ${steps.join(', ')}: ${reason}`);
}

/** A step of the code: its files, with their differences where everything is shown, and what it leaves to a person. */
function codeLines(
  { step, title, changes, notes }: SavedCode['steps'][number],
  paint: Paint,
  verbose: boolean,
): readonly string[] {
  const lines = [
    `${paint('strong', `${step} ${title}`)}  ${paint('dim', changes.length === 0 ? 'nothing to change' : count(changes.length, 'change'))}`,
  ];
  for (const { change, hidden } of changes) {
    const rows = change.diff.split('\n');
    const starting = (sign: string): number => rows.slice(2).filter((row) => row.startsWith(sign)).length;
    lines.push(
      `  + ${change.title}  ${paint('dim', hidden ? 'not all of it is shown' : `+${starting('+')} −${starting('-')}`)}`,
    );
    if (verbose) lines.push(...rows.map((row) => `      ${painted(row, paint)}`));
  }
  for (const note of notes) lines.push(`  ${paint('dim', 'i')} ${note}`);
  return lines;
}

const painted = (row: string, paint: Paint): string =>
  row.startsWith('+') ? paint('ok', row) : row.startsWith('-') ? paint('bad', row) : paint('dim', row);

const carriedOutLine = (one: Rehearsal, paint: Paint): string => {
  const forward = one.steps.reduce((sum, step) => sum + step.forward, 0);
  const held = Math.max(0, ...one.changes.map((change) => change.held ?? 0));
  return one.kind === 'rehearsal'
    ? `${paint('ok', '✓ rehearsed')} on ${placeText(one.on)}, ${one.at.slice(0, 16).replace('T', ' ')} UTC: ${duration(forward)} forward, locks held ${duration(held)} at most, longest wait of a reader ${one.reader === null ? 'not measured' : duration(one.reader.longest)}. The code: ${codeText(one.code)}`
    : `${paint('ok', '✓ phase 1 rolled out')} on ${placeText(one.on)}, ${one.at.slice(0, 16).replace('T', ' ')} UTC: ${duration(forward)}`;
};

/** Only what somebody decided or named; defaults say nothing. */
const settingLines = (settings: SavedPlan['settings']): readonly string[] => {
  const given = Object.entries(settings).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).map(([name, one]: [string, unknown]) => [`${key}.${name}`, one] as const)
      : [[key, value] as const],
  );
  const told = given.filter(([, value]) => value !== null && value !== false && !isEmpty(value));
  return told.length === 0
    ? []
    : [
        `settings: ${told.map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(', ')}`,
      ];
};

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;
