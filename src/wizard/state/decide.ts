import { answersTo, type CheckResult } from '../../rollout/check.ts';
import { type Answer, sameAnswer } from '../../rollout/decision.ts';
import type { Plan, StepId } from '../../rollout/step.ts';
import { plural } from '../../rollout/text.ts';
import { openStep, startVerify } from './moves.ts';
import { ask, type State } from './state.ts';
import type { DecideView, Question } from './views.ts';

const fromBlockers = ({ blockers }: Plan): readonly Question[] =>
  blockers.flatMap(({ problem, remedy, detail, answers }) =>
    answers === undefined || answers.length === 0 ? [] : [{ problem, remedy, detail: detail ?? '', answers }],
  );

const fromNotes = ({ notes }: Plan): readonly Question[] =>
  notes.flatMap(({ text, detail, answers }) =>
    answers === undefined || answers.length === 0
      ? []
      : [
          {
            problem: text,
            remedy: 'The step can be applied without an answer; an answer changes what it does.',
            detail: detail ?? '',
            answers,
          },
        ],
  );

const fromChecks = (checks: readonly CheckResult[]): readonly Question[] =>
  checks.flatMap((check) => {
    const answers = answersTo(check);
    return answers.length === 0 ? [] : [questionAbout(check, answers)];
  });

/** What was seen is the problem; its first line says it, the rest is whom or what it is about. */
const questionAbout = (check: CheckResult, answers: readonly Answer[]): Question => {
  const [problem = '', ...rest] = check.observed.split('\n');
  return { failed: check.title, problem, remedy: check.advice ?? '', detail: rest.join('\n'), answers };
};

/** A question that an earlier one answers as well is asked once. */
const once = (questions: readonly Question[]): readonly Question[] =>
  questions.filter(
    (one, index) =>
      !questions
        .slice(0, index)
        .some((before) => one.answers.every((answer) => before.answers.some((other) => sameAnswer(other, answer)))),
  );

/** What the present step waits for: nothing goes on without these. */
export const openQuestions = (state: State): readonly Question[] =>
  state.screen === 'step' && state.step?.planned ? once(fromBlockers(state.step.planned.plan)) : [];

/** Everything that can be decided on the present screen. */
export const questionsOf = (state: State): readonly Question[] => {
  if (state.screen === 'verification' && state.verification)
    return once(fromChecks([...state.verification.failed, ...state.verification.skipped]));
  if (state.screen !== 'step' || !state.step?.planned) return [];
  const { plan } = state.step.planned;
  return once([...fromBlockers(plan), ...fromChecks(state.step.preview?.open ?? []), ...fromNotes(plan)]);
};

/** Asks one question after the other; the first choice is to decide nothing. */
export const openDecide = (state: State, questions: readonly Question[]): State => {
  const from = state.screen === 'verification' ? 'verification' : 'step';
  const step: StepId | undefined = from === 'step' ? state.step?.id : state.verification?.step;
  const [first] = questions;
  if (first === undefined || step === undefined) return state;
  const view: DecideView = { from, step, questions, at: 0, cursor: first.answers.length, top: 0, given: [] };
  return { ...state, screen: 'decide', decide: view };
};

/** Takes the answer under the cursor, or the one with this number, and goes on to the next question. */
export const choose = (state: State, index: number): State => {
  const { decide } = state;
  const question = decide?.questions[decide.at];
  if (!decide || !question || index > question.answers.length) return state;
  const answer = question.answers[index];
  const given = answer === undefined ? decide.given : [...decide.given, answer];
  const rest = decide.questions.findIndex(
    (one, at) => at > decide.at && !one.answers.some((each) => given.some((other) => sameAnswer(each, other))),
  );
  const next = decide.questions[rest];
  if (next === undefined) return endDecide({ ...state, decide: { ...decide, given } });
  return { ...state, decide: { ...decide, given, at: rest, cursor: next.answers.length, top: 0 } };
};

/** Back to what was asked about. What was answered holds from now on, and the step is looked at again with it. */
export const endDecide = (state: State): State => {
  const { decide } = state;
  if (!decide) return state;
  const deeds = decide.given.map((one) => ({ what: 'decided' as const, subject: one.flag, detail: decide.step }));
  const closed: State = { ...state, screen: decide.from, decide: null, deeds: [...state.deeds, ...deeds] };
  if (decide.given.length === 0) return closed;
  const fresh = decide.given.filter((one) => !state.decided.some((known) => sameAnswer(known.answer, one)));
  const decided = [...state.decided, ...fresh.map((answer) => ({ answer, saved: false }))];
  const told = ask({ ...closed, decided }, { type: 'decide', answers: decided.map((one) => one.answer) });
  const again = decide.from === 'step' ? openStep(told, decide.step) : startVerify(told, decide.step);
  const how = state.offers.saveDecisions
    ? `W writes ${decided.length === 1 ? 'it' : 'them'} into the configuration file.`
    : '';
  return {
    ...again,
    notice: {
      tone: 'ok',
      text: `${plural(decided.length, 'decision holds', 'decisions hold')} for this session. ${how}`.trim(),
    },
  };
};

/** Answers of this session that stand in no file yet. */
export const unsaved = (state: State): readonly Answer[] =>
  state.decided.filter((one) => !one.saved).map((one) => one.answer);
