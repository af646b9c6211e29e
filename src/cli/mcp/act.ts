import { randomUUID } from 'node:crypto';
import { exitCodes, RolloutError } from '../../rollout/errors.ts';
import { hashOf, type RollbackPlan } from '../../rollout/rollout.ts';
import type { Plan, StepId } from '../../rollout/step.ts';
import type { Opened } from '../open.ts';
import { takeApproval } from './approvals.ts';
import { sha256, targetOf } from './identity.ts';
import { findRequest, type Request, removeRequest, saveRequest } from './requests.ts';

export type Action = Request['action'];

/** What would be done now, with the hash that an approval is for. */
export type Intended =
  | { readonly action: 'apply'; readonly hash: string; readonly plan: Plan }
  | { readonly action: 'rollback'; readonly hash: string; readonly plan: RollbackPlan };

export async function intended({ rollout }: Opened, action: Action, step: StepId): Promise<Intended> {
  if (action === 'apply') {
    const { plan } = await rollout.plan(step);
    return { action, plan, hash: hashOf(plan) };
  }
  const plan = await rollout.rollbackPlan(step);
  // What others made since is part of it: a yes is to what breaks as well.
  const content = plan.entries.map((one) => [one.seq, one.run, one.change]);
  return { action, plan, hash: sha256(JSON.stringify([content, plan.dependants])) };
}

/** Why it cannot be done now, whoever approves it; null where it can. */
export async function refusalOf({ rollout }: Opened, step: StepId, what: Intended): Promise<RolloutError | null> {
  if (what.action === 'rollback') {
    const { refusal, entries, dependants } = what.plan;
    if (refusal !== null) return new RolloutError(refusal, 'Roll that back first.');
    if (entries.length === 0)
      return new RolloutError(`Nothing of step ${step} is in force.`, 'There is nothing to roll back.');
    if (dependants.length === 0) return null;
    return new RolloutError(
      `Rolling back step ${step} would break what others made since: ${dependants.map((one) => one.object).join(', ')}.`,
      'A person does that in the wizard or with voxanne-rollout rollback --break-dependants.',
    );
  }
  const row = (await rollout.status()).find((one) => one.step === step);
  const gate = row?.gate ?? null;
  if (gate !== null) return new RolloutError(`Step ${step} is not open yet.`, gate);
  const [blocker] = what.plan.blockers;
  if (blocker !== undefined) return new RolloutError(blocker.problem, blocker.remedy);
  // Without changes it still has to be verified before the next step opens.
  if (what.plan.changes.length === 0 && row?.state === 'verified')
    return new RolloutError(`Step ${step} is verified and has nothing to change.`, 'Go on with the next step.');
  return null;
}

/** The folder that keeps requests; without a workspace there is nowhere to keep one. */
export function rootOf({ target, config }: Opened): string {
  return target.workspace?.root ?? config.workspace;
}

export async function propose(opened: Opened, action: Action, step: StepId): Promise<unknown> {
  const what = await intended(opened, action, step);
  const refusal = await refusalOf(opened, step, what);
  if (refusal !== null) throw refusal;
  const request: Request = {
    version: 1,
    action,
    step,
    plan: what.hash,
    target: await targetOf(opened),
    at: new Date().toISOString(),
    nonce: randomUUID(),
  };
  const hash = await saveRequest(rootOf(opened), request);
  return {
    request: hash,
    action,
    step,
    changes: what.action === 'apply' ? what.plan.changes.length : what.plan.entries.length,
    next: `A person runs this in a terminal, reads what it shows, and answers it: voxanne-rollout approve ${hash.slice(0, 12)}. Then call run_approved within ten minutes.`,
  };
}

/**
 * Everything is compared before the approval is taken and the change itself compares once more: the target with the one
 * that the request is for, the plan with the one that was shown.
 */
export async function requireSame(opened: Opened, request: Request): Promise<Intended> {
  if ((await targetOf(opened)) !== request.target)
    throw new RolloutError(
      'The request is for another database, another checkout or other settings than these.',
      'Propose it again on this target.',
      { exitCode: exitCodes.usage },
    );
  const what = await intended(opened, request.action, request.step);
  if (what.hash !== request.plan)
    throw new RolloutError(
      `The plan of step ${request.step} is no longer the one of the request: the target changed meanwhile.`,
      'Propose it again.',
      { exitCode: exitCodes.usage },
    );
  return what;
}

export async function runApproved(opened: Opened, beginning: string, signal: AbortSignal): Promise<unknown> {
  const root = rootOf(opened);
  const { hash, request } = await findRequest(root, beginning);
  await takeApproval(root, hash);
  await removeRequest(root, hash);
  const what = await requireSame(opened, request);
  const refusal = await refusalOf(opened, request.step, what);
  if (refusal !== null) throw refusal;
  const { rollout } = opened;
  if (request.action === 'rollback') {
    const { proven, differences, stayed } = await rollout.rollback(request.step, signal);
    return { step: request.step, rolledBack: true, proven, differences, stayed };
  }
  const changes = await rollout.apply(request.step, signal, request.plan);
  const counts = await rollout.verify(request.step, signal);
  if (counts.failed === 0 && counts.unproven === 0) return { step: request.step, changes, verified: true, counts };
  // What could not be verified does not stay live.
  const { proven } = await rollout.rollback(request.step, signal);
  return { step: request.step, changes, verified: false, counts, rolledBack: true, proven };
}
