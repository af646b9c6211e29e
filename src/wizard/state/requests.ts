import type { WaitingRequest } from '../session.ts';
import { confirm } from './moves.ts';
import { begin, type State } from './state.ts';

/** What was asked for, in the words of a question. */
export const askedFor = ({ action, step }: WaitingRequest): string =>
  action === 'apply'
    ? `Apply step ${step}`
    : action === 'rollback'
      ? `Roll back step ${step}`
      : `Apply everything up to step ${step}`;

/** One request is opened at once; of several, one is chosen. */
export const openRequests = (state: State): State => {
  const [first, ...more] = state.waiting;
  if (first === undefined) return state;
  if (more.length === 0) return openRequest(state, first);
  const items = state.waiting.map((one) => `${one.id.slice(0, 12)}  ${askedFor(one)}`);
  return { ...state, dialog: { kind: 'pick', what: 'request', items, text: '', cursor: 0 } };
};

export const openRequest = (state: State, request: WaitingRequest): State =>
  begin(
    { ...state, dialog: null, screen: 'request', request: { request, reading: null, problem: null } },
    'request',
    null,
    (job) => ({ type: 'request', job, id: request.id }),
  );

/** The question before an approval, and before a request is declined. */
export const askAnswer = (state: State, kind: 'approve' | 'decline'): State => {
  const { request } = state.request ?? {};
  if (request === undefined) return state;
  const details =
    kind === 'approve'
      ? ['Exactly what is shown, on this target, within ten minutes, once. The program that asked for it does it then.']
      : ['It waits no longer; the program may ask again.'];
  const question = kind === 'approve' ? `Approve: ${askedFor(request)}` : `Decline: ${askedFor(request)}`;
  return { ...state, dialog: confirm(state, { kind, id: request.id }, question, kind, details) };
};
