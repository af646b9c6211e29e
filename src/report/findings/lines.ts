import { type GuardFinding, type NotLookedAt, placeText } from '../../rollout/guard-finding.ts';
import type { Paint } from '../format.ts';

/** Findings as lines for people: the place, the reason, what to do. */
export function* findingLines(
  findings: readonly GuardFinding[],
  notLookedAt: readonly NotLookedAt[],
  paint: Paint,
): Iterable<string> {
  for (const one of findings) {
    const note = one.level === 'note' ? ' (advice)' : '';
    yield `${paint(one.level === 'error' ? 'bad' : 'warn', placeText(one.place))}  ${one.kind}${note}  ${one.id}`;
    yield `  ${one.reason}`;
    if (one.instruction !== '') yield `  ${one.instruction}`;
  }
  for (const { what, reason } of notLookedAt) yield `${paint('warn', `${what}: not checked`)}  ${reason}`;
}
