import type { ClientBase } from 'pg';
import { appSchema } from '../../src/database/catalog/platform.ts';
import { toRolloutError } from '../../src/database/errors.ts';
import { fingerprint } from '../../src/database/fingerprint.ts';
import { rolledBack } from '../../src/database/rolled-back.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { GuardFinding, NotLookedAt } from '../../src/rollout/guard-finding.ts';
import type { Fingerprint } from '../../src/rollout/journal.ts';
import type { Step, StepId } from '../../src/rollout/step.ts';
import { isolationFacts } from '../1-database/isolation/facts.ts';
import { dropId } from '../1-database/isolation/policy-changes.ts';
import { planTables } from '../1-database/isolation/tables.ts';
import { phase } from '../1-database/phase.ts';
import { survey } from '../1-database/survey.ts';
import type { Target } from '../target.ts';
import { planBeyond } from './beyond.ts';
import { fromBuckets } from './buckets.ts';
import { changesBetween, type Since } from './changed.ts';
import { fromGrants } from './grants.ts';
import { fromInheritance } from './inheritance.ts';
import { fromLookalikes } from './lookalikes.ts';
import { fromObjects, restore } from './objects.ts';
import { fromPlatform } from './platform.ts';
import { fromProfiles } from './profiles.ts';
import { fromRoles } from './roles.ts';
import { fromSettings } from './settings.ts';
import { fromChecks, fromPlan, unjudged, wasKnown } from './steps.ts';

/** What the journal keeps of the rollout that is looked after. */
export type Kept = {
  /** Steps of phase 1 that are in force, in order. */
  readonly steps: readonly StepId[];
  readonly before: Fingerprint | null;
  readonly after: Fingerprint | null;
  /** What the checks of a step compare with, by step. */
  readonly look: (step: StepId) => Promise<unknown>;
  readonly accepted: (check: string) => boolean;
};

export type Drift = { readonly findings: readonly GuardFinding[]; readonly notLookedAt: readonly NotLookedAt[] };

/**
 * Everything that no longer holds of a verified rollout, in one transaction that is rolled back: what its steps would do
 * again, which of their checks fail, what became of the objects they made, and what makes row security count for
 * nothing. Writes nothing, the journal included.
 */
export async function lookForDrift(given: Target, kept: Kept, signal: AbortSignal): Promise<Drift> {
  // The API and the advisors are asked by `verify`: a guard that runs every night signs nobody up.
  const { keys: _, advisors: __, ...target } = given;
  const client = await target.session.work();
  return rolledBack(client, () => look(target, client, kept, signal));
}

async function look(target: Target, client: ClientBase, kept: Kept, signal: AbortSignal): Promise<Drift> {
  const findings: GuardFinding[] = [];
  const notLookedAt: NotLookedAt[] = [];
  const now = await fingerprint(client);
  const since: Since = {
    now,
    changes: kept.after === null ? null : changesBetween(kept.after, now),
    own: ownObjects(kept),
    closed: await closedSchemas(client),
  };
  const lookOf = async (step: StepId): Promise<unknown> => (kept.steps.includes(step) ? kept.look(step) : null);
  const part = async (what: string, body: () => Promise<void>): Promise<void> => {
    signal.throwIfAborted();
    try {
      // A part that fails takes only its own savepoint with it.
      await rolledBack(client, body);
    } catch (error) {
      signal.throwIfAborted();
      // A function of the app may raise any code, that of a lost connection as well: the server is asked.
      if (!(await isOpen(client))) throw error;
      // What went wrong for a reason that nobody thought of keeps this part from being judged, and no other.
      const { problem, remedy } = toRolloutError(error);
      notLookedAt.push({ what, reason: isAnswer(error) ? error.message : `${problem} ${remedy}` });
    }
  };
  for (const step of phase.steps) {
    if (!kept.steps.includes(step.id) || step === phase.steps[0]) continue;
    const what = `what step ${step.id} would do again`;
    let { config } = target;
    await part(what, async () => {
      const beyond = await planBeyond(step, target, wasKnown(step.id, since));
      config = beyond.decided;
      const leaving = step.id === '1.7' ? await leavingPolicies({ ...target, config }) : null;
      findings.push(...fromPlan(step.id, beyond, since, leaving));
      if (beyond.changes === null)
        notLookedAt.push({
          what,
          reason: `It needs a decision first: ${beyond.blockers.at(-1)?.problem} Give the decisions of the rollout.`,
        });
    });
    await part(`the checks of step ${step.id}`, async () => {
      const results = await resultsOf(step, { ...target, config }, kept, signal);
      findings.push(
        ...fromChecks(
          step.id,
          results.filter((one) => one.verdict === 'failed' && !isOldLoss(one)),
          since,
        ),
      );
      for (const one of results) {
        if (one.verdict !== 'skipped' || one.matters !== true || kept.accepted(one.id)) continue;
        const found = unjudged(step.id, one, since);
        if (found !== null) findings.push(found);
        else notLookedAt.push({ what: one.title, reason: one.advice ?? one.observed });
      }
    });
  }
  await part('objects that changed', async () => {
    const found = await survey(target);
    findings.push(...(await fromObjects(client, target, found, since)), ...fromInheritance(found, since));
  });
  await part('profiles', async () => {
    findings.push(...(await fromProfiles(client, target, await survey(target), await lookOf('1.7'), since)));
  });
  const exposed = target.config.exposedSchemas;
  const standing = {
    'the roles of the API': () => fromRoles(client, since),
    'settings of the roles of the API': () => fromSettings(client, exposed, since),
    'rights that no policy limits': () => fromGrants(client, since),
    'the platform’s own functions': () => fromPlatform(client, since),
    'operators, casts, event triggers and namesakes': () => fromLookalikes(client, exposed, since),
  };
  for (const [what, ask] of Object.entries(standing))
    await part(what, async () => {
      findings.push(...(await ask()));
    });
  await part('public buckets', async () => {
    const { platform } = await isolationFacts(client, await survey(target));
    findings.push(...(await fromBuckets(client, await lookOf('1.7'), platform.publicBuckets, since)));
  });
  return { findings: once(findings), notLookedAt };
}

async function resultsOf(
  step: Step<Target>,
  target: Target,
  kept: Kept,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const before = step.look === undefined ? null : await kept.look(step.id);
  const results: CheckResult[] = [];
  for await (const one of step.checks(target, signal, before)) {
    signal.throwIfAborted();
    results.push(one);
  }
  return results;
}

/** Policies that let through more than the rule; the plan would also replace those that let through less. */
async function leavingPolicies(target: Target): Promise<ReadonlySet<string>> {
  const plans = await planTables(await survey(target), target.config, [], async () => null, true);
  return new Set(plans.flatMap((one) => one.leaving.map(dropId)));
}

/** Schemas of the app in which neither visitors nor signed-in users may use anything, by whatever way. */
async function closedSchemas(client: ClientBase): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ name: string }>(
    `with api as (select oid from pg_catalog.pg_roles where rolname in ('anon', 'authenticated'))
     select nspname as name from pg_catalog.pg_namespace n where ${appSchema('nspname')}
       -- Where one of them has another name, nobody can tell what requests reach.
       and (select count(*) from api) = 2 and not exists (select from api where pg_catalog.has_schema_privilege(api.oid, n.oid, 'USAGE'))`,
  );
  return new Set(rows.map((one) => one.name));
}

/**
 * A row that somebody reached before the rollout and does not reach now: people join, leave and are deleted, and the look
 * from before the rollout is as old as it is. An error in place of an answer is none of that.
 */
const isOldLoss = ({ id, advice }: CheckResult): boolean =>
  /^1\.7\/access\/.*\/kept$/.test(id) && !(advice ?? '').startsWith('A query that worked before');

/** What came to be between the first step and the last one. */
function ownObjects({ before, after }: Kept): ReadonlySet<string> {
  if (before === null || after === null) return new Set();
  return new Set(Object.keys(after).filter((object) => before[object] === undefined));
}

/** Whether the transaction of the look can still be used. */
async function isOpen(client: ClientBase): Promise<boolean> {
  try {
    await client.query('select');
    return true;
  } catch {
    return false;
  }
}

/** The server's own word on one question. */
const isAnswer = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code);

/** Two ways of looking may say the same of one object of ours: what the step would do again says more. */
function once(findings: readonly GuardFinding[]): readonly GuardFinding[] {
  const undone = findings.filter((one) => one.kind === 'database-undone');
  const saidBy = (one: GuardFinding): boolean => {
    if (one.kind === 'database-undone' || one.place.kind !== 'object' || one.instruction !== restore) return false;
    const name = one.place.object.replace(/\(.*$/, '').split('.').at(-1) ?? '';
    return undone.some((each) => each.reason.includes(name));
  };
  const seen = new Set<string>();
  return findings.filter((one) => !saidBy(one) && !seen.has(one.id) && seen.add(one.id));
}
