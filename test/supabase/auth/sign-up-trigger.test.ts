/**
 * Every way in which the auth server makes or changes a user, against the triggers of step 1.4, on both sample databases.
 * The auth server itself is not run: `sequences.ts` sends its SQL, in its order and as its role.
 */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { step as signUp } from '../../../phases/1-database/4-sign-up.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { readPackageFile } from '../../../src/package-root.ts';
import { roundTrip } from '../../helpers/round-trip.ts';
import { inCi } from '../../helpers/seeded.ts';
import * as sequences from '../../helpers/sequences.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** What step 1.2 does to the tables that sign-up writes. */
const renamed = {
  tiny: `alter table public.profiles rename organization_id to org_id;
    alter table public.calls rename organization_id to org_id;
    alter table public.contacts rename tenant_id to org_id;`,
  clinic: 'alter table public.profiles rename organization_id to org_id;',
};

const acacia = 'a0000000-0000-4000-8000-000000000001';
const nobody = 'a0000000-0000-4000-8000-00000000dead';
const password = 'correct horse';

type Has = {
  readonly org: string | null;
  readonly profile: string | null;
  readonly membership: string | null;
  readonly role: string | null;
  /** What `auth.users` holds. */
  readonly stamp: unknown;
};

describe.each(inCi(['tiny', 'clinic'] as const, 1))('on %s', (name) => {
  let at: TestTarget;
  let client: pg.Client;
  let count = 0;
  beforeEach(async () => {
    const database = `auth_${name}_${++count}`;
    await loadDatabase(server, name, database);
    at = await makeTarget(server, database);
    await at.sql(renamed[name]);
    await at.rollout([signUp]).apply('1.4', new AbortController().signal);
    client = new pg.Client({ connectionString: server.url(database, 'supabase_auth_admin') });
    await client.connect();
  });
  afterEach(async () => {
    await client.end();
    await at.close();
  });

  const has = async (id: string): Promise<Has> => {
    const [row] = await at.sql<Has>(
      `select (select o.id from public.organizations o where o.id = p.org_id) as org, p.org_id as profile,
         ${name === 'clinic' ? `(select string_agg(m.org_id::text, ',') from public.user_org_roles m where m.user_id = u.id)` : 'null'} as membership,
         ${name === 'clinic' ? `(select string_agg(m.role::text, ',') from public.user_org_roles m where m.user_id = u.id)` : 'null'} as role,
         u.raw_app_meta_data ->> 'org_id' as stamp
       from auth.users u left join public.profiles p on p.id = u.id where u.id = $1`,
      [id],
    );
    if (row === undefined) throw new Error(`no user ${id}`);
    return row;
  };

  /** An organization, a profile, a membership (where there is a table of them) and the stamp, all the same. */
  const expectComplete = async (
    id: string,
    expected: { readonly org?: string; readonly role?: string } = {},
  ): Promise<string> => {
    const found = await has(id);
    expect(found.org).toMatch(/^[0-9a-f-]{36}$/);
    const org = expected.org ?? found.org;
    const membership = name === 'clinic' ? { membership: org, role: expected.role ?? 'owner' } : {};
    expect(found).toMatchObject({ org, profile: org, stamp: org, ...membership });
    return found.org ?? '';
  };

  const expectNothing = async (id: string): Promise<void> => {
    expect(await has(id)).toEqual({ org: null, profile: null, membership: null, role: null, stamp: null });
  };

  const organizations = async (): Promise<number> =>
    Number((await at.sql<{ n: string }>('select count(*) as n from public.organizations'))[0]?.n);

  const kinds = {
    'email and password': () => sequences.signUpWithEmail(client, { email: 'zoe@example.test', password }),
    phone: () => sequences.signUpWithPhone(client, { phone: '15550199', password }),
    'OAuth, first login': () =>
      sequences.signUpWithProvider(client, { email: 'zoe@example.test', provider: 'google', data: { name: 'Zoe' } }),
    'SSO, first login': () => sequences.signUpWithSso(client, { email: 'zoe@example.test' }),
  };

  test.each(Object.keys(kinds) as (keyof typeof kinds)[])(
    '%s | org, profile, membership as owner, stamp in the row and in the first token',
    async (kind) => {
      const before = await organizations();
      const { user } = await kinds[kind]();
      const org = await expectComplete(user.id);
      expect(user.raw_app_meta_data).toMatchObject({ org_id: org });
      expect(await organizations()).toBe(before + 1);
    },
  );

  test('anonymous | exception: nothing, until the user becomes permanent', async () => {
    const { user } = await sequences.signUpAnonymously(client);
    await expectNothing(user.id);
    await sequences.asAuthServer(client, async () => {
      await client.query(`update users set email = 'zoe@example.test', updated_at = now() where id = $1`, [user.id]);
      await client.query(`update users set is_anonymous = false, updated_at = now() where id = $1`, [user.id]);
    });
    await expectComplete(user.id);
  });

  test('invite | complete at the invitation, and in the token when it is accepted', async () => {
    const invited = await sequences.invite(client, { email: 'zoe@example.test' });
    const org = await expectComplete(invited.id);
    const { user } = await sequences.acceptInvitation(client, invited.id);
    expect(user.raw_app_meta_data).toMatchObject({ org_id: org });
  });

  test('admin create | complete; exception: the answer to the admin shows no stamp, the first token does', async () => {
    const made = await sequences.adminCreateUser(client, { email: 'zoe@example.test', password, confirm: true });
    expect(made.raw_app_meta_data).not.toHaveProperty('org_id');
    const org = await expectComplete(made.id);
    const session = await sequences.signInWithPassword(client, { email: 'zoe@example.test', password });
    expect(session?.user.raw_app_meta_data).toMatchObject({ org_id: org });
  });

  test('admin create with app_metadata of its own | the stamp survives the older copy', async () => {
    const made = await sequences.adminCreateUser(client, { email: 'zoe@example.test', appMetadata: { plan: 'x' } });
    await expectComplete(made.id);
    expect((await sequences.readUser(client, made.id)).raw_app_meta_data).toMatchObject({ plan: 'x' });
  });

  test('admin create into an organization | joins it as a member, and leaves no organization of its own', async () => {
    const before = await organizations();
    const made = await sequences.adminCreateUser(client, {
      email: 'zoe@example.test',
      appMetadata: { org_id: acacia },
    });
    await expectComplete(made.id, { org: acacia, role: 'agent' });
    expect(await organizations()).toBe(before);
  });

  test('admin create into an organization that is not there | gets one of its own', async () => {
    const made = await sequences.adminCreateUser(client, {
      email: 'zoe@example.test',
      appMetadata: { org_id: nobody },
    });
    await expectComplete(made.id);
  });

  test('admin update | another plan changes nothing; another organization takes profile and membership along', async () => {
    const { user } = await sequences.signUpWithEmail(client, { email: 'zoe@example.test', password });
    const org = await expectComplete(user.id);
    const before = await organizations();
    await sequences.adminUpdateUser(client, user.id, { appMetadata: { plan: 'x' } });
    await expectComplete(user.id, { org });
    await sequences.adminUpdateUser(client, user.id, { appMetadata: { org_id: acacia } });
    expect(await has(user.id)).toMatchObject({ profile: acacia, stamp: acacia });
    if (name === 'clinic') {
      const roles = await at.sql(
        'select org_id, role::text from public.user_org_roles where user_id = $1 order by role desc',
        [user.id],
      );
      // The organization of their own stays, and so does their place in it.
      expect(roles).toEqual([
        { org_id: org, role: 'owner' },
        { org_id: acacia, role: 'agent' },
      ]);
    }
    expect(await organizations()).toBe(before);
    await sequences.adminUpdateUser(client, user.id, { appMetadata: { org_id: nobody } });
    expect(await has(user.id)).toMatchObject({ profile: acacia, stamp: acacia });
  });

  test('update of their own metadata | a claim to another organization decides nothing', async () => {
    const { user } = await sequences.signUpWithEmail(client, {
      email: 'zoe@example.test',
      password,
      data: { org_id: acacia, organization_id: acacia },
    });
    const org = await expectComplete(user.id);
    expect(org).not.toBe(acacia);
    await sequences.updateOwnMetadata(client, user.id, { org_id: acacia });
    await expectComplete(user.id, { org });
  });

  test('OAuth link | the stamp survives the older copy and is in the token', async () => {
    const { user } = await sequences.signUpWithEmail(client, { email: 'zoe@example.test', password });
    const org = await expectComplete(user.id);
    const session = await sequences.signInWithProvider(client, { userId: user.id, provider: 'github' });
    expect(session.user.raw_app_meta_data).toMatchObject({ org_id: org });
    await expectComplete(user.id, { org });
  });

  test('a sign-in that races the backfill | the row keeps the stamp; exception: that one token lacks it', async () => {
    const [old] = await at.sql<{ id: string }>(
      `select id from auth.users where raw_app_meta_data ->> 'org_id' is null and email is not null order by email desc limit 1`,
    );
    const id = old?.id ?? '';
    const stamp = async (): Promise<void> => {
      // As the backfill does: the profile says where the user belongs before the stamp says it.
      await at.sql(
        `insert into profiles (id, org_id) values ($1, $2) on conflict (id) do update set org_id = excluded.org_id`,
        [id, acacia],
      );
      await at.sql(
        `update auth.users set raw_app_meta_data = coalesce(raw_app_meta_data, '{}') || jsonb_build_object('org_id', $2::text) where id = $1`,
        [id, acacia],
      );
    };
    const session = await sequences.signInWithProvider(client, { userId: id, provider: 'github', between: stamp });
    expect(session.user.raw_app_meta_data).not.toHaveProperty('org_id');
    expect((await has(id)).stamp).toBe(acacia);
    const refreshed = await sequences.refreshSession(client, session.refreshToken);
    expect(refreshed?.user.raw_app_meta_data).toMatchObject({ org_id: acacia });
  });

  test('soft delete, then sign-up again | exception: the deleted row is emptied; the new user is complete', async () => {
    const first = await sequences.signUpWithEmail(client, { email: 'zoe@example.test', password });
    const org = await expectComplete(first.user.id);
    await sequences.softDeleteUser(client, first.user.id);
    expect((await has(first.user.id)).stamp).toBeNull();
    const again = await sequences.signUpWithEmail(client, { email: 'zoe@example.test', password });
    expect(await expectComplete(again.user.id)).not.toBe(org);
    expect(again.user.raw_app_meta_data).toHaveProperty('org_id');
  });

  test('delete | nothing of the user stays in the way, and the address may sign up again', async () => {
    const { user } = await sequences.signUpWithEmail(client, { email: 'zoe@example.test', password });
    await sequences.deleteUser(client, user.id);
    await expectComplete((await sequences.signUpWithEmail(client, { email: 'zoe@example.test', password })).user.id);
  });

  test('twenty sign-ups at once | twenty organizations', async () => {
    const before = await organizations();
    const made: string[] = [];
    const clients = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const one = new pg.Client({ connectionString: server.url(`auth_${name}_${count}`, 'supabase_auth_admin') });
        await one.connect();
        return one;
      }),
    );
    try {
      await Promise.all(
        clients.map(async (one, lane) => {
          for (let n = 0; n < 4; n++) {
            const { user } = await sequences.signUpWithEmail(one, { email: `u${lane}-${n}@example.test`, password });
            made.push(user.id);
          }
        }),
      );
    } finally {
      await Promise.all(clients.map((one) => one.end()));
    }
    for (const id of made) await expectComplete(id);
    expect(await organizations()).toBe(before + 20);
  });
});

test('migrations/sign_up.sql runs as it stands on the usual columns, and serves the same', async () => {
  await loadDatabase(server, 'tiny', 'auth_plain');
  await using at = await makeTarget(server, 'auth_plain');
  await at.sql(renamed.tiny);
  await at.sql(readPackageFile('migrations/sign_up.sql'));
  const client = new pg.Client({ connectionString: server.url('auth_plain', 'supabase_auth_admin') });
  await client.connect();
  try {
    const { user } = await sequences.signUpWithEmail(client, { email: 'zoe@example.test', password });
    expect(user.raw_app_meta_data).toHaveProperty('org_id');
    const made = await sequences.adminCreateUser(client, {
      email: 'yan@example.test',
      appMetadata: { org_id: acacia },
    });
    const [profile] = await at.sql('select org_id from public.profiles where id = $1', [made.id]);
    expect(profile).toEqual({ org_id: acacia });
  } finally {
    await client.end();
  }
});

test.each(inCi(['tiny', 'clinic'] as const, 1))(
  'step 1.4 on %s is made, judged, taken back and made again',
  async (name) => {
    await loadDatabase(server, name, `auth_round_${name}`);
    await using at = await makeTarget(server, `auth_round_${name}`);
    await at.sql(renamed[name]);
    expect((await roundTrip(at, at.rollout([signUp]), '1.4')).changes).toBeGreaterThan(5);
  },
);
