/** A small app of a few files that phases 2 to 4 are run on, with a real rollout over a folder of its own. */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { phase as backend } from '../../phases/2-backend/phase.ts';
import { phase as frontend } from '../../phases/3-frontend/phase.ts';
import { phase as settings } from '../../phases/4-settings/phase.ts';
import type { DatabaseFacts } from '../../phases/code/database-facts.ts';
import type { PartialConfig } from '../../src/config/schema.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import { createRollout } from '../../src/rollout/runner.ts';
import type { StepId } from '../../src/rollout/step.ts';
import { discoverWorkspace } from '../../src/workspace/discover.ts';
import { createWorkspaceExecutor } from '../../src/workspace/executor.ts';
import { takeBaselines } from '../../src/workspace/type-check.ts';
import { filesOf, noDatabase, targetOf } from './sample.ts';

export type SmallApp = {
  readonly root: string;
  /** Applies and verifies steps; gives the checks that failed or were not made and matter. */
  readonly run: (...steps: readonly StepId[]) => Promise<readonly CheckResult[]>;
  readonly checks: ReadonlyMap<string, CheckResult>;
  /** Titles of the changes that were made, by file. */
  readonly titles: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
  readonly read: (file: string) => Promise<string>;
  readonly files: () => Promise<Readonly<Record<string, string>>>;
  /** How many changes the steps would make again. */
  readonly again: (...steps: readonly StepId[]) => Promise<number>;
  /** Takes everything back, newest first; says what is not as it was. */
  readonly undo: () => Promise<readonly string[]>;
  readonly remove: () => Promise<void>;
};

const { signal } = new AbortController();

/** `types`: with the packages that the type check of the app needs. */
export async function smallApp(
  files: Readonly<Record<string, string>>,
  facts: Partial<DatabaseFacts> = {},
  { config = {}, types = false }: { readonly config?: PartialConfig; readonly types?: boolean } = {},
): Promise<SmallApp> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'voxanne-small-'));
  const root = path.join(folder, 'app');
  for (const [file, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), text);
  }
  await symlink(path.resolve('node_modules'), path.join(types ? root : folder, 'node_modules'));
  const before = await filesOf(root);
  const target = targetOf(root, facts, config);
  const executor = createWorkspaceExecutor({
    root,
    beforeFirst: async (abort) => takeBaselines(await discoverWorkspace(root), abort),
  });
  const rollout = createRollout({
    phases: [backend, frontend, settings],
    target,
    executors: { database: noDatabase, workspace: executor },
  });
  const checks = new Map<string, CheckResult>();
  const titles = new Map<string, string>();
  const notes: string[] = [];
  rollout.listen((event) => {
    if (event.type === 'check') checks.set(event.result.id, event.result);
    if (event.type === 'planned') {
      notes.push(...event.plan.notes.map(({ text }) => text));
      for (const one of event.plan.changes) if (one.kind === 'file') titles.set(one.path, one.title);
    }
  });
  return {
    root,
    checks,
    titles,
    notes,
    run: async (...steps) => {
      for (const step of steps) {
        await rollout.apply(step, signal);
        await rollout.verify(step, signal);
      }
      return [...checks.values()].filter(({ verdict, matters }) => verdict === 'failed' || matters === true);
    },
    read: (file) => readFile(path.join(root, file), 'utf8'),
    files: () => filesOf(root),
    again: async (...steps) => {
      let changes = 0;
      for (const step of steps) changes += (await rollout.preview(step, signal)).plan.changes.length;
      return changes;
    },
    undo: async () => {
      const applied = (await rollout.status()).filter((row) => row.applied > 0);
      for (const { step } of applied.reverse()) await rollout.rollback(step, signal);
      const after = await filesOf(root);
      return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((one) => before[one] !== after[one]);
    },
    remove: async () => {
      await executor.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
