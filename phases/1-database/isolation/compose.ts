import type { Note } from '../../../src/rollout/step.ts';
import { joined } from './caller.ts';
import type { Alternative } from './classify.ts';
import { conjuncts } from './expression.ts';
import type { Judged } from './judged.ts';
import type { Command, Condition, Rule } from './rules.ts';
import { alternativesOf } from './split.ts';

/** What policies of one command become. */
export type Composed = {
  /** The organization's rule, alone or with what the app asked beside it; null where nobody had that right. */
  readonly main: Condition | null;
  /** What is the caller's own, or shared with their organization by another column. */
  readonly beside: Condition | null;
  readonly notes: readonly Note[];
};

export const sides = (
  command: Command,
  condition: Condition,
): { readonly using: string | null; readonly check: string | null } => ({
  using: command === 'INSERT' ? null : condition.using,
  check: command === 'INSERT' || command === 'UPDATE' ? (condition.check ?? condition.using) : null,
});

const special = new Set<Rule['kind']>(['organizations', 'profiles', 'memberships']);

/**
 * Permissive policies are joined by OR, USING and WITH CHECK each for itself, and so are their parts here: what means
 * the whole organization becomes the rule; what asks more stays, joined by OR, beside it; what is the caller's own
 * stays as it is for rows that are there, while new rows must also be of an organization of the caller, or refer to none.
 */
export function compose(rule: Rule, command: Command, judged: readonly Judged[], label: string): Composed {
  const notes: Note[] = [];
  const finds = command === 'INSERT' ? [] : judged.flatMap((one) => usable(rule, one, one.using));
  const writes = command === 'INSERT' || command === 'UPDATE';
  const takes = writes ? judged.flatMap((one) => usable(rule, one, one.check)) : [];
  const is = (all: readonly Alternative[], ...meanings: readonly Alternative['meaning'][]): readonly Alternative[] =>
    all.filter((one) => meanings.includes(one.meaning));

  const asked = (side: readonly Alternative[], which: 'using' | 'check'): string | null => {
    const bound = sideOf(rule.bound, command, which) ?? sideOf(rule.conditions, command, which);
    const whole = wholeOf(rule, command, side, which);
    if (whole !== null) return whole;
    const parts: string[] = [];
    const more = is(side, 'within');
    if (more.length > 0 && bound !== null) parts.push(beside(bound, more));
    const own = which === 'check' ? is(side, 'own', 'shared') : [];
    if (own.length > 0) {
      const limit = rule.kind === 'profiles' ? sideOf(rule.conditions, command, 'check') : (rule.ownBound ?? bound);
      if (rule.kind === 'organizations') parts.push(either(own));
      else if (limit !== null && rule.kind !== 'memberships') parts.push(beside(limit, own));
    }
    return parts.length === 0
      ? null
      : parts.length === 1
        ? (parts[0] ?? null)
        : parts.map((one) => `(${one})`).join(' or ');
  };
  const using = asked(finds, 'using');
  const check = writes ? asked(takes, 'check') : null;
  const mine = is(finds, 'own', 'shared');
  const selfManaged = rule.kind === 'memberships' && command === 'UPDATE';
  const own = mine.length === 0 || selfManaged ? null : either(mine);

  notes.push(...explain(rule, command, judged, label));
  if (command === 'INSERT') return { main: check === null ? null : { using: check }, beside: null, notes };
  const condition = (found: string | null): Condition | null =>
    found === null ? null : command === 'UPDATE' ? { using: found, check: check ?? 'false' } : { using: found };
  return { main: condition(using), beside: condition(own), notes };
}

const sideOf = (
  of: Readonly<Partial<Record<Command, Condition>>>,
  command: Command,
  which: 'using' | 'check',
): string | null => {
  const condition = of[command];
  return condition === undefined ? null : sides(command, condition)[which];
};

/** The rule, where one alternative lets the whole organization through. */
function wholeOf(rule: Rule, command: Command, side: readonly Alternative[], which: 'using' | 'check'): string | null {
  const says = (meaning: Alternative['meaning']): boolean => side.some((one) => one.meaning === meaning);
  if (!says('organization') && !says('open')) return null;
  const usual = sideOf(rule.conditions, command, which);
  const bound = sideOf(rule.bound, command, which);
  if (!says('organization') || command === 'SELECT') return usual;
  // Every member could: they go on, in their organization.
  if (rule.kind === 'organizations') return command === 'UPDATE' ? bound : usual;
  if (rule.kind === 'profiles') return usual === null ? bound : `(${usual}) or (${bound})`;
  return usual ?? bound;
}

/** A policy that fails for everybody gives nobody a right; where the new rule has its own words, those count. */
function usable(rule: Rule, one: Judged, side: readonly Alternative[]): readonly Alternative[] {
  if (!one.fails && !one.dropped) return side;
  if (one.dropped || special.has(rule.kind))
    return [{ meaning: 'open', text: 'true', safe: null, bound: false, shares: false, anywhere: null }];
  return side.filter(({ meaning }) => meaning === 'organization');
}

const either = (all: readonly Alternative[]): string => {
  const texts = [...new Set(all.map((one) => one.safe ?? one.text))];
  return texts.length === 1 ? (texts[0] ?? '') : texts.map((one) => `(${one})`).join(' or ');
};

const beside = (bound: string, more: readonly Alternative[]): string => joined([bound, either(more)]);

function* explain(rule: Rule, command: Command, judged: readonly Judged[], label: string): Iterable<Note> {
  const named = (of: (one: Judged) => boolean): string =>
    judged
      .filter(of)
      .map(({ policy }) => `"${policy.name}"`)
      .join(', ');
  const has = (one: Judged, ...meanings: readonly Alternative['meaning'][]): boolean =>
    [...one.using, ...one.check].some(({ meaning }) => meanings.includes(meaning));
  const failing = named((one) => one.fails && !special.has(rule.kind));
  if (failing !== '') {
    yield {
      text: `${label}: ${failing} reads the table that it guards, so every ${command} through it fails today (42P17); nobody loses a right with it.`,
    };
  }
  const more = judged.filter((one) => !one.fails && has(one, 'within'));
  const wholly = judged.some((one) => !one.fails && has(one, 'organization', 'open'));
  if (more.length > 0 && !wholly) {
    yield {
      text: `${label}: ${named((one) => more.includes(one))} asked more of ${command} than the organization; the new policy asks it as well.`,
      detail: either(more.flatMap((one) => [...one.using, ...one.check].filter(({ meaning }) => meaning === 'within'))),
    };
  }
  if (rule.kind === 'memberships' && command !== 'SELECT') {
    const all = named((one) => !one.fails && has(one, 'organization', 'open'));
    if (all !== '') {
      yield {
        text: `${label}: ${all} let every member ${command.toLowerCase()} memberships, their own role included; from now on only owners and admins do.`,
      };
    }
    const self = named((one) => has(one, 'own'));
    if (self !== '' && command !== 'DELETE') {
      yield {
        text: `${label}: ${self} let users ${command === 'INSERT' ? 'join any organization by themselves' : 'change their own role and organization'}; that ends. A function of yours that runs with its owner's rights, or the backend, can still do it.`,
      };
    }
  } else if (command === 'INSERT' && rule.kind !== 'organizations' && rule.kind !== 'profiles') {
    const self = named((one) => has(one, 'own', 'shared'));
    if (self !== '') {
      yield {
        text: `${label}: ${self} let users add rows of their own to any organization; from now on to their own organization alone.`,
      };
    }
  }
}

/** Every alternative of `fresh` is already let through by one of `old`. */
export async function covers(old: string, fresh: string): Promise<boolean> {
  const there: ReadonlySet<string>[] = [];
  for (const parts of alternativesOf(old)) there.push(new Set(await conjuncts(joined(parts))));
  for (const parts of alternativesOf(fresh)) {
    const wanted = new Set(await conjuncts(joined(parts)));
    if (!there.some((one) => [...one].every((part) => wanted.has(part)))) return false;
  }
  return true;
}
