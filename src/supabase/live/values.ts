import { randomUUID } from 'node:crypto';
import type { ColumnFacts } from '../../database/probes/facts.ts';
import { candidates } from '../../database/probes/values.ts';
import type { Json, LiveTable } from './types.ts';

/** Largest number of values of one column that are tried against its CHECK constraints. */
export const mostAttempts = 24;

/**
 * The `attempt`-th value for a column, as JSON. The same generator as for the probes in the database, but no server to
 * ask which of its values the constraints accept: the API's refusals decide, one request per attempt.
 */
export function makeValue(
  table: LiveTable,
  column: ColumnFacts,
  seed: { readonly nonce: string; readonly ordinal: number; readonly marker: string },
  attempt: number,
): Json | undefined {
  const checks = [
    ...table.facts.checks.filter((check) => check.columns.includes(column.name)).map((check) => check.expression),
    ...column.domainChecks,
  ];
  const made = candidates(column, { ...seed, nonce: seed.nonce.slice(0, 8), uuid: randomUUID }, checks);
  const sql = made[Math.min(attempt, made.length - 1)];
  return sql === undefined ? undefined : toJson(column, unquote(sql, column.type));
}

/** `'text'::type`, or with backslashes ` E'text'::type`: the text. */
function unquote(sql: string, type: string): string {
  const quoted = sql.slice(0, sql.length - `::${type}`.length).trim();
  const escaped = quoted.startsWith('E');
  const text = quoted.slice(escaped ? 2 : 1, -1).replaceAll("''", "'");
  return escaped ? text.replaceAll('\\\\', '\\') : text;
}

const numbers = new Set(['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision']);

function toJson(column: ColumnFacts, text: string): Json {
  if (column.kind === 'array') return [];
  if (column.base === 'boolean') return text === 'true';
  if (column.base === 'json' || column.base === 'jsonb') return JSON.parse(text) as Json;
  if (numbers.has(column.base)) return Number(text);
  return text;
}
