import type { Fingerprint } from './journal.ts';

/** Objects that differ between two states, as sentences: `only before: …`, `only now: …`, `changed: …`. Sorted. */
export function differences(before: Fingerprint, now: Fingerprint): readonly string[] {
  const lines: string[] = [];
  for (const [object, hash] of Object.entries(before)) {
    if (now[object] === undefined) lines.push(`only before: ${object}`);
    else if (now[object] !== hash) lines.push(`changed: ${object}`);
  }
  for (const object of Object.keys(now)) {
    if (before[object] === undefined) lines.push(`only now: ${object}`);
  }
  return lines.sort();
}
