import type { CheckResult } from '../rollout/check.ts';
import type { Access } from './rights.ts';

/** How many tables are named before the rest is counted. */
const shown = 12;

/**
 * How much the verification had to go by. Rows of two organizations show whether one reaches the other's; where a table
 * holds none, only the probe's own rows do, and where it could make none, nothing does.
 *
 * @param tenants tables whose rows belong to organizations, as `schema.name`.
 * @param notMade of those, where the probe could not act on rows of its own, and why.
 */
export function evidenceOf(
  access: Access,
  tenants: ReadonlySet<string>,
  notMade: ReadonlyMap<string, string>,
  id: string,
): CheckResult {
  const doors = access.doors.filter((one) => tenants.has(one.name));
  const lacking = doors.filter(
    (one) => one.unread === null && new Set(one.owners.flatMap(({ organizations }) => organizations)).size < 2,
  );
  const unproven = lacking.filter((one) => notMade.has(one.name));
  const all = doors.length > 0 && lacking.length === doors.length;
  const list = unproven.slice(0, shown).map((one) => `${one.name}: ${notMade.get(one.name)}`);
  const rest = unproven.length - list.length;
  const counted = `${lacking.length} of ${doors.length} tables hold no rows of two organizations`;
  const made =
    lacking.length === 0 ? '' : `; the probe acted on rows of its own in ${lacking.length - unproven.length} of them`;
  const not = list.length === 0 ? '' : `, and could not in ${list.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
  const base = {
    id,
    title: 'There are rows of two organizations to tell apart',
    kind: 'probe',
    expected: 'rows of two organizations in every table, or rows of the probe',
    observed: `${all ? 'this verification proved little: ' : ''}${counted}${made}${not}`,
    milliseconds: 0,
  } as const;
  if (!all && unproven.length === 0) return { ...base, verdict: 'passed' };
  return {
    ...base,
    verdict: 'skipped',
    advice: all
      ? 'Verify again once two organizations have rows, or rehearse on a copy that has them.'
      : 'Nothing was tried on these tables: verify again once they hold rows of two organizations.',
  };
}
