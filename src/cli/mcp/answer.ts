import type { RolloutError } from '../../rollout/errors.ts';
import type { Opened, OpenOptions } from '../open.ts';
import { type Intended, refusalOf, requireSame } from './act.ts';
import { recordApproval } from './approvals.ts';
import { rootOf } from './identity.ts';
import { findRequest, type Request, removeRequest } from './requests.ts';

/** How a target is opened to look at requests: as it is for the run, which takes nothing from what was decided before. */
export const forRequests: OpenOptions = { reading: true, asDecided: false };

export type LookedAt = {
  readonly hash: string;
  readonly request: Request;
  readonly what: Intended;
  /** Why nobody can approve it now; null where somebody can. */
  readonly refusal: RolloutError | null;
};

/**
 * What the open request whose hash begins so would do, computed anew.
 *
 * @throws {RolloutError} where there is none, or it is for something else than what is here now.
 */
export async function lookAtRequest(opened: Opened, beginning: string, signal: AbortSignal): Promise<LookedAt> {
  const { hash, request } = await findRequest(rootOf(opened), beginning);
  const what = await requireSame(opened, request, signal);
  return { hash, request, what, refusal: await refusalOf(opened, request.step, what) };
}

/** A person said yes to it. What was read may have taken a while: an approval is for what is there now. */
export async function approveRequest(opened: Opened, hash: string, signal: AbortSignal): Promise<void> {
  const { refusal } = await lookAtRequest(opened, hash, signal);
  if (refusal !== null) throw refusal;
  await recordApproval(rootOf(opened), hash);
}

/** A person said no: it waits no longer. */
export async function declineRequest(root: string, beginning: string): Promise<string> {
  const { hash } = await findRequest(root, beginning);
  await removeRequest(root, hash);
  return hash;
}
