import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { sharedBuild } from './build.ts';

/** Before the first test file and after the last: the workers inherit the environment that is set here. */
export default function setup(): () => void {
  const memory = inMemory();
  if (memory !== null) process.env.TMPDIR = memory;
  const folder = mkdtempSync(join(tmpdir(), 'voxanne-run-'));
  process.env[sharedBuild] = join(folder, 'build');
  return () => rmSync(folder, { recursive: true, force: true });
}

/** The servers of all workers, with every database that a test file makes. */
const room = 6 * 1024 ** 3;

/**
 * A temporary folder in memory: a server starts there in a third of the time, and no test waits for a disk. One folder
 * for all runs, so that the next one finds the servers which a killed one left. Null where there is none with room in
 * which programs may run, or where somebody chose another.
 */
function inMemory(): string | null {
  if (process.platform !== 'linux' || process.env.TMPDIR !== undefined) return null;
  const mounted = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .findLast(([, where]) => where === '/dev/shm');
  if (mounted?.[2] !== 'tmpfs' || /\b(?:noexec|ro)\b/.test(mounted[3] ?? '')) return null;
  const { bavail, bsize } = statfsSync('/dev/shm');
  if (Math.min(bavail * bsize, freemem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) < room) return null;
  const uid = process.getuid?.();
  const folder = `/dev/shm/voxanne-tests-${uid}`;
  mkdirSync(folder, { recursive: true });
  if (lstatSync(folder).uid !== uid) return null;
  // As /tmp is: tests also run programs as another user.
  chmodSync(folder, 0o1777);
  return folder;
}
