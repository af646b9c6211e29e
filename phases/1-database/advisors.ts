import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Finding } from '../../src/supabase/cli/advisors.ts';
import { resolveState } from '../../src/workspace/paths.ts';
import { createFolders, writeAtomically } from '../../src/workspace/write.ts';
import type { Target } from '../target.ts';

const findings = z.array(
  z.object({
    name: z.string(),
    level: z.string(),
    detail: z.string(),
    remediation: z.string(),
    key: z.string(),
    object: z.string().nullable(),
  }),
);

const fileOf = (target: Target): Promise<string> => resolveState(target.config.workspace, 'advisors-before.json');

/** Asks Supabase's own advisor once, before anything is changed, so that step 1.7 can tell what is new. */
export async function keepAdvisors(target: Target, signal: AbortSignal): Promise<void> {
  if (target.advisors === undefined || (await before(target)) !== null) return;
  const found = await target.advisors(signal);
  if (found === null) return;
  const file = await fileOf(target);
  const ignore = await resolveState(target.config.workspace, '.gitignore');
  await createFolders(path.dirname(file));
  await writeAtomically(ignore, Buffer.from('*\n'), 0o644);
  await writeAtomically(file, Buffer.from(JSON.stringify(found, null, 2)), 0o600);
}

/** What the advisor says now: nothing new, and nothing that concerns isolation. */
export async function* checkAdvisors(target: Target, signal: AbortSignal): AsyncIterable<CheckResult> {
  if (target.advisors === undefined) return;
  const { advisorChecks } = await import('../../src/supabase/cli/advisors.ts');
  const found = await target.advisors(signal);
  if (found !== null) {
    yield* advisorChecks(await before(target), found, target.config.exclude);
    return;
  }
  yield {
    id: '1.7/advisors',
    title: 'The security advisor of the Supabase CLI finds nothing new',
    kind: 'command',
    verdict: 'skipped',
    expected: 'no finding on isolation, and none that is new',
    observed: 'not checked: the Supabase CLI is a program of the app, which was not allowed to run (--run-programs)',
    milliseconds: 0,
  };
}

async function before(target: Target): Promise<readonly Finding[] | null> {
  try {
    return findings.parse(JSON.parse(await readFile(await fileOf(target), 'utf8')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
