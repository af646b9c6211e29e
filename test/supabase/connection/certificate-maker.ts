import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether `openssl` is here to make certificates with. */
export function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    // Absent or not startable: the tests that need it say so and are skipped.
    if (error instanceof Error) return false;
    throw error;
  }
}

export type Authority = { readonly certificate: string; readonly key: string };

/** Makes a private certificate authority as files in `folder`. */
export function makeAuthority(folder: string, name: string): Authority {
  mkdirSync(folder, { recursive: true });
  const [certificate, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  openssl(
    `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=${name} -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign`,
    ['-keyout', key, '-out', certificate],
  );
  return { certificate, key };
}

/** A server certificate for `names` (`DNS:localhost,IP:127.0.0.1`), signed by `authority`. */
export function makeServerCertificate(folder: string, authority: Authority, names: string): Authority {
  const [certificate, key] = [join(folder, 'server.crt'), join(folder, 'server.key')];
  const [request, extension] = [join(folder, 'server.csr'), join(folder, 'server.ext')];
  writeFileSync(extension, `subjectAltName=${names}\n`);
  openssl('req -newkey rsa:2048 -nodes -subj /CN=server', ['-keyout', key, '-out', request]);
  openssl('x509 -req -days 2 -CAcreateserial', [
    ...['-in', request, '-CA', authority.certificate, '-CAkey', authority.key],
    ...['-extfile', extension, '-out', certificate],
  ]);
  return { certificate, key };
}

function openssl(line: string, rest: readonly string[]): void {
  execFileSync('openssl', [...line.split(' '), ...rest], { stdio: 'ignore' });
}
