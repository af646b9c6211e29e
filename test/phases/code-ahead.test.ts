import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { planCodeAhead } from '../../phases/code/ahead.ts';
import { phases } from '../../phases/index.ts';
import { changeHash } from '../../src/rollout/saved-plan.ts';
import { createWorkspaceExecutor } from '../../src/workspace/executor.ts';
import { copySample, facts, filesOf, removeCopy, targetOf } from './sample.ts';

const steps = phases.filter((phase) => phase.medium === 'workspace').flatMap((phase) => phase.steps);
const { signal } = new AbortController();

const roots: string[] = [];
afterEach(async () => {
  for (const root of roots.splice(0)) await removeCopy(root);
});
const sample = async (): Promise<string> => {
  const root = await copySample();
  roots.push(root);
  return root;
};
const commit = (root: string): void => {
  const git = (...args: readonly string[]) => execFileSync('git', ['-C', root, ...args], { stdio: 'pipe' });
  git('init', '--quiet');
  git('add', '.');
  git('-c', 'user.name=tester', '-c', 'user.email=tester@example.test', 'commit', '--quiet', '-m', 'as it was');
};
const aheadOf = (root: string) => {
  const target = targetOf(root);
  if (target.workspace === null) throw new Error('the sample is a workspace');
  return planCodeAhead({ ...target, workspace: target.workspace }, steps, facts, signal);
};
const hashes = (plan: { readonly changes: readonly Parameters<typeof changeHash>[0][] }) =>
  plan.changes.map(changeHash);

test('what is planned ahead is what each step does when its turn comes, and the workspace is only read', async () => {
  const root = await sample();
  // A folder that git keeps is read, whatever it is called.
  mkdirSync(path.join(root, 'backend/src/build'));
  renameSync(path.join(root, 'backend/src/routes/agents.ts'), path.join(root, 'backend/src/build/agents.ts'));
  commit(root);
  const before = await filesOf(root);
  const { plans, uncovered } = await aheadOf(root);
  expect(uncovered).toEqual([]);
  expect(await filesOf(root)).toEqual(before);

  const executor = createWorkspaceExecutor({ root });
  const target = targetOf(root);
  let edits = 0;
  for (const step of steps) {
    const plan = await step.plan(target);
    expect(hashes(plans.find((one) => one.step === step.id)?.plan ?? plan), step.id).toEqual(hashes(plan));
    expect(plans.some((one) => one.step === step.id)).toBe(true);
    for (const change of plan.changes) {
      await executor.apply(change, { run: 'test', step: step.id, emit: () => undefined, signal });
    }
    edits += plan.changes.length;
  }
  await executor.close();
  expect(edits).toBeGreaterThan(20);
  expect(plans.flatMap(({ plan }) => plan.changes.map((change) => change.id))).toContain(
    'edit backend/src/build/agents.ts',
  );
});

test('a tsconfig that extends one outside of the workspace: nothing is foreseen, and why', async () => {
  const root = await sample();
  writeFileSync(
    path.join(path.dirname(root), 'tsconfig.base.json'),
    JSON.stringify({ compilerOptions: { paths: { '~/*': ['./src/*'] } } }),
  );
  const config = path.join(root, 'tsconfig.json');
  writeFileSync(
    config,
    JSON.stringify({
      ...JSON.parse(readFileSync(config, 'utf8')),
      extends: '../tsconfig.base.json',
      compilerOptions: {},
    }),
  );
  const { plans, uncovered } = await aheadOf(root);
  expect(plans).toEqual([]);
  expect(uncovered[0]).toEqual({ step: '2.1', reason: expect.stringContaining('files outside of the workspace') });
  expect(uncovered.map((one) => one.step)).toEqual(steps.map((one) => one.id));
});

test('through a link that leaves the workspace nothing is written', async () => {
  const root = await sample();
  const outside = mkdtempSync(path.join(tmpdir(), 'outside-'));
  try {
    const services = path.join(root, 'backend/src/services');
    renameSync(services, path.join(outside, 'services'));
    symlinkSync(path.join(outside, 'services'), services);
    const before = await filesOf(outside);
    const { plans, uncovered } = await aheadOf(root);
    expect(plans).toEqual([]);
    expect(uncovered[0]).toEqual({ step: '2.1', reason: expect.stringContaining('a link that leaves the workspace') });
    expect(uncovered[1]).toEqual({ step: '2.2', reason: 'it builds on step 2.1' });
    expect(await filesOf(outside)).toEqual(before);
  } finally {
    rmSync(outside, { recursive: true, force: true });
  }
});

test.each<[string, (file: string) => void, string]>([
  [
    'other bytes than UTF-8',
    (file) => writeFileSync(file, Buffer.concat([Buffer.from([0x2f, 0x2f, 0xe9, 0x0a]), readFileSync(file)])),
    'is not valid UTF-8',
  ],
  ['no right to write it', (file) => chmodSync(file, 0o444), 'is read-only'],
])('a file with %s: what comes before it is foreseen, and why no more', async (_, spoil, reason) => {
  const root = await sample();
  spoil(path.join(root, 'backend/src/routes/agents.ts'));
  const { plans, uncovered } = await aheadOf(root);
  expect(plans.map((one) => one.step)).toEqual(['2.1', '2.2']);
  expect(uncovered[0]).toEqual({
    step: '2.3',
    reason: expect.stringContaining(`backend/src/routes/agents.ts ${reason}`),
  });
});
