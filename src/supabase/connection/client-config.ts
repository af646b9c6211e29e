import type { ClientConfig } from 'pg';
import { exitCodes, RolloutError } from '../../rollout/errors.ts';
import type { Authorities } from './certificates.ts';
import { describeUrl } from './describe.ts';
import { parseDatabaseUrl } from './url.ts';

export type ClientConfigOptions = {
  /** From `findAuthorities`; without it those of Node and `NODE_EXTRA_CA_CERTS` are trusted. */
  readonly authorities?: Pick<Authorities, 'pem' | 'named'> | null | undefined;
  /** Allows a connection without TLS to another machine. Hosted Supabase has TLS, and also wants `sslmode=disable`. */
  readonly allowPlaintext?: boolean | undefined;
  /** Milliseconds for connecting and signing in; 10,000 by default. */
  readonly connectTimeout?: number | undefined;
  /** What other sessions see in `pg_stat_activity`; `voxanne-rollout` by default. */
  readonly applicationName?: string | undefined;
  /** Password to use when the string has none. */
  readonly password?: string | undefined;
};

const demandsTls = new Set(['require', 'verify-ca', 'verify-full', 'no-verify']);

/**
 * The configuration of a `pg` client. `sslmode` is taken off the string and TLS is decided here, because `pg` connects
 * in plaintext without it and fails on Supabase's private authority with it (`supabase.md`, section 6):
 *
 * - another machine: always TLS with a verified certificate and host name, unless `allowPlaintext`;
 * - this machine: plaintext, or verified TLS when `sslmode` demands it or the operator named an authority.
 *
 * Session settings are left out: poolers refuse them as startup parameters.
 *
 * @throws {RolloutError} exit code 2 for a string that cannot be read or that asks for plaintext to another machine.
 */
export function clientConfig(url: string, options: ClientConfigOptions = {}): ClientConfig {
  const parsed = parseDatabaseUrl(url);
  const ssl = sslOf(url, options);
  const password = parsed.password ?? options.password;
  return {
    host: parsed.host,
    port: parsed.port,
    database: parsed.database,
    user: parsed.user,
    ...(password === undefined ? {} : { password }),
    ...(parsed.parameters.options === undefined ? {} : { options: parsed.parameters.options }),
    ssl,
    // Given even so, because `pg` would otherwise read the environment and refuse `direct` without TLS.
    sslnegotiation: parsed.parameters.sslnegotiation === 'direct' && ssl !== false ? 'direct' : 'postgres',
    application_name: options.applicationName ?? 'voxanne-rollout',
    connectionTimeoutMillis: options.connectTimeout ?? 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

/** Whether the connection of this string and these options is encrypted and verified. */
export function usesTls(url: string, options: ClientConfigOptions = {}): boolean {
  return sslOf(url, options) !== false;
}

function sslOf(url: string, options: ClientConfigOptions): false | { rejectUnauthorized: true; ca?: string[] } {
  const parsed = parseDatabaseUrl(url);
  const { label, kind } = describeUrl(parsed);
  const { host, parameters } = parsed;
  const mode = parameters.sslmode ?? (parameters.ssl === 'true' || parameters.ssl === '1' ? 'require' : undefined);
  const authorities = options.authorities ?? null;
  const verified = { rejectUnauthorized: true, ...(authorities === null ? {} : { ca: [...authorities.pem] }) } as const;
  if (host.startsWith('/')) return false;
  const wanted = mode === undefined ? authorities?.named === true : demandsTls.has(mode);
  if (kind === 'loopback') return wanted ? verified : false;
  const hosted = kind !== 'other';
  if (options.allowPlaintext === true && (hosted ? mode === 'disable' : !wanted)) return false;
  if (mode === 'disable') {
    throw new RolloutError(
      `The connection string asks for no encryption (sslmode=disable) to ${label}, which is another machine.`,
      'Take sslmode=disable off the string, or add --allow-plaintext if the network in between is yours.',
      { exitCode: exitCodes.usage },
    );
  }
  return verified;
}
