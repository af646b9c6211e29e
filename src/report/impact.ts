import type { Impact } from '../rollout/impact.ts';
import { count, duration, type Paint } from './format.ts';

/** What happens to the app if the step is applied, as lines under its plan. */
export function impactLines(impact: Impact, paint: Paint): readonly string[] {
  const colour = impact.risk === 'high' ? 'bad' : impact.risk === 'medium' ? 'warn' : 'ok';
  const lines = [`  risk ${paint(colour, impact.risk)}: ${impact.reason}`];
  const touched = [
    impact.tables > 0 ? count(impact.tables, 'table') : '',
    impact.rows > 0 ? `about ${count(Math.round(impact.rows), 'row')}` : '',
    impact.files > 0 ? count(impact.files, 'file') : '',
  ].filter(Boolean);
  if (touched.length > 0) lines.push(`  touches ${touched.join(', ')}`);
  if (impact.locks !== null) {
    lines.push(
      `  locks, measured: longest ${duration(impact.locks.longest)} (${impact.locks.change}), ${duration(impact.locks.total)} in all, one change at a time`,
    );
  }
  const { passed, failed, skipped, unproven } = impact.proof;
  if (passed + failed + skipped > 0) {
    lines.push(
      `  tested in a transaction that was rolled back: ${count(passed, 'check')} passed${failed > 0 ? `, ${paint('bad', `${failed} would fail`)}` : ''}${skipped > 0 ? `, ${skipped} not checked` : ''}`,
    );
  }
  for (const one of unproven) lines.push(`  ${paint('warn', 'not tested beforehand')}: ${one}`);
  for (const one of impact.users) lines.push(`  users: ${one}`);
  if (impact.running !== null && impact.running.before !== '') lines.push(`  before: ${impact.running.before}`);
  if (impact.running !== null && impact.running.after !== '') lines.push(`  after: ${impact.running.after}`);
  return lines;
}
