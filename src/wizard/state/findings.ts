import type { CodeFinding } from '../session.ts';
import type { FindingsView } from './state.ts';

/** In the order in which they are shown: grouped, what is still open before what was waived. */
export const orderedFindings = (view: FindingsView): readonly CodeFinding[] => {
  const group = (finding: CodeFinding) => (view.by === 'kind' ? finding.kind : finding.file);
  return [...(view.list ?? [])].sort(
    (a, b) =>
      Number(a.waived !== null) - Number(b.waived !== null) ||
      group(a).localeCompare(group(b)) ||
      a.file.localeCompare(b.file) ||
      a.line - b.line,
  );
};
