import { afterwards } from '../rollout/afterwards.ts';
import { plural } from '../rollout/text.ts';
import { clean, wrapText } from './lines.ts';
import { unsaved } from './state/decide.ts';
import type { Deed, State } from './state/state.ts';

type Told = Omit<Deed, 'what'> & { readonly what: Deed['what'] | 'done' };

/** A step that was applied and verified in one go is one line, so that what went otherwise is seen among them. */
const told = (deeds: readonly Deed[]): readonly Told[] =>
  deeds.flatMap((deed, index): readonly Told[] => {
    const next = deeds[index + 1];
    const before = deeds[index - 1];
    if (deed.what === 'applied' && next?.what === 'verified' && next.subject === deed.subject)
      return [{ what: 'done', subject: deed.subject, detail: `${deed.detail}; ${next.detail}` }];
    return deed.what === 'verified' && before?.what === 'applied' && before.subject === deed.subject ? [] : [deed];
  });

/**
 * What is left for the operator after the wizard: plain text for the main screen. `passing`: the target goes away with
 * the process, so there is nothing to come back to.
 */
export const summary = (state: State, report: string | null, passing = false): readonly string[] => {
  const { glyphs } = state.look;
  const target = state.target ?? state.start;
  const lines: string[] = [];
  const paragraph = (sign: string, text: string): readonly string[] => {
    const [first = '', ...rest] = wrapText(text, Math.min(100, state.size.columns) - 5);
    return [`  ${sign} ${first}`, ...rest.map((row) => `    ${row}`)];
  };
  const name = [target.project, target.host, target.environment].filter((part) => part !== null).map(clean);
  lines.push(`voxanne-rollout${name.length > 0 ? `: ${name.join(` ${glyphs.separator} `)}` : ''}`);
  const signs = {
    done: glyphs.ok,
    applied: glyphs.applied,
    verified: glyphs.ok,
    failed: glyphs.failed,
    'rolled back': glyphs.back,
    'not proven': glyphs.failed,
    stopped: glyphs.waiting,
    skipped: glyphs.skipped,
    waived: glyphs.skipped,
    decided: glyphs.ok,
    approved: glyphs.ok,
    declined: glyphs.skipped,
  } as const;
  const word = (what: Told['what']): string => (what === 'done' ? 'applied, verified' : what);
  const rows = told(state.deeds);
  const wide = Math.max(11, ...rows.map(({ what }) => word(what).length));
  for (const { what, subject, detail } of rows)
    lines.push(
      `  ${signs[what]} ${word(what).padEnd(wide)} ${clean(subject)}${detail === '' ? '' : `  (${clean(detail)})`}`,
    );
  const open = unsaved(state);
  if (open.length > 0)
    lines.push(
      ...paragraph(glyphs.waiting, 'These decisions held for this session only. Give them again next time:'),
      ...open.map((one) => `      ${clean(one.flag)}`),
    );
  if (state.deeds.length === 0) lines.push('  Nothing was changed.');

  if (state.exit?.now && state.job && (state.job.kind === 'apply' || state.job.kind === 'rollback')) {
    const run = state.run?.changes.find((change) => change.state === 'running' || change.state === 'waiting');
    const what = run ? `"${clean(run.title)}"` : `Step ${state.job.step ?? ''}`;
    const text = `${what} was still running when you left. The server rolls it back or finishes it; the next run looks at the target and settles it before anything else.`;
    lines.push(...paragraph(glyphs.waiting, text));
  }
  const problem = state.connectProblem;
  if (problem) lines.push(...paragraph(glyphs.failed, `${clean(problem.problem)} ${clean(problem.remedy)}`));

  const { steps } = state;
  if (steps !== null) {
    const verified = steps.filter((step) => step.state === 'verified').length;
    const skipped = steps.filter((step) => step.state === 'skipped').length;
    const next = steps.find((step) => step.state !== 'verified' && step.state !== 'skipped');
    const left = steps.length - verified - skipped;
    const also = skipped > 0 ? `, ${skipped} skipped` : '';
    lines.push('', `${verified} of ${plural(steps.length, 'step')} verified${also}, ${left} left.`);
    if (passing) {
      lines.push('The database and the app were made for this and are removed now.');
      return lines;
    }
    if (report !== null) lines.push(`Report: ${report}`);
    lines.push(
      next
        ? `Next: voxanne-rollout   goes on with ${next.step} ${clean(next.title)}`
        : 'Next: voxanne-rollout verify   runs every check again; changes nothing',
    );
    if (!next)
      lines.push('', 'What comes next:', ...afterwards.flatMap((text, index) => paragraph(`${index + 1}.`, text)));
  } else lines.push('', 'Next: voxanne-rollout doctor   says what works and what to do about the rest');
  return lines;
};
