import { createHash } from 'node:crypto';
import { differences } from '../../src/rollout/fingerprint.ts';
import type { FindingLevel, GuardFinding } from '../../src/rollout/guard-finding.ts';
import type { Fingerprint } from '../../src/rollout/journal.ts';

/** What became of an object since the rollout was verified. */
export type Change = {
  readonly object: string;
  readonly how: 'new' | 'gone' | 'changed';
  /** Its hash in the journal; none of what is new. */
  readonly was?: string | undefined;
};

/** The difference between the database as the rollout left it and as it is. */
export type Since = {
  /** Null: the journal keeps no state from after the rollout, so that nothing can be told to be unchanged. */
  readonly changes: readonly Change[] | null;
  /** Objects that the rollout itself made. */
  readonly own: ReadonlySet<string>;
  readonly now: Fingerprint;
  /** Schemas of the app in which no role of the API may use anything. */
  readonly closed: ReadonlySet<string>;
};

/** A table that was made since the rollout: what it lacks was lost nowhere. */
export const isNew = (table: string, since: Since): boolean =>
  (since.changes ?? []).some((one) => one.how === 'new' && one.object === `table ${table}`);

/** In a schema that no role of the API reaches. */
export const isClosed = (object: string, since: Since): boolean => since.closed.has(object.split('.')[0] ?? '');

const hows = { 'only now': 'new', 'only before': 'gone', changed: 'changed' } as const;

export function changesBetween(before: Fingerprint, now: Fingerprint): readonly Change[] {
  return differences(before, now).map((line) => {
    const at = line.indexOf(': ');
    const object = line.slice(at + 2);
    return { object, how: hows[line.slice(0, at) as keyof typeof hows], was: before[object] };
  });
}

/** The hash that the journal gives an object with these parts, as PostgreSQL makes it: `md5(row(…)::text)`. */
export const hashOf = (...parts: readonly (string | boolean | null)[]): string =>
  createHash('md5')
    .update(`(${parts.map(partText).join(',')})`)
    .digest('hex');

const partText = (part: string | boolean | null): string => {
  if (part === null) return '';
  if (typeof part === 'boolean') return part ? 't' : 'f';
  return part === '' || /["\\(),\s]/.test(part) ? `"${part.replace(/["\\]/g, '$&$&')}"` : part;
};

/** `public.calls.org_id` of `column public.calls.org_id`. */
export const nameOf = (object: string): string => object.replace(/^(?:materialized view|publication \S+|[a-z]+) /, '');

export const kindOf = (object: string): string => /^(?:materialized view|[a-z]+)/.exec(object)?.[0] ?? '';

/** Whether a constraint or a policy that is gone stands on its table under another name: its hash does not hold the name. */
export const isRenamed = ({ object, how, was }: Change, since: Since): boolean => {
  const place = object.split('.').slice(0, 2).join('.');
  return (
    how === 'gone' &&
    was !== undefined &&
    ['constraint', 'policy'].includes(kindOf(object)) &&
    (since.changes ?? []).some(
      (one) => one.how === 'new' && one.object.startsWith(`${place}.`) && since.now[one.object] === was,
    )
  );
};

/**
 * Objects that changed and that a text speaks of, by their whole name or by the table that they belong to: a policy
 * `public.calls.by_owner` is meant where `public.calls` is.
 */
export function spokenOf(text: string, since: Since): readonly Change[] {
  const plain = text.replaceAll('"', '');
  return (since.changes ?? []).filter(({ object }) => {
    const name = nameOf(object).replaceAll('"', '');
    const parts = name.replace(/\(.*$/, '').split('.');
    // A function is meant by its own name alone, everything else by its table as well.
    const names = kindOf(object) === 'function' ? [parts.join('.')] : [parts.join('.'), parts.slice(0, 2).join('.')];
    return names.some((one) => mentions(plain, one));
  });
}

const mentions = (text: string, name: string): boolean => {
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
    if (!/[\w$]/.test(text[at - 1] ?? ' ') && !/[\w$]/.test(text[at + name.length] ?? ' ')) return true;
  }
  return false;
};

/** What decides who reaches something: a column or an index more does not bring an accepted finding back. */
const deciding = ['policy', 'table', 'function', 'view', 'materialized view', 'trigger', 'rule'];

/** What a finding is about, as it is now: one that is accepted counts again as soon as that changes. */
const stateOf = (object: string, since: Since): readonly string[] =>
  spokenOf(object, since)
    .filter((one) => deciding.includes(kindOf(one.object)))
    .map((one) => `${one.object} ${since.now[one.object] ?? 'gone'}`)
    .sort();

/** A finding about the object at hand. */
export type Make = (kind: string, reason: string, instruction: string) => GuardFinding;

export function finding(
  since: Since,
  given: {
    readonly kind: string;
    readonly object: string;
    readonly reason: string;
    readonly instruction: string;
    readonly level?: FindingLevel;
    readonly evidence?: string | undefined;
    /** What tells it from others of its kind at its place. */
    readonly key?: string;
  },
): GuardFinding {
  const { kind, object, reason, instruction, level = 'error', evidence, key = '' } = given;
  // Counts and samples move with the data; the finding stays the same.
  const text = [kind, object, key, ...stateOf(object, since)].join('\n');
  return {
    id: createHash('sha256').update(text).digest('hex').slice(0, 12),
    kind: `database-${kind}`,
    part: 'database',
    place: { kind: 'object', object },
    reason,
    instruction,
    level,
    ...(evidence === undefined ? {} : { evidence }),
  };
}
