import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { type Api, createApi } from './client.ts';
import { markerKey, markerOf, type Part } from './marker.ts';
import { readToken, type TokenClaims } from './token.ts';
import type { LiveOptions, Side } from './types.ts';

/** Sign-up could not be tried, with the reason that the operator is shown. */
export class NoSignUp extends Error {
  override readonly name = 'NoSignUp';
}

export type SignedIn = {
  readonly id: string;
  readonly marker: string;
  readonly token: string;
  readonly claims: TokenClaims;
  /** How the user came to be. */
  readonly way: 'sign-up' | 'admin';
};

const settingsShape = z.object({
  disable_signup: z.boolean().optional(),
  mailer_autoconfirm: z.boolean().optional(),
  external: z.object({ email: z.boolean().optional() }).optional(),
});

/** Why nobody can sign up with email and password here; null when it can be tried. Asks `/auth/v1/settings`. */
export async function whyNoSignUp(
  { supabaseUrl, anonKey }: LiveOptions,
  fetch: typeof globalThis.fetch,
): Promise<string | null> {
  const response = await fetch(`${supabaseUrl}/auth/v1/settings`, { headers: { apikey: anonKey } });
  if (!response.ok) throw new NoSignUp(`The auth API answered ${response.status} to a question for its settings.`);
  const parsed = settingsShape.safeParse(await response.json());
  if (!parsed.success) throw new NoSignUp('The auth API answered something else than its settings.');
  const { disable_signup, mailer_autoconfirm, external } = parsed.data;
  if (disable_signup === true) return 'Sign-ups are disabled in this project.';
  if (external?.email === false) return 'Sign-ups by email are disabled in this project.';
  // Trying would send a mail to an address that nobody reads, and count against the project's limit.
  return mailer_autoconfirm === true ? null : 'A sign-up has to be confirmed by mail in this project.';
}

type NewPerson = {
  readonly options: LiveOptions;
  readonly nonce: string;
  readonly fetch: typeof fetch;
  readonly onUser: (id: string) => void;
};

const emailOf = ({ options, nonce }: NewPerson, side: Part): string =>
  `${markerOf(nonce, side)}@${options.emailDomain ?? 'example.com'}`;

/** What makes the user, and whatever a trigger names after it, one of the probe. */
const metadata = ({ nonce }: NewPerson, side: Part): Record<string, string> => {
  const marker = markerOf(nonce, side);
  return { [markerKey]: nonce, organization_name: marker, company_name: marker, name: marker, full_name: marker };
};

const password = (): string => `${randomBytes(18).toString('base64url')}aA1!`;

/** @throws NoSignUp */
export async function signUp(person: NewPerson, side: Side): Promise<SignedIn> {
  const { options, fetch } = person;
  const { auth } = createApi(options.supabaseUrl, options.anonKey, { fetch });
  const { data, error } = await auth.signUp({
    email: emailOf(person, side),
    password: password(),
    options: { data: metadata(person, side) },
  });
  if (data.user !== null && data.user.id !== undefined) person.onUser(data.user.id);
  if (error !== null) throw new NoSignUp(explain(error));
  if (data.session === null) throw new NoSignUp('A sign-up has to be confirmed by mail in this project.');
  return signedIn(data.session.access_token, markerOf(person.nonce, side), 'sign-up');
}

/** Creates the user with the service key, its address confirmed, and signs in with its password. @throws NoSignUp */
export async function createAsAdmin(
  person: NewPerson,
  side: Part,
  serviceKey: string,
  before: (id: string) => Promise<void> = async () => undefined,
): Promise<SignedIn> {
  const { options, fetch } = person;
  const email = emailOf(person, side);
  const secret = password();
  const { auth } = createApi(options.supabaseUrl, serviceKey, { fetch });
  const created = await auth.admin.createUser({
    email,
    password: secret,
    email_confirm: true,
    user_metadata: metadata(person, side),
    // The auth server then writes the whole map again, from a copy without what a trigger stamped meanwhile.
    app_metadata: { [markerKey]: person.nonce },
  });
  if (created.error !== null) throw new NoSignUp(explain(created.error));
  person.onUser(created.data.user.id);
  await before(created.data.user.id);
  const anonymous: Api = createApi(options.supabaseUrl, options.anonKey, { fetch });
  const { data, error } = await anonymous.auth.signInWithPassword({ email, password: secret });
  if (error !== null) throw new NoSignUp(explain(error));
  return signedIn(data.session.access_token, markerOf(person.nonce, side), 'admin');
}

function signedIn(token: string, marker: string, way: SignedIn['way']): SignedIn {
  const claims = readToken(token);
  if (claims === null) throw new NoSignUp('The auth API gave a token that cannot be read.');
  return { id: claims.sub, marker, token, claims, way };
}

function explain(error: {
  readonly status?: number | undefined;
  readonly code?: string | undefined;
  readonly message: string;
}): string {
  const { code, status, message } = error;
  if (code === 'captcha_failed' || /captcha/i.test(message))
    return 'Sign-up and sign-in need a captcha in this project.';
  if (code === 'email_address_invalid' || code === 'email_address_not_authorized') {
    return `The project refuses the probe's address (${code}): give the run a domain of yours.`;
  }
  if (status === 429) return 'The project allows no further sign-ups now (too many requests): wait, then verify again.';
  return `The auth API refused with ${status ?? 'no status'}${code === undefined ? '' : `, ${code}`}: ${message}`;
}
