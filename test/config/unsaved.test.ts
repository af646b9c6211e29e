import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { unsavedDecisions } from '../../src/config/unsaved.ts';

test('decisions that came by flag and stand in no file are given as JSON for it', async () => {
  const workspace = await mkdtemp(join(tmpdir(), 'unsaved-'));
  const settings = (decisions: object) => loadConfig({ workspace, flags: { decisions } });
  expect(await unsavedDecisions(await settings({}))).toBeNull();
  expect(JSON.parse((await unsavedDecisions(await settings({ orphans: 'leave', trustProfiles: true }))) ?? '')).toEqual(
    {
      orphans: 'leave',
      trustProfiles: true,
    },
  );

  await writeFile(
    join(workspace, 'voxanne-rollout.config.json'),
    `\uFEFF${JSON.stringify({ decisions: { orphans: 'leave', acceptView: ['public.a'] } })}`,
  );
  expect(await unsavedDecisions(await settings({ orphans: 'leave' }))).toBeNull();
  const [more, other] = [{ acceptView: ['public.a', 'public.b'] }, { orphans: 'own-organization' }];
  expect(JSON.parse((await unsavedDecisions(await settings({ ...more, ...other }))) ?? '')).toEqual({
    ...more,
    ...other,
  });
});
