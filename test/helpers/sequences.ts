/**
 * The statements that the auth server sends when users come, sign in and go, in its order and as its role, against the real
 * auth schema. Read in supabase/auth (`internal/api/signup.go`, `admin.go`, `external.go`, `anonymous.go`, `invite.go`,
 * `internal/models/user.go`); the server itself is not run. What matters here for a trigger on `auth.users`:
 *
 * - a sign-up inserts, updates the role, then **reloads**: what a trigger stamped is in the first token;
 * - an admin's create does **not** reload: given `app_metadata`, it overwrites the column with its own older copy;
 * - every sign-in through a provider writes the whole `raw_app_meta_data` from the copy it read when it began.
 */
import { createHash, randomBytes, randomUUID, scryptSync, timingSafeEqual } from 'node:crypto';
import type { ClientBase } from 'pg';

export type Metadata = { readonly [key: string]: unknown };

/** A user as the auth server holds it in memory between two statements. */
export type AuthUser = {
  readonly id: string;
  readonly aud: string;
  readonly role: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly encrypted_password: string | null;
  readonly email_confirmed_at: Date | null;
  readonly phone_confirmed_at: Date | null;
  readonly invited_at: Date | null;
  readonly last_sign_in_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly deleted_at: Date | null;
  readonly is_sso_user: boolean;
  readonly is_anonymous: boolean;
  readonly raw_app_meta_data: Metadata | null;
  readonly raw_user_meta_data: Metadata | null;
};

export type SignedIn = {
  readonly user: AuthUser;
  readonly sessionId: string;
  readonly refreshToken: string;
};

export type NewUser = {
  readonly email?: string | undefined;
  readonly phone?: string | undefined;
  readonly password?: string | undefined;
  /** Becomes `raw_user_meta_data`: whatever the person signing up chose to send. */
  readonly data?: Metadata | undefined;
};

const COLUMNS = `id, aud, role, email, phone, encrypted_password, email_confirmed_at, phone_confirmed_at, invited_at,
  last_sign_in_at, created_at, updated_at, deleted_at, is_sso_user, is_anonymous, raw_app_meta_data, raw_user_meta_data`;

/**
 * Runs `work` in one transaction as the auth server: its role and its search path (`auth` alone, so that a trigger function
 * which names a table of `public` without its schema fails here as it does in production).
 */
export async function asAuthServer<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    await client.query('set local role supabase_auth_admin');
    await client.query('set local search_path to auth');
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

/** Sign-up with email and password, confirmed at once, and the first sign-in. */
export async function signUpWithEmail(
  client: ClientBase,
  given: NewUser & { readonly email: string },
): Promise<SignedIn> {
  const created = await asAuthServer(client, async () => {
    const user = await createThenReload(client, {
      ...given,
      provider: 'email',
    });
    await insertIdentity(client, user.id, 'email', user.id, {
      sub: user.id,
      email: user.email,
    });
    return confirmEmail(client, user);
  });
  return signIn(client, created);
}

/** Sign-up by phone: no email at all, `raw_user_meta_data` empty. */
export async function signUpWithPhone(
  client: ClientBase,
  given: NewUser & { readonly phone: string },
): Promise<SignedIn> {
  const created = await asAuthServer(client, async () => {
    const user = await createThenReload(client, {
      ...given,
      email: undefined,
      provider: 'phone',
    });
    await insertIdentity(client, user.id, 'phone', user.id, {
      sub: user.id,
      phone: user.phone,
    });
    const confirmed = await update(client, user.id, {
      confirmation_token: '',
      phone_confirmed_at: new Date(),
    });
    return { ...user, phone_confirmed_at: confirmed.phone_confirmed_at };
  });
  return signIn(client, created);
}

/** An anonymous sign-in: neither email nor phone, and no `provider` in `raw_app_meta_data`. */
export async function signUpAnonymously(client: ClientBase, data: Metadata = {}): Promise<SignedIn> {
  const created = await asAuthServer(client, () => createThenReload(client, { data, provider: 'anonymous' }));
  return signIn(client, created);
}

/** First sign-in through an OAuth provider. The email comes verified. */
export async function signUpWithProvider(
  client: ClientBase,
  given: {
    readonly provider: string;
    readonly email: string;
    readonly data?: Metadata | undefined;
  },
): Promise<SignedIn> {
  const created = await asAuthServer(client, async () => {
    const subject = randomUUID();
    const data = {
      iss: `https://${given.provider}.example`,
      sub: subject,
      email: given.email,
      ...given.data,
    };
    const user = await createThenReload(client, {
      email: given.email,
      data,
      provider: given.provider,
    });
    await insertIdentity(client, user.id, given.provider, subject, data);
    return confirmEmail(client, user);
  });
  return signIn(client, created);
}

/** First sign-in through single sign-on: the email is not unique among such users. */
export async function signUpWithSso(
  client: ClientBase,
  given: {
    readonly email: string;
    readonly ssoProviderId?: string | undefined;
  },
): Promise<SignedIn> {
  const provider = `sso:${given.ssoProviderId ?? randomUUID()}`;
  const created = await asAuthServer(client, async () => {
    const user = await createThenReload(client, {
      email: given.email,
      provider,
      sso: true,
    });
    await insertIdentity(client, user.id, provider, given.email, {
      sub: given.email,
      email: given.email,
    });
    return confirmEmail(client, user);
  });
  return signIn(client, created);
}

/** An invitation: the user exists and is not confirmed, nobody has signed in. */
export function invite(
  client: ClientBase,
  given: { readonly email: string; readonly data?: Metadata | undefined },
): Promise<AuthUser> {
  return asAuthServer(client, async () => {
    const user = await createThenReload(client, {
      ...given,
      provider: 'email',
    });
    await insertIdentity(client, user.id, 'email', user.id, {
      sub: user.id,
      email: user.email,
    });
    const now = new Date();
    const token = createHash('sha224').update(randomBytes(16)).digest('hex');
    await update(client, user.id, {
      confirmation_token: token,
      confirmation_sent_at: now,
      invited_at: now,
    });
    return { ...user, invited_at: now };
  });
}

/** The invited person follows the link. */
export async function acceptInvitation(client: ClientBase, id: string): Promise<SignedIn> {
  const confirmed = await asAuthServer(client, async () => confirmEmail(client, await load(client, id)));
  return signIn(client, confirmed);
}

/**
 * An admin's create. The copy in memory is the one from before the insert; `appMetadata` is merged into that copy and the whole
 * column written, so what a trigger stamped meanwhile is gone unless something keeps it. The answer is the copy as well.
 */
export function adminCreateUser(
  client: ClientBase,
  given: NewUser & {
    readonly appMetadata?: Metadata | undefined;
    readonly confirm?: boolean | undefined;
  },
): Promise<AuthUser> {
  return asAuthServer(client, async () => {
    const providers = [...(given.email ? ['email'] : []), ...(given.phone ? ['phone'] : [])];
    let copy = await insertUser(client, given, {
      provider: providers[0],
      providers,
    });
    if (given.email)
      await insertIdentity(client, copy.id, 'email', copy.id, {
        sub: copy.id,
        email: given.email,
      });
    if (given.phone)
      await insertIdentity(client, copy.id, 'phone', copy.id, {
        sub: copy.id,
        phone: given.phone,
      });
    await update(client, copy.id, { role: 'authenticated' });
    copy = { ...copy, role: 'authenticated' };
    if (given.appMetadata) copy = await writeAppMetadata(client, copy, given.appMetadata);
    if (given.confirm && given.email) copy = await confirmEmail(client, copy);
    if (given.confirm && given.phone) await update(client, copy.id, { phone_confirmed_at: new Date() });
    return copy;
  });
}

/** An admin's update: reads the user, merges, writes the whole map. */
export function adminUpdateUser(
  client: ClientBase,
  id: string,
  given: {
    readonly appMetadata?: Metadata | undefined;
    readonly data?: Metadata | undefined;
  },
): Promise<AuthUser> {
  return asAuthServer(client, async () => {
    let copy = await load(client, id);
    if (given.data) copy = await writeUserMetadata(client, copy, given.data);
    if (given.appMetadata) copy = await writeAppMetadata(client, copy, given.appMetadata);
    return copy;
  });
}

/** A signed-in user changes their own `user_metadata`: any key, any value. */
export function updateOwnMetadata(client: ClientBase, id: string, data: Metadata): Promise<AuthUser> {
  return asAuthServer(client, async () => writeUserMetadata(client, await load(client, id), data));
}

/**
 * A later sign-in through a provider: the identity is linked if it is new, then `raw_app_meta_data` is written as a whole from
 * the copy read at the start. `between` runs after that read, on whatever connection it likes: the place where a concurrent
 * backfill commits and is then overwritten.
 */
export async function signInWithProvider(
  client: ClientBase,
  given: {
    readonly userId: string;
    readonly provider: string;
    readonly between?: (() => Promise<void>) | undefined;
  },
): Promise<SignedIn> {
  const copy = await asAuthServer(client, async () => {
    const read = await load(client, given.userId);
    await given.between?.();
    const known = await client.query('select 1 from identities where user_id = $1 and provider = $2', [
      read.id,
      given.provider,
    ]);
    if (known.rowCount === 0) {
      await insertIdentity(client, read.id, given.provider, randomUUID(), {
        email: read.email,
      });
    } else {
      const now = new Date();
      const sql = 'update identities set last_sign_in_at = $3, updated_at = $3 where user_id = $1 and provider = $2';
      await client.query(sql, [read.id, given.provider, now]);
    }
    const providers = await client.query<{ provider: string }>(
      'select provider from identities where user_id = $1 order by created_at',
      [read.id],
    );
    const names = providers.rows.map((row) => row.provider);
    return writeAppMetadata(client, read, {
      provider: names[0],
      providers: names,
    });
  });
  return signIn(client, copy);
}

/** Email or phone with password. `null`: no such user or a wrong password. */
export async function signInWithPassword(
  client: ClientBase,
  given: {
    readonly email?: string | undefined;
    readonly phone?: string | undefined;
    readonly password: string;
  },
): Promise<SignedIn | null> {
  const user = await asAuthServer(client, async () => {
    const where = given.email ? 'lower(email) = lower($1)' : 'phone = $1';
    const sql = `select ${COLUMNS} from users where ${where} and aud = 'authenticated' and is_sso_user = false`;
    return (await client.query<AuthUser>(sql, [given.email ?? given.phone])).rows[0];
  });
  if (!user?.encrypted_password || !samePassword(given.password, user.encrypted_password)) return null;
  return signIn(client, user);
}

/** A refresh: the old token is revoked, the user is read again, so a token issued now carries what was stamped since. */
export async function refreshSession(client: ClientBase, token: string): Promise<SignedIn | null> {
  return asAuthServer(client, async () => {
    const sql = 'select user_id, session_id from refresh_tokens where token = $1 and revoked = false for update';
    const held = (await client.query<{ user_id: string; session_id: string }>(sql, [token])).rows[0];
    if (!held) return null;
    const now = new Date();
    await client.query('update refresh_tokens set revoked = true, updated_at = $2 where token = $1', [token, now]);
    const user = await load(client, held.user_id);
    const refreshToken = await insertRefreshToken(client, user.id, held.session_id, token);
    return { user, sessionId: held.session_id, refreshToken };
  });
}

export function signOut(client: ClientBase, userId: string): Promise<void> {
  return asAuthServer(client, async () => {
    await client.query('delete from sessions where user_id = $1', [userId]);
  });
}

/** The row goes; what references it goes or blocks, as its foreign keys say. */
export function deleteUser(client: ClientBase, id: string): Promise<void> {
  return asAuthServer(client, async () => {
    await client.query('delete from users where id = $1', [id]);
  });
}

/**
 * The row stays, without anything personal: email and phone become hashes, both metadata maps lose every key. The same email
 * may sign up again, as a user with another id.
 */
export function softDeleteUser(client: ClientBase, id: string): Promise<void> {
  return asAuthServer(client, async () => {
    const user = await load(client, id);
    await update(client, id, {
      email: user.email ? obfuscate(id, user.email) : null,
      phone: user.phone ? obfuscate(id, user.phone).slice(0, 15) : null,
      encrypted_password: '',
      confirmation_token: '',
      deleted_at: new Date(),
    });
    await update(client, id, { raw_user_meta_data: {} });
    await update(client, id, { raw_app_meta_data: {} });
    const identities = await client.query<{
      id: string;
      provider: string;
      provider_id: string;
    }>('select id, provider, provider_id from identities where user_id = $1', [id]);
    for (const identity of identities.rows) {
      await client.query(
        `update identities set provider_id = $2, identity_data = '{}', updated_at = now() where id = $1`,
        [identity.id, obfuscate(id, `${identity.provider}:${identity.provider_id}`)],
      );
    }
    await client.query('delete from sessions where user_id = $1', [id]);
  });
}

/** A user as the tables say now, read as the auth server. */
export function readUser(client: ClientBase, id: string): Promise<AuthUser> {
  return asAuthServer(client, () => load(client, id));
}

export function listUsers(client: ClientBase): Promise<readonly AuthUser[]> {
  return asAuthServer(client, async () => {
    return (await client.query<AuthUser>(`select ${COLUMNS} from users order by created_at, id`)).rows;
  });
}

// One statement each ------------------------------------------------------------------------------------------------------------

type Draft = NewUser & { readonly provider: string; readonly sso?: boolean };

/** Insert, role, reload: what every kind of sign-up passes through. */
async function createThenReload(client: ClientBase, draft: Draft): Promise<AuthUser> {
  const anonymous = draft.provider === 'anonymous';
  const appMetadata = anonymous ? {} : { provider: draft.provider, providers: [draft.provider] };
  const user = await insertUser(client, draft, appMetadata, {
    sso: draft.sso === true,
    anonymous,
  });
  await update(client, user.id, { role: 'authenticated' });
  return load(client, user.id);
}

async function insertUser(
  client: ClientBase,
  given: NewUser,
  appMetadata: Metadata,
  flags: { readonly sso?: boolean; readonly anonymous?: boolean } = {},
): Promise<AuthUser> {
  const now = new Date();
  const user: AuthUser = {
    id: randomUUID(),
    aud: 'authenticated',
    role: '',
    email: given.email?.toLowerCase() ?? null,
    phone: given.phone ?? null,
    encrypted_password: given.password ? hashPassword(given.password) : '',
    email_confirmed_at: null,
    phone_confirmed_at: null,
    invited_at: null,
    last_sign_in_at: null,
    created_at: now,
    updated_at: now,
    deleted_at: null,
    is_sso_user: flags.sso === true,
    is_anonymous: flags.anonymous === true,
    raw_app_meta_data: appMetadata,
    raw_user_meta_data: given.data ?? {},
  };
  const row = {
    ...user,
    instance_id: '00000000-0000-0000-0000-000000000000',
    confirmation_token: '',
    recovery_token: '',
    email_change: '',
    email_change_token_current: '',
    email_change_token_new: '',
    email_change_confirm_status: 0,
    phone_change: '',
    phone_change_token: '',
    reauthentication_token: '',
    is_super_admin: false,
  };
  const names = Object.keys(row);
  const marks = names.map((_, index) => `$${index + 1}`);
  await client.query(`insert into users (${names.join(', ')}) values (${marks.join(', ')})`, Object.values(row));
  return user;
}

async function load(client: ClientBase, id: string): Promise<AuthUser> {
  const user = (await client.query<AuthUser>(`select ${COLUMNS} from users where id = $1`, [id])).rows[0];
  if (!user) throw new Error(`no user ${id}`);
  return user;
}

/** Only the columns given, and `updated_at`, as the server's `UpdateOnly` does. */
async function update(
  client: ClientBase,
  id: string,
  columns: { readonly [name: string]: unknown },
): Promise<AuthUser> {
  const set = Object.keys(columns).map((name, index) => `${name} = $${index + 2}`);
  const sql = `update users set ${set.join(', ')}, updated_at = now() where id = $1 returning ${COLUMNS}`;
  const user = (await client.query<AuthUser>(sql, [id, ...Object.values(columns)])).rows[0];
  if (!user) throw new Error(`no user ${id}`);
  return user;
}

async function writeAppMetadata(client: ClientBase, copy: AuthUser, changes: Metadata): Promise<AuthUser> {
  const merged = merge(copy.raw_app_meta_data, changes);
  await update(client, copy.id, { raw_app_meta_data: merged });
  return { ...copy, raw_app_meta_data: merged };
}

async function writeUserMetadata(client: ClientBase, copy: AuthUser, changes: Metadata): Promise<AuthUser> {
  const merged = merge(copy.raw_user_meta_data, changes);
  await update(client, copy.id, { raw_user_meta_data: merged });
  return { ...copy, raw_user_meta_data: merged };
}

/** A key with a value is set, a key with `null` is removed. */
function merge(held: Metadata | null, changes: Metadata): Metadata {
  return Object.fromEntries(
    Object.entries({ ...held, ...changes }).filter(([, value]) => value !== null && value !== undefined),
  );
}

async function confirmEmail(client: ClientBase, copy: AuthUser): Promise<AuthUser> {
  const now = new Date();
  await update(client, copy.id, {
    confirmation_token: '',
    email_confirmed_at: now,
  });
  return writeUserMetadata(client, { ...copy, email_confirmed_at: now }, { email_verified: true });
}

async function insertIdentity(
  client: ClientBase,
  userId: string,
  provider: string,
  providerId: string,
  data: Metadata,
): Promise<void> {
  const sql = `insert into identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $5, $5)`;
  await client.query(sql, [providerId, userId, data, provider, new Date()]);
}

async function insertRefreshToken(
  client: ClientBase,
  userId: string,
  sessionId: string,
  parent: string | null,
): Promise<string> {
  const token = randomBytes(12).toString('base64url');
  const sql = `insert into refresh_tokens (instance_id, token, user_id, parent, revoked, session_id, created_at, updated_at)
    values ('00000000-0000-0000-0000-000000000000', $1, $2, $3, false, $4, now(), now())`;
  await client.query(sql, [token, userId, parent, sessionId]);
  return token;
}

/** A session and its first refresh token. The user is the copy given: no reload, so the token shows what that copy shows. */
function signIn(client: ClientBase, copy: AuthUser): Promise<SignedIn> {
  return asAuthServer(client, async () => {
    const sessionId = randomUUID();
    const now = new Date();
    const insert = 'insert into sessions (id, user_id, created_at, updated_at, aal) values ($1, $2, $3, $3, $4)';
    await client.query(insert, [sessionId, copy.id, now, 'aal1']);
    const refreshToken = await insertRefreshToken(client, copy.id, sessionId, null);
    await update(client, copy.id, { last_sign_in_at: now });
    return { user: { ...copy, last_sign_in_at: now }, sessionId, refreshToken };
  });
}

const obfuscate = (id: string, value: string): string =>
  createHash('sha256').update(`${id}${value}`).digest('base64url');

/** scrypt and not the server's bcrypt: nothing reads the hash but this file. */
function hashPassword(password: string): string {
  const salt = randomBytes(16);
  return `${salt.toString('base64url')}.${scryptSync(password, salt, 32, { N: 1024 }).toString('base64url')}`;
}

function samePassword(password: string, hash: string): boolean {
  const [salt, key] = hash.split('.');
  if (!salt || !key) return false;
  const expected = Buffer.from(key, 'base64url');
  const given = scryptSync(password, Buffer.from(salt, 'base64url'), 32, {
    N: 1024,
  });
  return expected.length === given.length && timingSafeEqual(expected, given);
}
