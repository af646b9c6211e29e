import type { Change } from './change.ts';

/** What a change risks while it runs and afterwards, from the most serious kind down. */
export const hazardKinds = [
  'removes data',
  'breaks deployed queries',
  'takes rights away',
  'gives rights',
  'runs at every sign-up',
  'blocks reads and writes',
  'blocks writes',
  'reads whole tables',
  'rewrites rows',
  'replaces code of the app',
  'changes source code',
] as const;
export type HazardKind = (typeof hazardKinds)[number];

/** How much an operator should think before saying yes. */
export const risks = ['none', 'low', 'medium', 'high'] as const;
export type Risk = (typeof risks)[number];

/** The risk of each kind, with what it means in half a sentence. */
export const meaning: Readonly<Record<HazardKind, { readonly risk: Risk; readonly text: string }>> = {
  'removes data': { risk: 'high', text: 'it removes a column or rows; they are kept for the rollback' },
  'breaks deployed queries': { risk: 'high', text: 'deployed code that still uses the old column names fails' },
  'takes rights away': { risk: 'high', text: 'users lose access that a policy or a grant gave them' },
  'gives rights': { risk: 'medium', text: 'policies or grants are added' },
  'runs at every sign-up': { risk: 'medium', text: 'an error in it would make sign-ups fail' },
  'blocks reads and writes': { risk: 'low', text: 'tables are locked for a moment each' },
  'blocks writes': { risk: 'low', text: 'writes to tables wait for a moment each' },
  'reads whole tables': { risk: 'low', text: 'rows are read once to prove a constraint' },
  'rewrites rows': { risk: 'medium', text: 'rows are written; every old value is kept' },
  'replaces code of the app': { risk: 'medium', text: 'functions, triggers or views of the app are replaced' },
  'changes source code': { risk: 'low', text: 'files of the workspace are edited; the originals are kept' },
};

const takingRights =
  /\bdrop\s+policy\b|\benable\s+row\s+level\s+security\b|\brevoke\b|\bas\s+restrictive\b|\bsecurity_invoker\b/i;

const patterns: readonly (readonly [HazardKind, RegExp])[] = [
  ['removes data', /\bdrop\s+(?:table|column)\b|\bdelete\s+from\b|(?:^|;)\s*truncate\b/i],
  ['breaks deployed queries', /\brename\s+(?:column\s+)?(?:"[^"]+"|\w+)\s+to\b|\brename\s+column\b/i],
  ['takes rights away', takingRights],
  ['gives rights', /\bcreate\s+policy\b|\bgrant\b/i],
  ['runs at every sign-up', /\bon\s+auth\.users\b/i],
  [
    'replaces code of the app',
    /\bcreate\s+or\s+replace\s+(?:function|procedure|view|trigger)\b|\bdrop\s+(?:function|view|trigger|materialized)\b/i,
  ],
  [
    'blocks reads and writes',
    /\balter\s+table\b(?![^;]*\bvalidate\s+constraint\b)|\bcreate\s+policy\b|\bdrop\s+policy\b/i,
  ],
  [
    'blocks writes',
    /\bcreate\s+(?:unique\s+)?index\s+(?!concurrently)|\bcreate\s+(?:or\s+replace\s+)?(?:constraint\s+)?trigger\b|\badd\s+(?:constraint\s+\S+\s+)?foreign\s+key\b/i,
  ],
  ['reads whole tables', /\bvalidate\s+constraint\b|\bindex\s+concurrently\b|\bset\s+not\s+null\b/i],
  ['rewrites rows', /\balter\s+column\s+\S+\s+(?:set\s+data\s+)?type\b|\bupdate\s+\S+\s+(?:as\s+\w+\s+)?set\b/i],
];

/** What a change risks, judged by the statements that it runs. Bodies of functions are not statements of the change. */
export function hazardsOf(change: Change): readonly HazardKind[] {
  if (change.kind === 'file') return ['changes source code'];
  if (change.kind === 'batches') return ['rewrites rows'];
  const statements = withoutBodies(change.up);
  const found = patterns.filter(([, pattern]) => pattern.test(statements)).map(([kind]) => kind);
  const made =
    /^\s*create\s+or\s+replace\b/i.test(statements) && /\bdrop\s+(?:function|trigger|view)\b/i.test(change.down);
  // What did not exist before replaces nothing: its inverse drops it.
  return hazardKinds.filter(
    (kind) =>
      found.includes(kind) &&
      !(made && kind === 'replaces code of the app') &&
      !(kind === 'takes rights away' && !takesRights(statements, change.down)) &&
      !(kind === 'gives rights' && !givesRights(statements)),
  );
}

const dropsPolicy = /\bdrop\s+policy\s+(?:if\s+exists\s+)?("(?:[^"]|"")+"|\S+)\s+on\s+([^\s;]+)/gi;
const createsPolicy = /\bcreate\s+policy\s+("(?:[^"]|"")+"|\S+)\s+on\s+([^\s;]+)/gi;
const revokes = /\brevoke\b[^;]*?\bon\s+function\s+([^\s(]+)[^;]*/gi;

/**
 * A policy that the same transaction makes again, and a revoke on a function that it makes, take nothing from anybody:
 * what a converted column's policies say is compared where they are judged, by the checks.
 */
function takesRights(statements: string, inverse: string): boolean {
  const named = (found: RegExpMatchArray): string => `${found[1]} on ${found[2]}`.replaceAll('"', '');
  const again = new Set([...statements.matchAll(createsPolicy)].map(named));
  const bare = (name: string): string => name.replaceAll('"', '');
  const made = new Set(
    [...inverse.matchAll(/\bdrop\s+function\s+(?:if\s+exists\s+)?([^\s(]+)/gi)].map((one) => bare(one[1] ?? '')),
  );
  const rest = statements
    .replace(dropsPolicy, (text, name: string, table: string) => (again.has(bare(`${name} on ${table}`)) ? ' ' : text))
    .replace(revokes, (text, name: string) => (made.has(bare(name)) ? ' ' : text));
  return takingRights.test(rest);
}

/** A policy that the same transaction dropped before gives nobody anything that it did not give already. */
function givesRights(statements: string): boolean {
  const bare = (found: RegExpMatchArray): string => `${found[1]} on ${found[2]}`.replaceAll('"', '');
  const dropped = new Set([...statements.matchAll(dropsPolicy)].map(bare));
  return (
    [...statements.matchAll(createsPolicy)].some((found) => !dropped.has(bare(found))) || /\bgrant\b/i.test(statements)
  );
}

/** The text without what stands between dollar quotes, in single quotes and in comments. */
const withoutBodies = (sql: string): string =>
  sql
    .replace(/\$(\w*)\$[\s\S]*?\$\1\$/g, ' ')
    .replace(/'(?:[^']|'')*'/g, "''")
    .replace(/--[^\n]*/g, ' ');

/** The kinds that a list of changes carries, with how many changes carry each, the most serious first. */
export function hazardCounts(
  changes: readonly Change[],
): readonly { readonly kind: HazardKind; readonly changes: number }[] {
  const counts = new Map<HazardKind, number>();
  for (const change of changes) for (const kind of hazardsOf(change)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return hazardKinds.flatMap((kind) => {
    const n = counts.get(kind);
    return n === undefined ? [] : [{ kind, changes: n }];
  });
}

/** The highest risk among these kinds, and the kind that sets it. */
export function riskOf(changes: readonly Change[]): { readonly risk: Risk; readonly kind: HazardKind | null } {
  const counts = hazardCounts(changes);
  const rank = (kind: HazardKind): number => risks.indexOf(meaning[kind].risk);
  const worst = counts.reduce<HazardKind | null>(
    (best, { kind }) => (best === null || rank(kind) > rank(best) ? kind : best),
    null,
  );
  return worst === null ? { risk: 'none', kind: null } : { risk: meaning[worst].risk, kind: worst };
}
