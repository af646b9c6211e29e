import type { z } from 'zod';
import { configSchema } from './schema.ts';

/** `decisions.orphans`, `exclude[0]`; the whole file is `(the file)`. */
export function keyPath(path: readonly PropertyKey[]): string {
  const text = path.reduce<string>(
    (so, part) => (typeof part === 'number' ? `${so}[${part}]` : so === '' ? String(part) : `${so}.${String(part)}`),
    '',
  );
  return text === '' ? '(the file)' : text;
}

/** One line per problem: the key path and what was expected there. */
export function describeIssue(issue: z.core.$ZodIssue, data: unknown): string {
  const where = keyPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .map((key) => `${keyPath([...issue.path, key])}: no such key${advice(key, knownKeys(issue.path))}`)
      .join('\n');
  }
  if (issue.code === 'invalid_type') {
    return `${where}: expected ${issue.expected}, found ${kindOf(valueAt(data, issue.path))}`;
  }
  if (issue.code === 'invalid_value') {
    const found = valueAt(data, issue.path);
    const values = issue.values.map((value) => JSON.stringify(value)).join(' or ');
    return `${where}: expected ${values}, found ${typeof found === 'string' ? JSON.stringify(found.slice(0, 60)) : kindOf(found)}`;
  }
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
    const unit = issue.origin === 'array' ? ' entries' : issue.origin === 'string' ? ' characters' : '';
    return `${where}: expected ${bound}${unit}`;
  }
  return `${where}: ${lowerFirst(issue.message)}`;
}

/** Keys that people put into the file and that may not be there, with the reason. */
const misplaced: Readonly<Record<string, string>> = {
  dbUrl: 'a database URL is a secret, give --db-url or export SUPABASE_DB_URL',
  databaseUrl: 'a database URL is a secret, give --db-url or export SUPABASE_DB_URL',
  password: 'a password does not belong in this file, export SUPABASE_DB_PASSWORD',
  serviceRoleKey: 'a key is a secret, export SUPABASE_SERVICE_ROLE_KEY',
  yes: 'consent is given by a question, a flag or an exported variable',
};

function advice(key: string, known: readonly string[]): string {
  const reason = misplaced[key];
  if (reason !== undefined) return ` (${reason})`;
  const near = known
    .map((candidate) => ({ candidate, distance: editDistance(key.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near !== undefined && near.distance <= Math.max(2, key.length / 3)
    ? `, expected ${near.candidate}?`
    : `, expected one of ${known.join(', ')}`;
}

function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  const shape: Readonly<Record<string, unknown>> = configSchema.shape;
  if (path.length === 0) return Object.keys(shape).filter((key) => key !== '$schema');
  const example = configSchema.parse({});
  const group: unknown = valueAt(example, path);
  return typeof group === 'object' && group !== null ? Object.keys(group) : [];
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined),
    data,
  );
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Levenshtein distance, for names of a few letters. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
