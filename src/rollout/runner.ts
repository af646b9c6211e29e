import { createApply } from './apply.ts';
import type { PreviewResult } from './executor.ts';
import { planAhead } from './foresee.ts';
import { impactOf } from './impact.ts';
import { isOpen, prove } from './proof.ts';
import { createRollback } from './roll-back.ts';
import { hashOf, type ProofResult, type Rollout } from './rollout.ts';
import { createRun, type Run, type RunnerOptions } from './run.ts';
import { statusOf } from './status.ts';
import type { Upon } from './step.ts';
import { createVerification } from './verify.ts';

/**
 * Drives the steps of one target. It knows plans, changes, journals and checks, and nothing of any particular step.
 *
 * Every apply and rollback begins by settling what a crash left, so that no other state is ever built upon.
 */
export function createRollout<T>(options: RunnerOptions<T>): Rollout {
  const run = createRun(options);
  const { verify, testAgain } = createVerification(run);
  return {
    status: () => statusOf(run),
    plan: run.plan,
    planAhead: ahead(run),
    preview: preview(run),
    apply: createApply(run, testAgain),
    verify,
    ...createRollback(run),
    skip: (id, reason) => run.record(id, 'skipped', reason, 0),
    listen: run.listen,
  };
}

const preview =
  <T>(run: Run<T>): Rollout['preview'] =>
  async (id, signal) => {
    const { executor, step } = run.find(id);
    const planned = await run.plan(id);
    const { changes, blockers } = planned.plan;
    const context = run.context(id, signal);
    const results: PreviewResult[] = [];
    for await (const result of executor.preview(changes, context)) {
      results.push(result);
      run.emit({ type: 'previewed', step: id, result });
    }
    const proofs: ProofResult[] = [];
    if (blockers.length === 0 && results.every((one) => one.outcome !== 'failed')) {
      for await (const proof of prove(step, run.target, changes, executor, context, run.accepted)) proofs.push(proof);
    }
    const relations = new Set(results.flatMap((one) => one.locks.map((lock) => lock.relation)));
    const sizes = await executor.sizes([...relations]);
    const impact = impactOf({ changes, results, proofs, sizes, running: step.running ?? null });
    const open = proofs.flatMap((proof) => proof.results.filter((one) => isOpen(one, run.accepted)));
    return { ...planned, results, proofs, impact, open };
  };

const ahead =
  <T>(run: Run<T>): Rollout['planAhead'] =>
  async (phase, signal, upon: Upon = async () => undefined) => {
    const found = run.phases.find((one) => one.id === phase);
    const executor = found === undefined ? null : run.executors[found.medium];
    if (found === undefined || executor === null) return [];
    const rows = await statusOf(run);
    const open = found.steps.filter((step) => rows.find((row) => row.step === step.id)?.state !== 'skipped');
    const plans = await planAhead(open, run.target, executor, run.context(`${phase}.1`, signal), upon);
    return plans.map((one) => ({ ...one, hash: hashOf(one.plan) }));
  };
