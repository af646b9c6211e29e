// Packs what would be published, installs it as a stranger would (no development dependencies, an empty folder, and once
// more globally), and uses it: the demo goes to its end and back. Prints what the install weighs.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const here = join(import.meta.dirname, '..');
const root = mkdtempSync(join(tmpdir(), 'voxanne-package-'));
const extra = process.argv.slice(2).filter((one) => /^node@\d+$/.test(one));

const say = (text) => console.log(text);
const run = (command, args, options = {}) => {
  // A registry that does not answer must not hold everything up: an install is ended and tried once more.
  const installs = command === 'npm';
  const once = () =>
    spawnSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: installs ? 120_000 : 300_000,
      ...options,
    });
  let result = once();
  if (installs && result.status !== 0) result = once();
  if (result.status !== (options.expected ?? 0)) {
    throw new Error(
      `${command} ${args.join(' ')} ended with ${result.status}\n${result.error ?? ''}${result.stdout}\n${result.stderr}`,
    );
  }
  return result.stdout;
};
const weigh = (folder) =>
  readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    return sum + (entry.isSymbolicLink() ? 0 : entry.isDirectory() ? weigh(path) : statSync(path).size);
  }, 0);

/** A stranger's shell: none of this checkout's binaries on the path, a cache of its own, no colours. */
const environment = (home) => ({
  PATH: process.env.PATH.split(':')
    .filter((one) => !one.includes('node_modules'))
    .join(':'),
  HOME: home,
  XDG_CACHE_HOME: join(home, '.cache'),
  NO_COLOR: '1',
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^npm_config_|^NPM_CONFIG_|_proxy$|_PROXY$/.test(name)),
  ),
});

const use = (program, env, cwd) => {
  const version = run(program[0], [...program.slice(1), '--version'], { env, cwd }).trim();
  const help = run(program[0], [...program.slice(1), '--help'], { env, cwd });
  if (!help.includes('rollback')) throw new Error('--help names no command');
  const doctor = spawnSync(program[0], [...program.slice(1), 'doctor'], { env, cwd, encoding: 'utf8' });
  if (/defect|TypeError|ENOENT/.test(doctor.stdout + doctor.stderr))
    throw new Error(`doctor: ${doctor.stdout}${doctor.stderr}`);
  const demo = run(program[0], [...program.slice(1), 'demo', '--yes'], { env, cwd });
  // The sample app comes without its compiler and its tests: what was not checked is counted where it ends.
  if (!/^Done: every check that ran passed; \d+ checks? could not be run, /m.test(demo))
    throw new Error(`the demo did not end with its checks passed and the others counted:\n${demo}`);
  if (!demo.includes('Rolled back, and proven step by step.')) throw new Error(`the demo did not end back:\n${demo}`);
  return version;
};

try {
  run(process.execPath, ['scripts/build.js'], { cwd: here });
  const packed = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', root], {
      cwd: here,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  const tarball = join(root, (Array.isArray(packed) ? packed[0] : Object.values(packed)[0]).filename);
  if (!existsSync(tarball)) throw new Error(`npm pack made no ${tarball}`);
  const home = join(root, 'home');
  const local = join(root, 'local');
  const prefix = join(root, 'global');
  for (const folder of [home, local, prefix]) mkdirSync(folder);
  // The user's own settings say where the registry is.
  for (const file of [process.env.NPM_CONFIG_USERCONFIG, join(process.env.HOME ?? '', '.npmrc')]) {
    if (file && existsSync(file)) {
      writeFileSync(join(home, '.npmrc'), execFileSync('cat', [file]));
      break;
    }
  }
  const env = environment(home);
  writeFileSync(join(local, 'package.json'), '{"private":true}');
  const install = spawnSync('npm', ['install', '--omit=dev', '--no-audit', '--no-fund', tarball], {
    env,
    cwd: local,
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (install.status !== 0)
    run('npm', ['install', '--omit=dev', '--no-audit', '--no-fund', tarball], { env, cwd: local });
  if (/npm warn install-scripts|EBADENGINE/.test(install.stderr))
    throw new Error(`the install warns:\n${install.stderr}`);
  const megabytes = weigh(join(local, 'node_modules')) / 1024 / 1024;
  say(
    `installed: ${megabytes.toFixed(1)} MB in ${readdirSync(join(local, 'node_modules')).filter((one) => !one.startsWith('.')).length} packages and scopes`,
  );
  if (megabytes > 45) throw new Error(`the install weighs ${megabytes.toFixed(1)} MB, more than 45`);
  const bin = join(local, 'node_modules', '.bin', 'voxanne-rollout');
  say(`local install of ${use([bin], env, local)}: --version, --help, doctor, demo --yes to the end and back`);
  run('npm', ['install', '--global', '--prefix', prefix, '--omit=dev', '--no-audit', '--no-fund', tarball], {
    env,
    cwd: home,
  });
  say(`global install of ${use([join(prefix, 'bin', 'voxanne-rollout')], env, home)}: the same`);
  for (const node of extra) {
    const folder = join(root, node.replace('@', '-'));
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{"private":true}');
    run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts=false', node], { env, cwd: folder });
    const other = join(folder, 'node_modules', '.bin', 'node');
    const seen = run(other, ['--version'], { env, cwd: folder }).trim();
    use([other, join(local, 'node_modules', 'voxanne-rollout', 'bin', 'voxanne-rollout.js')], env, local);
    say(`on Node ${seen}: the same`);
  }
} finally {
  rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
