import type { Action } from '../keys/binding.ts';
import { actionOf, bindings, whyNot } from '../keys.ts';
import { documentText, previewDocument } from '../preview/document.ts';
import { rollbackDocument } from '../preview/rollback.ts';
import { detailEnd } from '../screens/decide.ts';
import { bodyRows } from '../screens/frame-rows.ts';
import { helpEnd } from '../screens/help.ts';
import { startEnd } from '../screens/start.ts';
import { tooSmall } from '../screens/too-small.ts';
import { currentReading, reads } from './current-reading.ts';
import { choose, endDecide, openDecide, questionsOf, unsaved } from './decide.ts';
import { pressInDialog } from './dialog.ts';
import { orderedFindings } from './findings.ts';
import { leave } from './leave.ts';
import { askApply, askSaving, askWaiving, back, nextStep, openFindings, openStep, startVerify } from './moves.ts';
import { openJourney, pickPart, pickTable } from './pick.ts';
import { find, jump, newReading, scroll, scrollTo } from './reading.ts';
import { askAnswer, openRequests } from './requests.ts';
import { askRollback, nextScope, openRollback, stepToRollBack, withFold } from './rollback.ts';
import { checkRows } from './run.ts';
import { ask, begin, changing, type State } from './state.ts';
import { readingWindow, withReading } from './window.ts';

const clamp = (value: number, length: number): number => Math.max(0, Math.min(length - 1, value));

/** Moves whatever the screen has to move: a cursor in a list, or a text. `by` is in rows. */
const move = (state: State, by: number | 'first' | 'last'): State => {
  const to = (at: number, length: number): number =>
    clamp(by === 'first' ? 0 : by === 'last' ? length - 1 : at + by, length);
  switch (state.screen) {
    case 'start':
      return { ...state, startTop: to(state.startTop, startEnd(state, bodyRows(state)) + 1) };
    case 'overview':
      return { ...state, cursor: to(state.cursor, state.steps?.length ?? 0) };
    case 'step':
    case 'rollback':
    case 'journey':
    case 'request':
      return withReading(state, (reading) =>
        typeof by === 'number'
          ? scroll(reading, readingWindow(state), by)
          : scrollTo(reading, readingWindow(state), by),
      );
    case 'running': {
      if (!state.run) return state;
      const at =
        state.run.top ??
        Math.max(
          0,
          state.run.changes.findIndex((one) => one.state !== 'done'),
        );
      return { ...state, run: { ...state.run, top: to(at, state.run.changes.length) } };
    }
    case 'verification': {
      if (!state.verification) return state;
      const checks = checkRows(state);
      const at = Math.max(
        0,
        checks.findIndex((check) => check.id === state.verification?.selected),
      );
      return { ...state, verification: { ...state.verification, selected: checks[to(at, checks.length)]?.id ?? null } };
    }
    case 'decide': {
      const { decide } = state;
      const answers = decide?.questions[decide.at]?.answers.length ?? 0;
      return decide ? { ...state, decide: { ...decide, cursor: to(decide.cursor, answers + 1) } } : state;
    }
    case 'findings':
      if (!state.findings) return state;
      return {
        ...state,
        findings: { ...state.findings, cursor: to(state.findings.cursor, orderedFindings(state.findings).length) },
      };
  }
};

const page = (state: State): number =>
  reads(state) ? Math.max(1, readingWindow(state).visible - 1) : Math.max(1, Math.floor(bodyRows(state) / 2));

/** Ctrl-C: once to stop in order, twice to leave. */
export const stop = (state: State): State => {
  const { job } = state;
  if (!job || job.kind === 'connect' || job.stopping) return leave(state, 130, job !== null);
  const what = changing(state)
    ? 'Stopping: the change that runs is finished or rolled back first.'
    : 'Stopping what is under way.';
  return ask(
    {
      ...state,
      dialog: null,
      job: { ...job, stopping: true },
      notice: { tone: 'waiting', text: `${what} Ctrl-C again leaves at once.` },
    },
    { type: 'abort', job: job.id },
  );
};

const again = (state: State): State => {
  if (state.screen === 'step' && state.step) return openStep(state, state.step.id);
  if (state.screen === 'verification' && state.verification) return startVerify(state, state.verification.step);
  if (state.screen === 'findings') return openFindings(state);
  return ask(state, { type: 'status' });
};

const save = (state: State): State => {
  const reading = currentReading(state);
  const step = state.screen === 'rollback' ? state.rollback?.step : state.step?.id;
  if (!reading || !step) return state;
  // What is kept has every statement, folded on the screen or not.
  const document =
    state.screen === 'rollback'
      ? rollbackDocument(state.rollback?.plans ?? [], state.look, false)
      : state.step?.preview
        ? previewDocument(state.step.preview, state.look, false)
        : reading.document;
  return ask(state, { type: 'save-preview', step, text: documentText(document) });
};

const saveLog = (state: State): State => {
  const { lines, dropped } = state.log;
  const gone = dropped > 0 ? [`-- ${dropped} earlier lines were not kept`] : [];
  return ask(state, { type: 'save-log', text: `${[...gone, ...lines].join('\n')}\n` });
};

const chosenFinding = (state: State) =>
  state.findings ? orderedFindings(state.findings)[state.findings.cursor] : undefined;

const search = (state: State, by: 1 | -1): State =>
  withReading(state, (reading) =>
    reading.search === '' ? reading : find(reading, readingWindow(state), reading.search, by),
  );

/** The detail of a question: users, rows, a definition. */
const scrollDetail = (state: State, by: number): State =>
  state.decide
    ? {
        ...state,
        decide: { ...state.decide, top: clamp(state.decide.top + by, detailEnd(state, bodyRows(state)) + 1) },
      }
    : state;

/** What a key does; `alone`: pressed by itself, which a decision asks for. */
const act = (state: State, action: Action, key: string, alone: boolean): State => {
  switch (action) {
    case 'decide':
      return openDecide(state, questionsOf(state));
    case 'choose': {
      if (!alone || !state.decide) return state;
      return choose(state, key === 'enter' ? state.decide.cursor : Number(key) - 1);
    }
    case 'save-decisions':
      return askSaving(state, unsaved(state));
    case 'up':
      return move(state, -1);
    case 'down':
      return move(state, 1);
    case 'page-up':
      if (state.screen === 'decide') return scrollDetail(state, -page(state));
      return move(state, -page(state));
    case 'page-down':
      if (state.screen === 'decide') return scrollDetail(state, page(state));
      return move(state, page(state));
    case 'first':
    case 'last':
      return move(state, action);
    case 'connect':
      return state.start.needsUrl
        ? { ...state, dialog: { kind: 'url', text: '', complaint: null } }
        : begin({ ...state, connectProblem: null }, 'connect', null, (job) => ({
            type: 'connect',
            job,
            url: undefined,
          }));
    case 'open': {
      if (state.screen === 'start') return { ...state, screen: 'overview', cursor: nextStep(state) };
      const step = state.steps?.[state.cursor]?.step;
      return step ? openStep(state, step) : state;
    }
    case 'back':
      return state.screen === 'decide' ? endDecide(state) : back(state);
    case 'apply':
      return askApply(state);
    case 'verify': {
      const step = state.screen === 'running' ? state.run?.step : state.step?.id;
      return step ? startVerify(state, step) : state;
    }
    case 'roll-back': {
      if (state.screen === 'rollback') return askRollback(state);
      const step = stepToRollBack(state);
      return step ? openRollback(state, step) : state;
    }
    case 'scope': {
      const scope = nextScope(state);
      return scope && state.rollback ? openRollback(state, state.rollback.step, scope) : state;
    }
    case 'skip':
      return state.step
        ? {
            ...state,
            dialog: {
              kind: 'reason',
              intent: { kind: 'skip', step: state.step.id },
              question: `Skip step ${state.step.id}: nothing of it is applied, and the next step opens. Reason?`,
              text: '',
              complaint: null,
            },
          }
        : state;
    case 'waive':
      return askWaiving(state);
    case 'save':
      return save(state);
    case 'again':
      return again(state);
    case 'next-step': {
      const step = state.steps?.[nextStep(state)];
      return step && step.state !== 'verified' ? openStep(state, step.step) : back(state);
    }
    case 'search':
      return { ...state, dialog: { kind: 'search', text: '' } };
    case 'filter':
      return {
        ...state,
        dialog: { kind: 'filter', text: (state.screen === 'rollback' ? state.rollback : state.step)?.filter ?? '' },
      };
    case 'index':
      return pickPart(state);
    case 'journey':
      return state.screen === 'journey' && state.journey?.steps ? pickTable(state) : openJourney(state);
    case 'requests':
      return openRequests(state);
    case 'approve':
    case 'decline':
      return askAnswer(state, action);
    case 'next-match':
      return search(state, 1);
    case 'previous-match':
      return search(state, -1);
    case 'next-part':
      return withReading(state, (reading) => jump(reading, readingWindow(state), 1));
    case 'previous-part':
      return withReading(state, (reading) => jump(reading, readingWindow(state), -1));
    case 'fold': {
      const { step, rollback, verification } = state;
      if (state.screen === 'verification')
        return verification ? { ...state, verification: { ...verification, unfolded: !verification.unfolded } } : state;
      if (state.screen === 'rollback')
        return rollback ? { ...state, rollback: withFold(rollback, !rollback.folded, state.look) } : state;
      if (step?.preview == null) return state;
      const folded = !step.folded;
      return {
        ...state,
        step: { ...step, folded, reading: newReading(previewDocument(step.preview, state.look, folded, step.filter)) },
      };
    }
    case 'findings':
      return openFindings(state);
    case 'group':
      return state.findings
        ? { ...state, findings: { ...state.findings, by: state.findings.by === 'kind' ? 'file' : 'kind', cursor: 0 } }
        : state;
    case 'edit': {
      const finding = chosenFinding(state);
      // One editor at a time: while it is open no key comes here.
      return finding && !state.suspended
        ? ask({ ...state, suspended: true }, { type: 'edit', file: finding.file, line: finding.line })
        : state;
    }
    case 'evidence': {
      const { verification } = state;
      if (!verification) return state;
      const rows = checkRows(state);
      const chosen = rows.find((row) => row.id === verification.selected) ?? rows[0];
      // A group has no evidence of its own: its first check is shown with what proves it.
      if (chosen && 'group' in chosen) {
        const { id } = chosen.group.first;
        return { ...state, verification: { ...verification, unfolded: true, evidence: true, selected: id } };
      }
      return { ...state, verification: { ...verification, evidence: !verification.evidence } };
    }
    case 'log':
      return { ...state, log: { ...state.log, open: !state.log.open } };
    case 'save-log':
      return saveLog(state);
    case 'help':
      return { ...state, help: 0 };
    case 'redraw':
      return ask(state, { type: 'redraw' });
    case 'suspend':
      return suspend(state);
    case 'quit':
      return leave(state);
    case 'stop':
      return stop(state);
  }
};

const moves = bindings.filter(({ action }) => ['page-up', 'page-down', 'first', 'last'].includes(action));

/** The list of keys scrolls where it is too long, and closes on any other key. */
const helpAfter = (state: State, top: number, key: string): number | null => {
  const end = helpEnd(state, bodyRows(state));
  if (end === 0) return null;
  if (key === 'down' || key === 'j') return Math.min(end, top + 1);
  if (key === 'up' || key === 'k') return Math.max(0, top - 1);
  const rows = Math.max(1, bodyRows(state) - 3);
  switch (moves.find((one) => one.keys.includes(key))?.action) {
    case 'page-down':
      return Math.min(end, top + rows);
    case 'page-up':
      return Math.max(0, top - rows);
    case 'first':
      return 0;
    case 'last':
      return end;
    default:
      return null;
  }
};

const suspend = (state: State): State => {
  if (state.job === null) return ask({ ...state, suspended: true }, { type: 'suspend' });
  const text = 'Not suspended: what runs would keep its locks meanwhile. Ctrl-C stops it in order.';
  return { ...state, notice: { tone: 'waiting', text } };
};

/** One key. `alone`: it came by itself, not within a burst or a paste. */
export const press = (state: State, key: string, alone: boolean): State => {
  // An editor has the terminal: what is typed is for it.
  if (state.exit || state.suspended) return state;
  if (key === 'ctrl-c') return stop(state);
  // As Ctrl-C, whatever is open: the shell behind is asked for, and a field keeps what was typed.
  if (key === 'ctrl-z') return suspend(state);
  // What cannot be read cannot be agreed to: a question stays open until there is room for it.
  if (tooSmall(state)) return key === 'q' && !changing(state) ? leave(state) : state;
  if (state.dialog) return pressInDialog(state, state.dialog, key, alone);
  const quiet: State = state.notice && !state.job?.stopping ? { ...state, notice: null } : state;
  if (state.help !== null) return { ...quiet, help: helpAfter(state, state.help, key) };
  const action = actionOf(quiet, key);
  if (action) return act(quiet, action, key, alone);
  const reason = whyNot(quiet, key);
  return reason === null || state.job?.stopping ? quiet : { ...quiet, notice: { tone: 'waiting', text: reason } };
};
