import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCode } from '../../phases/code/code.ts';
import { scanCode } from '../../phases/code/scan.ts';
import { createWorkspaceTarget } from '../../phases/code/workspace-target.ts';
import { waive } from '../../src/workspace/waivers.ts';
import { full } from '../helpers/seeded.ts';
import { makeTarget } from '../helpers/target.ts';
import type { RealTerminal } from '../wizard/terminal.ts';
import { changedFiles, checkout, flags, removeCheckouts } from './checkout.ts';
import {
  applyShown,
  keys,
  openStage,
  openStep,
  overview,
  type Place,
  restored,
  type Stage,
  verified,
} from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage('clinic');
});
afterAll(async () => {
  await stage?.close();
  removeCheckouts();
});

const size = { columns: 120, rows: 40 };

const steps = [
  ...['1.1', '1.2', '1.3', '1.4', '1.5', '1.6', '1.7'],
  ...['2.1', '2.2', '2.3'],
  ...['3.1', '3.2', '3.3'],
  ...['4.1', '4.2'],
] as const;

const chosen = (terminal: RealTerminal): string => /^ › ✗ (\S+ .*)$/m.exec(terminal.screen())?.[1] ?? '';

/** On the findings screen: waives the first `count` places of the backend that no step fixes; the cursor is on the first. */
const waiveByKey = async (terminal: RealTerminal, count: number): Promise<void> => {
  for (let done = 0; done < count; ) {
    const place = chosen(terminal);
    if (!place.startsWith('backend/') || !place.endsWith('manual')) {
      await terminal.press('j');
      await expect.poll(() => chosen(terminal)).not.toBe(place);
      continue;
    }
    const [where = ''] = place.split(' ');
    await terminal.press('x');
    await terminal.wait('Waive which findings');
    await terminal.press('1');
    await terminal.wait('record');
    await terminal.press('decided with the owner');
    await terminal.wait('decided with the owner');
    await terminal.press(keys.enter);
    await terminal.wait(`${where} is waived: decided with the owner`);
    done += 1;
    await terminal.wait(new RegExp(`${done} waived, by kind`));
  }
};

/** What a person would go on doing with x, done for the rest of the backend's places. */
const waiveTheRest = async (place: Place, workspace: string): Promise<number> => {
  const at = await makeTarget(stage.server, place.database, {});
  try {
    const { config } = at.target;
    const target = {
      ...at.target,
      config: { ...config, workspace },
      workspace: createWorkspaceTarget({ config, session: at.session }, workspace),
    };
    const { findings } = await scanCode(await readCode(target), { signal: new AbortController().signal });
    const rest = findings.filter(
      (one) => !one.advice && one.fix === null && one.fileClass === 'source' && one.file.startsWith('backend/'),
    );
    for (const one of rest) await waive(workspace, one, 'decided with the owner', 'tester');
    return rest.length;
  } finally {
    await at.close();
  }
};

describe('all four phases', () => {
  // Phase 1 by keyboard is in rollout.test.ts, and all four phases without one in test/app-e2e.
  test.runIf(full)('by keyboard over the sample clinic and its app, from the first frame to the summary', async () => {
    const place = await stage.place();
    const workspace = checkout();
    const terminal = place.start(flags(workspace), size);
    await terminal.wait(`${place.database}  ·  127.0.0.1  ·  staging`);
    await overview(terminal);
    await openStep(terminal, '1.1');
    for (const [index, step] of steps.entries()) {
      await applyShown(terminal);
      if (step === '2.3') {
        await terminal.wait(/Verify 2\.3 [\s\S]*✗ not verified/);
        await terminal.press(keys.escape);
        await terminal.wait(/^ 2\.3 [\s\S]* v verify /m);
        await terminal.press('f');
        await terminal.wait(/\d+ findings of step 2\.3 {2}/);
        await waiveByKey(terminal, 3);
        await terminal.press(keys.escape);
        await terminal.wait(/^ 2\.3 [\s\S]* v verify /m);
        await terminal.press('v');
        await terminal.wait(/Verify 2\.3 [\s\S]*✗ not verified/);
        expect(await waiveTheRest(place, workspace)).toBeGreaterThan(0);
        await terminal.press('r');
      }
      await verified(terminal, step);
      const next = steps[index + 1];
      if (next === undefined) break;
      await terminal.press(keys.enter);
      await terminal.wait(new RegExp(`^ ${next.replace('.', '\\.')} [\\s\\S]* a apply `, 'm'));
    }
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 0 });
    restored(terminal);
    const said = terminal.screen();
    expect(said).toMatch(/15 of 15 steps verified/);
    for (const step of steps.filter((one) => one !== '2.3'))
      expect(said).toMatch(new RegExp(`✓ applied, verified ${step.replace('.', '\\.')} `));
    expect(said.match(/waived +backend\/\S+ +\(decided with the owner\)/g)).toHaveLength(3);
    expect(said).toMatch(/verified +2\.3 /);
    // What the screens said is so: the old names are gone from the database, and files of both sides were changed.
    expect(
      await place.sql(
        `select 1 from information_schema.columns where table_schema = 'public' and column_name in ('organization_id', 'tenant_id')`,
      ),
    ).toEqual([]);
    expect(changedFiles(workspace).some((row) => row.includes(' backend/'))).toBe(true);
    expect(changedFiles(workspace).some((row) => row.includes(' src/'))).toBe(true);
  });
});
