import { differences } from './fingerprint.ts';
import type { Drift, KnownByStep } from './match-plan.ts';
import type { SavedCode, SavedFile } from './saved-plan.ts';
import type { StepId } from './step.ts';

/** Files by path: the hash of the bytes, and whether one may be executed. One that is not there has no entry. */
export type FileStates = Readonly<Record<string, string>>;

export type FileStanding = {
  /** Files that differ from the plan. Those without changes are let pass. */
  readonly drift: readonly Drift[];
  /** Changes of the plan that are made already, wherever that was done: the file says so. */
  readonly inForce: readonly KnownByStep[];
};

type Own = { readonly step: StepId; readonly saved: SavedFile };

/**
 * How far the plan has come on these files. A file that the plan changes has to be in one of the states that the plan
 * takes it through; what was edited after its last change is no business of the plan any more.
 *
 * @param journalled `step hash` of the changes that the journal of the workspace holds in force.
 */
export function standingOf(code: SavedCode, now: FileStates, journalled: ReadonlySet<string>): FileStanding {
  const byPath = new Map<string, Own[]>();
  for (const { step, changes } of code.steps) {
    for (const saved of changes) {
      const known = byPath.get(saved.change.path);
      if (known === undefined) byPath.set(saved.change.path, [{ step, saved }]);
      else known.push({ step, saved });
    }
  }
  const drift: Drift[] = [];
  const done: Own[] = [];
  for (const [path, changes] of byPath) {
    const states = statesOf(changes);
    const at = states.lastIndexOf(now[path]);
    if (at >= 0) {
      done.push(...changes.slice(0, at));
    } else if (changes.every(({ step, saved }) => journalled.has(`${step} ${saved.hash}`))) {
      done.push(...changes);
      drift.push({ text: `edited since the plan changed it: file ${path}`, changes: [] });
    } else {
      const text = differences(named(path, states[0]), named(path, now[path]))[0] ?? `changed: file ${path}`;
      drift.push({ text, changes: changes.map(({ saved }) => saved.change.title) });
    }
  }
  const others = (files: FileStates): FileStates =>
    Object.fromEntries(
      Object.entries(files).flatMap(([path, state]) => (byPath.has(path) ? [] : [[`file ${path}`, state]])),
    );
  for (const text of differences(others(code.files), others(now))) drift.push({ text, changes: [] });
  const steps = new Set(done.map(({ step }) => step));
  return {
    drift,
    inForce: [...steps].map((step) => ({
      step,
      changes: done
        .filter((one) => one.step === step)
        .map(({ saved: { change, hash } }) => ({ id: change.id, title: change.title, hash })),
    })),
  };
}

/** The states that the plan takes a file through, from the one before its first change to the one after its last. */
function statesOf(changes: readonly Own[]): readonly (string | undefined)[] {
  const before = changes[0]?.saved.change.before ?? undefined;
  const mark = before?.slice(64) ?? '';
  return [before, ...changes.map(({ saved: { change } }) => (change.after === null ? undefined : change.after + mark))];
}

const named = (path: string, state: string | undefined): FileStates =>
  state === undefined ? {} : { [`file ${path}`]: state };
