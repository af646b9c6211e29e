/** What a piece of text means. Screens name meanings; only this file names colours. */
export const tones = [
  'text',
  'muted',
  'strong',
  'rule',
  'key',
  'brand',
  'pointer',
  'match',
  'target.production',
  'target.other',
  'status.ok',
  'status.failed',
  'status.waiting',
  'status.running',
  'status.applied',
  'status.pending',
  'status.skipped',
  'diff.add',
  'diff.del',
  'diff.hunk',
  'diff.file',
  'sql.keyword',
  'sql.string',
  'sql.number',
  'sql.comment',
  'sql.name',
  'choice',
] as const;
export type Tone = (typeof tones)[number];

export type Style = {
  readonly color?: 'red' | 'green' | 'magenta';
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly inverse?: boolean;
};

export type Theme = Readonly<Record<Tone, Style>>;

/**
 * Three of the sixteen ANSI colours, on light and dark backgrounds alike: red, green and magenta. In the colours that
 * xterm, GNOME, Ubuntu, VS Code, Windows Terminal, macOS and Solarized ship they never fall below a contrast of 2.1 to 1.
 * Yellow and cyan fall below 2 on white, blue below 2 on black, white and black vanish on one of them, and bright black
 * is the background itself in Solarized; 256 or 16 million colours would not follow the colours that somebody chose.
 *
 * Even so no meaning rests on a colour: it goes with a sign and a word, and what is read at length has none. What stands
 * out is bold, what stands back is dim. Bold never goes with green, which older terminals then make a bright one that
 * cannot be seen on white, and dim with no colour at all.
 */
export const coloured: Theme = {
  text: {},
  muted: { dim: true },
  strong: { bold: true },
  rule: { dim: true },
  key: { bold: true },
  brand: { bold: true },
  pointer: { bold: true },
  match: { inverse: true },
  'target.production': { color: 'red', bold: true },
  'target.other': { color: 'green' },
  'status.ok': { color: 'green' },
  'status.failed': { color: 'red', bold: true },
  'status.waiting': { color: 'magenta', bold: true },
  'status.running': { bold: true },
  'status.applied': { bold: true },
  'status.pending': {},
  'status.skipped': { color: 'magenta', bold: true },
  'diff.add': { color: 'green' },
  'diff.del': { color: 'red' },
  'diff.hunk': { dim: true },
  'diff.file': { bold: true },
  'sql.keyword': { bold: true },
  'sql.string': { color: 'green' },
  'sql.number': { color: 'green' },
  'sql.comment': { dim: true },
  'sql.name': {},
  choice: { inverse: true },
};

/** The same meanings without any style: signs and words alone carry them. */
export const plain: Theme = Object.fromEntries(tones.map((tone) => [tone, {}])) as Theme;
