import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import * as sequences from '../helpers/sequences.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';

let server: EmbeddedServer;
let client: pg.Client;
let owner: pg.Client;
let count = 0;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  const name = `sequences_${++count}`;
  await loadDatabase(server, 'base', name);
  client = new pg.Client({ connectionString: server.url(name, 'supabase_auth_admin') });
  owner = new pg.Client({ connectionString: server.url(name) });
  await Promise.all([client.connect(), owner.connect()]);
});
afterEach(() => Promise.all([client.end(), owner.end()]));

/** A trigger as a rollout makes one, in small: stamps every new user. */
const stampNewUsers = (keep = false): Promise<unknown> =>
  owner.query(`
    create function public.stamp() returns trigger language plpgsql security definer set search_path = '' as $$
    begin
      update auth.users set raw_app_meta_data = coalesce(raw_app_meta_data, '{}') || '{"org_id": "stamped"}' where id = new.id;
      return null;
    end $$;
    create trigger stamp after insert on auth.users for each row execute function public.stamp();
    ${
      keep
        ? `create function public.keep() returns trigger language plpgsql set search_path = '' as $$
           begin
             if old.raw_app_meta_data ? 'org_id' and not new.raw_app_meta_data ? 'org_id' and new.deleted_at is null then
               new.raw_app_meta_data := new.raw_app_meta_data || jsonb_build_object('org_id', old.raw_app_meta_data -> 'org_id');
             end if;
             return new;
           end $$;
           create trigger keep before update of raw_app_meta_data on auth.users
             for each row execute function public.keep();`
        : ''
    }`);

const stored = async (id: string): Promise<sequences.AuthUser> => sequences.readUser(client, id);

describe('what each kind of user looks like', () => {
  test('email: confirmed, signed in, an identity, a session', async () => {
    const { user, refreshToken } = await sequences.signUpWithEmail(client, {
      email: 'Ann@Example.test',
      password: 'correct horse',
      data: { name: 'Ann' },
    });
    expect(user).toMatchObject({ email: 'ann@example.test', role: 'authenticated', is_anonymous: false });
    expect(user.raw_app_meta_data).toEqual({ provider: 'email', providers: ['email'] });
    expect(user.raw_user_meta_data).toEqual({ name: 'Ann', email_verified: true });
    expect(user.email_confirmed_at).toBeInstanceOf(Date);
    const { rows } = await owner.query('select provider, email from auth.identities where user_id = $1', [user.id]);
    expect(rows).toEqual([{ provider: 'email', email: 'ann@example.test' }]);
    expect(await sequences.refreshSession(client, refreshToken)).toMatchObject({ user: { id: user.id } });
    expect(await sequences.refreshSession(client, refreshToken)).toBeNull();
  });

  test('phone: no email, nothing in user_metadata', async () => {
    const { user } = await sequences.signUpWithPhone(client, { phone: '15550100', password: 'correct horse' });
    expect(user).toMatchObject({ email: null, phone: '15550100', raw_user_meta_data: {} });
  });

  test('anonymous: neither email nor phone nor provider', async () => {
    const { user } = await sequences.signUpAnonymously(client);
    expect(user).toMatchObject({ email: null, phone: null, is_anonymous: true, raw_app_meta_data: {} });
  });

  test('SSO: two users may have one email', async () => {
    await sequences.signUpWithEmail(client, { email: 'eve@example.test', password: 'correct horse' });
    const { user } = await sequences.signUpWithSso(client, { email: 'eve@example.test' });
    expect(user.is_sso_user).toBe(true);
    expect(user.raw_app_meta_data).toMatchObject({ provider: expect.stringMatching(/^sso:/) });
  });

  test('an invitation is confirmed by following it', async () => {
    const invited = await sequences.invite(client, { email: 'finn@example.test' });
    expect(await stored(invited.id)).toMatchObject({ email_confirmed_at: null, last_sign_in_at: null });
    await sequences.acceptInvitation(client, invited.id);
    expect((await stored(invited.id)).email_confirmed_at).toBeInstanceOf(Date);
  });

  test('a password is checked', async () => {
    await sequences.signUpWithEmail(client, { email: 'ann@example.test', password: 'correct horse' });
    const signIn = (password: string) => sequences.signInWithPassword(client, { email: 'ANN@example.test', password });
    expect(await signIn('correct horse')).not.toBeNull();
    expect(await signIn('wrong horse')).toBeNull();
  });

  test('soft deletion frees the email and keeps the row', async () => {
    const { user } = await sequences.signUpWithEmail(client, { email: 'ann@example.test', password: 'correct horse' });
    await sequences.softDeleteUser(client, user.id);
    const gone = await stored(user.id);
    expect(gone).toMatchObject({ raw_app_meta_data: {}, raw_user_meta_data: {}, encrypted_password: '' });
    expect(gone.email).not.toContain('ann');
    const again = await sequences.signUpWithEmail(client, { email: 'ann@example.test', password: 'correct horse' });
    expect(again.user.id).not.toBe(user.id);
  });

  test('the same email twice is refused by the database', async () => {
    const signUp = () => sequences.signUpWithEmail(client, { email: 'ann@example.test', password: 'correct horse' });
    await signUp();
    await expect(signUp()).rejects.toMatchObject({ code: '23505' });
    expect(await sequences.listUsers(client)).toHaveLength(1);
  });
});

describe('with a trigger that stamps new users', () => {
  const kinds = {
    email: () => sequences.signUpWithEmail(client, { email: 'a@example.test', password: 'correct horse' }),
    phone: () => sequences.signUpWithPhone(client, { phone: '15550101', password: 'correct horse' }),
    anonymous: () => sequences.signUpAnonymously(client),
    oauth: () => sequences.signUpWithProvider(client, { email: 'o@example.test', provider: 'google' }),
    sso: () => sequences.signUpWithSso(client, { email: 's@example.test' }),
  };

  test.each(Object.keys(kinds) as (keyof typeof kinds)[])('%s: the first session has the stamp', async (kind) => {
    await stampNewUsers();
    const { user } = await kinds[kind]();
    expect(user.raw_app_meta_data).toMatchObject({ org_id: 'stamped' });
    expect((await stored(user.id)).raw_app_meta_data).toMatchObject({ org_id: 'stamped' });
  });

  test("an admin's create with app_metadata loses the stamp; without it only the answer lacks it", async () => {
    await stampNewUsers();
    const given = await sequences.adminCreateUser(client, { email: 'a@example.test', appMetadata: { plan: 'x' } });
    expect((await stored(given.id)).raw_app_meta_data).toEqual({ provider: 'email', providers: ['email'], plan: 'x' });
    const plain = await sequences.adminCreateUser(client, { email: 'b@example.test' });
    expect(plain.raw_app_meta_data).not.toHaveProperty('org_id');
    expect((await stored(plain.id)).raw_app_meta_data).toHaveProperty('org_id');
  });

  test('a sign-in through a provider overwrites what was stamped while it ran', async () => {
    const { user } = await sequences.signUpWithProvider(client, { email: 'o@example.test', provider: 'google' });
    const stamp = async (): Promise<void> => {
      await owner.query(
        `update auth.users set raw_app_meta_data = raw_app_meta_data || '{"org_id": "late"}' where id = $1`,
        [user.id],
      );
    };
    const session = await sequences.signInWithProvider(client, { userId: user.id, provider: 'github', between: stamp });
    expect(session.user.raw_app_meta_data).toEqual({ provider: 'google', providers: ['google', 'github'] });
    expect((await stored(user.id)).raw_app_meta_data).not.toHaveProperty('org_id');
  });

  test('both keep the stamp when a second trigger puts it back', async () => {
    await stampNewUsers(true);
    const given = await sequences.adminCreateUser(client, { email: 'a@example.test', appMetadata: { plan: 'x' } });
    expect((await stored(given.id)).raw_app_meta_data).toMatchObject({ org_id: 'stamped', plan: 'x' });
  });

  test('a trigger that raises makes the sign-up fail and leaves nothing', async () => {
    await owner.query(`
      create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'no clinic'; end $$;
      create trigger refuse after insert on auth.users for each row execute function public.refuse();`);
    await expect(kinds.email()).rejects.toThrow('no clinic');
    expect(await sequences.listUsers(client)).toEqual([]);
  });

  test('a trigger that finds its tables through the search path fails', async () => {
    await owner.query(`
      create table public.things (id uuid);
      create function public.add() returns trigger language plpgsql security definer as $$
      begin insert into things values (new.id); return null; end $$;
      create trigger add after insert on auth.users for each row execute function public.add();`);
    await expect(kinds.email()).rejects.toMatchObject({ code: '42P01' });
  });
});
