import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { step } from '../../../phases/1-database/6-not-null.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { renamedKeys } from '../../helpers/renames.ts';
import { roundTrip } from '../../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const org = (number: number): string => `a0000000-0000-4000-8000-00000000000${number}`;
const user = (number: number): string => `b0000000-0000-4000-8000-00000000000${number}`;

/** As steps 1.4 and 1.5 leave it: a trigger of that name, and every profile with an organization. */
const filled = `
  create function public.handle_new_user_setup() returns trigger language plpgsql as $$ begin return new; end $$;
  create or replace trigger on_auth_user_created after insert on auth.users for each row execute function public.handle_new_user_setup();
  update public.profiles set org_id = '${org(1)}' where org_id is null;`;

async function tiny(name: string, more = '', config: Readonly<Record<string, unknown>> = {}): Promise<TestTarget> {
  await loadDatabase(server, 'tiny', name);
  const at = await makeTarget(server, name, config);
  await renamedKeys(at);
  if (more !== '') await at.sql(more);
  return at;
}

describe('on tiny', () => {
  it('makes the round trip and leaves a table with empty keys as it is', async () => {
    await using at = await tiny('null_tiny', filled);
    const rollout = at.rollout([step]);
    expect((await rollout.plan('1.6')).plan.notes.map((one) => one.text)).toEqual([
      'public.calls has 1 row without an organization; org_id stays nullable there. With isolation on, only the service role sees it, and whoever a policy that you keep shows it to.',
    ]);
    const { changes, checks } = await roundTrip(at, rollout, '1.6');
    expect(changes).toBe(3);
    expect(checks.filter((one) => !one.id.startsWith('1.6/sign-up/')).map((one) => `${one.id} ${one.verdict}`)).toEqual(
      ['1.6/not-null/public.contacts passed', '1.6/not-null/public.profiles passed', '1.6/untouched passed'],
    );
  });

  it('reads no table for SET NOT NULL', async () => {
    await using at = await tiny('null_scan', filled);
    const { signal } = new AbortController();
    await at.rollout([step]).apply('1.6', signal);
    expect(await at.sql(`select conname from pg_constraint where conname ~ 'org_id_not_null'`)).toEqual([]);
    await expect(at.sql(`insert into public.profiles (id) values ('${user(6)}')`)).rejects.toThrow(/null value/);
  });

  it('takes for granted, before step 1.5 ran, that it fills the profiles', async () => {
    await using at = await tiny('null_before');
    const { plan } = await at.rollout([step]).plan('1.6');
    expect(plan.blockers).toEqual([]);
    expect(plan.changes.map((one) => one.id)).toContain('not null public.profiles');
  });

  it('stops while users who are not anonymous have a profile without organization', async () => {
    await using at = await tiny(
      'null_stop',
      `${filled} update public.profiles set org_id = null where id = '${user(2)}';`,
    );
    const { plan } = await at.rollout([step]).plan('1.6');
    expect(plan.changes).toEqual([]);
    expect(plan.blockers).toMatchObject([
      { problem: '1 profile of users who are not anonymous has no organization.', detail: user(2) },
    ]);
  });

  it('lets anonymous users be without, as configured', async () => {
    const anonymous = `${filled} update public.profiles set org_id = null where id = '${user(2)}';
      set session_replication_role = replica; update auth.users set is_anonymous = true where id = '${user(2)}'; reset session_replication_role;`;
    await using at = await tiny('null_anonymous', anonymous);
    const { plan } = await at.rollout([step]).plan('1.6');
    expect(plan.blockers).toEqual([]);
    expect(plan.changes).toEqual([]);
    expect(plan.notes[1]?.text).toContain('anonymous users have a profile and no organization');
  });
});

describe('on clinic', () => {
  it('makes the round trip', async () => {
    await loadDatabase(server, 'clinic', 'null_clinic');
    await using at = await makeTarget(server, 'null_clinic');
    await renamedKeys(at);
    await at.sql(filled);
    const { changes } = await roundTrip(at, at.rollout([step]), '1.6');
    expect(changes).toBeGreaterThan(60);
  });
});
