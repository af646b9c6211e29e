import { delimiter, isAbsolute } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** What programs need to start, to find their files, to speak the operator's language and to reach the network. */
const names = new Set(
  [
    ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'PWD', 'TMPDIR', 'TMP', 'TEMP', 'TZ', 'CI', 'PREFIX'],
    ...['TERM', 'COLORTERM', 'NO_COLOR', 'FORCE_COLOR', 'DISPLAY', 'WAYLAND_DISPLAY', 'LANG', 'LANGUAGE'],
    ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS', 'DOCKER_HOST', 'SUPABASE_CLI_BINARY_OVERRIDE'],
    ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'],
    ...['SYSTEMROOT', 'SYSTEMDRIVE', 'WINDIR', 'COMSPEC', 'PATHEXT', 'USERPROFILE', 'HOMEDRIVE', 'HOMEPATH'],
    ...['APPDATA', 'LOCALAPPDATA', 'PROGRAMDATA', 'PROGRAMFILES', 'NUMBER_OF_PROCESSORS', 'PROCESSOR_ARCHITECTURE'],
  ].map((name) => name.toUpperCase()),
);
const families = /^(?:LC_|XDG_)[A-Z_]+$/;

/**
 * The environment of a child process: what is listed here and nothing else, so that the connection string, keys and
 * tokens of this run reach no other program. What one program needs beyond it is added where that program is started.
 *
 * @param also Names of variables that this program needs as well.
 */
export function childEnvironment(env: Environment = process.env, also?: RegExp): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value !== undefined && (names.has(name.toUpperCase()) || families.test(name) || also?.test(name) === true)
        ? [[name, value] as const]
        : [],
    ),
  );
}

/** For git, which takes its author, its configuration and its signing key from variables too. */
export const gitEnvironment = (): Readonly<Record<string, string>> =>
  installedPrograms(process.env, /^(?:GIT_[A-Z0-9_]+|EMAIL|GNUPGHOME|GPG_TTY|GPG_AGENT_INFO|SSH_AUTH_SOCK)$/);

/** For npm, whose registry and its token may come from variables. */
export const npmEnvironment = (): Readonly<Record<string, string>> =>
  installedPrograms(process.env, /^(?:npm_config_.+|NPM_TOKEN|NODE_AUTH_TOKEN)$/i);

/**
 * The same without the folders that package managers put on PATH, and without those that depend on where one stands:
 * under `npx` and in scripts these are the programs of the checkout and of every folder above it. A name alone (git, npm,
 * supabase) means what is installed on the machine.
 */
export function installedPrograms(env: Environment = process.env, also?: RegExp): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(childEnvironment(env, also)).map(([name, value]) =>
      name.toUpperCase() === 'PATH'
        ? [
            name,
            value
              .split(delimiter)
              .filter((folder) => isAbsolute(folder) && !/[\\/]node_modules[\\/]\.bin[\\/]?$/.test(folder))
              .join(delimiter),
          ]
        : [name, value],
    ),
  );
}
