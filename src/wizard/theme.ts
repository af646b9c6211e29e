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
  readonly color?: 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly inverse?: boolean;
};

export type Theme = Readonly<Record<Tone, Style>>;

/**
 * Six of the sixteen ANSI colours, which every terminal maps for its own background. Never black or white, which
 * vanish on one of them, nor bright black, which is the background itself in Solarized: muted text is dim instead.
 */
export const coloured: Theme = {
  text: {},
  muted: { dim: true },
  strong: { bold: true },
  rule: { dim: true },
  key: { color: 'cyan', bold: true },
  brand: { color: 'cyan', bold: true },
  pointer: { color: 'cyan', bold: true },
  match: { inverse: true },
  'target.production': { color: 'red', bold: true },
  'target.other': { color: 'green' },
  'status.ok': { color: 'green' },
  'status.failed': { color: 'red', bold: true },
  'status.waiting': { color: 'yellow' },
  'status.running': { color: 'cyan' },
  'status.applied': { color: 'cyan' },
  'status.pending': {},
  'status.skipped': { color: 'yellow' },
  'diff.add': { color: 'green' },
  'diff.del': { color: 'red' },
  'diff.hunk': { color: 'cyan', dim: true },
  'diff.file': { bold: true },
  'sql.keyword': { color: 'cyan' },
  'sql.string': { color: 'green' },
  'sql.number': { color: 'magenta' },
  'sql.comment': { dim: true },
  'sql.name': {},
  choice: { inverse: true },
};

/** The same meanings without any style: signs and words alone carry them. */
export const plain: Theme = Object.fromEntries(tones.map((tone) => [tone, {}])) as Theme;
