import { type Answer, answer } from './decision.ts';

export const verdicts = ['passed', 'failed', 'skipped'] as const;

/**
 * `passed` and `failed` were proven by looking or acting; `skipped` was not checked, and says why.
 * A step is verified only when nothing failed; what was skipped is counted and shown, never called verified.
 */
export type Verdict = (typeof verdicts)[number];

/** A verdict as people read it. Only a step is skipped, by a person; a check is not checked. */
export const verdictWord = (verdict: Verdict): 'passed' | 'failed' | 'not checked' =>
  verdict === 'skipped' ? 'not checked' : verdict;

/** One verification, with what anyone needs to repeat it. */
export type CheckResult = {
  /** Stable: `1.7/two-org/public.calls/read`. */
  readonly id: string;
  readonly title: string;
  readonly kind: 'catalog' | 'probe' | 'scan' | 'command' | 'http';
  readonly verdict: Verdict;
  readonly expected: string;
  readonly observed: string;
  /** SQL, a command line or a request that anyone can run to see the same. */
  readonly evidence?: string;
  /** What to do about a failure, or why the check was skipped. */
  readonly advice?: string;
  /** On `skipped`: isolation depends on it, so that the step is not verified until the operator accepts it by name. */
  readonly matters?: boolean;
  /** Decisions with which it would pass. Read them with `answersTo`. */
  readonly answers?: readonly Answer[];
  readonly milliseconds: number;
};

/** What a check that is not passed can be answered with: what it brings, or that it was not made and that this is known. */
export function answersTo(result: CheckResult): readonly Answer[] {
  if (result.answers !== undefined) return result.answers;
  if (result.verdict !== 'skipped' || result.matters !== true) return [];
  return [
    answer(
      'decisions.acceptNotChecked',
      [result.id],
      'The step goes on without this check; somebody has looked by other means.',
    ),
  ];
}

/** A check and what it saw in one line; the title may be a whole sentence. */
export const checkText = ({ title, observed }: Pick<CheckResult, 'title' | 'observed'>): string =>
  `${title.replace(/\.$/, '')}: ${observed}`;
