import { previewDocument } from '../preview/document.ts';
import { journeyDocument, tablesOf } from '../preview/journey.ts';
import { currentReading } from './current-reading.ts';
import { type Pick, picked } from './picked.ts';
import { goTo, newReading } from './reading.ts';
import { openRequest } from './requests.ts';
import { withFold } from './rollback.ts';
import { begin, type State } from './state.ts';
import { readingWindow, withReading } from './window.ts';

/** The parts of the text that is read, to go to one of them. */
export const pickPart = (state: State): State => {
  const items = currentReading(state)?.document.anchors.map((one) => one.label) ?? [];
  return items.length === 0 ? state : { ...state, dialog: { kind: 'pick', what: 'part', items, text: '', cursor: 0 } };
};

/** The tables that phase 1 does something to. */
export const pickTable = (state: State): State => {
  const items = tablesOf(state.journey?.steps ?? []);
  return items.length === 0
    ? { ...state, notice: { tone: 'waiting', text: 'Phase 1 changes no table here.' } }
    : { ...state, dialog: { kind: 'pick', what: 'table', items, text: '', cursor: 0 } };
};

/** Reads what every step of phase 1 does, to show all of it about one table. */
export const openJourney = (state: State): State =>
  begin(
    {
      ...state,
      screen: 'journey',
      journey: {
        from: state.screen === 'step' ? 'step' : 'overview',
        steps: null,
        table: null,
        reading: null,
        problem: null,
      },
    },
    'journey',
    null,
    (job) => ({ type: 'journey', job }),
  );

/** What was picked. */
export const takePick = (state: State, dialog: Pick): State => {
  const closed: State = { ...state, dialog: null };
  const chosen = picked(dialog)[dialog.cursor];
  if (chosen === undefined) return closed;
  if (dialog.what === 'request') {
    const request = closed.waiting[chosen.index];
    return request === undefined ? closed : openRequest(closed, request);
  }
  if (dialog.what === 'part') {
    const line = currentReading(closed)?.document.anchors[chosen.index]?.line;
    return line === undefined ? closed : withReading(closed, (reading) => goTo(reading, readingWindow(closed), line));
  }
  const { journey } = closed;
  if (!journey?.steps) return closed;
  const reading = newReading(journeyDocument(journey.steps, chosen.label, closed.look));
  return { ...closed, journey: { ...journey, table: chosen.label, reading } };
};

/** Shows the changes that fit a filter, each with its statements; all of them where it is empty. */
export const applyFilter = (state: State, filter: string): State => {
  const closed: State = { ...state, dialog: null };
  const { step, rollback } = closed;
  if (closed.screen === 'rollback' && rollback !== null) {
    const folded = filter.trim() === '' && rollback.folded;
    return { ...closed, rollback: withFold({ ...rollback, filter }, folded, closed.look) };
  }
  if (step?.preview == null) return closed;
  const folded = filter.trim() === '' && step.folded;
  const document = previewDocument(step.preview, closed.look, folded, filter);
  return { ...closed, step: { ...step, filter, folded, reading: newReading(document) } };
};
