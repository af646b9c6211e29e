import { createHmac, timingSafeEqual } from 'node:crypto';

export type Claims = { readonly [claim: string]: unknown };

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const mac = (secret: string, input: string): Buffer => createHmac('sha256', secret).update(input).digest();

/** An HS256 token, as a project with a shared secret issues it. */
export function signToken(secret: string, claims: Claims): string {
  const input = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${input}.${mac(secret, input).toString('base64url')}`;
}

/** The claims of a token whose signature and expiry hold, else `null`. */
export function verifyToken(secret: string, token: string): Claims | null {
  const [head, body, signature, ...rest] = token.split('.');
  if (!head || !body || !signature || rest.length > 0) return null;
  const expected = mac(secret, `${head}.${body}`);
  const given = Buffer.from(signature, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  const claims = readClaims(token);
  if (typeof claims.exp === 'number' && claims.exp * 1000 < Date.now()) return null;
  return claims;
}

/** The claims of a token, its signature not looked at. */
export function readClaims(token: string): Claims {
  const body = token.split('.')[1];
  if (!body) throw new Error('not a token: it has no second part');
  const claims: unknown = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) throw new Error('claims are no object');
  return { ...claims };
}
