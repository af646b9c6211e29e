import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { announce, hello } from '../announce.ts';
import type { Store } from '../store.ts';

export type LinearOptions = {
  readonly store: Store & { readonly start: () => void };
  /** Resolves when the wizard is to be left. */
  readonly left: Promise<void>;
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
};

/** Names of keys that have no character of their own, as words. */
const words = new Set(['enter', 'escape', 'up', 'down', 'page-up', 'page-down', 'home', 'end', 'left', 'right', 'tab']);

/** A typed line as the keys that it stands for. An empty line is Enter. */
export const lineKeys = (text: string, inField: boolean): readonly (readonly string[])[] => {
  const characters = [...text].map((character) => (character === ' ' ? 'space' : character));
  if (inField) {
    if (text.trim() === 'escape') return [['escape']];
    return [...(text === '' ? [] : [['ctrl-u', ...characters]]), ['enter']];
  }
  const word = text.trim();
  if (word === '') return [['enter']];
  if (word === 'esc') return [['escape']];
  if (words.has(word)) return [[word]];
  return characters.map((character) => [character]);
};

/**
 * The same wizard for screen readers: lines are only ever added, keys are typed and sent with Enter, nothing moves by
 * itself.
 */
export const runLinear = async ({ store, left, input, output }: LinearOptions): Promise<void> => {
  let masked = false;
  const echo = new Writable({
    write: (chunk, _encoding, done) => {
      // Readline echoes through here; what is typed into the masked field must not be seen.
      if (!masked) output.write(chunk);
      done();
    },
  });
  const lines = createInterface({ input, output: echo, terminal: true, historySize: 0 });
  const say = (text: readonly string[]): void => {
    for (const row of text) output.write(`${row}\n`);
  };

  let before = store.getState();
  const stop = store.subscribe(() => {
    const now = store.getState();
    say(announce(before, now));
    before = now;
    masked = now.dialog?.kind === 'url';
  });
  lines.on('line', (text) => {
    const { dialog } = store.getState();
    if (masked) output.write('\n');
    const inField =
      dialog !== null && dialog.kind !== 'waive-which' && !(dialog.kind === 'confirm' && dialog.word === null);
    for (const keys of lineKeys(text, inField)) store.dispatch({ type: 'keys', keys });
  });
  lines.on('SIGINT', () => store.dispatch({ type: 'keys', keys: ['ctrl-c'] }));
  lines.on('close', () => {
    // The end of the input is a hang-up: what runs is ended in order.
    if (store.getState().exit === null) store.dispatch({ type: 'signal', name: 'SIGHUP' });
  });

  say(hello(before));
  masked = before.dialog?.kind === 'url';
  store.start();
  try {
    await left;
  } finally {
    stop();
    lines.close();
  }
};
