import type { CheckResult } from '../../rollout/check.ts';
import { plural } from '../../rollout/text.ts';
import { isCircle } from '../circles.ts';
import type { Act, Outcome } from './script.ts';

/** What a check says before anything has happened. */
export type Question = {
  readonly id: string;
  readonly title: string;
  readonly expected: string;
  readonly advice: string;
};

export type Judgement = Pick<CheckResult, 'verdict' | 'observed' | 'answers'> & { readonly advice?: string };

export const result = (
  question: Question,
  judgement: Judgement,
  outcomes: readonly Outcome[],
  evidence: string,
): CheckResult => ({
  id: question.id,
  title: question.title,
  kind: 'probe',
  verdict: judgement.verdict,
  expected: question.expected,
  observed: judgement.observed,
  ...(evidence === '' ? {} : { evidence }),
  ...(judgement.verdict === 'passed' ? {} : { advice: judgement.advice ?? question.advice }),
  ...(judgement.answers === undefined ? {} : { answers: judgement.answers }),
  milliseconds: outcomes.reduce((sum, outcome) => sum + outcome.milliseconds, 0),
});

export const skipped = (question: Pick<Question, 'id' | 'title' | 'expected'>, reason: string): CheckResult => ({
  id: question.id,
  title: question.title,
  kind: 'probe',
  verdict: 'skipped',
  expected: question.expected,
  observed: 'not checked',
  advice: reason,
  milliseconds: 0,
});

/** Whose rows nobody may reach, in the words of a result. */
export const foreign = 'of another organization';

export const rows = (count: number, what: string): string => `${plural(count, 'row')} ${what}`;

/** The words for an error of an act. */
export function refusal(outcome: Outcome): string {
  const message = outcome.message ?? 'no message';
  if (outcome.code === '42501') return `refused: ${message}`;
  return `refused: ${message} (${outcome.code})`;
}

/** An act and what came of it. */
export type Try = { readonly act: Act; readonly outcome: Outcome };

/** Rows that an act got at: what it left behind where that was looked at, else what came back or was changed. */
export const reached = ({ outcome }: Try): number => outcome.seen ?? Number(outcome.result ?? 0);

/** Nothing was tried: the probe itself could not get so far. */
export const notTried = (outcome: Outcome): Judgement | null =>
  outcome.stage === 'done' || outcome.stage === 'act'
    ? null
    : {
        verdict: 'skipped',
        observed: 'not checked',
        advice: `The probe failed at its stage "${outcome.stage}": ${outcome.message ?? 'no message'} (${outcome.code ?? 'no code'}).`,
      };

/** Errors that say nothing about isolation: the server had no time, no lock, or no memory. */
export const inconclusive = (code: string | null): boolean => code !== null && /^(55P03|40|53|57|58|XX)/.test(code);

/** An error is nothing that somebody may want: no decision gets past it. */
const notToBeMeant: NonNullable<CheckResult['answers']> = [];

/** Nobody reaches a row of a table whose policies ask in a circle. */
export const circular = ({ message, code }: Pick<Outcome, 'message' | 'code'>): Judgement => ({
  verdict: 'failed',
  observed: `the policies fail: ${message} (${code}), so nobody reaches any row`,
  advice:
    'The policies of this table refer to each other in a circle: one of them reads, itself or through a function with its caller’s rights, a table whose policy leads back here. Ask through a function that runs with its owner’s rights (security definer).',
  answers: notToBeMeant,
});

/** What proves nothing: the probe did not get so far, or the server gave up on it. */
export const unproven = (outcome: Outcome): Judgement | null =>
  outcome.stage === 'act' && inconclusive(outcome.code)
    ? {
        verdict: 'skipped',
        observed: 'not checked',
        advice: `The server gave up: ${outcome.message} (${outcome.code}).`,
      }
    : notTried(outcome);

/** What says the same of one's own row and of somebody else's; null: that alone decides. */
const whateverItActsOn = (outcome: Outcome): Judgement | null =>
  unproven(outcome) ?? (outcome.stage === 'act' && isCircle(outcome.code) ? circular(outcome) : null);

/**
 * Judges an act against somebody else's row.
 *
 * An error is a refusal, with three exceptions: a violated constraint
 * comes after privileges, row security and BEFORE triggers have let the row through, so it is no protection;
 * endless recursion in policies shuts everyone out, the owner too; a time-out proves nothing.
 */
export function judgeForeign(attempt: Try, what: string): Judgement {
  const { act, outcome } = attempt;
  const decided = whateverItActsOn(outcome);
  if (decided !== null) return decided;
  if (outcome.stage === 'act') {
    if (outcome.constraint !== null && act.measure === 'rows') {
      return {
        verdict: 'failed',
        observed: `let through by privileges and policies, stopped only by a constraint: ${outcome.message} (${outcome.code})`,
      };
    }
    return { verdict: 'passed', observed: refusal(outcome) };
  }
  const count = reached(attempt);
  return { verdict: count > 0 ? 'failed' : 'passed', observed: rows(count, what) };
}

/** Judges an act upon one's own row, which should succeed. */
export function judgeOwn(attempt: Try, what: string): Judgement {
  const { act, outcome } = attempt;
  const decided = whateverItActsOn(outcome);
  if (decided !== null) return decided;
  if (outcome.stage === 'act') {
    if (outcome.constraint !== null && act.measure === 'rows') {
      return {
        verdict: 'passed',
        observed: `let through by privileges and policies; the probe's row then met a constraint: ${outcome.message}`,
      };
    }
    // Row security says "row-level security policy"; anything else with this code is a missing grant, which is meant.
    if (outcome.code === '42501' && !/row-level security/.test(outcome.message ?? '')) {
      return { verdict: 'passed', observed: `not granted: ${outcome.message}` };
    }
    // A publication without the replica identity that it needs: no session at all may do this.
    if (outcome.code === '42P10' || outcome.code === '55000') {
      return { verdict: 'passed', observed: `refused to everybody: ${outcome.message} (${outcome.code})` };
    }
    if (outcome.code === 'P0001' || outcome.code?.startsWith('23') === true)
      return { verdict: 'passed', observed: `refused by the app's own rule: ${outcome.message}` };
    // What is written may meet a rule that the probe's values do not fit; a query has none to meet.
    const isQuery = act.sql.every((one) => /^\s*select\b/i.test(one));
    return {
      verdict: 'failed',
      observed: refusal(outcome),
      ...(isQuery && outcome.code !== '42501' ? { answers: notToBeMeant } : {}),
    };
  }
  const count = reached(attempt);
  return { verdict: count > 0 ? 'passed' : 'failed', observed: rows(count, what) };
}

/** The judgement that decides: a failure, else what was not checked, else the first. */
export function worst(judgements: readonly Judgement[]): Judgement {
  const found =
    judgements.find(({ verdict }) => verdict === 'failed') ??
    judgements.find(({ verdict }) => verdict === 'skipped') ??
    judgements[0];
  if (found === undefined) throw new Error('no act was judged');
  return found;
}

/** A call that was not made, or that the function itself refused, which is what it should do; null where it answered. */
export function judgeUnanswered(one: Try): Judgement | null {
  const untried = notTried(one.outcome);
  if (untried !== null || one.outcome.stage !== 'act') return untried;
  const judged = judgeForeign(one, '');
  return judged.verdict === 'skipped' ? judged : { verdict: 'passed', observed: refusal(one.outcome) };
}
