import type { CheckResult, Verdict } from '../../rollout/check.ts';
import type { JsonRow } from './types.ts';

/** What one request came to. */
export type Outcome = {
  /** 0: no answer at all. */
  readonly status: number;
  /** PostgreSQL's or PostgREST's code; null when the request succeeded. */
  readonly code: string | null;
  readonly message: string | null;
  /** Rows that came back: what was read, or what was written where that was asked for. */
  readonly rows: readonly JsonRow[];
};

/** How a request was kept away from somebody else's row; told apart because they mean different protections. */
export type Block = 'no rows' | '401' | '403' | 'other';

export type Judgement = {
  readonly verdict: Verdict;
  readonly observed: string;
  /** Set when the act was kept away. */
  readonly block?: Block;
};

/** The parts of supabase-js's answers that decide. */
type Answer = {
  readonly status: number;
  readonly data: unknown;
  readonly error: { readonly code?: string; readonly message: string } | null;
};

export async function perform(request: PromiseLike<Answer>): Promise<Outcome> {
  const { status, data, error } = await request;
  const rows = Array.isArray(data) ? data : data === null || data === undefined ? [] : [data];
  return {
    status,
    code: error === null ? null : (error.code ?? ''),
    message: error === null ? null : error.message,
    rows: error === null ? rows : [],
  };
}

/** The API does not know the table, or its schema is none of those that it serves. */
export const notServed = ({ code }: Outcome): boolean => code === 'PGRST205' || code === 'PGRST106';

export const refusal = ({ status, code, message }: Outcome): string =>
  `refused: ${status}${code === '' || code === null ? '' : `, ${code}`}: ${message ?? 'no message'}`;

/** An error of the server that is not about its own state: a rule of the app, told with the wrong status. */
export const maybeRefused = (outcome: Outcome): boolean =>
  outcome.status >= 500 && outcome.code !== null && outcome.code !== '42P17' && !serverState(outcome.code);

const serverState = (code: string): boolean => /^(55P03|40|53|57|58|XX)/.test(code);

/** Neither a yes nor a no: no answer, too many requests, a time-out, a lock, a server that has other worries. */
const inconclusive = ({ status, code }: Outcome): boolean =>
  status === 0 || status === 429 || status >= 500 || (code !== null && serverState(code));

/**
 * A violated constraint comes after privileges and row security have let the row through. A trigger of the app may use
 * the same code; the server's own message tells them apart.
 */
const constraint = ({ code, status, message }: Outcome): boolean =>
  (code?.startsWith('23') === true || status >= 500) && /violates .*constraint/.test(message ?? '');

/** Judges a request against somebody else's row. `minimal`: an insert that returns no row, whose success is the leak. */
export function judgeForeign(outcome: Outcome, what: string, minimal = false): Judgement {
  if (outcome.code === null) {
    const count = minimal ? 1 : outcome.rows.length;
    if (count > 0) return { verdict: 'failed', observed: `${outcome.status}, ${count} ${what}` };
    return { verdict: 'passed', observed: `${outcome.status}, no rows`, block: 'no rows' };
  }
  // Recursive policies answer 500 and shut everybody out, the owner too.
  if (outcome.code === '42P17') return { verdict: 'failed', observed: `the policies fail: ${refusal(outcome)}` };
  if (constraint(outcome)) {
    return { verdict: 'failed', observed: `let through, stopped only by a constraint: ${refusal(outcome)}` };
  }
  if (outcome.status === 401) return { verdict: 'passed', observed: refusal(outcome), block: '401' };
  if (outcome.status === 403 || outcome.code === '42501') {
    return { verdict: 'passed', observed: refusal(outcome), block: '403' };
  }
  if (inconclusive(outcome)) return { verdict: 'skipped', observed: `no decision: ${refusal(outcome)}` };
  return { verdict: 'passed', observed: refusal(outcome), block: 'other' };
}

/** Judges a request upon one's own row, which should succeed unless nobody was meant to be able to. */
export function judgeOwn(outcome: Outcome, what: string): Judgement {
  if (outcome.code === null) return { verdict: 'passed', observed: `${outcome.status}, ${what}` };
  const text = outcome.message ?? '';
  if (outcome.code === '42P17') return { verdict: 'failed', observed: `the policies fail: ${refusal(outcome)}` };
  if (outcome.code === '42501' && !/row-level security/.test(text)) {
    return { verdict: 'passed', observed: `not granted: ${refusal(outcome)}` };
  }
  if (outcome.code === '42501' || outcome.status === 401) return { verdict: 'failed', observed: refusal(outcome) };
  if (inconclusive(outcome)) return { verdict: 'skipped', observed: `no decision: ${refusal(outcome)}` };
  if (outcome.code === 'P0001' || outcome.code.startsWith('23')) {
    return {
      verdict: 'passed',
      observed: `let through; the app's own rule refused the probe's row: ${refusal(outcome)}`,
    };
  }
  return { verdict: 'failed', observed: refusal(outcome) };
}

export type Question = {
  /** Behind `live/`. */
  readonly id: string;
  readonly title: string;
  readonly expected: string;
  readonly advice: string;
  readonly evidence?: string;
};

/** A failure decides, then what was not checked. What was observed is said per judgement where they differ. */
export function conclude(question: Question, parts: readonly Judgement[], milliseconds: number): CheckResult {
  const verdict = (['failed', 'skipped', 'passed'] as const).find((one) => parts.some((part) => part.verdict === one));
  const observed = [...new Set(parts.map((part) => part.observed))].join('; ');
  return {
    id: `live/${question.id}`,
    title: question.title,
    kind: 'http',
    verdict: verdict ?? 'skipped',
    expected: question.expected,
    observed: observed === '' ? 'not checked' : observed,
    ...(question.evidence === undefined ? {} : { evidence: question.evidence }),
    ...(verdict === 'passed' ? {} : { advice: verdict === 'failed' ? question.advice : undecided }),
    milliseconds,
  };
}

const undecided = 'The API gave no decision: look at the answer, and verify again.';

export const skipped = (id: string, title: string, reason: string): CheckResult => ({
  id: `live/${id}`,
  title,
  kind: 'http',
  verdict: 'skipped',
  expected: 'proven through the live API',
  observed: 'not checked',
  advice: reason,
  milliseconds: 0,
});
