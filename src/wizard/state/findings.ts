import { dirname } from 'node:path/posix';
import type { CodeFinding } from '../session.ts';
import type { WaiveChoice } from './dialog-shape.ts';
import type { FindingsView } from './views.ts';

/** Those of the step at hand, or all of them, in the order in which they are shown: open before waived, by groups. */
export const orderedFindings = (view: FindingsView): readonly CodeFinding[] => {
  const group = (finding: CodeFinding) => (view.by === 'kind' ? finding.kind : finding.file);
  const mine = (view.list ?? []).filter((one) => view.step === null || one.step === view.step);
  return mine.sort(
    (a, b) =>
      Number(a.waived !== null) - Number(b.waived !== null) ||
      group(a).localeCompare(group(b)) ||
      a.file.localeCompare(b.file) ||
      a.line - b.line,
  );
};

/**
 * What a waiver could cover from the chosen finding on: it alone, its kind, its file, its folder. Places that a step fixes
 * are in none of them: they need no waiver, and one by accident would keep the fix from being missed.
 */
export const waiveChoices = (view: FindingsView, chosen: CodeFinding): readonly WaiveChoice[] => {
  const open = orderedFindings(view).filter((one) => one.waived === null && one.fix === null);
  const all = (label: string, fits: (one: CodeFinding) => boolean): WaiveChoice => ({
    label,
    ids: open.filter(fits).map((one) => one.id),
  });
  const folder = dirname(chosen.file);
  const several = [
    all(`of kind ${chosen.kind}`, (one) => one.kind === chosen.kind),
    all(`in ${chosen.file}`, (one) => one.file === chosen.file),
    all(`in ${folder}/`, (one) => one.file.startsWith(`${folder}/`)),
  ];
  const own = chosen.fix === null && chosen.waived === null ? [chosen.id] : [];
  return [{ label: `${chosen.file}:${chosen.line}`, ids: own }, ...several].filter(
    (one, index, list) =>
      one.ids.length > (index === 0 ? 0 : 1) &&
      list.findIndex((other) => other.ids.join() === one.ids.join()) === index,
  );
};
