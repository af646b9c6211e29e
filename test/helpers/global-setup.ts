import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sharedBuild } from './build.ts';
import { sharedServers } from './server.ts';

/** Before the first test file and after the last: the workers inherit the environment that is set here. */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'voxanne-run-'));
  process.env[sharedBuild] = join(folder, 'build');
  process.env[sharedServers] = mkdtempSync(join(folder, 'servers-'));
  return () => rmSync(folder, { recursive: true, force: true });
}
