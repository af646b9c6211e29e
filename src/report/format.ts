import { styled } from './terminal.ts';

export { duration, plural as count } from '../rollout/text.ts';

/** For a text from outside: names may hold line ends, and would write lines of their own. */
export const onOneLine = (text: string): string => text.replaceAll(/\r?\n/g, '<U+000A>');

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
