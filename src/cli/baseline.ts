import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { exitCodes, RolloutError } from '../rollout/errors.ts';

const plainSchema = z.object({ findings: z.array(z.object({ id: z.string() })) });
const sarifSchema = z.object({
  runs: z.array(
    z.object({ results: z.array(z.object({ partialFingerprints: z.object({ 'voxanneFinding/v1': z.string() }) })) }),
  ),
});

/** The findings that are accepted: what `scan` or `guard` wrote as json or sarif. */
export async function baselineOf(file: string | undefined, command: 'scan' | 'guard'): Promise<ReadonlySet<string>> {
  if (file === undefined) return new Set();
  const refuse = (cause: unknown): never => {
    throw new RolloutError(
      `The baseline ${file} cannot be read as findings.`,
      `Write one with: voxanne-rollout ${command} --format json > FILE`,
      { exitCode: exitCodes.usage, cause },
    );
  };
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    return refuse(error);
  }
  const plain = plainSchema.safeParse(value);
  if (plain.success) return new Set(plain.data.findings.map(({ id }) => id));
  const hosted = sarifSchema.safeParse(value);
  if (!hosted.success) return refuse(hosted.error);
  return new Set(
    hosted.data.runs.flatMap(({ results }) => results.map((one) => one.partialFingerprints['voxanneFinding/v1'])),
  );
}
