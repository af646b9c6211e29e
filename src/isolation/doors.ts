import type { CheckResult } from '../rollout/check.ts';

/** How many doors are named before the rest is counted. */
const shown = 12;

/**
 * Passes results on and ends with one that says how many doors were tried, and which were not and why. A door is named
 * by the third part of an id: `1.7/two-org/public.calls/read`.
 */
export async function* countDoors(results: AsyncIterable<CheckResult>, id: string): AsyncIterable<CheckResult> {
  const tried = new Set<string>();
  const reasons = new Map<string, string>();
  for await (const result of results) {
    const [, , name, what] = result.id.split('/');
    // Reading a table or view tries nothing of what its triggers do with their owner's rights.
    const door = what === 'triggers' ? `${name} (triggers)` : name;
    if (door !== undefined && door !== 'users') {
      if (result.verdict === 'skipped') reasons.set(door, reasons.get(door) ?? result.advice ?? result.observed);
      else tried.add(door);
    }
    yield result;
  }
  const left = [...reasons].filter(([door]) => !tried.has(door));
  const list = left.slice(0, shown).map(([door, reason]) => `${door}: ${reason}`);
  const rest = left.length - list.length;
  yield {
    id,
    title: 'Every way to data was tried, or is named',
    kind: 'probe',
    verdict: 'passed',
    expected: 'what was not tried is named',
    observed: `doors tried: ${tried.size}, not tried: ${left.length}${left.length === 0 ? '' : ` (${list.join('; ')}${rest > 0 ? `; and ${rest} more` : ''})`}`,
    milliseconds: 0,
  };
}
