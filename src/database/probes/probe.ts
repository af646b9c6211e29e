import type { CheckResult } from '../../rollout/check.ts';
import type { Circles } from '../circles.ts';
import { preparation } from './cast.ts';
import type { Family } from './rows.ts';
import { type Act, evidence, perform, type Settings } from './script.ts';
import { byHalf, halvesOf } from './stale.ts';
import { type Judgement, type Question, result, type Try } from './verdict.ts';
import type { World } from './world.ts';

/** What the probes of a run have in common. */
export type Run = {
  readonly world: World;
  readonly settings: Settings;
  readonly quiet: boolean;
  readonly prefix: string;
  /** What earlier tables of the run have shown: conditions that end in a circle, and how many tables took too long. */
  readonly learned: { readonly circles: Circles; late: number };
};

/** Everything that one transaction starts from. */
export type Attempt = {
  readonly world: World;
  readonly settings: Settings;
  readonly family: Family;
  /** Whether triggers and foreign keys rest while rows are prepared. */
  readonly quiet: boolean;
};

/** A question, the acts that answer it, and how they are judged: all together, or one alone to find the telling one. */
export type Probe = {
  readonly question: Question;
  readonly acts: readonly Act[];
  readonly judge: (tries: readonly Try[]) => Judgement;
};

/**
 * Performs all probes in one transaction that is rolled back.
 *
 * @throws whatever the server says about the preparation.
 */
export async function performProbes(
  attempt: Attempt,
  probes: readonly Probe[],
  /** Statements after those that make the family. */
  further: readonly string[] = [],
): Promise<readonly CheckResult[]> {
  const prepared = [...preparation(attempt.world, attempt.family, attempt.quiet), ...further];
  const acts = probes.flatMap((probe) => probe.acts);
  const outcomes = await perform(attempt.world.client, attempt.settings, prepared, acts);
  const judged = probes.map((probe) => {
    const tries = probe.acts.flatMap((act): Try[] => {
      const outcome = outcomes.get(act.name);
      return outcome === undefined ? [] : [{ act, outcome }];
    });
    const judgement = probe.judge(tries);
    // The act to show is the one that explains the verdict.
    const telling = tries.find((one) => probe.judge([one]).verdict === judgement.verdict) ?? tries[0];
    return { probe, tries, judgement, telling };
  });
  // What opened to a former member is asked once more, to say what it was that opened it.
  const halves = judged.map(({ judgement, telling }) =>
    judgement.verdict === 'failed' && telling !== undefined ? halvesOf(telling.act) : [],
  );
  const more = halves.flat();
  const answers = more.length === 0 ? null : await perform(attempt.world.client, attempt.settings, prepared, more);
  return judged.map(({ probe, tries, judgement, telling }, at) => {
    const opens = (act: Act): boolean => {
      const outcome = answers?.get(act.name);
      return outcome !== undefined && probe.judge([{ act, outcome }]).verdict === 'failed';
    };
    return result(
      probe.question,
      byHalf(judgement, halves[at] ?? [], opens),
      tries.map(({ outcome }) => outcome),
      telling === undefined ? '' : evidence(attempt.settings, prepared, telling.act),
    );
  });
}
