import { describe, expect, it } from 'vitest';
import { editSource } from '../../../src/workspace/edit.ts';
import { scanText } from '../../../src/workspace/scan/one-file.ts';
import type { Example } from '../../../src/workspace/scan/rule.ts';
import { rules } from '../../../src/workspace/scan/rules/index.ts';
import { findingKinds } from '../../../src/workspace/scan/types.ts';
import { workspaceOf } from './workspace.ts';

const asObject = (example: Example) => (typeof example === 'string' ? { code: example } : example);

async function scanExample(example: Example, kind: string) {
  const { code, path = 'src/services/example.ts', renames = [] } = asObject(example);
  const findings = await scanText(workspaceOf(), path, code, {
    renames,
    helpers: {
      requireOrgId: 'requireOrgId',
      assertSameOrg: 'assertSameOrg',
      importPath: () => '../services/org-validation',
    },
  });
  return { code, path, findings: findings.filter((finding) => finding.kind === kind) };
}

describe.each(rules.map((rule) => [rule.kind, rule] as const))('%s', (kind, rule) => {
  it.each(rule.examples.finds.map((example) => [asObject(example).code, example] as const))(
    'finds %s',
    async (_, example) => {
      const { code, path, findings } = await scanExample(example, kind);
      const { fixed, count } = asObject(example) as { fixed?: string; count?: number };
      expect(findings.length).toBeGreaterThan(0);
      if (count !== undefined) expect(findings).toHaveLength(count);
      for (const finding of findings) {
        expect(finding.reason).toMatch(/\.$/);
        expect(finding.fix === null && finding.instruction === null).toBe(false);
      }
      if (fixed !== undefined) {
        const edits = findings.flatMap((finding) => finding.fix?.edits ?? []);
        expect(await editSource(path, code, edits)).toBe(fixed);
      }
    },
  );

  it.each(rule.examples.leaves.map((example) => [asObject(example).code, example] as const))(
    'leaves %s',
    async (_, example) => {
      expect((await scanExample(example, kind)).findings).toEqual([]);
    },
  );
});

it('has one rule for each kind of finding', () => {
  expect(rules.map((rule) => rule.kind).sort()).toEqual([...findingKinds].sort());
});
