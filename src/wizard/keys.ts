import { currentReading } from './state/current-reading.ts';
import { questionsOf, unsaved } from './state/decide.ts';
import { entriesOf, nextScope, rollbackRefusal, stepToRollBack } from './state/rollback.ts';
import { foldableChecks } from './state/run.ts';
import { changing, type Screen, type State, statusOf } from './state/state.ts';

export type Action =
  | 'up'
  | 'down'
  | 'page-up'
  | 'page-down'
  | 'first'
  | 'last'
  | 'open'
  | 'back'
  | 'connect'
  | 'apply'
  | 'verify'
  | 'roll-back'
  | 'skip'
  | 'save'
  | 'again'
  | 'next-step'
  | 'search'
  | 'next-match'
  | 'previous-match'
  | 'next-part'
  | 'previous-part'
  | 'findings'
  | 'decide'
  | 'choose'
  | 'save-decisions'
  | 'scope'
  | 'filter'
  | 'index'
  | 'journey'
  | 'requests'
  | 'approve'
  | 'decline'
  | 'group'
  | 'edit'
  | 'waive'
  | 'fold'
  | 'evidence'
  | 'log'
  | 'save-log'
  | 'help'
  | 'redraw'
  | 'suspend'
  | 'quit'
  | 'stop';

/** One row of the table that matching, the footer and the `?` overlay all read. */
export type Binding = {
  readonly action: Action;
  /** Names as `terminal/input.ts` gives them. */
  readonly keys: readonly string[];
  /** How the keys are written on the screen. */
  readonly shown: string;
  /** One or two words for the footer; absent where it goes without saying. */
  readonly hint?: string;
  /** One line for the overlay; absent where the other of a pair speaks for both. */
  readonly help?: string;
  /** Where it works; absent: on every screen. */
  readonly on?: readonly Screen[];
  /** Whether it would do something now. */
  readonly when?: (state: State) => boolean;
  /** Why it would not, for whoever presses it; asked only where `when` says no. */
  readonly why?: (state: State) => string | null;
};

const ready = (state: State): boolean => state.job === null;
const reading = (state: State): boolean => currentReading(state) !== null;
const parts = (state: State): boolean => (currentReading(state)?.document.anchors.length ?? 0) > 1;
const scrolled: readonly Screen[] = [
  'start',
  'overview',
  'step',
  'running',
  'verification',
  'rollback',
  'findings',
  'decide',
  'journey',
  'request',
];
const listed: readonly Screen[] = ['overview', 'step', 'running', 'verification', 'rollback', 'findings'];
const current = (state: State) =>
  statusOf(
    state,
    state.screen === 'verification'
      ? state.verification?.step
      : state.screen === 'running'
        ? state.run?.step
        : state.step?.id,
  );
const open = (state: State): boolean => current(state)?.gate === null;
/** An empty plan of a step that was applied already has nothing left to record, also where its checks failed. */
const worthApplying = (state: State): boolean => {
  const plan = state.step?.planned?.plan;
  const status = current(state);
  if (!plan || plan.blockers.length > 0) return false;
  if (plan.changes.length > 0) return true;
  return !['applied', 'verified'].includes(status?.state ?? '') && !(status?.state === 'failed' && status.applied > 0);
};
/** A step on the code did what it can and its checks found more: the places that a person must look at come next. */
const findingsNext = (state: State): boolean =>
  (state.screen === 'step' || state.screen === 'verification') &&
  /^[234]/.test(current(state)?.step ?? '') &&
  current(state)?.state === 'failed';
const busy = (state: State): string | null =>
  ready(state) ? null : 'Wait for what is under way, or stop it with Ctrl-C.';
/** What keeps a step from being applied, in one sentence. */
const notApplied = (state: State): string | null => {
  const status = current(state);
  const plan = state.step?.planned?.plan;
  if (!ready(state)) return busy(state);
  if (status?.gate) return `Not yet: ${status.gate}`;
  if (!plan) return 'There is no preview yet: r makes one.';
  if (plan.blockers.length > 0)
    return questionsOf(state).length > 0
      ? 'Blocked until it is decided: d asks.'
      : 'Blocked: the preview says what to change by hand first.';
  return 'Nothing to apply: the step is done already.';
};
/** Changes of the text at hand that groups could hold. */
const foldable = (state: State): number =>
  state.screen === 'rollback'
    ? state.rollback === null
      ? 0
      : entriesOf(state.rollback)
    : (state.step?.preview?.plan.changes.length ?? 0);
/** For keys that would leave what changes something. */
const inTheMiddle = 'Not now: a change is under way. Ctrl-C stops it in order.';
const ended = (state: State): boolean => state.run !== null && state.run.outcome !== 'running';

export const bindings: readonly Binding[] = [
  {
    action: 'choose',
    keys: ['enter', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    shown: 'enter',
    hint: 'choose',
    help: 'take the chosen answer; 1, 2, 3 take that one',
    on: ['decide'],
  },
  {
    action: 'decide',
    keys: ['d'],
    shown: 'd',
    hint: 'decide',
    help: 'answer what only you can decide, without leaving',
    on: ['step', 'verification'],
    when: (state) => state.offers.decide && ready(state) && questionsOf(state).length > 0,
    why: (state) => busy(state) ?? 'Nothing here waits for a decision.',
  },
  {
    action: 'save-decisions',
    keys: ['W'],
    shown: 'W',
    hint: 'write decisions',
    help: 'write the decisions of this session into the configuration file',
    on: ['overview', 'step', 'verification'],
    when: (state) => state.offers.saveDecisions && unsaved(state).length > 0,
    why: () => 'No decision of this session is left to write.',
  },
  {
    action: 'connect',
    keys: ['enter', 'c'],
    shown: 'enter',
    hint: 'connect',
    help: 'connect to the database',
    on: ['start'],
    when: (state) => state.target === null && ready(state),
  },
  {
    action: 'open',
    keys: ['enter', 'right'],
    shown: 'enter',
    hint: 'continue',
    help: 'continue to the overview',
    on: ['start'],
    when: (state) => state.steps !== null,
    why: (state) => (state.target === null ? null : 'Still looking at the target.'),
  },
  {
    action: 'open',
    keys: ['enter', 'right'],
    shown: 'enter',
    hint: 'open',
    help: 'open the step: why it exists, and what it would do now',
    on: ['overview'],
    when: (state) => (state.steps?.length ?? 0) > 0,
  },
  {
    action: 'apply',
    keys: ['a'],
    shown: 'a',
    hint: 'apply',
    help: 'apply what the preview shows, then verify it (asks first)',
    on: ['step'],
    when: (state) => ready(state) && open(state) && worthApplying(state),
    why: notApplied,
  },
  {
    action: 'requests',
    keys: ['R'],
    shown: 'R',
    hint: 'requests',
    help: 'what a program asked for: read it, approve it or decline it',
    on: ['overview'],
    when: (state) => ready(state) && state.waiting.length > 0,
    why: (state) => busy(state) ?? 'No request of a program waits.',
  },
  {
    action: 'approve',
    keys: ['a'],
    shown: 'a',
    hint: 'approve',
    help: 'approve what is shown, once, for ten minutes (asks first)',
    on: ['request'],
    when: (state) => ready(state) && reading(state),
    why: (state) => busy(state) ?? 'This cannot be approved now.',
  },
  {
    action: 'decline',
    keys: ['x'],
    shown: 'x',
    hint: 'decline',
    help: 'decline the request: it waits no longer (asks first)',
    on: ['request'],
    when: ready,
    why: busy,
  },
  {
    action: 'next-step',
    keys: ['enter', 'c'],
    shown: 'enter',
    hint: 'next step',
    help: 'continue with the next step',
    on: ['verification'],
    when: (state) => state.verification?.outcome === 'verified' && ready(state),
    why: (state) => busy(state) ?? 'The next step opens when this one is verified.',
  },
  {
    action: 'findings',
    keys: ['f'],
    shown: 'f',
    hint: 'findings',
    help: 'the places in the code that are left; each can be waived there',
    on: ['step', 'verification'],
    when: (state) => state.offers.findings && ready(state) && findingsNext(state),
  },
  {
    action: 'verify',
    keys: ['v'],
    shown: 'v',
    hint: 'verify',
    help: 'run the checks of the step; changes nothing',
    on: ['step'],
    when: (state) => ready(state) && statusOf(state, state.step?.id)?.state !== 'pending',
    why: (state) => busy(state) ?? 'Nothing to verify: the step is not applied yet.',
  },
  {
    action: 'verify',
    keys: ['v'],
    shown: 'v',
    hint: 'verify',
    help: 'run the checks of the step; changes nothing',
    on: ['running'],
    when: (state) => ready(state) && ended(state) && state.run?.operation === 'apply',
    why: (state) => busy(state) ?? 'Only what was applied can be verified.',
  },
  {
    action: 'roll-back',
    keys: ['u'],
    shown: 'u',
    hint: 'roll back',
    help: 'show what a rollback of the step, and of what was applied after it, would restore',
    on: ['overview', 'step', 'verification', 'running'],
    // After a rollback the journal is asked again first: until then it is known as it was before.
    when: (state) =>
      ready(state) &&
      stepToRollBack(state) !== undefined &&
      !(state.screen === 'running' && state.run?.operation === 'rollback' && state.run.outcome === 'done'),
    why: (state) => busy(state) ?? 'Nothing to roll back: nothing of this is applied.',
  },
  {
    action: 'roll-back',
    keys: ['u'],
    shown: 'u',
    hint: 'roll back',
    help: 'roll back what is shown (asks first)',
    on: ['rollback'],
    when: (state) =>
      ready(state) &&
      state.rollback !== null &&
      rollbackRefusal(state.rollback) === null &&
      entriesOf(state.rollback) > 0,
    why: (state) =>
      busy(state) ??
      (state.rollback && rollbackRefusal(state.rollback)) ??
      'Nothing to roll back: nothing of this is applied.',
  },
  {
    action: 'scope',
    keys: ['t'],
    shown: 't',
    hint: 'more or fewer',
    help: 'the step, its phase, or everything that was applied',
    on: ['rollback'],
    when: (state) => ready(state) && nextScope(state) !== null,
    why: (state) => busy(state) ?? 'Nothing more or less can be rolled back here.',
  },
  {
    action: 'again',
    keys: ['r'],
    shown: 'r',
    hint: 'run again',
    help: 'run the checks again',
    on: ['verification'],
    when: ready,
    why: busy,
  },
  {
    action: 'again',
    keys: ['r'],
    shown: 'r',
    hint: 'refresh',
    help: 'look at the target again',
    on: ['overview', 'step', 'findings'],
    when: ready,
    why: busy,
  },
  {
    action: 'evidence',
    keys: ['e'],
    shown: 'e',
    hint: 'evidence',
    help: 'show what anyone can run to see the same',
    on: ['verification'],
    when: (state) => state.verification !== null,
    why: () => 'No check has run yet.',
  },
  {
    action: 'edit',
    keys: ['o', 'enter'],
    shown: 'enter o',
    hint: 'edit',
    help: 'open the place in your editor, $VISUAL or $EDITOR',
    on: ['findings'],
    when: (state) => (state.findings?.list?.length ?? 0) > 0,
    why: (state) => busy(state) ?? 'There is no finding to open.',
  },
  {
    action: 'waive',
    keys: ['x'],
    shown: 'x',
    hint: 'waive',
    help: 'waive findings: the code stays as it is, with a recorded reason',
    on: ['findings'],
    when: (state) => state.offers.waive && (state.findings?.list?.length ?? 0) > 0,
    why: (state) => busy(state) ?? 'There is no finding to waive.',
  },
  {
    action: 'group',
    keys: ['t'],
    shown: 't',
    hint: 'group',
    help: 'group by kind or by file',
    on: ['findings'],
    when: (state) => state.findings !== null,
    why: busy,
  },
  {
    action: 'search',
    keys: ['/'],
    shown: '/',
    hint: 'search',
    help: 'search in the text',
    on: ['step', 'rollback', 'journey', 'request'],
    when: reading,
    why: (state) => busy(state) ?? 'There is no text here yet.',
  },
  {
    action: 'next-match',
    keys: ['n'],
    shown: 'n N',
    help: 'next match, previous match',
    on: ['step', 'rollback', 'journey', 'request'],
    when: reading,
    why: (state) => busy(state) ?? 'There is no text here yet.',
  },
  {
    action: 'previous-match',
    keys: ['N'],
    shown: 'N',
    on: ['step', 'rollback', 'journey', 'request'],
    when: reading,
    why: (state) => busy(state) ?? 'There is no text here yet.',
  },
  {
    action: 'next-part',
    keys: [']'],
    shown: ']',
    hint: 'next change',
    help: 'next change or file; [ the previous one',
    on: ['step', 'rollback', 'journey', 'request'],
    when: parts,
    why: (state) => busy(state) ?? 'There is one part only.',
  },
  {
    action: 'previous-part',
    keys: ['['],
    shown: '[',
    on: ['step', 'rollback', 'journey', 'request'],
    when: parts,
    why: (state) => busy(state) ?? 'There is one part only.',
  },
  {
    action: 'index',
    keys: ['i'],
    shown: 'i',
    hint: 'index',
    help: 'go to a change, a group or a file by its name',
    on: ['step', 'rollback', 'journey', 'request'],
    when: parts,
    why: (state) => busy(state) ?? 'There is one part only.',
  },
  {
    action: 'filter',
    keys: ['F'],
    shown: 'F',
    hint: 'filter',
    help: 'show only changes of a risk, a table or with a text',
    on: ['step'],
    when: (state) => reading(state) && (state.step?.preview?.plan.changes.length ?? 0) > 1,
    why: (state) => busy(state) ?? 'Nothing to filter: there is one change at most.',
  },
  {
    action: 'journey',
    keys: ['T'],
    shown: 'T',
    hint: 'table',
    help: 'everything that phase 1 does to one table, over all steps',
    on: ['overview', 'step', 'journey'],
    when: (state) => ready(state) && state.steps !== null,
    why: busy,
  },
  {
    action: 'fold',
    keys: ['z'],
    shown: 'z',
    hint: 'fold',
    help: 'show every statement, or groups of changes with their counts',
    on: ['step', 'rollback'],
    when: (state) => reading(state) && foldable(state) > 1,
    why: (state) => busy(state) ?? 'Nothing to fold: there is one change at most.',
  },
  {
    action: 'fold',
    keys: ['z'],
    shown: 'z',
    hint: 'fold',
    help: 'show every check that passed, or groups of them with their counts',
    on: ['verification'],
    when: foldableChecks,
    why: () => 'Nothing to fold: few checks passed.',
  },
  {
    action: 'skip',
    keys: ['s'],
    shown: 's',
    hint: 'skip',
    help: 'skip the step: it is not applied, with a recorded reason',
    on: ['step'],
    when: (state) =>
      ready(state) && ['pending', 'rolled back', 'failed'].includes(statusOf(state, state.step?.id)?.state ?? ''),
    why: (state) => busy(state) ?? 'Only a step that is not in place can be skipped: roll it back first.',
  },
  {
    action: 'save',
    keys: ['w'],
    shown: 'w',
    hint: 'save',
    help: 'write the preview to a file',
    on: ['step', 'rollback'],
    when: reading,
    why: (state) => busy(state) ?? 'There is nothing to save yet.',
  },
  {
    action: 'findings',
    keys: ['f'],
    shown: 'f',
    hint: 'findings',
    help: 'places in the code that break tenant isolation',
    on: ['overview', 'step'],
    when: (state) => state.offers.findings && ready(state) && !findingsNext(state),
    why: (state) =>
      busy(state) ??
      (state.offers.findings ? null : 'No code is part of this target: name its folder with --workspace.'),
  },
  {
    action: 'log',
    keys: ['l'],
    shown: 'l',
    hint: 'log',
    help: 'show or hide the command log: every statement, as sent',
    on: listed,
  },
  {
    action: 'save-log',
    keys: ['L'],
    shown: 'L',
    help: 'write the command log to a file',
    on: listed,
  },
  {
    action: 'back',
    keys: ['escape', 'left', 'h', 'backspace'],
    shown: 'esc',
    hint: 'back',
    help: 'back to where you came from',
    on: ['overview', 'step', 'running', 'verification', 'rollback', 'findings', 'decide', 'journey', 'request'],
    when: (state) => !changing(state),
    why: () => inTheMiddle,
  },
  { action: 'up', keys: ['up', 'k'], shown: '↑ ↓ k j', help: 'up and down', on: scrolled },
  { action: 'down', keys: ['down', 'j'], shown: '↓ j', on: scrolled },
  {
    action: 'page-up',
    keys: ['page-up', 'ctrl-b', 'ctrl-u'],
    shown: 'pgup pgdn',
    help: 'a page up or down; also ctrl-b, ctrl-f, space',
    on: scrolled,
  },
  {
    action: 'page-down',
    keys: ['page-down', 'ctrl-f', 'ctrl-d', 'space'],
    shown: 'pgdn',
    on: scrolled,
  },
  {
    action: 'first',
    keys: ['home', 'g'],
    shown: 'home end',
    help: 'to the beginning or the end; also g, G',
    on: scrolled,
  },
  { action: 'last', keys: ['end', 'G'], shown: 'end', on: scrolled },
  {
    action: 'stop',
    keys: ['ctrl-c'],
    shown: 'ctrl-c',
    hint: 'stop',
    help: 'stop after, or without, the present change; twice: leave now',
    when: (state) => state.job !== null,
  },
  { action: 'stop', keys: ['ctrl-c'], shown: 'ctrl-c', help: 'leave', when: ready },
  { action: 'redraw', keys: ['ctrl-l'], shown: 'ctrl-l', help: 'draw the screen again' },
  { action: 'suspend', keys: ['ctrl-z'], shown: 'ctrl-z', help: 'suspend; fg comes back', when: ready },
  { action: 'help', keys: ['?'], shown: '?', hint: 'keys', help: 'show or hide this list' },
  {
    action: 'quit',
    keys: ['q'],
    shown: 'q',
    hint: 'quit',
    help: 'leave; what was done stays, and a later run resumes here',
    when: (state) => !changing(state),
    why: () => inTheMiddle,
  },
];

/** The keys that do something now. */
export const available = (state: State): readonly Binding[] =>
  bindings.filter(
    (binding) => (binding.on === undefined || binding.on.includes(state.screen)) && (binding.when?.(state) ?? true),
  );

/** Why a key of this screen does nothing now, where that can be said. */
export const whyNot = (state: State, key: string): string | null => {
  for (const binding of bindings) {
    if (binding.on !== undefined && !binding.on.includes(state.screen)) continue;
    if (!binding.keys.includes(key)) continue;
    const reason = binding.why?.(state) ?? null;
    if (reason !== null) return reason;
  }
  return null;
};

export const actionOf = (state: State, key: string): Action | null =>
  available(state).find((binding) => binding.keys.includes(key))?.action ?? null;
