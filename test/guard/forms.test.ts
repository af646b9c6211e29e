import { expect, it } from 'vitest';
import { junitReport } from '../../src/report/findings/junit.ts';
import { findingLines } from '../../src/report/findings/lines.ts';
import { sarifReport } from '../../src/report/findings/sarif.ts';
import { painter } from '../../src/report/format.ts';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';

const finding: GuardFinding = {
  id: 'abcdef012345',
  kind: 'database-undone',
  part: 'database',
  place: { kind: 'object', object: 'public."<calls> & \u0007co"' },
  reason: 'Policy "a]]>b" is open.',
  instruction: 'Drop it.',
  level: 'error',
};
const code: GuardFinding = {
  ...finding,
  kind: 'request-org',
  part: 'code',
  place: { kind: 'file', file: 'src/a b.ts', line: 3, column: 5, endLine: 4 },
};
const missed = [{ part: 'database' as const, what: 'the checks of step 1.7', reason: 'It took too long.' }];

it('gives SARIF a place for objects of the database, and says what was not checked', () => {
  const [run] = JSON.parse(sarifReport([finding, code], missed, '1.2.3')).runs;
  expect(run.results.map((one: { locations: unknown[] }) => one.locations[0])).toEqual([
    expect.objectContaining({
      logicalLocations: [
        expect.objectContaining({ fullyQualifiedName: finding.place.kind === 'object' ? finding.place.object : '' }),
      ],
    }),
    {
      physicalLocation: {
        artifactLocation: { uri: 'src/a%20b.ts' },
        region: { startLine: 3, startColumn: 5, endLine: 4 },
      },
    },
  ]);
  expect(run.results[0].partialFingerprints).toEqual({ 'voxanneFinding/v1': finding.id });
  expect(run.invocations[0]).toMatchObject({ executionSuccessful: false });
});

it('writes JUnit that holds names of any kind, counts, and a passed test where there is nothing', () => {
  const xml = junitReport(['code', 'database'], [finding], missed);
  expect(xml).toContain('<testsuite name="voxanne-rollout guard: code" tests="1" failures="0" errors="0">');
  expect(xml).toContain('tests="2" failures="1" errors="1"');
  expect(xml).toContain('&lt;calls&gt; &amp; &lt;U+0007&gt;co');
  expect(xml).toContain('a]]&gt;b');
  expect(xml).not.toContain('\u0007');
});

it('does not count advice as a failure', () => {
  expect(junitReport(['database'], [{ ...finding, level: 'note' }], [])).toContain('failures="0"');
  expect([...findingLines([{ ...finding, level: 'note' }], [], painter(false))][0]).toContain('(advice)');
});
