import { randomUUID } from 'node:crypto';
import { literal } from '../quote.ts';

/** Stands in a statement for the name of the organizations table. */
export const organizationsHere = 'ORGANIZATIONS';

export type Kind = {
  readonly id: string;
  readonly title: string;
  /** What holds where it is only known that nobody is refused; the title unless said. */
  readonly works?: string;
  /** The statements of the auth server, in its order. */
  readonly statements: (user: NewUser) => readonly string[];
};

export type NewUser = { readonly id: string; readonly nonce: string };

const json = (value: unknown): string => `${literal(JSON.stringify(value))}::jsonb`;

type Columns = {
  readonly email?: string;
  readonly phone?: string;
  readonly app: unknown;
  readonly sso?: boolean;
  readonly anonymous?: boolean;
};

// What supabase/auth sends (internal/api/signup.go, admin.go, external.go, internal/models/user.go): the row without its
// role, then the role, then the identity; the confirmation comes as an UPDATE of its own.
const insertUser = (id: string, { email, phone, app, sso = false, anonymous = false }: Columns): string =>
  `insert into auth.users (instance_id, id, aud, role, email, phone, encrypted_password, raw_app_meta_data, raw_user_meta_data,
  is_sso_user, is_anonymous, created_at, updated_at)
values ('00000000-0000-0000-0000-000000000000', ${literal(id)}, 'authenticated', '', ${email === undefined ? 'null' : literal(email)},
  ${phone === undefined ? 'null' : literal(phone)}, '', ${json(app)}, '{}', ${sso}, ${anonymous}, now(), now())`;

const setRole = (id: string): string =>
  `update auth.users set role = 'authenticated', updated_at = now() where id = ${literal(id)}`;

const setColumns = (id: string, columns: string): string =>
  `update auth.users set ${columns}, updated_at = now() where id = ${literal(id)}`;

const email = (nonce: string, name = 'probe'): string => `${name}-${nonce}@example.invalid`;

const byEmail = ({ id, nonce }: NewUser): string[] => [
  insertUser(id, { email: email(nonce), app: { provider: 'email', providers: ['email'] } }),
  setRole(id),
  setColumns(id, 'email_confirmed_at = now()'),
];

export const kinds: readonly Kind[] = [
  { id: 'email', title: 'A sign-up with email works', statements: byEmail },
  {
    id: 'phone',
    title: 'A sign-up with a phone number only works',
    statements: ({ id, nonce }) => [
      insertUser(id, {
        phone: `1555${String(Number.parseInt(nonce, 16)).padStart(10, '0').slice(-10)}`,
        app: { provider: 'phone', providers: ['phone'] },
      }),
      setRole(id),
      setColumns(id, 'phone_confirmed_at = now()'),
    ],
  },
  {
    id: 'oauth',
    title: 'A sign-up through an OAuth provider works',
    statements: ({ id, nonce }) => [
      insertUser(id, { email: email(nonce), app: { provider: 'google', providers: ['google'] } }),
      setRole(id),
      setColumns(id, 'email_confirmed_at = now()'),
    ],
  },
  {
    id: 'sso',
    title: 'A sign-up through single sign-on works',
    statements: ({ id, nonce }) => {
      const provider = `sso:${randomUUID()}`;
      return [
        insertUser(id, { email: email(nonce), app: { provider, providers: [provider] }, sso: true }),
        setRole(id),
        setColumns(id, 'email_confirmed_at = now()'),
      ];
    },
  },
  {
    id: 'anonymous',
    title: 'An anonymous sign-up works',
    statements: ({ id }) => [insertUser(id, { app: {}, anonymous: true }), setRole(id)],
  },
  {
    id: 'invited',
    title: 'An invitation works',
    statements: ({ id, nonce }) => [
      insertUser(id, { email: email(nonce), app: { provider: 'email', providers: ['email'] } }),
      setRole(id),
      setColumns(
        id,
        `invited_at = now(), confirmation_sent_at = now(), confirmation_token = ${literal(`probe-${nonce}`)}`,
      ),
    ],
  },
  {
    id: 'admin-create',
    title: 'A user whom an admin creates keeps the stamp when older metadata is written back',
    works: 'An admin can create a user',
    // The admin endpoint does not read the row again: it writes the whole map as it was before the trigger stamped it.
    statements: ({ id, nonce }) => {
      const app = { provider: 'email', providers: ['email'] };
      return [
        insertUser(id, { email: email(nonce), app }),
        setRole(id),
        setColumns(id, `raw_app_meta_data = ${json({ ...app, probe: true })}`),
        setColumns(id, 'email_confirmed_at = now()'),
      ];
    },
  },
  {
    id: 're-sign-up',
    title: 'A second sign-up with the email of a deleted user works',
    statements: ({ id, nonce }) => {
      const first = randomUUID();
      return [
        ...byEmail({ id: first, nonce }),
        setColumns(first, `email = ${literal(`deleted-${nonce}`)}, encrypted_password = '', deleted_at = now()`),
        setColumns(first, `raw_user_meta_data = '{}'`),
        setColumns(first, `raw_app_meta_data = '{}'`),
        `select set_config('voxanne_probe.before', (select count(*) from ${organizationsHere})::text, true)`,
        ...byEmail({ id, nonce }),
      ];
    },
  },
];
