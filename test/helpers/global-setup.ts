import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sharedBuild } from './build.ts';

/** Before the first test file and after the last: the workers inherit the environment that is set here. */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'voxanne-run-'));
  process.env[sharedBuild] = join(folder, 'build');
  return () => rmSync(folder, { recursive: true, force: true });
}
