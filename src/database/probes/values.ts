import { isPlatformRole } from '../../isolation/platform-role.ts';
import { literal } from '../quote.ts';
import type { ColumnFacts } from './facts.ts';

/** What makes the values of one synthetic row differ from every other row's, and be recognised. */
export type Seed = {
  /** Of the whole run: eight hexadecimal digits. */
  readonly nonce: string;
  /** Of the row within the run, from 1. */
  readonly ordinal: number;
  /** A text that occurs in no other row of the database. */
  readonly marker: string;
  readonly uuid: () => string;
};

/**
 * Values for a column as SQL expressions with a cast, the likeliest first: one of its type, then what its CHECK
 * expressions name, then the usual formats of text (an email, a URL, a phone number, …). Which of them the constraints
 * accept is asked of the server. Empty when nothing is known of the type.
 */
export function candidates(column: ColumnFacts, seed: Seed, checks: readonly string[]): readonly string[] {
  // A cast to a domain raises where its CHECK does not hold; the type below it can be asked about.
  const cast = (value: string): string =>
    `${literal(value)}::${column.domainChecks.length > 0 ? column.base : column.type}`;
  const plain = byType(column, seed).map(cast);
  if (checks.length === 0) return plain.slice(0, 1);
  // A CHECK over several columns names values of each: one that is none of this type would fail the whole question.
  const named = ordinaryFirst(checks.flatMap(literalsOf).filter((text) => looksLike(column, text))).map(cast);
  const numbers = isNumber(column.base) ? checks.flatMap(numbersOf).map(cast) : [];
  const formats = isText(column.base)
    ? textFormats(seed)
        .filter((text) => fits(column, text))
        .map(cast)
    : [];
  return [...new Set([...plain, ...named, ...numbers, ...formats])];
}

export const isText = (base: string): boolean =>
  ['text', 'character varying', 'character', 'extensions.citext', 'public.citext', 'citext'].includes(base);

const isNumber = (base: string): boolean =>
  ['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision', 'money'].includes(base);

function looksLike(column: ColumnFacts, text: string): boolean {
  if (column.kind === 'enum') return column.labels.includes(text);
  if (column.kind === 'array') return /^\{[^{}]*\}$/.test(text);
  if (column.kind !== 'base') return false;
  if (isText(column.base)) return fits(column, text);
  if (isNumber(column.base)) return /^-?\d+(\.\d+)?$/.test(text);
  if (column.base === 'uuid') return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
  if (/^(date|timestamp)/.test(column.base)) return /^\d{4}-\d{2}-\d{2}/.test(text);
  return column.base === 'time without time zone' && /^\d{2}:\d{2}(:\d{2})?$/.test(text);
}

const fits = (column: ColumnFacts, text: string): boolean => column.length === null || text.length <= column.length;

function byType(column: ColumnFacts, seed: Seed): readonly string[] {
  const { ordinal } = seed;
  if (column.kind === 'enum') return ordinaryFirst(rotate(column.labels, ordinal - 1));
  if (column.kind === 'array') return ['{}'];
  if (column.kind === 'range') return ['empty'];
  if (column.kind === 'composite') return [];
  const day = String(1 + (ordinal % 28)).padStart(2, '0');
  const hex = seed.nonce.slice(0, 4);
  switch (column.base) {
    case 'uuid':
      return [seed.uuid()];
    case 'smallint':
      return [String(31_000 + ordinal)];
    // High enough to meet no row, low enough for arithmetic on it: sequences are never asked.
    case 'integer':
      return [String(2_000_000_000 + (Number.parseInt(seed.nonce, 16) % 1_000_000) * 100 + (ordinal % 100))];
    case 'bigint':
      return [String(4_000_000_000_000_000 + Number.parseInt(seed.nonce, 16) * 1000 + ordinal)];
    case 'numeric':
    case 'real':
    case 'double precision':
      return [String(ordinal), '0', '0.5'];
    case 'money':
      return [String(ordinal)];
    case 'boolean':
      return ['false', 'true'];
    case 'date':
      return [`2001-01-${day}`, '2100-01-01'];
    case 'timestamp without time zone':
    case 'timestamp with time zone':
      return [`2001-01-${day} 08:00:00`, '2100-01-01 00:00:00'];
    case 'time without time zone':
    case 'time with time zone':
      return [`08:00:${day}`];
    case 'interval':
      return [`${ordinal} minutes`];
    case 'json':
    case 'jsonb':
      return ['{}', '[]'];
    case 'bytea':
      return [`\\x${seed.nonce}${String(ordinal).padStart(4, '0')}`];
    case 'inet':
    case 'cidr':
      return [`10.250.${Math.floor(ordinal / 250)}.${ordinal % 250}`];
    case 'macaddr':
      return [`02:00:${hex.slice(0, 2)}:${hex.slice(2)}:00:${String(ordinal % 100).padStart(2, '0')}`];
    case 'bit':
    case 'bit varying':
      return ['0'.repeat(column.length ?? 1)];
    case 'point':
      return [`(${ordinal},0)`];
    case 'tsvector':
    case 'tsquery':
    case 'jsonpath':
      return [column.base === 'jsonpath' ? '$' : 'probe'];
    case 'xml':
      return ['<probe/>'];
    case 'oid':
      return [String(3_000_000_000 + ordinal)];
    case 'name':
    case '"char"':
      return ['p'];
    default:
      if (/(^|\.)vector$/.test(column.base))
        return [
          `[${Array(column.length ?? 3)
            .fill('0')
            .join(',')}]`,
        ];
      if (/(^|\.)hstore$/.test(column.base)) return [''];
      return isText(column.base) ? [shorten(column, seed)] : [];
  }
}

/** The end of the marker is what differs, so that is what a short column keeps. */
const shorten = (column: ColumnFacts, { marker }: Seed): string =>
  column.length === null ? marker : marker.slice(-column.length);

/** Whoever acts in a probe is nobody who is let in everywhere, as long as the column takes something else. */
const ordinaryFirst = (labels: readonly string[]): readonly string[] => [
  ...labels.filter((one) => !isPlatformRole(one)),
  ...labels.filter(isPlatformRole),
];

const rotate = <T>(list: readonly T[], by: number): T[] =>
  list.length === 0 ? [] : [...list.slice(by % list.length), ...list.slice(0, by % list.length)];

const textFormats = ({ nonce, ordinal }: Seed): readonly string[] => {
  const digits = `${Number.parseInt(nonce, 16) % 1_000_000}${ordinal}`.padStart(7, '0').slice(-7);
  return [
    `probe-${nonce}-${ordinal}@example.invalid`,
    `https://example.invalid/${nonce}/${ordinal}`,
    `+1555${digits}`,
    `probe-${nonce}-${ordinal}`,
    `probe_${nonce}_${ordinal}`,
    `probe${nonce}${ordinal}`,
    `PROBE${ordinal}`,
    digits,
    `#${nonce.slice(0, 6)}`,
    'US',
    'us',
    'en',
    'en-US',
    'USD',
    'UTC',
    '08:00',
    '2001-01-01',
    'a',
    'A',
    '0',
    '',
  ];
};

const literalsOf = (check: string): string[] =>
  [...check.matchAll(/'((?:[^']|'')*)'/g)].map(([, text = '']) => text.replaceAll("''", "'"));

const numbersOf = (check: string): string[] =>
  [...check.matchAll(/(?<![\w'.])-?\d+(?:\.\d+)?/g)].flatMap(([text]) => {
    const number = Number(text);
    return [number, number + 1, number - 1].map(String);
  });
