import { plural } from '../rollout/text.ts';
import type { Action, Person, Reach } from './rights.ts';

/** One person, one thing that they do, and how many rows it is about. */
export type Finding = {
  readonly person: Person;
  readonly action: Action;
  readonly rows: number;
  readonly error: Extract<Reach, { readonly error: string }> | null;
  /** Policies that let the rows through. */
  readonly policies: readonly string[];
  /** Some of the rows belong to no organization and to no user. */
  readonly nobodys?: boolean;
  /** The key of one row, in words. */
  readonly example: string | null;
};

export type Tally = Readonly<Partial<Record<Action, number>>>;

/** How many lines are shown before the rest is counted. */
const shown = 6;

/** `member of 1 organization as owner: can read 3 rows (id = 5), policy "open"`. One line per kind of user. */
export function describe(findings: readonly Finding[], verb: 'can' | 'cannot' | 'no longer'): string {
  const groups = new Map<string, Finding[]>();
  for (const one of findings) {
    const key = `${one.person.kind} ${one.action} ${one.error?.error ?? ''}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const lines = [...groups.values()].map((group) => line(group, verb));
  const rest = lines.length - shown;
  return `${lines.slice(0, shown).join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}

function line(group: readonly Finding[], verb: 'can' | 'cannot' | 'no longer'): string {
  const [first] = group;
  if (first === undefined) return '';
  const { person, action, error } = first;
  const who = `${person.id === null ? '' : 'a user of the kind '}"${person.kind}"`;
  if (error !== null) return `${who} cannot ${action}: ${error.message} (${error.error})`;
  const rows = Math.max(...group.map((one) => one.rows));
  const policies = [...new Set(group.flatMap((one) => one.policies))].map((name) => JSON.stringify(name));
  const does = verb === 'no longer' ? `can no longer ${action}` : `${verb} ${action}`;
  const example = group.find((one) => one.example !== null)?.example;
  const through =
    policies.length === 0
      ? ''
      : `, ${verb === 'no longer' ? 'which' : 'let through by'} ${policies.length === 1 ? 'policy' : 'policies'} ${policies.join(', ')}${verb === 'no longer' ? ' let through' : ''}`;
  return `${who} ${does} ${plural(rows, 'row')}${example == null ? '' : ` (${example})`}${through}`;
}

/** What is closed on purpose: rows of other organizations, and writes that nobody had decided. */
export function tallyWords(closed: Tally): string {
  const parts = Object.entries(closed).map(([action, rows]) => `${action} ${rows}`);
  return parts.length === 0 ? '' : `; closed on purpose, rows by user: ${parts.join(', ')}`;
}
