/** Signs, one column each. Every one stands beside a word, so that none has to be understood alone. */
export type Glyphs = {
  readonly ok: string;
  readonly failed: string;
  readonly waiting: string;
  readonly alert: string;
  readonly pending: string;
  readonly applied: string;
  readonly blocked: string;
  readonly skipped: string;
  readonly back: string;
  readonly pointer: string;
  readonly match: string;
  readonly rule: string;
  readonly separator: string;
  readonly column: string;
  readonly ellipsis: string;
  readonly mask: string;
  readonly caret: string;
  readonly full: string;
  readonly empty: string;
  readonly up: string;
  readonly down: string;
  readonly minus: string;
  readonly times: string;
  readonly spinner: readonly string[];
};

export const unicode: Glyphs = {
  ok: '✓',
  failed: '✗',
  waiting: '◷',
  alert: '▲',
  pending: '○',
  applied: '●',
  blocked: '◌',
  skipped: '–',
  back: '↺',
  pointer: '›',
  match: '»',
  rule: '─',
  separator: '·',
  column: '│',
  ellipsis: '…',
  mask: '•',
  caret: '▏',
  full: '━',
  empty: '─',
  up: '↑',
  down: '↓',
  minus: '−',
  times: '×',
  spinner: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'],
};

/** For consoles that draw boxes in place of most of Unicode. */
export const ascii: Glyphs = {
  ok: '+',
  failed: 'x',
  waiting: '!',
  alert: '!',
  pending: 'o',
  applied: '*',
  blocked: '.',
  skipped: '-',
  back: '<',
  pointer: '>',
  match: '>',
  rule: '-',
  separator: '|',
  column: '|',
  ellipsis: '~',
  mask: '*',
  caret: '_',
  full: '#',
  empty: '.',
  up: '^',
  down: 'v',
  minus: '-',
  times: 'x',
  spinner: ['|', '/', '-', '\\'],
};

/** What a screen needs to know about how it will be looked at. */
export type Look = {
  readonly glyphs: Glyphs;
  /** Words in place of signs, and no line that changes by itself. */
  readonly accessible: boolean;
};
