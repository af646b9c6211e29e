import type { Change } from '../../src/rollout/change.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { FindingLevel, GuardFinding } from '../../src/rollout/guard-finding.ts';
import type { Blocker, StepId } from '../../src/rollout/step.ts';
import { repeats } from '../1-database/isolation/policy-changes.ts';
import type { Beyond } from './beyond.ts';
import { finding, isClosed, isNew, type Since, spokenOf } from './changed.ts';

/** Whether a blocker was there when the rollout was verified: nobody touched since what it speaks of, so it was decided. */
export const wasKnown =
  (step: StepId, since: Since) =>
  (one: Blocker): boolean => {
    const subject = placeIn(one.problem) === null ? `${one.problem} ${one.detail ?? ''}` : one.problem;
    return since.changes !== null && !isAboutData(step) && spokenOf(subject, since).length === 0;
  };

/**
 * What a step would do again. A plan is empty as long as what the step did is in force: whatever it holds now is
 * something that was changed since.
 */
export function fromPlan(
  step: StepId,
  { blockers, changes }: Pick<Beyond, 'blockers' | 'changes'>,
  since: Since,
  leaving: ReadonlySet<string> | null = null,
): readonly GuardFinding[] {
  const isKnown = wasKnown(step, since);
  const open = blockers.map((one) => {
    const known = isKnown(one);
    return finding(since, {
      kind: 'open',
      object: placeIn(one.problem) ?? placeIn(one.detail ?? '') ?? `step ${step}`,
      key: `${step} ${withoutNumbers(one.problem)} ${one.detail ?? ''}`,
      reason: one.problem,
      instruction: known
        ? `Nothing of it changed since the rollout was verified: give the decision that was given then (the same flags, or the configuration file). ${one.remedy}`
        : one.remedy,
      level: known ? 'note' : 'error',
      evidence: one.detail,
    });
  });
  const groups = new Map<string, Change[]>();
  for (const one of changes ?? []) groups.set(objectOf(one), [...(groups.get(objectOf(one)) ?? []), one]);
  // What the assumed answer to a question brings is about the same object as the question.
  const asked = new Set(
    blockers.flatMap((one) =>
      [placeIn(one.problem), ...(one.detail ?? '').split('\n')].map((text) => plain(text ?? '')),
    ),
  );
  const undone = [...groups]
    .filter(([object]) => !asked.has(plain(object)))
    .map(([object, again]) => {
      const titles = again.map((one) => one.title).join('; ');
      const touched =
        since.changes === null ||
        isAboutData(step) ||
        spokenOf([object, ...again.map((one) => `${one.id} ${one.title}`)].join(' '), since).length > 0;
      return finding(since, {
        kind: 'undone',
        object,
        key: [step, ...again.map((one) => one.id)].join(' '),
        // Where nothing changed since, the step is in force as it was decided, and this run decides otherwise.
        reason: touched
          ? `Step ${step} is no longer in force; it would do this again: ${titles}.`
          : `Step ${step} would do this now, although nothing that it is about changed since the rollout was verified: ${titles}.`,
        instruction: touched
          ? `Run voxanne-rollout --yes --to ${step} with the decisions of the rollout: it looks again, shows the change and puts it in force.`
          : `Give the decisions and settings of the rollout, by the same flags or by the configuration file, and look again. Where they are the same, run voxanne-rollout --yes --to ${step}.`,
        level: isHarmless(object, again, since) ? 'note' : levelOf(again, leaving),
        evidence: again.flatMap((one) => (one.kind === 'sql' ? [one.up] : [])).join('\n\n'),
      });
    });
  return [...undone, ...open];
}

/**
 * Without an index everything is as safe as it was, and slower. A policy that says what ours would say, or less, is as
 * good, in whatever form it was written.
 */
function levelOf(changes: readonly Change[], leaving: ReadonlySet<string> | null): FindingLevel {
  const others = changes.filter((one) => !one.id.startsWith('index'));
  if (others.length === 0) return 'warning';
  const isEnough = (one: Change): boolean =>
    one.title.endsWith(repeats) || (leaving !== null && one.id.startsWith('drop policy ') && !leaving.has(one.id));
  const enough = others.filter(isEnough);
  const made = others.filter((one) => one.id.startsWith('policy '));
  return enough.length > 0 && enough.length + made.length === others.length ? 'note' : 'error';
}

/** What a step would do now and nobody undid. */
function isHarmless(object: string, changes: readonly Change[], since: Since): boolean {
  if (since.changes === null) return false;
  // Only the server reads and writes there.
  if (isClosed(object, since)) return true;
  // A row of no organization is shown to nobody.
  if (isNew(object, since)) return changes.every((one) => /^(?:check|validate|not null|drop check) /.test(one.id));
  // It is as it was; what it is made from, a list of roles for instance, would give another text by now.
  const touched = new Set(since.changes.map((one) => withoutArguments(one.object)));
  const own = new Set([...since.own].map(withoutArguments));
  return changes
    .map((one) => ({ name: withoutArguments(one.id), title: one.title }))
    .every(({ name, title }) => title.startsWith('Replace function ') && own.has(name) && !touched.has(name));
}

const withoutArguments = (name: string): string => name.replace(/\(.*$/s, '');

const plain = (text: string): string => text.replaceAll('"', '').trim();

const isAboutData = (step: StepId): boolean => step === '1.5';

const withoutNumbers = (text: string): string => text.replace(/\b\d[\d,.]*\b/g, 'n');

/** What a change is about: `privileges public.calls`, `trigger guard_profile_keys` on the table that its title names. */
const objectOf = (one: Change): string =>
  one.kind === 'batches' ? one.table.replaceAll('"', '') : (placeIn(one.id) ?? placeIn(one.title) ?? one.id);

/** The first qualified name of a text. */
const placeIn = (text: string): string | null =>
  /(?<![\w.])[\w$]+\.[\w$]+(?:\([^)]*\))?/.exec(text.replaceAll('"', ''))?.[0] ?? null;

/**
 * Failed checks, one finding for each place: one disabled trigger fails many. Which of them fail is part of its name, so
 * that an accepted finding does not hide one more.
 */
export function fromChecks(step: StepId, failed: readonly CheckResult[], since: Since): readonly GuardFinding[] {
  const groups = new Map<string, CheckResult[]>();
  for (const one of failed) groups.set(placeOf(one), [...(groups.get(placeOf(one)) ?? []), one]);
  return [...groups].map(([object, checks]) => {
    const [first] = checks;
    const more =
      checks.length === 1 ? '' : ` ${checks.length - 1} more of its checks ${checks.length === 2 ? 'fails' : 'fail'}.`;
    return finding(since, {
      kind: 'check',
      object,
      key: [step, ...checks.map((one) => one.id).sort(), observedKey(checks)].join(' '),
      reason: `A check that held after the rollout fails: ${first?.title ?? ''}: ${first?.observed ?? ''}.${more}`,
      instruction: first?.advice ?? 'Look at it with voxanne-rollout verify --verbose.',
      evidence: first?.evidence,
      level: checks.every((one) => isLack(one, object, since)) ? 'note' : 'error',
    });
  });
}

/** It looked at what is new, or closed to everybody: nothing that held was lost. */
function isLack({ id, kind, observed }: CheckResult, object: string, since: Since): boolean {
  if (since.changes === null || kind !== 'catalog') return false;
  if (id.startsWith('1.6/not-null/')) return isNew(object, since);
  const named = observed.replaceAll('"', '').match(/[\w$]+\.[\w$]+/g) ?? [];
  return named.length > 0 && named.every((one) => isClosed(one, since));
}

/** A check that cannot be made of something that came to be, or changed, since: nobody has ever looked at that. */
export function unjudged(step: StepId, check: CheckResult, since: Since): GuardFinding | null {
  const place = placeOf(check);
  const changed = spokenOf(`${place} ${check.title}`, since).filter((one) => one.how !== 'gone');
  if (changed.length === 0) return null;
  return finding(since, {
    kind: 'unjudged',
    object: place,
    key: `${step} ${check.id}`,
    reason: `${changed.map((one) => `${one.object} (${one.how})`).join(', ')}: made or changed since the rollout, and this could not be checked: ${check.title}.`,
    instruction: check.advice ?? 'Look at it by hand; accept this finding in the baseline where it is as it should be.',
    evidence: check.evidence,
  });
}

function placeOf({ id, kind, observed }: CheckResult): string {
  const [, family = '', place = ''] = id.split('/');
  if (place.includes('.')) return place;
  if (family === 'users' || family === 'sign-up' || place === 'on-auth-user-created') return 'auth.users';
  return (kind === 'catalog' ? placeIn(observed) : null) ?? family;
}

/** Names in what a check saw (`public.a, public.b`) tell one finding from the next; numbers and samples of ids do not. */
const observedKey = (checks: readonly CheckResult[]): string =>
  checks
    .filter((one) => one.kind === 'catalog')
    .flatMap((one) => one.observed.match(/[\w$]+\.[\w$]+|"[^"]+"/g) ?? [])
    .sort()
    .join(' ');
