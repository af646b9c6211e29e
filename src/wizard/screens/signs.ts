import { type Verdict, verdictWord } from '../../rollout/check.ts';
import type { Glyphs } from '../glyphs.ts';
import { type Line, padTo, type Span, span } from '../lines.ts';
import type { State } from '../state/state.ts';
import type { ChangeState } from '../state/views.ts';
import type { Tone } from '../theme.ts';

/** A sign with its word: colour is never the only bearer of a meaning. */
export type Sign = { readonly glyph: string; readonly word: string; readonly tone: Tone };

export const stepSign = (state: State, step: NonNullable<State['steps']>[number]): Sign => {
  const { glyphs } = state.look;
  const under = state.job && state.job.step === step.step ? state.job.kind : null;
  if (under === 'apply') return { glyph: glyphs.applied, word: 'applying', tone: 'status.running' };
  if (under === 'verify') return { glyph: glyphs.applied, word: 'verifying', tone: 'status.running' };
  if (under === 'rollback') return { glyph: glyphs.back, word: 'rolling back', tone: 'status.running' };
  if (step.interrupted || step.state === 'interrupted')
    return { glyph: glyphs.alert, word: 'interrupted', tone: 'status.waiting' };
  switch (step.state) {
    case 'verified':
      return { glyph: glyphs.ok, word: 'verified', tone: 'status.ok' };
    case 'applied':
      return { glyph: glyphs.applied, word: 'applied', tone: 'status.applied' };
    case 'failed':
      return { glyph: glyphs.failed, word: 'failed', tone: 'status.failed' };
    case 'skipped':
      return { glyph: glyphs.skipped, word: 'skipped', tone: 'status.skipped' };
    default:
  }
  if (step.gate !== null) return { glyph: glyphs.blocked, word: 'blocked', tone: 'muted' };
  if (step.state === 'rolled back') return { glyph: glyphs.back, word: 'rolled back', tone: 'status.skipped' };
  if (state.previewed.includes(step.step)) return { glyph: glyphs.pending, word: 'previewed', tone: 'status.pending' };
  return { glyph: glyphs.pending, word: 'pending', tone: 'status.pending' };
};

export const verdictSign = (glyphs: Glyphs, verdict: Verdict | 'warning'): Sign => {
  switch (verdict) {
    case 'passed':
      return { glyph: glyphs.ok, word: 'passed', tone: 'status.ok' };
    case 'failed':
      return { glyph: glyphs.failed, word: 'failed', tone: 'status.failed' };
    case 'warning':
      return { glyph: glyphs.alert, word: 'warning', tone: 'status.waiting' };
    case 'skipped':
      return { glyph: glyphs.skipped, word: verdictWord(verdict), tone: 'status.skipped' };
  }
};

export const changeSign = (state: State, change: ChangeState, operation: 'apply' | 'rollback'): Sign => {
  const { glyphs, accessible } = state.look;
  switch (change) {
    case 'queued':
      return { glyph: glyphs.pending, word: 'queued', tone: 'muted' };
    case 'running': {
      const glyph = accessible ? glyphs.applied : (glyphs.spinner[state.frame % glyphs.spinner.length] ?? '');
      return { glyph, word: 'running', tone: 'status.running' };
    }
    case 'waiting':
      return { glyph: glyphs.waiting, word: 'waiting', tone: 'status.waiting' };
    case 'done':
      return operation === 'apply'
        ? { glyph: glyphs.ok, word: 'applied', tone: 'status.ok' }
        : { glyph: glyphs.back, word: 'rolled back', tone: 'status.ok' };
    case 'failed':
      return { glyph: glyphs.failed, word: 'failed', tone: 'status.failed' };
    case 'stopped':
      return { glyph: glyphs.waiting, word: 'stopped', tone: 'status.waiting' };
  }
};

export const signSpan = (sign: Sign, columns = 0): Span =>
  span(padTo(`${sign.glyph} ${sign.word}`, columns), sign.tone);

/** A bar of a width; in words where nothing should be drawn. */
export const bar = (glyphs: Glyphs, done: number, total: number, columns: number): Line => {
  const full = total <= 0 ? columns : Math.min(columns, Math.floor((done / total) * columns));
  return [
    span(glyphs.full.repeat(full), 'status.running'),
    span(glyphs.empty.repeat(Math.max(0, columns - full)), 'muted'),
  ];
};
