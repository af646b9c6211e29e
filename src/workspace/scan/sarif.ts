import type { Finding } from './types.ts';

/** Findings as SARIF 2.1.0, which code hosts show beside the lines. */
export function sarifOf(findings: readonly Finding[], version: string): string {
  const kinds = [...new Set(findings.map((one) => one.kind))].sort();
  return JSON.stringify(
    {
      $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
      version: '2.1.0',
      runs: [
        {
          tool: { driver: { name: 'voxanne-rollout', version, rules: kinds.map((id) => ({ id })) } },
          results: findings.map((one) => ({
            ruleId: one.kind,
            level: one.advice ? 'note' : one.certainty === 'certain' ? 'error' : 'warning',
            message: { text: one.instruction === null ? one.reason : `${one.reason} ${one.instruction}` },
            partialFingerprints: { 'voxanneFinding/v1': one.id },
            locations: [
              {
                physicalLocation: {
                  artifactLocation: { uri: encodeURI(one.file) },
                  region: { startLine: one.line, startColumn: one.column, endLine: one.endLine },
                },
              },
            ],
          })),
        },
      ],
    },
    null,
    2,
  );
}
