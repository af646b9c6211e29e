import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { buildCli, type Cli } from '../helpers/cli.ts';
import { runHere, runMain } from '../helpers/in-process.ts';
import { full } from '../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';

const root = new URL('../../', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');
const pages = [
  'README.md',
  ...readdirSync(new URL('docs/', root))
    .filter((one) => one.endsWith('.md'))
    .map((one) => `docs/${one}`),
];

/** Every command line of the product that a page shows, without its comment. */
const shown = new Set(
  pages.flatMap((page) =>
    [...read(page).matchAll(/^ *npx voxanne-rollout\b(.*)$/gm)].map(([, rest = '']) => rest.replace(/#.*$/, '').trim()),
  ),
);

/**
 * Run one after the other on one database, with the exit code of each: 2 is a question that nobody is there to answer.
 * Those in `variants` are run with FULL=1 alone.
 */
const journey: readonly (readonly [line: string, code: number])[] = [
  ['doctor', 0],
  ['plan', 0],
  ['', 2],
  ['scan', 1],
  ['plan --out rollout.json', 0],
  ['show rollout.json --verbose', 0],
  ['--yes --plan rollout.json', 0],
  ['--yes --to 1.6', 0],
  ['--yes --to 1.7', 0],
  ['status', 0],
  ['verify', 0],
  ['verify --verbose', 0],
  ['report --format html --output rollout.html', 0],
  ['report --plan rollout.json --output report.md', 0],
  ['guard', 1],
  ['guard --only database', 0],
  ['guard --only code', 1],
  ['guard --format sarif', 1],
  ['guard --format json > guard-baseline.json', 1],
  ['guard --baseline guard-baseline.json', 0],
  ['findings --format tasks --run-programs', 0],
  ['approve', 0],
  ['rollback', 2],
  ['rollback --to 1.4', 2],
  ['rollback --phase 2', 2],
  ['rollback --all', 2],
  ['rollback --all --yes', 0],
  ['init', 2],
];
const variants =
  /^$|^--yes --to 1\.6|^verify --verbose|^report --plan|^guard --(?:only database|format|baseline)|^rollback --(?:to|all$)/;

/** What needs more than a database and a folder, and the test that does run it. */
const elsewhere: Readonly<Record<string, readonly [file: string, text: string]>> = {
  demo: ['scripts/try-package.js', "'demo', '--yes'"],
  mcp: ['test/mcp/client.ts', "'mcp'"],
  'approve 3f9c2a1e8b64': ['test/mcp/adversary.test.ts', "'approve'"],
  'approve 3f9c2a1e8b64 --decline': ['test/mcp/adversary.test.ts', "'--decline'"],
  'findings --prove 3f9c2a1e8b64 --run-programs': ['test/cli/findings.test.ts', "'--prove'"],
  'status --all': ['test/cli/rehearse.test.ts', "'--all'"],
  'rehearse --on demo': ['test/cli/rehearse.test.ts', "'--on', 'demo'"],
  'rehearse --on staging --out rollout.json': ['test/cli/rehearse.test.ts', "'--on', 'staging', '--out'"],
  'rehearse --on COPY_DB_URL --out rollout.json': ['test/cli/rehearse.test.ts', "'--on'"],
  'rehearse --on COPY_DB_URL --plan rollout.json': ['test/cli/rehearse.test.ts', "'--plan'"],
  '--yes --to 1.7 --executor supabase-cli': ['test/supabase/cli/whole.test.ts', '--executor=supabase-cli'],
  '--yes --to 1.7 --register': ['test/supabase/cli/whole.test.ts', '--register'],
  '--yes --commit': ['test/workspace/executor.test.ts', 'with --commit'],
  'verify --supabase-url https://REF.supabase.co': ['test/security/canary.test.ts', "'--supabase-url'"],
  'verify --backend-url https://api.example.com': ['test/app-e2e/app.test.ts', '2.3/http'],
};

let cli: Cli;
let server: EmbeddedServer;
beforeAll(async () => {
  [server, cli] = await Promise.all([startServer(), buildCli()]);
});
afterAll(async () => {
  await server?.stop();
  await cli?.[Symbol.asyncDispose]();
});

describe('what the pages tell an operator to type', () => {
  it('is run here, or by a test that is named', () => {
    expect([...shown].sort()).toEqual([...journey.map(([line]) => line), ...Object.keys(elsewhere)].sort());
    for (const [line, [file, text]] of Object.entries(elsewhere)) expect(read(file), line).toContain(text);
  });

  it('works, one after the other, from the first look to the rollback', { timeout: 300_000 }, async () => {
    await loadDatabase(server, 'tiny', 'pages');
    const cwd = cli.folder('pages');
    const decisions = { orphans: 'own-organization', trustProfiles: true };
    writeFileSync(join(cwd, 'package.json'), '{ "name": "app", "dependencies": { "react": "19" } }');
    writeFileSync(join(cwd, 'org.ts'), "export const orgId = localStorage.getItem('org_id');\n");
    writeFileSync(join(cwd, 'voxanne-rollout.config.json'), JSON.stringify({ decisions }));
    for (const [line, code] of journey.filter(([one]) => full || !variants.test(one))) {
      // Code that came after the rollout: what the guard is for.
      if (line === 'guard')
        writeFileSync(join(cwd, 'added.ts'), "export const org = localStorage.getItem('org_id');\n");
      const [command = '', file] = line.split(' > ');
      const done = await runHere(command.split(' ').filter(Boolean), { url: server.url('pages'), cwd });
      expect(done, line).toMatchObject({ code });
      if (file !== undefined) writeFileSync(join(cwd, file), done.stdout);
    }
  });
});

describe('the pages and the help', () => {
  it('name the same commands and the same flags', async () => {
    const help = await runMain(['--help']);
    const commands = [...help.stdout.matchAll(/^ {2}([a-z]+)(?: |$)/gm)].map(([, name = '']) => name);
    const flags = new Set<string>();
    for (const command of ['', ...commands]) {
      const { stdout } = command === 'help' ? help : await runMain([command, '--help'].filter(Boolean));
      for (const [flag] of stdout.matchAll(/(?<=^ {2})--[a-z][a-z-]*/gm)) flags.add(flag);
    }
    const readme = read('README.md');
    for (const command of commands) expect(readme).toMatch(new RegExp(`^voxanne-rollout ${command}\\b`, 'm'));
    const text = [readme, read('docs/settings.md')].join('\n');
    const named = new Set(text.match(/--[a-z][a-z-]*/g));
    expect([...flags].filter((flag) => !named.has(flag) && flag !== '--help' && flag !== '--version')).toEqual([]);
    expect([...named].filter((flag) => !flags.has(flag))).toEqual([]);
  });
});
