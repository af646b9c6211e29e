import { stat } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import type { Change, FileChange } from '../rollout/change.ts';
import { RolloutError } from '../rollout/errors.ts';
import type { Context, Executor, PreviewResult, RevertResult } from '../rollout/executor.ts';
import type { Entry, StepRecord } from '../rollout/journal.ts';
import type { StepId } from '../rollout/step.ts';
import { openGit } from './git.ts';
import { sha256 } from './hash.ts';
import { type EntryRow, type Journalled, openJournal } from './journal.ts';
import { mergeThreeWay } from './merge.ts';
import { openOriginals } from './originals.ts';
import { missingFolders, resolveInside } from './paths.ts';
import { type RunLock, takeRunLock } from './run-lock.ts';
import { createTreeReader } from './tree.ts';
import {
  createFolders,
  explain,
  readBytes,
  refuseReadOnly,
  removeEmptyFolders,
  removeFile,
  removeLeftover,
  writeAtomically,
} from './write.ts';

export type WorkspaceExecutorOptions = {
  /** Absolute path of the workspace. */
  readonly root: string;
  /** One git commit per step, and one per rollback. */
  readonly commit?: boolean;
  /**
   * Runs before the first change of a workspace on which nothing is in force: where the state of before is measured
   * (type errors that are there already).
   */
  readonly beforeFirst?: (signal: AbortSignal) => Promise<void>;
};

export type WorkspaceExecutor = Executor & {
  /** Lets go of the workspace's lock. Call it at the end of a run; a killed run's lock is taken over. */
  readonly close: () => Promise<void>;
};

/**
 * Executes changes of files. The order on the disk makes every crash recoverable: original kept, `started` journalled,
 * file replaced atomically, `applied` journalled. After a crash the file decides (`settle`), never the row alone.
 */
export function createWorkspaceExecutor(options: WorkspaceExecutorOptions): WorkspaceExecutor {
  const root = path.resolve(options.root);
  const journal = openJournal(root);
  const originals = openOriginals(root);
  const tree = createTreeReader(root);
  const git = options.commit === true ? openGit(root) : null;
  let lock: Promise<RunLock> | null = null;
  const alone = async (): Promise<void> => {
    lock ??= takeRunLock(root);
    try {
      await lock;
    } catch (error) {
      lock = null;
      throw error;
    }
  };

  const contentOf = async (hash: string | null): Promise<string | null> =>
    hash === null ? null : (await originals.read(hash)).toString('utf8');

  const toEntry = async (row: Journalled): Promise<Entry> => {
    const last = row.states.at(-1);
    return {
      seq: row.seq,
      run: row.run,
      step: row.step,
      state: last?.state ?? 'started',
      change: {
        kind: 'file',
        id: row.id,
        title: row.title,
        path: row.path,
        before: await contentOf(row.before),
        after: await contentOf(row.after),
      },
      appliedAt: row.states.find((one) => one.state === 'applied')?.at ?? null,
      revertedAt: row.states.findLast((one) => one.state === 'reverted')?.at ?? null,
      milliseconds: row.states.find((one) => one.state === 'applied')?.milliseconds ?? 0,
    };
  };

  const journalled = async (seq: number): Promise<Journalled> => {
    const row = (await journal.entries()).find((one) => one.seq === seq);
    if (row !== undefined) return row;
    throw new RolloutError(`The journal of the workspace has no entry ${seq}.`, 'Report this as a defect.', {
      kind: 'defect',
    });
  };

  const mark = (
    seq: number,
    state: Entry['state'],
    milliseconds = 0,
    contents: { readonly from?: string | null; readonly to?: string | null } = {},
  ): Promise<void> => journal.append({ type: 'state', seq, state, milliseconds, at: now(), ...contents });

  /** Puts `hash` (null: nothing) in place of what is there now. */
  const put = async (file: string, hash: string | null, mode?: number): Promise<void> => {
    if (hash === null) return removeFile(file);
    await createFolders(path.dirname(file));
    await writeAtomically(file, await originals.read(hash), mode);
  };

  const refuseStale = async (file: string, change: FileChange): Promise<void> => {
    const bytes = await readBytes(file);
    const expected = change.before === null ? null : Buffer.from(change.before, 'utf8');
    if (bytes === null ? expected === null : expected?.equals(bytes) === true) return;
    if (bytes !== null && bytes.toString('utf8') === change.before) {
      throw new RolloutError(
        `${change.path} is not valid UTF-8, so it cannot be edited without changing other bytes.`,
        'Convert it to UTF-8, then run the step again; nothing was written.',
      );
    }
    const what = expected === null ? 'was created' : bytes === null ? 'was removed' : 'was changed';
    throw new RolloutError(
      `${change.path} ${what} since the plan was made.`,
      'Look at the new preview and decide again; nothing was written.',
    );
  };

  const apply = async (change: FileChange, context: Context): Promise<Entry> => {
    const began = performance.now();
    const file = await resolveInside(root, change.path);
    await refuseReadOnly(file, change.path);
    await refuseStale(file, change);
    const entries = await journal.entries();
    if (entries.every((one) => one.states.at(-1)?.state === 'reverted')) await options.beforeFirst?.(context.signal);
    if (git !== null) {
      const own = entries.some((one) => one.path === change.path && one.step === context.step && isLive(one));
      if (!own && change.before !== null && (await git.dirty([change.path])).length > 0) {
        throw new RolloutError(
          `${change.path} holds changes that are not committed, which --commit would mix with the step's.`,
          'Commit or stash them first, or run without --commit; nothing was written.',
        );
      }
    }
    context.signal.throwIfAborted();
    const seq = entries.reduce((highest, one) => Math.max(highest, one.seq), 0) + 1;
    const row: EntryRow = {
      type: 'entry',
      seq,
      run: context.run,
      step: context.step,
      id: change.id,
      title: change.title,
      path: change.path,
      before: change.before === null ? null : await originals.keep(change.before),
      ...(change.before === null ? {} : { mode: (await stat(file)).mode & 0o7777 }),
      after: change.after === null ? null : await originals.keep(change.after),
      folders: [...(change.after === null ? [] : await missingFolders(root, file))],
      at: now(),
    };
    await journal.append(row);
    try {
      await put(file, row.after);
    } catch (error) {
      // The write failed as a whole: the file is as it was, and the journal says so.
      await removeEmptyFolders(root, row.folders);
      await mark(seq, 'reverted');
      throw error;
    }
    await mark(seq, 'applied', performance.now() - began);
    return toEntry(await journalled(seq));
  };

  const revert = async (entry: Entry, change: FileChange): Promise<RevertResult> => {
    const row = await journalled(entry.seq);
    if (row.states.at(-1)?.state === 'reverted') return { stayed: [] };
    const file = await resolveInside(root, row.path);
    const bytes = await readBytes(file);
    const found = bytes === null ? null : sha256(bytes);
    const stayed: string[] = [];
    let to: string | null;
    if (found === row.after) {
      to = row.before;
    } else if (found === row.before) {
      to = found;
      stayed.push(`${row.path}: was restored by hand already`);
    } else if (bytes === null) {
      // Somebody removed the file: bringing it back would undo their decision.
      to = null;
      stayed.push(`${row.path}: deleted since; left deleted`);
    } else if (row.before === null) {
      to = found;
      stayed.push(`${row.path}: created by this step and edited since, left as it is`);
    } else {
      to = await merged(row.path, bytes, change);
      stayed.push(`${row.path}: edited since; the edit was kept and the step's lines were rolled back`);
    }
    if (to !== found) await refuseReadOnly(file, row.path);
    if (bytes !== null) await originals.keep(bytes);
    await mark(row.seq, 'reverting', 0, { from: found, to });
    if (to !== found) await put(file, to, row.mode);
    if (to === null) await removeEmptyFolders(root, row.folders);
    await mark(row.seq, 'reverted');
    return { stayed };
  };

  /** The file without the step's lines and with everything a person did since; its hash. Refuses on a conflict. */
  const merged = async (shown: string, bytes: Buffer, change: FileChange): Promise<string> => {
    const mine = bytes.toString('utf8');
    if (!Buffer.from(mine, 'utf8').equals(bytes) || change.after === null || change.before === null) {
      throw new RolloutError(
        `${shown} was replaced since by something this tool cannot merge.`,
        'Put the file as you want it, or restore it with git, then roll back again; nothing was written.',
      );
    }
    const result = mergeThreeWay(change.after, mine, change.before);
    if ('merged' in result) return originals.keep(result.merged);
    throw new RolloutError(
      `${shown} was edited at line ${result.line}, where the step's change has to be rolled back.`,
      'Settle that place by hand (take the step out of it, keep your edit), then roll back again; nothing was written.',
      { detail: result.conflict },
    );
  };

  const settle = async (entry: Entry, context: Context): Promise<void> => {
    const row = await journalled(entry.seq);
    const last = row.states.at(-1);
    if (last?.state === 'applied' || last?.state === 'reverted') return;
    const file = await resolveInside(root, row.path);
    await removeLeftover(file);
    const bytes = await readBytes(file);
    const found = bytes === null ? null : sha256(bytes);
    const settled = async (state: 'applied' | 'reverted', outcome: string): Promise<void> => {
      if (state === 'reverted' && found === null) await removeEmptyFolders(root, row.folders);
      await mark(row.seq, state);
      context.emit({ type: 'settled', step: row.step, change: row.id, outcome });
    };
    if (last?.state === 'reverting') {
      if (found === last.to) return settled('reverted', 'the file was restored before the run ended');
      return settled('applied', 'the run ended before the file was restored');
    }
    if (found === row.before) return settled('reverted', 'the run ended before the file was written');
    if (found === row.after) return settled('applied', 'the file was written before the run ended');
    // Edited by a person since: as an applied change it is merged on a rollback, whether the write took place or not.
    return settled('applied', 'the file was edited after the run ended; a rollback will keep that edit');
  };

  const previewOne = async (change: Change, context: Context): Promise<PreviewResult> => {
    const began = performance.now();
    const own = fileOnly(change);
    const result = (outcome: PreviewResult['outcome'], reason?: string): PreviewResult => ({
      change,
      outcome,
      ...(reason === undefined ? {} : { reason }),
      locks: [],
      held: 0,
      milliseconds: performance.now() - began,
    });
    try {
      const file = await resolveInside(root, own.path);
      await refuseReadOnly(file, own.path);
      await refuseStale(file, own);
      const broken = own.after === null ? null : await syntaxError(own.path, own.before, own.after);
      return broken === null ? result('ran') : result('failed', broken);
    } catch (error) {
      context.signal.throwIfAborted();
      const shown = explain(error, own.path);
      if (!(shown instanceof RolloutError)) throw error;
      return result('failed', [shown.problem, shown.detail].filter(Boolean).join('\n'));
    }
  };

  const guarded = async <T>(shown: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw explain(error, shown);
    }
  };

  /** Commits what a step did, or took back, when the step as a whole is done. */
  const commit = async (record: Omit<StepRecord, 'seq' | 'at'>): Promise<void> => {
    if (git === null || (record.state !== 'applied' && record.state !== 'rolled back')) return;
    const rows = (await journal.entries()).filter((one) => one.step === record.step);
    const files = [...new Set(rows.map((one) => one.path))];
    const verb = record.state === 'applied' ? 'Apply' : 'Roll back';
    const id = await git.commit(files, `${verb} step ${record.step} of the rollout`);
    if (id !== null) await journal.append({ type: 'commit', step: record.step, commit: id, at: now() });
  };

  return {
    preview: async function* (changes, context) {
      for (const change of changes) {
        context.signal.throwIfAborted();
        yield await previewOne(change, context);
      }
    },
    apply: (change, context) =>
      guarded(fileOnly(change).path, async () => {
        await alone();
        return apply(fileOnly(change), context);
      }),
    revert: (entry) =>
      guarded(fileOnly(entry.change).path, async () => {
        await alone();
        return revert(entry, fileOnly(entry.change));
      }),
    settle: (entry, context) =>
      guarded(fileOnly(entry.change).path, async () => {
        await alone();
        return settle(entry, context);
      }),
    entries: async (step) =>
      Promise.all((await journal.entries()).filter((one) => step === undefined || one.step === step).map(toEntry)),
    standing: async () =>
      (await journal.entries()).map((one) => ({
        step: one.step,
        state: one.states.at(-1)?.state ?? 'started',
        count: 1,
        at: one.states.at(-1)?.at ?? null,
      })),
    // The chain of its own lines is checked whenever they are read.
    dependants: async () => [],
    suspicion: async () => null,
    head: async () => null,
    keepHead: async (head) => {
      await alone();
      await journal.append({ type: 'head', ...head, at: now() });
    },
    keptHeads: async () => (await journal.rows()).flatMap((row) => (row.type === 'head' ? [row] : [])),
    records: () => journal.records(),
    record: async (record) => {
      await alone();
      const seq = (await journal.records()).reduce((highest, one) => Math.max(highest, one.seq), 0) + 1;
      await journal.append({ type: 'record', record: { ...record, seq, at: now() } });
      await commit(record);
    },
    fingerprint: tree,
    keepFingerprint: async (step, run, when) => {
      await alone();
      const state = await tree();
      await journal.append({
        type: 'fingerprint',
        step,
        run,
        when,
        state: await originals.keep(JSON.stringify(state)),
      });
    },
    keptFingerprint: async (step: StepId, when) => {
      const own = (await journal.rows()).filter((one) => one.type === 'fingerprint' && one.step === step);
      const row = own.findLast((one) => one.type === 'fingerprint' && one.when === when);
      if (row?.type !== 'fingerprint') return null;
      // A state from after belongs to the apply whose state from before is the last one: a stopped apply has none.
      if (when === 'after' && own.at(-1) !== row) return null;
      return z.record(z.string(), z.string()).parse(JSON.parse((await originals.read(row.state)).toString('utf8')));
    },
    // Files are edited by one operator at a time and restored byte for byte; their checks read them where they are.
    within: async () => ({
      outcome: 'not executed',
      reason: 'code is checked where it stands, once it is written, and can be rolled back where a check fails',
    }),
    sizes: async () => [],
    keepLook: async () => undefined,
    keptLook: async () => null,
    // Files are compared byte by byte where they are written and restored; there is no further row to lose.
    guard: async () => async () => null,
    untouched: async () => null,
    close: async () => {
      const held = lock;
      lock = null;
      if (held !== null) await (await held).release();
    },
  };
}

const now = (): string => new Date().toISOString();

const isLive = (row: Journalled): boolean => row.states.at(-1)?.state !== 'reverted';

/** Where an edit leaves a syntax error that was not there before; null for sound ones and for files that are no source. */
async function syntaxError(file: string, before: string | null, after: string): Promise<string | null> {
  if (!/\.[cm]?[jt]sx?$/.test(file)) return null;
  // The parser is a native module; a run that only looks at the journal does not pay for it.
  const { parseSource, positionOf } = await import('./scan/syntax.ts');
  const { errorAt } = await parseSource(file, after);
  if (errorAt === null || (before !== null && (await parseSource(file, before)).errorAt !== null)) return null;
  return `${file} would have a syntax error at line ${positionOf(after, errorAt).line}.`;
}

function fileOnly(change: Change): FileChange {
  if (change.kind === 'file') return change;
  throw new RolloutError(`${change.title} is not a change of a file.`, 'Report this as a defect.', { kind: 'defect' });
}
