import { type PlanIdentity, planName, type Rehearsal, type SavedPlan } from '../rollout/saved-plan.ts';
import { count, duration, type Paint } from './format.ts';
import { planLines } from './plain.ts';

export const placeText = (one: PlanIdentity): string =>
  `${one.project === null ? `${one.host}:${one.port}/${one.database}` : `project ${one.project}`} (${one.environment})`;

/** A plan file as lines: where it comes from, what it does, what is known of it, and what it does not cover. */
export function savedPlanLines(plan: SavedPlan, paint: Paint, verbose: boolean): readonly string[] {
  const all = plan.steps.flatMap((step) => step.changes);
  const hidden = all.filter((one) => one.hidden).length;
  const lines = [
    `${paint('strong', `Plan ${planName(plan)}`)}  for ${placeText(plan.target)}`,
    `made ${plan.made.at.slice(0, 16).replace('T', ' ')} UTC by voxanne-rollout ${plan.made.tool}, PostgreSQL ${plan.made.server}`,
    `${count(all.length, 'change')} with inverses, computed from ${count(new Set(all.flatMap((one) => one.reads)).size, 'table, view or function', 'tables, views and functions')}`,
  ];
  if (plan.applied.length > 0) lines.push(`in force already when it was made: ${plan.applied.join(', ')}`);
  if (hidden > 0)
    lines.push(`${count(hidden, 'change')} with text that looks like a secret, masked here and compared by hash`);
  lines.push(...settingLines(plan.settings), '');
  for (const { step, title, changes } of plan.steps) {
    lines.push(
      ...planLines(step, title, { changes: changes.map((one) => one.change), blockers: [], notes: [] }, paint, verbose),
    );
  }
  lines.push('');
  for (const one of plan.carriedOut) lines.push(carriedOutLine(one, paint));
  if (plan.carriedOut.length === 0)
    lines.push(paint('warn', 'Not rehearsed: how long it takes and who waits is not known.'));
  lines.push(
    'It covers phase 1, the database. Phases 2 to 4 change the code of the app and are not part of a plan file.',
    'The hash shows that nobody edited the file; it is not a signature.',
  );
  return lines;
}

const carriedOutLine = (one: Rehearsal, paint: Paint): string => {
  const forward = one.steps.reduce((sum, step) => sum + step.forward, 0);
  const held = Math.max(0, ...one.changes.map((change) => change.held ?? 0));
  return one.kind === 'rehearsal'
    ? `${paint('ok', '✓ rehearsed')} on ${placeText(one.on)}, ${one.at.slice(0, 16).replace('T', ' ')} UTC: ${duration(forward)} forward, locks held ${duration(held)} at most, longest wait of a reader ${one.reader === null ? 'not measured' : duration(one.reader.longest)}`
    : `${paint('ok', '✓ rolled out')} on ${placeText(one.on)}, ${one.at.slice(0, 16).replace('T', ' ')} UTC: ${duration(forward)}`;
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
