import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { phase as backend } from '../../phases/2-backend/phase.ts';
import { phase as frontend } from '../../phases/3-frontend/phase.ts';
import type { Target } from '../../phases/target.ts';
import { runNothing, runWithFlag, runWithQuestion } from '../../src/cli/programs.ts';
import { shownPrograms } from '../../src/cli/wizard/programs.ts';
import { configSchema } from '../../src/config/index.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Emit } from '../../src/rollout/events.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import type { StepId } from '../../src/rollout/step.ts';
import { findCli } from '../../src/supabase/cli/find.ts';
import { discoverWorkspace } from '../../src/workspace/discover.ts';
import { listFiles } from '../../src/workspace/files.ts';
import { checkedProjects, typeCheck } from '../../src/workspace/type-check.ts';
import type { MayRun } from '../../src/workspace-program.ts';
import { targetOf } from '../phases/sample.ts';

const source = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
let above: string;
let root: string;
let mark: string;
beforeEach(async () => {
  above = await mkdtemp(path.join(tmpdir(), 'programs-'));
  root = path.join(above, 'app');
  mark = path.join(above, 'was-run');
  await mkdir(root);
});
afterEach(() => rm(above, { recursive: true, force: true }));

/** A program that leaves a mark with its environment, and answers what was asked of it. */
async function program(folder: string, name: string, says: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, name);
  await writeFile(file, `#!/bin/sh\nenv > '${mark}'\necho '${says}'\n`);
  await chmod(file, 0o755);
}

test('a Supabase CLI above the workspace is not started', async () => {
  await program(path.join(above, 'node_modules/.bin'), 'supabase', '3.1.0');
  const env = { PATH: '/usr/bin:/bin', HOME: above };
  await expect(findCli({ workspace: root, env })).rejects.toThrow(/not installed/);
  expect(existsSync(mark)).toBe(false);
});

test('that of the workspace is', async () => {
  await program(path.join(root, 'node_modules/.bin'), 'supabase', '3.1.0');
  const env = { PATH: '/usr/bin:/bin', HOME: above };
  expect(await findCli({ workspace: root, env })).toMatchObject({ version: '3.1.0' });
});

test('a compiler above the workspace is not started', async () => {
  await program(path.join(above, 'node_modules/.bin'), 'tsc', '');
  await mkdir(path.join(root, 'node_modules/typescript'), { recursive: true });
  await writeFile(path.join(root, 'node_modules/typescript/package.json'), '{"name":"typescript"}');
  await writeFile(path.join(root, 'package.json'), '{"name":"app","dependencies":{"react":"*","express":"*"}}');
  await writeFile(path.join(root, 'tsconfig.json'), '{"files":["a.ts"]}');
  await writeFile(path.join(root, 'a.ts'), 'export const a = 1;\n');
  const workspace = await discoverWorkspace(root);
  const [project] = checkedProjects(workspace);
  if (project === undefined) throw new Error('no project was found');
  expect(await typeCheck(workspace, project)).toMatchObject({ kind: 'skipped' });
  expect(existsSync(mark)).toBe(false);
});

test('git of the checkout is not started where npm put its folder in front of PATH', async () => {
  const bin = path.join(root, 'node_modules/.bin');
  await program(bin, 'git', '');
  const before = process.env.PATH;
  try {
    process.env.PATH = [bin, '.', '', before].join(path.delimiter);
    await discoverWorkspace(root);
    await listFiles(root);
  } finally {
    process.env.PATH = before;
  }
  expect(existsSync(mark)).toBe(false);
});

describe('what the app has installed or configured', () => {
  let compiler: string;
  let tests: string;
  beforeEach(async () => {
    compiler = path.join(root, 'node_modules/.bin/tsc');
    tests = `echo run >> '${mark}-tests'`;
    await program(path.dirname(compiler), 'tsc', '');
    await program(path.dirname(compiler), 'supabase', '3.1.0');
    await mkdir(path.join(root, 'node_modules/typescript'), { recursive: true });
    await writeFile(path.join(root, 'node_modules/typescript/package.json'), '{"name":"typescript"}');
    await writeFile(path.join(root, 'package.json'), '{"name":"app","dependencies":{"react":"*","express":"*"}}');
    await writeFile(path.join(root, 'tsconfig.json'), '{"files":["a.ts"]}');
    await writeFile(path.join(root, 'a.ts'), 'export const a = 1;\n');
  });
  const target = (mayRun: MayRun): Target => ({
    ...targetOf(root),
    config: { ...configSchema.parse({ code: { tests } }), workspace: root, file: null },
    mayRun,
  });
  const verified = async (mayRun: MayRun): Promise<readonly CheckResult[]> => {
    const results: CheckResult[] = [];
    for (const step of [...backend.steps, ...frontend.steps]) {
      for await (const one of step.checks(target(mayRun), signal, null)) if (one.kind === 'command') results.push(one);
    }
    return results;
  };
  const signal = new AbortController().signal;

  test('is named by the plans, not run unless allowed, and then said to be not checked', async () => {
    const asked: string[] = [];
    const plans = await Promise.all(
      [...backend.steps, ...frontend.steps].map((one) => one.plan(target(async () => false))),
    );
    const named = new Set(plans.flatMap((plan) => plan.runs?.map(({ command }) => command) ?? []));
    const refused = await verified(async ({ command }) => {
      asked.push(command);
      return false;
    });
    expect([existsSync(mark), existsSync(`${mark}-tests`)]).toEqual([false, false]);
    expect(refused.length).toBeGreaterThan(2);
    for (const one of refused) {
      expect(one).toMatchObject({
        verdict: 'skipped',
        observed: expect.stringMatching(/^not checked: .*--run-programs/),
      });
    }
    expect(new Set(asked)).toEqual(new Set([`${compiler} --noEmit`, tests]));
    expect(named).toEqual(new Set(asked));
    expect((await verified(async () => true)).map((one) => one.verdict)).not.toContain('skipped');
    expect([existsSync(mark), existsSync(`${mark}-tests`)]).toEqual([true, true]);
  });

  test('a Supabase CLI is asked for before it is started', async () => {
    const env = { PATH: '/usr/bin:/bin', HOME: above };
    await expect(findCli({ workspace: root, env, mayRun: async () => false })).rejects.toThrow(/not allowed to run/);
    expect(existsSync(mark)).toBe(false);
    expect(await findCli({ workspace: root, env, mayRun: async () => true })).toMatchObject({ version: '3.1.0' });
  });

  test('with the flag each is named once, before it is started', async () => {
    const said: string[] = [];
    const output = { say: (text: string) => said.push(text), note: (text: string) => said.push(text), json: false };
    expect(await runNothing({ runPrograms: true })({ command: 'a', why: 'b' })).toBe(false);
    expect(await runWithFlag(output)({ runPrograms: false })({ command: 'a', why: 'b' })).toBe(false);
    // Nobody sits at the tests: the question is not asked, and nothing is allowed.
    expect(await runWithQuestion(output)({ runPrograms: false })({ command: 'a', why: 'b' })).toBe(false);
    expect(said).toEqual([]);
    const mayRun = runWithFlag(output)({ runPrograms: true });
    await verified(mayRun);
    await verified(mayRun);
    expect(said).toHaveLength(2);
    expect(said[0]).toContain(compiler);
  });

  test('the wizard agrees to what a plan named once that plan is applied, and to nothing else', async () => {
    const wizard = shownPrograms();
    const mayRun = wizard.programs({ runPrograms: false });
    const program = { command: 'tsc', why: 'types' };
    let tell: Emit = () => undefined;
    const within = wizard.within({
      listen: (listener: Emit) => {
        tell = listener;
        return () => undefined;
      },
      apply: async () => ((await mayRun(program)) ? 1 : 0),
    } as unknown as Rollout);
    const planned = (step: StepId, runs: readonly (typeof program)[]) =>
      tell({ type: 'planned', step, title: '', plan: { changes: [], blockers: [], notes: [], runs } });
    planned('2.1', [program]);
    planned('2.2', []);
    expect(await mayRun(program)).toBe(false);
    expect(await within.apply('2.2', signal)).toBe(0);
    expect(await within.apply('2.1', signal)).toBe(1);
    expect(await mayRun({ command: 'other', why: '' })).toBe(false);
  });
});

test('only commands that change or verify may start anything of the app', () => {
  const folder = path.join(source, 'src/cli/commands');
  const starting = readdirSync(folder).filter((file) =>
    /programs: /.test(readFileSync(path.join(folder, file), 'utf8')),
  );
  // `mcp` for the plans that a person approved, with the flag of whoever started it; its looks start nothing.
  // `rehearse` applies the plan and verifies it, in a copy; the compiler runs with `--run-programs` alone.
  expect(starting).toEqual([
    'apply-plan.ts',
    'apply.ts',
    'demo.ts',
    'mcp.ts',
    'rehearse.ts',
    'rollback.ts',
    'verify.ts',
    'wizard.ts',
  ]);
});

test('every place that starts a program says which environment it gets', () => {
  const starts = /\b(?:execa|execaCommand|spawn|spawnSync|execFileSync|execFile)\(\s*(?!\))/g;
  const silent: string[] = [];
  for (const room of ['src', 'phases']) {
    for (const file of readdirSync(path.join(source, room), { recursive: true, encoding: 'utf8' })) {
      if (!/\.tsx?$/.test(file) || file.startsWith(path.join('demo', 'app')) || /templates/.test(file)) continue;
      const text = readFileSync(path.join(source, room, file), 'utf8');
      if (!/from '(?:execa|node:child_process)'/.test(text)) continue;
      for (const { index } of text.matchAll(starts)) {
        const call = text.slice(index, closing(text, index));
        if (!/\benv\b/.test(call) || /\.\.\.process\.env/.test(call))
          silent.push(`${room}/${file}: ${call.slice(0, 70)}`);
        if (/^execa/.test(call) && !/extendEnv: false/.test(call))
          silent.push(`${room}/${file}: extends the environment`);
      }
    }
  }
  expect(silent).toEqual([]);
});

/** Where the bracket that opens first after `from` closes. */
function closing(text: string, from: number): number {
  let depth = 0;
  for (let at = text.indexOf('(', from); at < text.length; at += 1) {
    if (text[at] === '(') depth += 1;
    if (text[at] === ')' && --depth === 0) return at;
  }
  return text.length;
}
