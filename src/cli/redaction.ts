import { createRedactor, secretsOf } from '../config/secrets.ts';

let redactor = createRedactor(secretsOf(process.env));

/** The text without the secrets of this process; every line of output goes through it. */
export const redacted = (text: string): string => redactor(text);

/** Hides more: the passwords of a connection string that was chosen. */
export function hide(secrets: readonly string[]): void {
  redactor = createRedactor([...secretsOf(process.env), ...secrets]);
}
