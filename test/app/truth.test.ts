import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { findingKinds } from '../../src/workspace/scan/types.ts';

const root = fileURLToPath(new URL('../../src/demo/app/', import.meta.url));

const place = z.object({
  kind: z.enum(findingKinds),
  file: z.string(),
  line: z.number().int().positive(),
  span: z.tuple([z.number(), z.number()]).optional(),
  text: z.string().min(1),
  note: z.string().min(1),
});
const truth = z
  .object({ about: z.string(), findings: z.array(place), lookalikes: z.array(place) })
  .parse(JSON.parse(readFileSync(`${root}truth.json`, 'utf8')));

const lineOf = ({ file, line }: { file: string; line: number }): string | undefined =>
  readFileSync(root + file, 'utf8').split('\n')[line - 1];

describe('the list of places in the sample app', () => {
  test.each([...truth.findings, ...truth.lookalikes])('$kind $file:$line is still that line', (entry) => {
    expect(lineOf(entry)).toContain(entry.text);
    if (entry.span) {
      expect(entry.line).toBeGreaterThanOrEqual(entry.span[0]);
      expect(entry.line).toBeLessThanOrEqual(entry.span[1]);
    }
  });

  test('has every kind, at least 62 places in more than 25 files, each once', () => {
    const findings = truth.findings.filter(({ kind }) => kind !== 'unscoped-query');
    expect(new Set(truth.findings.map(({ kind }) => kind))).toEqual(new Set(findingKinds));
    expect(findings.length).toBeGreaterThanOrEqual(62);
    expect(new Set(findings.map(({ file }) => file)).size).toBeGreaterThan(25);
    const keys = truth.findings.map(({ kind, file, line }) => `${kind} ${file}:${line}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('has a look-alike for every kind', () => {
    expect(new Set(truth.lookalikes.map(({ kind }) => kind))).toEqual(new Set(findingKinds));
  });

  /** A plain search, to notice a place that somebody adds to the app and forgets to list. */
  test.each([
    ['user-metadata-org', /user_metadata/],
    ['stored-org', /(?:local|session)Storage\.(?:get|set|remove)Item/],
    ['hard-coded-org', /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/],
    ['old-column', /organization_id|tenant_id/],
    ['default-org', /(?:\|\||\?\?) 'default'/],
    ['first-org', /limit\(1\)|range\(0, 0\)/],
  ] as const)('%s: whatever a search for the words finds is listed', (kind, words) => {
    const listed = [...truth.findings, ...truth.lookalikes].filter((entry) => entry.kind === kind);
    const known = ({ file, line }: { file: string; line: number }): boolean =>
      listed.some((entry) => {
        const [first, last] = entry.span ?? [entry.line, entry.line];
        return entry.file === file && line >= first && line <= last;
      });
    const found = sources().flatMap((file) =>
      readFileSync(root + file, 'utf8')
        .split('\n')
        .flatMap((text, index) => (words.test(text) ? [{ file, line: index + 1, text: text.trim() }] : [])),
    );
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter((entry) => !known(entry))).toEqual([]);
  });
});

function sources(): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(?:tsx?|prisma)$/.test(file));
}
