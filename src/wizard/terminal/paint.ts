import type { Line } from '../lines.ts';
import type { Style, Theme } from '../theme.ts';

/** What turns something on, and what turns it off again. */
type Code = readonly [on: number, off: number];

const colours = { red: 31, green: 32, magenta: 35 } as const;

/** In the order in which Ink nests them. */
const codes = ({ color, bold, dim, inverse }: Style): readonly Code[] => [
  ...(inverse ? [[7, 27] as const] : []),
  ...(bold ? [[1, 22] as const] : []),
  ...(color ? [[colours[color], 39] as const] : []),
  ...(dim ? [[2, 22] as const] : []),
];

/** From one style to the next, without repeating what both have. Bold and dim end with the same code: it is sent once. */
const change = (from: readonly Code[], to: readonly Code[]): string => {
  const off = from.filter(([on, end]) => !to.some((code) => (end === 22 ? code[0] === on : code[1] === end)));
  const on = to.filter(([start]) => !from.some((code) => code[0] === start));
  return [...new Set(off.map(([, end]) => end).reverse()), ...on.map(([start]) => start)]
    .map((code) => `\u001b[${code}m`)
    .join('');
};

/**
 * A frame as Ink would write it, without Ink: loading it takes longer than everything else before the first frame, so
 * that one is painted before and Ink, once it is there, finds nothing to draw.
 */
export const paint = (lines: readonly Line[], theme: Theme): string =>
  lines
    .map((row) => {
      let before: readonly Code[] = [];
      let painted = '';
      for (const { text, tone } of row) {
        if (text === '') continue;
        const now = tone ? codes(theme[tone]) : [];
        painted += change(before, now) + text;
        before = now;
      }
      return (painted + change(before, [])).trimEnd();
    })
    .join('\n');
