import { afterAll, beforeAll, expect, test } from 'vitest';
import { phase } from '../../../phases/1-database/phase.ts';
import type { DatabaseFacts } from '../../../phases/code/database-facts.ts';
import { databaseFacts } from '../../../phases/code/facts.ts';
import { type FixtureName, makeDatabase, ownApps, settingsOf } from '../../helpers/databases.ts';
import { full } from '../../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

const { signal } = new AbortController();
const names: readonly FixtureName[] = full ? ['tiny', 'clinic', ...ownApps] : ['switcher'];

test.each(names)(
  'what the code is planned with ahead is what %s says once phase 1 is done',
  async (name) => {
    await makeDatabase(server, name, name);
    const settings = settingsOf(name);
    let ahead: DatabaseFacts | null = null;
    {
      await using at = await makeTarget(server, name, settings);
      const rollout = at.rollout([phase]);
      await rollout.planAhead(1, signal, async () => {
        ahead = await databaseFacts(at.target);
      });
      for (const step of phase.steps) {
        await rollout.apply(step.id, signal);
        await rollout.verify(step.id, signal);
      }
    }
    // Another run knows the old names from the journal alone.
    await using later = await makeTarget(server, name, settings);
    expect(ahead).not.toBeNull();
    expect(ahead).toEqual(await databaseFacts(later.target));
  },
  600_000,
);
