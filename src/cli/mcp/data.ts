import { harmless } from '../../report/terminal.ts';
import { redacted } from '../redaction.ts';

const longest = 4_000;
const most = 200;

/**
 * A result as data: control characters and marks that turn text around are shown instead of obeyed, secrets are hidden,
 * and what is very long is cut with a word about it. Names and comments of a database are anybody's text.
 */
export function asData(value: unknown): unknown {
  if (typeof value === 'string') return textOf(value);
  if (Array.isArray(value)) {
    const kept = value.slice(0, most).map(asData);
    return value.length > most ? [...kept, `… ${value.length - most} more`] : kept;
  }
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [textOf(key), asData(one)]));
  return value;
}

function textOf(text: string): string {
  const safe = redacted(harmless(text));
  return safe.length > longest ? `${safe.slice(0, longest)}… (${safe.length - longest} more characters)` : safe;
}
