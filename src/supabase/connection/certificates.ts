import { X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import { certificateAdvice } from '../../database/errors/advice.ts';
import { exitCodes, RolloutError } from '../../rollout/errors.ts';

/** Certificate authorities to trust, as PEM, and who named them. */
export type Authorities = {
  readonly pem: readonly string[];
  /** For screens: `--ca`, `sslrootcert`, `PGSSLROOTCERT`, or the path of the file that was found. */
  readonly origin: string;
  /** True when the operator named the file: then nothing else is trusted. */
  readonly named: boolean;
};

export type FindAuthoritiesOptions = {
  readonly workspace: string;
  /** `--ca` or `ca` of the configuration file; relative to the workspace. */
  readonly ca?: string | null | undefined;
  /** `sslrootcert` of the connection string. */
  readonly sslrootcert?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/**
 * Finds the certificate authorities for the database: named by the operator, else `prod-ca-*.crt` in the workspace.
 * `NODE_EXTRA_CA_CERTS` is added to what was found; null leaves the choice to Node, which reads that variable itself.
 *
 * @throws {RolloutError} exit code 2 when a file is missing or holds no valid certificate.
 */
export async function findAuthorities(options: FindAuthoritiesOptions): Promise<Authorities | null> {
  const { workspace, env } = options;
  const named: readonly (readonly [string, string | null | undefined])[] = [
    ['--ca', options.ca],
    ['sslrootcert', options.sslrootcert === 'system' ? undefined : options.sslrootcert],
    ['PGSSLROOTCERT', env.PGSSLROOTCERT === 'system' ? undefined : env.PGSSLROOTCERT],
  ];
  for (const [origin, path] of named) {
    if (path) return { pem: await readCertificates(resolve(workspace, path), origin), origin, named: true };
  }
  const found = await certificateFiles(workspace);
  if (found.length === 0) return null;
  const files = await Promise.all(found.map((path) => readCertificates(path, 'the workspace')));
  const extra = env.NODE_EXTRA_CA_CERTS
    ? await readCertificates(resolve(env.NODE_EXTRA_CA_CERTS), 'NODE_EXTRA_CA_CERTS')
    : [];
  return { pem: [...files.flat(), ...extra, ...rootCertificates], origin: found.join(', '), named: false };
}

/** The name under which the dashboard saves it, where people put it. */
async function certificateFiles(workspace: string): Promise<readonly string[]> {
  const folders = ['.', 'supabase', 'certs', 'backend', 'backend/certs'].map((folder) => join(workspace, folder));
  const lists = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EACCES') return [];
        throw error;
      });
      return names.filter((name) => /^prod-ca-.*\.(?:crt|pem|cer)$/i.test(name)).map((name) => join(folder, name));
    }),
  );
  return lists.flat().sort();
}

async function readCertificates(path: string, origin: string): Promise<readonly string[]> {
  const fail = (what: string, cause?: unknown) =>
    new RolloutError(`The certificate file ${path} (${origin}) ${what}.`, `${certificateAdvice}.`, {
      exitCode: exitCodes.usage,
      cause,
    });
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw fail(error.code === 'ENOENT' ? 'is not there' : `cannot be read (${error.code})`, error);
  });
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw fail('holds no certificate in PEM form');
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch (error) {
      throw fail('holds a certificate that cannot be read', error);
    }
  }
  const now = Date.now();
  const valid = blocks.filter((block) => Date.parse(new X509Certificate(block).validTo) > now);
  if (valid.length === 0) throw fail('holds only certificates that have expired');
  return valid;
}
