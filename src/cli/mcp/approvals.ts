import { lstat, mkdir, readFile, realpath, rename, writeFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import path from 'node:path';
import * as z from 'zod';
import { exitCodes, RolloutError } from '../../rollout/errors.ts';
import { codeOf, orAbsent } from '../../workspace/paths.ts';

/** Milliseconds for which an approval holds. */
export const approvalHolds = 10 * 60 * 1000;

const approvalSchema = z.strictObject({ version: z.literal(1), request: z.string(), at: z.number(), by: z.string() });

/**
 * Approvals lie in the user's own state folder and never in the workspace: what may write to the checkout, a program
 * that edits code, cannot write one there.
 */
async function folderOf(root: string): Promise<string> {
  // By its specification an empty or relative path counts as none: it would lie wherever this was started.
  const own = process.env.XDG_STATE_HOME ?? '';
  const base = path.isAbsolute(own)
    ? own
    : process.platform === 'win32' && process.env.LOCALAPPDATA !== undefined
      ? process.env.LOCALAPPDATA
      : path.join(homedir(), '.local', 'state');
  const folder = path.join(path.resolve(base), 'voxanne-rollout', 'approvals');
  const realRoot = await realpath(root);
  if (isWithin(realRoot, folder)) throw unsafe(folder, 'it lies in the workspace');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const real = await realpath(folder);
  const info = await lstat(real);
  // Where there are no such rights, the folder of the user's profile is theirs.
  const posix = process.getuid !== undefined;
  if (posix && info.uid !== process.getuid?.()) throw unsafe(real, 'it belongs to somebody else');
  if (posix && (info.mode & 0o022) !== 0) throw unsafe(real, 'others may write there');
  if (isWithin(realRoot, real)) throw unsafe(real, 'it lies in the workspace');
  return real;
}

const isWithin = (root: string, folder: string): boolean => {
  const inside = path.relative(root, folder);
  return inside.split(path.sep)[0] !== '..' && !path.isAbsolute(inside);
};

const unsafe = (folder: string, why: string): RolloutError =>
  new RolloutError(
    `${folder} is not a safe place for approvals: ${why}.`,
    'Set XDG_STATE_HOME to a folder of your own outside the workspace.',
    { exitCode: exitCodes.usage },
  );

/** Records that a person approved a request. One that was approved before is not approved again: it is proposed anew. */
export async function recordApproval(root: string, hash: string): Promise<void> {
  const folder = await folderOf(root);
  if ((await lstat(path.join(folder, `${hash}.used`)).catch(orAbsent)) !== null) throw used(hash);
  const approval = { version: 1, request: hash, at: Date.now(), by: userInfo().username };
  try {
    await writeFile(path.join(folder, `${hash}.json`), JSON.stringify(approval), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    throw new RolloutError(
      `Request ${hash.slice(0, 12)} was approved before.`,
      'Let it be proposed again; an approval is for one request, once.',
      { exitCode: exitCodes.usage },
    );
  }
}

/**
 * Takes the approval of a request, so that nobody can take it again, and says whether it still holds.
 *
 * @throws {RolloutError} where there is none, or it was taken or is too old.
 */
export async function takeApproval(root: string, hash: string, now = Date.now()): Promise<void> {
  const folder = await folderOf(root);
  const from = path.join(folder, `${hash}.json`);
  const to = path.join(folder, `${hash}.used`);
  // What is taken stays, so that a copy of the approval is worth nothing.
  if ((await lstat(to).catch(orAbsent)) !== null) throw used(hash);
  try {
    // Of two that try at once, one finds nothing any more.
    await rename(from, to);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new RolloutError(
      `Request ${hash.slice(0, 12)} is not approved.`,
      `A person approves it in a terminal: voxanne-rollout approve ${hash.slice(0, 12)}`,
      { exitCode: exitCodes.usage },
    );
  }
  const text = await readFile(to, 'utf8');
  const approval = approvalSchema.safeParse(parsed(text));
  const age = approval.success ? now - approval.data.at : Number.NaN;
  if (!approval.success || approval.data.request !== hash || !(age >= 0 && age <= approvalHolds))
    throw new RolloutError(
      `The approval of request ${hash.slice(0, 12)} no longer holds: it is for ten minutes.`,
      'Propose it again.',
      { exitCode: exitCodes.usage },
    );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

const used = (hash: string): RolloutError =>
  new RolloutError(
    `The approval of request ${hash.slice(0, 12)} was used.`,
    'An approval is for one request, once: propose it again.',
    { exitCode: exitCodes.usage },
  );
