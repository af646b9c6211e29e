import { plural } from '../../rollout/text.ts';
import type { Look } from '../glyphs.ts';
import { type Line, line, span } from '../lines.ts';
import type { RequestLook } from '../session.ts';
import { type Document, previewDocument } from './document.ts';
import { rollbackDocument } from './rollback.ts';

/** What a request would do, with every statement: a person answers for all of it. */
export function requestDocument(asked: RequestLook, look: Look): Document {
  if ('rollback' in asked) return rollbackDocument([asked.rollback], look, false);
  const lines: Line[] = [];
  const anchors: { line: number; label: string }[] = [];
  for (const { step, plan } of asked.plans) {
    const own = previewDocument({ plan, results: [], impact: null, failed: false }, look, false);
    if (asked.plans.length > 1) {
      anchors.push({ line: lines.length, label: `step ${step}` });
      lines.push(line(`Step ${step}`, 'strong'), line());
    }
    anchors.push(...own.anchors.map((one) => ({ ...one, line: one.line + lines.length })));
    lines.push(...own.lines, line());
  }
  const changes = asked.plans.reduce((sum, { plan }) => sum + plan.changes.length, 0);
  const summary: Line = [
    span(plural(changes, 'change'), 'strong'),
    span(asked.plans.length > 1 ? ` in ${plural(asked.plans.length, 'step')}` : ''),
  ];
  return { lines, anchors, summary };
}
