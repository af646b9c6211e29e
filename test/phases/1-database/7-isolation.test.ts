import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { step as keysStep } from '../../../phases/1-database/3-keys.ts';
import { step } from '../../../phases/1-database/7-isolation.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../../src/demo/server.ts';
import { renamedKeys } from '../../helpers/renames.ts';
import { roundTrip } from '../../helpers/round-trip.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const org = (letter: number): string => `a0000000-0000-4000-8000-00000000000${letter}`;
const user = (number: number): string => `b0000000-0000-4000-8000-00000000000${number}`;
const claims = (number: number, orgId?: string) => ({
  sub: user(number),
  app_metadata: orgId === undefined ? {} : { org_id: orgId },
});
const { signal } = new AbortController();

/** What step 1.2 does to tiny. */
const renameTiny = `
  alter table public.profiles rename organization_id to org_id;
  alter table public.calls rename organization_id to org_id;
  alter table public.contacts rename tenant_id to org_id;`;

async function tiny(name: string, more = '', config: Readonly<Record<string, unknown>> = {}): Promise<TestTarget> {
  await loadDatabase(server, 'tiny', name);
  const at = await makeTarget(server, name, config);
  await at.sql(`${renameTiny}${more}`);
  return at;
}

describe('on tiny', () => {
  it('makes the round trip', async () => {
    await using at = await tiny('tiny_round');
    const { changes, checks } = await roundTrip(at, at.rollout([step]), '1.7');
    expect(changes).toBeGreaterThan(15);
    expect(checks.length).toBeGreaterThan(40);
  });
});

describe('on clinic', () => {
  it('makes the round trip', async () => {
    await loadDatabase(server, 'clinic', 'isolation_clinic');
    await using at = await makeTarget(server, 'isolation_clinic', {
      decisions: { revokeExecute: true, wrongForeignKeys: 'repair' },
    });
    await renamedKeys(at);
    const keys = at.rollout([keysStep, step]);
    await keys.apply('1.3', signal);
    await keys.verify('1.3', signal);
    const { changes, checks } = await roundTrip(at, keys, '1.7');
    expect(changes).toBeGreaterThan(300);
    expect(checks.filter((one) => one.verdict === 'skipped').map((one) => `${one.id}: ${one.advice}`)).toEqual([]);
  });
});
