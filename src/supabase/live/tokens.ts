import type { CheckResult } from '../../rollout/check.ts';
import { conclude, type Judgement, perform, skipped } from './outcome.ts';
import { createAsAdmin, NoSignUp, type SignedIn } from './people.ts';
import { type LiveOptions, sides } from './types.ts';
import type { World } from './world.ts';

const advice =
  'Apply step 1.4 (sign-up). If the row has the stamp and the token does not, enable the access-token hook.';

/** The first tokens of both users: an org_id each, not the same, and the one that their profile and organization say. */
export async function* checkTokens(world: World, people: readonly SignedIn[]): AsyncIterable<CheckResult> {
  const began = performance.now();
  const orgs = people.map(({ claims }) => claims.orgId);
  yield conclude(
    {
      id: 'token/org',
      title: 'The first token carries org_id in app_metadata',
      expected: 'an org_id in both tokens',
      advice,
    },
    people.map(
      ({ claims, way }): Judgement => ({
        verdict: claims.orgId === null ? 'failed' : 'passed',
        observed: claims.orgId === null ? `no org_id after ${way}` : `org_id present after ${way}`,
      }),
    ),
    0,
  );
  if (orgs.every((org) => org !== null)) {
    const apart = new Set(orgs).size === orgs.length;
    yield conclude(
      { id: 'token/apart', title: 'Two sign-ups are two organizations', expected: 'two different org_ids', advice },
      [{ verdict: apart ? 'passed' : 'failed', observed: apart ? 'different' : 'both users are in one organization' }],
      0,
    );
  }
  const judgements: Judgement[] = [];
  for (const side of sides) judgements.push(...(await compare(world, side)));
  yield conclude(
    {
      id: 'token/agrees',
      title: 'Token, profile and organization agree',
      expected: 'the profile names the org_id of the token, and that organization is there',
      advice,
    },
    judgements,
    performance.now() - began,
  );
}

async function compare(world: World, side: 'a' | 'b'): Promise<readonly Judgement[]> {
  const { options } = world;
  const { api, id, tokenOrg } = world.people[side];
  const judgements: Judgement[] = [];
  if (options.profiles !== null) {
    const { schema, table, idColumn, orgColumn } = options.profiles;
    const outcome = await perform((world.service ?? api).schema(schema).from(table).select(orgColumn).eq(idColumn, id));
    const org = outcome.rows[0]?.[orgColumn] ?? null;
    if (outcome.code !== null)
      judgements.push({ verdict: 'failed', observed: `the profile cannot be read: ${outcome.message}` });
    else if (outcome.rows.length === 0) judgements.push({ verdict: 'failed', observed: 'no profile' });
    else judgements.push(agree(org === null ? null : String(org), tokenOrg));
  }
  if (tokenOrg !== null) {
    const { schema, table, key } = options.organizations;
    const outcome = await perform((world.service ?? api).schema(schema).from(table).select(key).eq(key, tokenOrg));
    judgements.push(
      outcome.rows.length === 1
        ? { verdict: 'passed', observed: 'the organization is there' }
        : {
            verdict: 'failed',
            observed: `the organization of the token cannot be seen${outcome.message === null ? '' : `: ${outcome.message}`}`,
          },
    );
  }
  return judgements;
}

const agree = (profile: string | null, token: string | null): Judgement =>
  profile !== null && profile === token
    ? { verdict: 'passed', observed: 'the profile agrees with the token' }
    : { verdict: 'failed', observed: `the profile says ${profile ?? 'nothing'}, the token ${token ?? 'nothing'}` };

/**
 * A user that the admin API creates with metadata of its own: the path on which a stamp is overwritten. Its first token
 * has to carry org_id all the same.
 *
 * With `hook` the stamp is taken off the row first, as the app's own triggers would not let it be: what the token then
 * carries comes from the access-token hook alone.
 */
export async function checkAdminToken(
  options: LiveOptions,
  person: Omit<Parameters<typeof createAsAdmin>[0], 'options'>,
  hook: boolean,
): Promise<CheckResult> {
  const id = hook ? 'token/hook' : 'token/admin';
  const title = hook
    ? 'The access-token hook gives org_id to a user whose row has none'
    : 'A user created by the admin API gets org_id in the first token';
  const { serviceKey, database } = options;
  if (serviceKey === undefined)
    return skipped(id, title, 'It needs the service key, to create a user as an admin does.');
  if (hook && database === undefined)
    return skipped(id, title, 'It needs the database, to take the stamp off the row.');
  const began = performance.now();
  try {
    const made = await createAsAdmin({ ...person, options }, hook ? 'd' : 'c', serviceKey, async (userId) => {
      if (!hook || database === undefined) return;
      await database(async (client) => {
        await client.query(`begin; set local lock_timeout = '2s'; set local session_replication_role = replica`);
        try {
          await client.query(`update auth.users set raw_app_meta_data = raw_app_meta_data - 'org_id' where id = $1`, [
            userId,
          ]);
          await client.query('commit');
        } catch (error) {
          await client.query('rollback');
          throw error;
        }
      });
    });
    const present = made.claims.orgId !== null;
    return conclude(
      {
        id,
        title,
        expected: 'org_id in app_metadata',
        advice: hook
          ? 'The hook is not enabled, or fails: Authentication > Hooks in the dashboard, or [auth.hook.custom_access_token].'
          : advice,
      },
      [{ verdict: present ? 'passed' : 'failed', observed: present ? 'org_id present' : 'no org_id' }],
      performance.now() - began,
    );
  } catch (error) {
    if (error instanceof NoSignUp) return skipped(id, title, error.message);
    throw error;
  }
}
