import { randomUUID } from 'node:crypto';
import { exitCodes, RolloutError } from '../../rollout/errors.ts';

import { type Expected, hashOf, type RollbackPlan, type Rollout } from '../../rollout/rollout.ts';
import { changeHash, type SavedPlan } from '../../rollout/saved-plan.ts';

import type { Plan, StepId } from '../../rollout/step.ts';
import { plural } from '../../rollout/text.ts';
import { sha256 } from '../../workspace/hash.ts';
import { readWaivers } from '../../workspace/waivers.ts';
import { expecting } from '../check-plan.ts';
import { makeWhole } from '../make-plan.ts';
import type { Opened } from '../open.ts';
import { takeApproval } from './approvals.ts';
import { rootOf, targetOf } from './identity.ts';
import { findRequest, type Request, removeRequest, saveRequest } from './requests.ts';

export type Action = Request['action'];

type Plans = readonly { readonly step: StepId; readonly plan: Plan }[];

/** What would be done now, with the hash that an approval is for. */
export type Intended =
  | {
      readonly action: 'apply' | 'rollout';
      readonly hash: string;
      readonly plans: Plans;
      readonly saved: SavedPlan | null;
    }
  | { readonly action: 'rollback'; readonly hash: string; readonly plan: RollbackPlan };

/** @throws {RolloutError} where nothing can be intended: a step of a whole rollout is blocked, or cannot be planned. */
export async function intended(
  opened: Opened,
  { action, step }: Pick<Request, 'action' | 'step'>,
  signal: AbortSignal,
): Promise<Intended> {
  const { rollout } = opened;
  if (action === 'apply') {
    const { plan } = await rollout.plan(step);
    return { action, plans: await toldWaivers(opened, [{ step, plan }]), saved: null, hash: hashOf(plan) };
  }
  if (action === 'rollout') {
    const { plan: saved, plans } = await makeWhole(opened, signal);
    const open = saved.uncovered.find((one) => one.step === step);
    if (open !== undefined)
      throw new RolloutError(
        `Step ${step} cannot be planned beforehand: ${open.reason}`,
        'Propose what comes before it.',
      );
    const wanted = plans.slice(0, plans.findIndex((one) => one.step === step) + 1);
    const content = wanted.map((one) => [one.step, one.plan.changes.map(changeHash)]);
    return { action, plans: await toldWaivers(opened, wanted), saved, hash: sha256(JSON.stringify(content)) };
  }
  const plan = await rollout.rollbackPlan(step);
  // What others made since is part of it: a yes is to what breaks as well.
  const content = plan.entries.map((one) => [one.seq, one.run, one.change]);
  return { action, plan, hash: sha256(JSON.stringify([content, plan.dependants])) };
}

/** With what was waived in the code, for whoever approves it: a program that edits code could have written that as well. */
async function toldWaivers(opened: Opened, plans: Plans): Promise<Plans> {
  if (plans.every(({ step }) => step.startsWith('1.'))) return plans;
  const waived = await readWaivers(rootOf(opened));
  if (waived.length === 0) return plans;
  const note = {
    text: `${plural(waived.length, 'place')} in the code ${waived.length === 1 ? 'is' : 'are'} waived and will not fail its checks.`,
    detail: waived.map(({ file, line, reason, operator }) => `${file}:${line} ${reason} (${operator})`).join('\n'),
  };
  return plans.map((one) =>
    one.step.startsWith('1.') ? one : { ...one, plan: { ...one.plan, notes: [...one.plan.notes, note] } },
  );
}

/** Why it cannot be done now, whoever approves it; null where it can. */
export async function refusalOf(
  { rollout, refused }: Opened,
  step: StepId,
  what: Intended,
): Promise<RolloutError | null> {
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
  // Nobody is asked to approve what this environment takes from a rehearsed plan alone.
  if (refused !== null && what.plans.some((one) => one.step.startsWith('1.'))) return refused;
  const rows = await rollout.status();
  const row = rows.find((one) => one.step === step);
  const gate = row?.gate ?? null;
  // What a whole rollout begins with opens what comes later.
  if (gate !== null && what.action === 'apply') return new RolloutError(`Step ${step} is not open yet.`, gate);
  const [blocker] = what.plans.flatMap(({ plan }) => plan.blockers);
  if (blocker !== undefined) return new RolloutError(blocker.problem, blocker.remedy);
  // Without changes it still has to be verified before the next step opens.
  const open = what.plans.filter(
    (one) => one.plan.changes.length > 0 || rows.find(({ step: id }) => id === one.step)?.state !== 'verified',
  );
  if (open.length === 0)
    return new RolloutError(`Step ${step} is verified and has nothing to change.`, 'Go on with the next step.');
  return null;
}

export async function propose(opened: Opened, action: Action, step: StepId, signal: AbortSignal): Promise<unknown> {
  const what = await intended(opened, { action, step }, signal);
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
    changes: changesOf(what),
    next: `A person runs this in a terminal, reads what it shows, and answers it: voxanne-rollout approve ${hash.slice(0, 12)}, or R in the wizard. Then call run_approved within ten minutes.`,
  };
}

const changesOf = (what: Intended): number =>
  what.action === 'rollback'
    ? what.plan.entries.length
    : what.plans.reduce((sum, { plan }) => sum + plan.changes.length, 0);

/**
 * Everything is compared before the approval is taken and the change itself compares once more: the target with the one
 * that the request is for, the plan with the one that was shown.
 */
export async function requireSame(opened: Opened, request: Request, signal: AbortSignal): Promise<Intended> {
  if ((await targetOf(opened)) !== request.target)
    throw new RolloutError(
      'The request is for another database, another checkout or other settings than these.',
      'Propose it again on this target.',
      { exitCode: exitCodes.usage },
    );
  const what = await intended(opened, request, signal);
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
  const what = await requireSame(opened, request, signal);
  const refusal = await refusalOf(opened, request.step, what);
  if (refusal !== null) throw refusal;
  const { rollout } = opened;
  if (request.action === 'rollback') {
    const { proven, differences, stayed } = await rollout.rollback(request.step, signal);
    return { step: request.step, rolledBack: true, proven, differences, stayed };
  }
  if (what.action !== 'rollout' || what.saved === null) return applyOne(rollout, request.step, request.plan, signal);
  const expect = expecting(opened, what.saved);
  const done = [];
  for (const { step } of what.plans) {
    const row = (await rollout.status()).find((one) => one.step === step);
    if (row?.state === 'verified' && (await rollout.plan(step)).plan.changes.length === 0) continue;
    const result = await applyOne(rollout, step, expect, signal);
    done.push(result);
    if (!result.verified) break;
  }
  return { steps: done, verified: done.every((one) => one.verified) };
}

/** Applies and verifies a step. What could not be verified does not stay live. */
async function applyOne(rollout: Rollout, step: StepId, expect: Expected, signal: AbortSignal) {
  const changes = await rollout.apply(step, signal, expect);
  const counts = await rollout.verify(step, signal);
  if (counts.failed === 0 && counts.unproven === 0) return { step, changes, verified: true, counts };
  const { proven } = await rollout.rollback(step, signal);
  return { step, changes, verified: false, counts, rolledBack: true, proven };
}
