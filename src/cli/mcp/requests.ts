import { mkdir, readdir, readFile } from 'node:fs/promises';
import * as z from 'zod';
import { exitCodes, RolloutError } from '../../rollout/errors.ts';
import { stepIdSchema } from '../../rollout/schemas.ts';
import type { StepId } from '../../rollout/step.ts';
import { plural } from '../../rollout/text.ts';
import { sha256 } from '../../workspace/hash.ts';
import { orAbsent, resolveState } from '../../workspace/paths.ts';
import { createFolders, removeFile, writeAtomically } from '../../workspace/write.ts';

const hashPattern = /^[0-9a-f]{64}$/;

const requestSchema = z.strictObject({
  version: z.literal(1),
  /** `rollout`: everything that is pending up to the step. */
  action: z.enum(['apply', 'rollback', 'rollout']),
  step: stepIdSchema,
  /** Hash over every change that would be made, in order. */
  plan: z.string().regex(hashPattern),
  /** Hash over the target, see `identity.ts`. */
  target: z.string().regex(hashPattern),
  at: z.iso.datetime(),
  /** Two requests for the same are two requests. */
  nonce: z.uuid(),
});

/**
 * Something that a program asks for and a person may approve. It says nothing about what is done: that is computed anew,
 * and has to have this hash.
 */
export type Request = z.infer<typeof requestSchema> & { readonly step: StepId };

/** A request in a list: what was asked for, and when. */
export const requestText = ({ action, step, at }: Pick<Request, 'action' | 'step' | 'at'>): string =>
  `${action === 'rollout' ? `everything up to ${step}` : `${action} ${step}`}  ${at.slice(0, 16).replace('T', ' ')} UTC`;

/** The name of a request: over all that it says, so that an edited one is another one, which nobody approved. */
export const hashOfRequest = (request: Request): string =>
  sha256(JSON.stringify([request.action, request.step, request.plan, request.target, request.at, request.nonce]));

/** More than this are not kept waiting: a person reads them one by one. */
const mostOpen = 20;
/** How long a request can be approved. */
const waits = 24 * 60 * 60 * 1000;

export async function saveRequest(root: string, request: Request): Promise<string> {
  if ((await openRequests(root)).length >= mostOpen)
    throw new RolloutError(
      `${mostOpen} requests wait already.`,
      'Let a person approve one of them, or delete .voxanne-rollout/requests.',
    );
  await createFolders(await resolveState(root));
  const ignore = await resolveState(root, '.gitignore');
  if ((await readFile(ignore, 'utf8').catch(orAbsent)) === null) await writeAtomically(ignore, Buffer.from('*\n'));
  await mkdir(await resolveState(root, 'requests'), { recursive: true });
  const hash = hashOfRequest(request);
  await writeAtomically(
    await resolveState(root, 'requests', `${hash}.json`),
    Buffer.from(`${JSON.stringify(request, null, 2)}\n`),
    0o600,
  );
  return hash;
}

/** Requests that can still be approved, newest first. What does not read as one, or is not what its name says, is left out. */
export async function openRequests(
  root: string,
  now = Date.now(),
): Promise<readonly { readonly hash: string; readonly request: Request }[]> {
  const names = (await readdir(await resolveState(root, 'requests')).catch(orAbsent)) ?? [];
  const found = [];
  for (const name of names.sort()) {
    const hash = name.replace(/\.json$/, '');
    if (!hashPattern.test(hash)) continue;
    const request = await readRequest(root, hash);
    if (request !== null && isOpen(request, now)) found.push({ hash, request });
  }
  return found.sort((a, b) => b.request.at.localeCompare(a.request.at));
}

const isOpen = (request: Request, now: number): boolean => {
  const age = now - Date.parse(request.at);
  return age >= -60_000 && age < waits;
};

/** A request by its whole hash; null where there is none, or one that is not what its name says. */
async function readRequest(root: string, hash: string): Promise<Request | null> {
  const text = await readFile(await resolveState(root, 'requests', `${hash}.json`), 'utf8').catch(orAbsent);
  if (text === null) return null;
  try {
    const request = requestSchema.parse(JSON.parse(text)) as Request;
    return hashOfRequest(request) === hash ? request : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return null;
    throw error;
  }
}

/** The one open request whose hash begins so. */
export async function findRequest(
  root: string,
  beginning: string,
): Promise<{ readonly hash: string; readonly request: Request }> {
  const open = await openRequests(root);
  const matches = /^[0-9a-f]{8,64}$/.test(beginning) ? open.filter((one) => one.hash.startsWith(beginning)) : [];
  const [match] = matches;
  if (match !== undefined && matches.length === 1) return match;
  throw new RolloutError(
    matches.length > 1
      ? `${plural(matches.length, 'request')} begin with ${beginning}.`
      : `There is no open request ${beginning}.`,
    'voxanne-rollout approve without a hash lists those that wait; give at least the first eight characters.',
    { exitCode: exitCodes.usage },
  );
}

/** A request that was taken up waits no longer. */
export const removeRequest = async (root: string, hash: string): Promise<void> =>
  removeFile(await resolveState(root, 'requests', `${hash}.json`));
