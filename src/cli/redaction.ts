import { createRedactor, secretsOf } from '../config/secrets.ts';

let redactor = createRedactor(secretsOf(process.env));

/** The text without the secrets of this process; every line of output goes through it. */
export const redacted = (text: string): string => redactor(text);

/** What code calls a secret, with a value that is no word: `apiKey: 'k7Q2…'`. */
const assigned =
  /((?:secret|token|passw(?:or)?d|pwd|credential|(?:api|access|private|auth|signing|encryption)[_-]?key)\w*["'`]?\]?\s*[:=]\s*)(["'`])(?=[^"'`\n]*\d)[^\s"'`$\\]{12,}\2/gi;

/** Source code without what looks like a secret. Stricter than `redacted`: it is kept in a file that others read. */
export const redactedSource = (text: string): string => redacted(text).replace(assigned, '$1$2***$2');

/** Hides more: the passwords of a connection string that was chosen. */
export function hide(secrets: readonly string[]): void {
  redactor = createRedactor([...secretsOf(process.env), ...secrets]);
}
