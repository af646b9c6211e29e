import { ScanCache } from '../../src/workspace/scan/cache.ts';
import { scan } from '../../src/workspace/scan/scan.ts';
import type { ScanOptions, ScanResult } from '../../src/workspace/scan/types.ts';
import { readWaivers, statusOfWaivers } from '../../src/workspace/waivers.ts';
import { inTerms } from '../2-backend/cures/terms.ts';
import { type Code, vocabularyOf } from './code.ts';
import { helpersOf, locateService } from './service.ts';

/** The plans and checks of a run scan the whole app again and again, and little of it changes in between. */
const cache = new ScanCache();

/** Scans the app with what the rollout knows: renamed columns, the helpers that fixes call, waivers in force. */
export async function scanCode(
  code: Code,
  options: Pick<ScanOptions, 'overlay' | 'signal' | 'kinds'> = {},
): Promise<ScanResult> {
  const { workspace, facts } = code;
  const helpers =
    workspace.backend === null ? null : helpersOf(workspace, await locateService(code, workspace.backend));
  const scanned = await scan(workspace, {
    ...options,
    helpers,
    claim: facts.column,
    renames: facts.renames,
    vocabulary: vocabularyOf(facts),
    cache,
  });
  const result = { ...scanned, findings: await inTerms(code, scanned.findings) };
  if ((await readWaivers(workspace.root)).length === 0) return result;
  const waivers = (await statusOfWaivers(workspace.root, result.findings)).filter((one) => one.state === 'in force');
  const reasons = new Map(waivers.map((one) => [one.finding, one.reason]));
  return {
    ...result,
    findings: result.findings.filter((one) => !reasons.has(one.id)),
    waived: result.findings.flatMap((one) => {
      const waiver = reasons.get(one.id);
      return waiver === undefined ? [] : [{ ...one, waiver }];
    }),
  };
}
