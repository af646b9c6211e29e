import { styled } from './terminal.ts';

/** Milliseconds for people: `12 ms`, `3.4 s`, `2 min 5 s`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export const count = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

export type Paint = (meaning: 'ok' | 'bad' | 'warn' | 'dim' | 'strong', text: string) => string;

/** Colour by meaning, 16 ANSI colours only; without colour the sign and the word beside it say the same. */
export const painter =
  (colour: boolean): Paint =>
  (meaning, text) => {
    if (!colour) return text;
    const style = { ok: 'green', bad: 'red', warn: 'yellow', dim: 'gray', strong: 'bold' } as const;
    return styled(style[meaning], text);
  };

/** Whether a stream wants colour: a terminal, and nothing that asks for none. */
export const wantsColour = (stream: { readonly isTTY?: boolean }): boolean =>
  stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb' && process.env.FORCE_COLOR !== '0';
