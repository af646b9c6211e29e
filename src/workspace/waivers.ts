import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { RolloutError } from '../rollout/errors.ts';
import { sha256 } from './hash.ts';
import { orAbsent, resolveState, stateFolder } from './paths.ts';
import type { Finding } from './scan/types.ts';
import { createFolders, writeAtomically } from './write.ts';

const waiverSchema = z.strictObject({
  finding: z.string(),
  kind: z.string(),
  file: z.string(),
  line: z.number(),
  reason: z.string(),
  operator: z.string(),
  at: z.string(),
  /** Hash over the code that it covers: it ends when that code changes. */
  code: z.string(),
});

/** The operator's recorded decision to leave a finding. */
export type RecordedWaiver = z.infer<typeof waiverSchema>;

export type WaiverStatus = RecordedWaiver & {
  /** `in force`: covers a finding. `ended`: the code was changed or the finding is gone. */
  readonly state: 'in force' | 'ended';
};

const fileSchema = z.strictObject({ version: z.literal(1), waivers: z.array(waiverSchema) });

const fileOf = (root: string): Promise<string> => resolveState(root, 'waivers.json');

export async function readWaivers(root: string): Promise<readonly RecordedWaiver[]> {
  const text = await readFile(await fileOf(root), 'utf8').catch(orAbsent);
  if (text === null) return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(error);
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) throw damaged(parsed.error);
  return parsed.data.waivers;
}

const damaged = (cause: unknown): RolloutError =>
  new RolloutError(
    `${stateFolder}/waivers.json cannot be read.`,
    'Restore it from a backup, or delete it and waive again what is to stay.',
    { cause },
  );

/** Records that a finding is left on purpose. The reason is asked for: a waiver without one protects nobody. */
export async function waive(root: string, finding: Finding, reason: string, operator: string): Promise<RecordedWaiver> {
  const [waiver] = await waiveAll(root, [finding], reason, operator);
  if (waiver === undefined) throw new Error('a waiver was asked for and none was made');
  return waiver;
}

/** The same for several findings with one reason: all of them are recorded, or none. */
export async function waiveAll(
  root: string,
  findings: readonly Finding[],
  reason: string,
  operator: string,
): Promise<readonly RecordedWaiver[]> {
  if (reason.trim() === '') {
    throw new RolloutError('A waiver needs a reason.', 'Give it with --reason, in words that a reviewer understands.');
  }
  const waivers: RecordedWaiver[] = [];
  for (const finding of findings) {
    waivers.push({
      finding: finding.id,
      kind: finding.kind,
      file: finding.file,
      line: finding.line,
      reason: reason.trim(),
      operator,
      at: new Date().toISOString(),
      code: await codeHash(root, finding),
    });
  }
  const now = new Set(findings.map((one) => one.id));
  const kept = (await readWaivers(root)).filter((one) => !now.has(one.finding));
  await write(root, [...kept, ...waivers]);
  return waivers;
}

/** Takes a waiver back; false when there was none. */
export async function unwaive(root: string, finding: string): Promise<boolean> {
  const all = await readWaivers(root);
  const kept = all.filter((one) => one.finding !== finding);
  if (kept.length === all.length) return false;
  await write(root, kept);
  return true;
}

/** Which waivers cover one of these findings (as an unwaived scan gives them), and which have ended. */
export async function statusOfWaivers(root: string, findings: readonly Finding[]): Promise<readonly WaiverStatus[]> {
  const byId = new Map(findings.map((finding) => [finding.id, finding]));
  return Promise.all(
    (await readWaivers(root)).map(async (waiver) => {
      const finding = byId.get(waiver.finding);
      const same = finding !== undefined && (await codeHash(root, finding)) === waiver.code;
      return { ...waiver, state: same ? ('in force' as const) : ('ended' as const) };
    }),
  );
}

async function write(root: string, waivers: readonly RecordedWaiver[]): Promise<void> {
  const folder = await resolveState(root);
  await createFolders(folder);
  const ignore = await resolveState(root, '.gitignore');
  if ((await readFile(ignore, 'utf8').catch(orAbsent)) === null) await writeAtomically(ignore, Buffer.from('*\n'));
  await writeAtomically(
    await fileOf(root),
    Buffer.from(`${JSON.stringify({ version: 1, waivers }, null, 2)}\n`),
    0o600,
  );
}

/** Lines of the finding, without regard to spaces: a formatter does not end a decision. */
async function codeHash(root: string, finding: Finding): Promise<string> {
  const text = await readFile(path.join(root, finding.file), 'utf8');
  const lines = text.split('\n').slice(finding.line - 1, finding.endLine);
  return sha256(lines.join('\n').replace(/\s+/g, ' ').trim());
}
