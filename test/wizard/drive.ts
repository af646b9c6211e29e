import { createEffects } from '../../src/wizard/effects.ts';
import { ascii, type Look, unicode } from '../../src/wizard/glyphs.ts';
import { plainText } from '../../src/wizard/lines.ts';
import { frame } from '../../src/wizard/screens/frame.ts';
import type { Session, StartInfo, WizardOptions } from '../../src/wizard/session.ts';
import { initialState, type Size, type State } from '../../src/wizard/state/state.ts';
import { createStore, type Store } from '../../src/wizard/store.ts';
import { type FakeRollout, fakeRollout, fakeSession, sampleStart, sampleSteps } from './fake-rollout.ts';

export const look: Look = { glyphs: unicode, accessible: false };
export const asciiLook: Look = { glyphs: ascii, accessible: false };

export type Driven = {
  readonly store: Store & { readonly start: () => void };
  readonly rollout: FakeRollout;
  readonly state: () => State;
  /** Keys one by one, each by itself; `until` waits after each that needs it. */
  readonly press: (...keys: readonly string[]) => void;
  /** All keys in one event, as fast typing and pastes arrive. */
  readonly burst: (keys: readonly string[]) => void;
  readonly until: (condition: (state: State) => boolean) => Promise<State>;
  readonly finish: (now: boolean) => Promise<string | null>;
  readonly edited: string[];
};

export type DriveOptions = {
  readonly rollout?: FakeRollout;
  readonly session?: Partial<Session>;
  readonly start?: Partial<StartInfo>;
  readonly size?: Size;
  readonly look?: Look;
  readonly connect?: (url: string | undefined) => Promise<Session>;
  readonly discover?: WizardOptions['discover'];
};

/** The wizard without a terminal: its state, its effects and a fake rollout. */
export const drive = (options: DriveOptions = {}): Driven => {
  const rollout = options.rollout ?? fakeRollout(sampleSteps);
  const edited: string[] = [];
  const store = createStore(
    initialState(
      { ...sampleStart, ...options.start },
      options.look ?? look,
      options.size ?? { columns: 80, rows: 24 },
      Date.now(),
    ),
    (request) => effects.perform(request),
  );
  const effects = createEffects({
    connect: options.connect ?? (async () => fakeSession(rollout, options.session)),
    discover: options.discover,
    look: options.look ?? look,
    getState: store.getState,
    dispatch: store.dispatch,
    edit: async (file, line) => {
      edited.push(`${file}:${line}`);
    },
    redraw: () => undefined,
    suspend: async () => undefined,
  });
  const until: Driven['until'] = (condition) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`never came:\n${frame(store.getState()).map(plainText).join('\n')}`));
      }, 30_000);
      const look_ = (): void => {
        const state = store.getState();
        if (!condition(state)) return;
        clearTimeout(timer);
        stop();
        resolve(state);
      };
      const stop = store.subscribe(look_);
      look_();
    });
  store.start();
  effects.discover();
  return {
    store,
    rollout,
    state: store.getState,
    press: (...keys) => {
      for (const key of keys) store.dispatch({ type: 'keys', keys: [key] });
    },
    burst: (keys) => store.dispatch({ type: 'keys', keys }),
    until,
    finish: effects.finish,
    edited,
  };
};

export const shown = (state: State): string =>
  frame(state)
    .map((row) => plainText(row).trimEnd())
    .join('\n');

export const type = (driven: Driven, text: string): void =>
  driven.press(...[...text].map((character) => (character === ' ' ? 'space' : character)));

/** Connected, with the overview on the screen. */
export const atOverview = async (options: DriveOptions = {}): Promise<Driven> => {
  const driven = drive(options);
  await driven.until((state) => state.steps !== null);
  driven.press('enter');
  return driven;
};

export const atStep = async (step: string, options: DriveOptions = {}): Promise<Driven> => {
  const driven = await atOverview(options);
  const at = driven.state().steps?.findIndex((one) => one.step === step) ?? 0;
  driven.press('home', ...Array.from({ length: at }, () => 'down'), 'enter');
  await driven.until((state) => state.step?.reading != null);
  return driven;
};
