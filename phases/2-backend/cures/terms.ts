import { inWordsOf } from '../../../src/workspace/scan/one-file.ts';
import type { Finding, FindingKind } from '../../../src/workspace/scan/types.ts';
import type { Code } from '../../code/code.ts';
import { type Door, doorsOf } from './index.ts';

const kinds: readonly FindingKind[] = ['request-org', 'first-org', 'default-org', 'hard-coded-org', 'body-spread'];

/** Other faults than a value that was not compared, which have instructions of their own in every framework. */
const apart = /own people|another organization than|OAuth state|never signed|message|token that|only decoded/i;

/** Whether anything in a ground waits for its cure. */
export const isNeeded = ({ ground }: Door, findings: readonly Finding[]): boolean =>
  findings.some(
    ({ file, kind, advice, fileClass }) =>
      kinds.includes(kind) && !advice && fileClass === 'source' && ground.files.some(({ path }) => path === file),
  );

/** What a person does about a finding, in the terms of the framework that the file is written in. */
export async function inTerms(code: Code, findings: readonly Finding[]): Promise<readonly Finding[]> {
  if (!findings.some(({ kind, fix }) => fix === null && kinds.includes(kind))) return findings;
  const doors = await doorsOf(code);
  if (doors.length === 0) return findings;
  const byFile = new Map(
    [...doors]
      .reverse()
      .flatMap(({ cure, ground }) => ground.files.map(({ path, text }) => [path, { cure, text }] as const)),
  );
  return findings.map((finding) => {
    const known = byFile.get(finding.file);
    if (known === undefined || finding.fix !== null || !kinds.includes(finding.kind)) return finding;
    if (apart.test(finding.reason)) return finding;
    const holding = doors.find(
      ({ cure, ground }) =>
        ground.files.some(({ path }) => path === finding.file) && (cure.speaks?.test(known.text) ?? true),
    );
    const { instruction } = (holding ?? known).cure;
    return { ...finding, instruction: inWordsOf(code.facts.column, instruction) ?? instruction };
  });
}
