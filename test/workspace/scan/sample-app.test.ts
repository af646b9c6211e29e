import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { discoverWorkspace } from '../../../src/workspace/discover.ts';
import { scan } from '../../../src/workspace/scan/scan.ts';
import { type Finding, findingKinds, type Rename, type ScanResult } from '../../../src/workspace/scan/types.ts';
import { speak } from '../../../src/workspace/scan/vocabulary.ts';

type Site = { kind: string; file: string; line: number; note: string; span?: [number, number] };

const app = fileURLToPath(new URL('../../../src/demo/app', import.meta.url));
const truth = JSON.parse(readFileSync(path.join(app, 'truth.json'), 'utf8')) as {
  findings: Site[];
  lookalikes: Site[];
};

const renames: Rename[] = [
  ...['invoices', 'usage_records', 'profiles', 'teams', 'subscriptions', 'api_keys', 'agents'].map((table) => ({
    table,
    from: 'organization_id',
    to: 'org_id',
  })),
  ...['tenant_settings', 'email_templates'].map((table) => ({ table, from: 'tenant_id', to: 'org_id' })),
];

let result: ScanResult;
beforeAll(async () => {
  // Of another app, scanned before in the same process: it must not count here.
  speak({ columns: [], tables: [], memberships: [], tenants: ['agents'] });
  result = await scan(await discoverWorkspace(app), { renames });
});

/** Queries by id alone are advice by nature; all other advice is no claim. */
const claims = (kind: string): Finding[] =>
  result.findings.filter((finding) => finding.kind === kind && (kind === 'unscoped-query' || !finding.advice));

const covers = (finding: Finding, site: Site): boolean => {
  const [from, to] = site.span ?? [site.line, site.line];
  return finding.file === site.file && finding.line <= to && finding.endLine >= from;
};

describe.each(findingKinds)('%s', (kind) => {
  it('finds every place of the sample app', () => {
    const missed = truth.findings.filter(
      (site) => site.kind === kind && !claims(kind).some((finding) => covers(finding, site)),
    );
    expect(missed).toEqual([]);
  });

  it('raises no false alarm', () => {
    const alarms = claims(kind).filter(
      (finding) => !truth.findings.some((site) => site.kind === kind && covers(finding, site)),
    );
    expect(alarms.map(({ file, line, code }) => `${file}:${line} ${code}`)).toEqual([]);
  });
});

it('reads every file of the sample app', () => {
  expect(result.notices.filter((notice) => notice.kind !== 'skipped')).toEqual([]);
});
