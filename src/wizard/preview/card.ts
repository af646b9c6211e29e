import type { Impact } from '../../rollout/impact.ts';
import { bytes, count, duration, plural } from '../../rollout/text.ts';
import type { Look } from '../glyphs.ts';
import { clean, type Line, span } from '../lines.ts';
import type { Tone } from '../theme.ts';

const tones: Readonly<Record<Impact['risk'], Tone>> = {
  none: 'status.ok',
  low: 'status.ok',
  medium: 'status.waiting',
  high: 'status.failed',
};

/** Columns of the labels; what is folded goes on behind them. */
const labelWidth = 10;

const row = (label: string, ...rest: readonly Line[number][]): Line => [
  span(label.padEnd(labelWidth), 'muted'),
  ...rest,
];

/** Where the folded rest of a line begins: below the value, in a row of the card. */
export const hangingIndent = ([first]: Line): string =>
  ' '.repeat(first?.tone === 'muted' && first.text.length === labelWidth && first.text.endsWith(' ') ? labelWidth : 4);

/** What happens to the app if the step is applied: the lines above every preview. */
export const impactCard = (impact: Impact, look: Look): readonly Line[] => {
  const dot = ` ${look.glyphs.separator} `;
  const lines: Line[] = [row('Risk', span(impact.risk, tones[impact.risk]), span(`: ${impact.reason}`))];
  const touched = [
    impact.tables > 0 ? plural(impact.tables, 'table') : '',
    impact.rows > 0 ? `about ${plural(impact.rows, 'row')}` : '',
    impact.bytes > 0 ? bytes(impact.bytes) : '',
    impact.files > 0 ? plural(impact.files, 'file') : '',
  ].filter(Boolean);
  if (touched.length > 0) lines.push(row('Touches', span(touched.join(', '))));
  const { locks, proof } = impact;
  if (locks !== null) {
    const longest = `longest ${duration(locks.longest)} (${clean(locks.change ?? '')})`;
    lines.push(row('Locks', span(`measured: ${longest}${dot}${duration(locks.total)} in all, one change at a time`)));
  }
  lines.push(row('Tested', ...tested(proof, look)));
  for (const one of proof.unproven) lines.push(row('', span(`not tested beforehand: ${clean(one)}`, 'status.waiting')));
  for (const [index, one] of impact.users.entries()) lines.push(row(index === 0 ? 'Users' : '', span(clean(one))));
  if (impact.running !== null) {
    if (impact.running.before !== '') lines.push(row('Before', span(clean(impact.running.before))));
    if (impact.running.after !== '') lines.push(row('After', span(clean(impact.running.after))));
  }
  return lines;
};

function tested(proof: Impact['proof'], look: Look): Line {
  const all = proof.passed + proof.failed + proof.skipped;
  if (all === 0) return [span('no check ran beforehand', 'muted')];
  if (proof.failed > 0) {
    return [
      span(`${look.glyphs.failed} ${plural(proof.failed, 'check')} would fail`, 'status.failed'),
      span(`, ${count(proof.passed)} passed; the step will be refused`),
    ];
  }
  const rest = proof.skipped === 0 ? '' : `, ${count(proof.skipped)} not checked`;
  return [
    span(`${look.glyphs.ok} ${plural(proof.passed, 'check')} passed`, 'status.ok'),
    span(`${rest}, in a transaction that was rolled back`),
  ];
}
