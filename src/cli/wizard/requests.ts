import type { Requests } from '../../wizard/index.ts';
import { approveRequest, declineRequest, forRequests, lookAtRequest } from '../mcp/answer.ts';
import { rootOf } from '../mcp/identity.ts';
import { openRequests } from '../mcp/requests.ts';
import { type Opened, openTarget } from '../open.ts';
import type { CommonOptions } from '../options.ts';

/**
 * The requests of programs for the wizard, by the rules of `approve`: each is computed anew on a target of its own, with
 * the settings of the run and nothing that was answered in this session.
 */
export function requestOffers(options: CommonOptions, opened: Opened, typedUrl: string | undefined): Requests {
  const root = rootOf(opened);
  const onTarget = async <T>(body: (target: Opened) => Promise<T>): Promise<T> => {
    const target = await openTarget(options, { ...forRequests, typedUrl });
    try {
      return await body(target);
    } finally {
      await target.close();
    }
  };
  return {
    waiting: async () =>
      (await openRequests(root)).map(({ hash, request: { action, step, at } }) => ({ id: hash, action, step, at })),
    look: (id, signal) =>
      onTarget(async (target) => {
        const { what, refusal } = await lookAtRequest(target, id, signal);
        if (refusal !== null) throw refusal;
        return what.action === 'rollback' ? { rollback: what.plan } : { plans: what.plans };
      }),
    approve: (id) => onTarget((target) => approveRequest(target, id, new AbortController().signal)),
    decline: async (id) => {
      await declineRequest(root, id);
    },
  };
}
