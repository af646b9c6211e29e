import type { GuardFinding, NotLookedAt, Place } from '../../rollout/guard-finding.ts';

const levels = { error: 'error', warning: 'warning', note: 'note' } as const;

/**
 * Findings as SARIF 2.1.0, which code hosts show beside the lines. An object of the database has no line: it gets a
 * logical location, and an address of its own kind, because hosts refuse a result without one.
 */
export function sarifReport(
  findings: readonly GuardFinding[],
  notLookedAt: readonly NotLookedAt[],
  version: string,
): string {
  const kinds = [...new Set(findings.map((one) => one.kind))].sort();
  return JSON.stringify(
    {
      $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
      version: '2.1.0',
      runs: [
        {
          tool: { driver: { name: 'voxanne-rollout', version, rules: kinds.map((id) => ({ id })) } },
          invocations: [
            {
              executionSuccessful: notLookedAt.length === 0,
              toolExecutionNotifications: notLookedAt.map(({ what, reason }) => ({
                level: 'error',
                message: { text: `${what}: not checked. ${reason}` },
              })),
            },
          ],
          results: findings.map((one) => ({
            ruleId: one.kind,
            level: levels[one.level],
            message: { text: `${one.reason} ${one.instruction}`.trim() },
            partialFingerprints: { 'voxanneFinding/v1': one.id },
            locations: [location(one.place)],
          })),
        },
      ],
    },
    null,
    2,
  );
}

const location = (place: Place) =>
  place.kind === 'file'
    ? {
        physicalLocation: {
          artifactLocation: { uri: encodeURI(place.file) },
          region: { startLine: place.line, startColumn: place.column, endLine: place.endLine },
        },
      }
    : {
        physicalLocation: {
          artifactLocation: { uri: `database/${encodeURIComponent(place.object)}` },
          region: { startLine: 1, startColumn: 1, endLine: 1 },
        },
        logicalLocations: [{ fullyQualifiedName: place.object, kind: 'object' }],
      };
