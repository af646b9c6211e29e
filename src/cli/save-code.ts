import type { Change, FileChange } from '../rollout/change.ts';
import { RolloutError } from '../rollout/errors.ts';
import type { FileStates } from '../rollout/match-files.ts';
import { changeHash, type SavedCode, type SavedFile } from '../rollout/saved-plan.ts';
import type { StepId } from '../rollout/step.ts';
import { diffOf } from '../workspace/diff.ts';
import { fileStates } from '../workspace/file-states.ts';
import { sha256 } from '../workspace/hash.ts';
import type { CodePlans } from './plan-ahead.ts';
import { redacted, redactedSource } from './redaction.ts';

/**
 * Phases 2 to 4 as a plan file holds them.
 *
 * @param files The files from before anything was planned.
 * @throws {RolloutError} for a file that cannot be edited without changing other bytes.
 */
export async function savedCode(
  plans: CodePlans['plans'],
  files: FileStates,
  root: string,
  titleOf: (step: StepId) => string,
): Promise<SavedCode> {
  const paths = plans.flatMap(({ plan }) => plan.changes.map((change) => fileOnly(change).path));
  // What a step takes a file to is what the next one finds there.
  const states: Record<string, string | null> = { ...(await fileStates(root, paths)), ...files };
  const steps = plans.map(({ step, plan }) => ({
    step,
    title: titleOf(step),
    changes: plan.changes.map((change) => {
      const saved = savedFile(fileOnly(change), states[fileOnly(change).path] ?? null);
      states[saved.change.path] = stateAfter(saved);
      return saved;
    }),
    notes: plan.notes.map((note) => redacted(note.text)),
  }));
  return { files: { ...files }, steps };
}

function savedFile(change: FileChange, before: string | null): SavedFile {
  const { kind, id, title, path } = change;
  if ((before?.slice(0, 64) ?? null) !== (change.before === null ? null : sha256(change.before))) {
    throw new RolloutError(
      `${path} is not valid UTF-8, or was changed while it was planned.`,
      'Convert it to UTF-8 where it is not, then make the plan again.',
    );
  }
  // Masked before they are compared: the lines around a change may be the middle of a key.
  const shown = diffOf({ ...change, before: maskedText(change.before), after: maskedText(change.after) }).patch;
  return {
    change: { kind, id, title, path, before, after: change.after === null ? null : sha256(change.after), diff: shown },
    hash: changeHash(change),
    hidden: shown !== diffOf(change).patch,
  };
}

const stateAfter = ({ change: { before, after } }: SavedFile): string | null =>
  after === null ? null : after + (before?.slice(64) ?? '');

const maskedText = (text: string | null): string | null => (text === null ? null : redactedSource(text));

export function fileOnly(change: Change): FileChange {
  if (change.kind === 'file') return change;
  throw new RolloutError(`${change.title} is not a change of a file.`, 'Report this as a defect.', { kind: 'defect' });
}
