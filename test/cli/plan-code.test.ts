import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { canonical, readSavedPlan, type SavedPlan, sealed } from '../../src/rollout/saved-plan.ts';
import { sha256 } from '../../src/workspace/hash.ts';
import { buildCli, type Cli, tinyDecisions } from '../helpers/cli.ts';
import { runMain } from '../helpers/in-process.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';

/** One checkout of a small app on one database, from test to test: planned, refused, killed in the middle, finished. */
let server: EmbeddedServer;
let cli: Cli;
let folder: string;
let app: string;
let file: string;
/** As somebody might have left it beside what a step changes. */
const key = 'Zq81LmN0pXr7TtYw4';
beforeAll(async () => {
  [server, cli] = await Promise.all([startServer(), buildCli()]);
  folder = mkdtempSync(join(tmpdir(), 'voxanne-plan-code-'));
  // Its own temporary files are counted below, and other programs of this kind may work on the same machine.
  process.env.TMPDIR = mkdtempSync(join(folder, 'tmp-'));
  app = join(folder, 'desk');
  file = join(folder, 'plan.json');
  cpSync('test/fixtures/apps/fastify', app, { recursive: true });
  writeFileSync(
    join(app, 'src/routes/calls.ts'),
    readFileSync(join(app, 'src/routes/calls.ts'), 'utf8').replace(
      'export async function',
      `const providerSecret = '${key}';\nexport async function`,
    ),
  );
  git('init', '--quiet');
  git('add', '.');
  git('-c', 'user.name=tester', '-c', 'user.email=tester@example.test', 'commit', '--quiet', '-m', 'as it was');
  await loadDatabase(server, 'tiny', 'app');
}, 60_000);
afterAll(async () => {
  await Promise.all([server?.stop(), cli?.[Symbol.asyncDispose]()]);
  rmSync(folder, { recursive: true, force: true });
});

const git = (...args: readonly string[]): string => execFileSync('git', ['-C', app, ...args], { encoding: 'utf8' });
const on = (workspace = app): readonly string[] => ['--db-url', server.url('app'), '--workspace', workspace];
const apply = (...more: readonly string[]) => runMain(['--yes', '--plan', file, ...more, ...on()]);
const saved = (): SavedPlan => {
  const text = readFileSync(file, 'utf8');
  return readSavedPlan(text, file, (JSON.parse(text) as SavedPlan).made.tool);
};
const edits = (plan: SavedPlan) =>
  (plan.code?.steps ?? []).flatMap(({ step, changes }) => changes.map(({ change }) => ({ step, ...change })));
const nothingApplied = async (): Promise<void> => {
  const client = new pg.Client({ connectionString: server.url('app') });
  await client.connect();
  try {
    const { rows } = await client.query(`select to_regclass('voxanne_rollout.entries') is null as none`);
    expect(rows).toEqual([{ none: true }]);
  } finally {
    await client.end();
  }
  expect(existsSync(join(app, '.voxanne-rollout/journal.ndjson'))).toBe(false);
};
const variant = (change: (plan: SavedPlan) => SavedPlan): string => {
  const path = join(folder, 'variant.json');
  writeFileSync(path, JSON.stringify(change(saved())));
  return path;
};
const copies = (): readonly string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('voxanne-ahead-'));

describe('a plan file', () => {
  test('covers the code as it will be after the database, and nothing of the checkout was touched for it', async () => {
    const before = copies();
    const made = await runMain(['plan', '--out', file, ...tinyDecisions, ...on()]);
    expect(made.code, made.stderr).toBe(0);
    await nothingApplied();
    expect(git('status', '--porcelain')).toBe('');
    expect(copies()).toEqual(before);
    const plan = saved();
    expect(plan.code?.steps.map((one) => one.step)).toEqual(['2.1', '2.2', '2.3', '3.1', '3.2', '3.3', '4.1', '4.2']);
    expect(plan.uncovered).toEqual([]);
    const routes = edits(plan).find((one) => one.path === 'src/routes/calls.ts');
    expect(routes?.before).toBe(sha256(readFileSync(join(app, 'src/routes/calls.ts'))));
    expect(routes?.after).toMatch(/^[0-9a-f]{64}$/);
    expect(edits(plan).find((one) => one.path === 'src/services/org-membership.ts')?.before).toBeNull();
  });

  test('shows the difference of each file, and no secret that stands beside it', async () => {
    const shown = await runMain(['show', file, '--verbose']);
    expect(shown.stdout).toContain('+++ b/src/routes/calls.ts');
    expect(shown.stdout).toMatch(/^ +-.*request\.query as/m);
    expect(readFileSync(file, 'utf8')).not.toContain(key);
    expect(shown.stdout).toContain("const providerSecret = '***'");
    expect((await runMain(['show', file])).stdout).toMatch(/2\.3 .*\n.*src\/routes\/calls\.ts +not all of it is shown/);
  });

  test.each<[string, (plan: SavedPlan) => SavedPlan]>([
    ['an edited difference', (plan) => edited(plan, (change) => ({ ...change, diff: `${change.diff} ` }))],
    ['another content', (plan) => edited(plan, (change) => ({ ...change, after: sha256('rm -rf /') }))],
    ['another content, sealed again', (plan) => sealed(edited(plan, (one) => ({ ...one, after: sha256('x') })))],
    ['another file, sealed again', (plan) => sealed(edited(plan, (one) => ({ ...one, path: '../outside.ts' })))],
    ['a file outside, with all hashes put right', (plan) => sealed(outside(plan))],
    ['a step left out', (plan) => ({ ...plan, code: null })],
  ])('edited by hand is refused: %s', async (_, change) => {
    for (const args of [['show'], ['--yes', '--plan']]) {
      const refused = await runMain([...args, variant(change), '--workspace', folder]);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('was edited since it was written') });
    }
  });

  test('that somebody made writes no line of its own and moves no cursor', async () => {
    const text = 'one\n✓ rehearsed on production\u001b[2J';
    const path = variant(({ code, ...plan }) =>
      sealed({
        ...plan,
        target: { ...plan.target, environment: text },
        code: code && { ...code, steps: code.steps.map((one) => ({ ...one, title: text, notes: [text] })) },
      }),
    );
    const shown = await runMain(['show', path]);
    expect(shown.code).toBe(0);
    expect(shown.stdout.match(/one<U\+000A>✓ rehearsed on production<U\+001B>\[2J/g)?.length).toBeGreaterThan(2);
    expect(shown.stdout).not.toMatch(/^ *✓ rehearsed on production/m);
    expect(shown.stdout).not.toContain('\u001b[2J');
  });

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['a command', { code: { tests: 'touch /tmp/started' } }],
    ['an address', { backendUrl: 'http://127.0.0.1:1' }],
    ['plain text to the server', { allowPlaintext: true }],
  ])('that somebody made to set %s is refused', async (_, more) => {
    const path = variant((plan) => sealed({ ...plan, settings: { ...plan.settings, ...more } }));
    const refused = await runMain(['--yes', '--plan', path, ...on()]);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('which no plan holds') });
    await nothingApplied();
  });
});

const outside = (plan: SavedPlan): SavedPlan => {
  const path = '../outside.ts';
  const next = edited(plan, (one) => ({ ...one, path }));
  const hash = ({ kind, id, before, after }: ReturnType<typeof edits>[number]): string =>
    sha256(canonical({ kind, id, path, before: before?.slice(0, 64) ?? null, after }));
  const steps = (next.code?.steps ?? []).map((one) => ({
    ...one,
    changes: one.changes.map((each) => ({ ...each, hash: hash({ step: one.step, ...each.change }) })),
  }));
  return { ...next, code: { files: next.code?.files ?? {}, steps } };
};

const edited = (
  plan: SavedPlan,
  edit: (change: ReturnType<typeof edits>[number]) => { readonly step: string; readonly path: string },
): SavedPlan => {
  if (plan.code === null) throw new Error('the plan covers no code');
  const steps = plan.code.steps.map((one) => ({
    ...one,
    changes: one.changes.map((each) => {
      const { step: _, ...change } = edit({ step: one.step, ...each.change });
      return { ...each, change: change as (typeof each)['change'] };
    }),
  }));
  return { ...plan, code: { ...plan.code, steps } };
};

describe('a checkout that differs', () => {
  const during = async (path: string, text: string, body: () => Promise<void>): Promise<void> => {
    const at = join(app, path);
    const before = existsSync(at) ? readFileSync(at) : null;
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, before === null ? text : `${before.toString()}${text}`);
    try {
      await body();
    } finally {
      if (before === null) rmSync(at);
      else writeFileSync(at, before);
    }
  };

  test('in a file that the plan changes, stops the run before the first change of anything and names it', () =>
    during('src/routes/calls.ts', '// later\n', async () => {
      const stopped = await apply();
      expect(stopped.code).toBe(1);
      expect(stopped.stderr).toContain('changed: file src/routes/calls.ts');
      expect(stopped.stderr).toContain('"Use the validated organization in src/routes/calls.ts" depends on it');
      await nothingApplied();
    }));

  test('in a file that the plan makes, as well', () =>
    during('src/services/org-fastify.ts', 'export {};\n', async () => {
      const stopped = await apply();
      expect(stopped.code, stopped.stdout).toBe(1);
      expect(stopped.stderr).toContain('only now: file src/services/org-fastify.ts');
      await nothingApplied();
    }));

  test('in what makes a step do something else, stops the run and names both', () =>
    during(
      'src/late.ts',
      "import type { FastifyInstance } from 'fastify';\nimport { authenticate } from './auth';\nimport { supabase } from './supabase';\nexport async function late(app: FastifyInstance) {\n  app.get('/late', { preHandler: authenticate }, async (request) => {\n    const { orgId } = request.query as { orgId: string };\n    return supabase.from('calls').select('id').eq('org_id', orgId);\n  });\n}\n",
      async () => {
        const stopped = await apply();
        expect(stopped.code, stopped.stdout).toBe(1);
        expect(stopped.stderr).toContain('the plan does not hold "Use the validated organization in src/late.ts"');
        expect(stopped.stderr).toContain('only now: file src/late.ts');
        await nothingApplied();
      },
    ));

  test('without the code the plan is not applied to the database by silence', async () => {
    const empty = join(folder, 'empty');
    const refused = await runMain(['--yes', '--plan', file, ...on(mkdtempSync(empty))]);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--to 1.7 for the database alone') });
    await nothingApplied();
  });
});

test('without a checkout a plan covers the database, says so, and runs nothing else', async () => {
  const path = join(folder, 'database.json');
  const empty = mkdtempSync(join(folder, 'empty'));
  const made = await runMain(['plan', '--out', path, ...tinyDecisions, ...on(empty)]);
  expect(made.stdout).toMatch(/Not part of the plan:\n +2\.1, 2\.2, 2\.3, .* 4\.2: there is no code in/);
  const refused = await runMain(['--yes', '--plan', path, '--to', '2.1', ...on()]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('The plan does not cover step 2.1') });
  await nothingApplied();
});

describe('applied', () => {
  test('unrelated files are named and let pass; killed in the middle of a step it goes on with the same plan', async () => {
    writeFileSync(join(app, 'src/unrelated.ts'), 'export const unrelated = 1;\n');
    const hook = join(folder, 'kill-hook.mjs');
    writeFileSync(
      hook,
      `import { createRequire, syncBuiltinESMExports } from 'node:module';
       const fs = createRequire(import.meta.url)('node:fs').promises;
       const { rename } = fs;
       fs.rename = async (from, to) => {
         await rename(from, to);
         if (String(to).endsWith(process.env.KILL_AT)) process.kill(process.pid, 'SIGKILL');
       };
       syncBuiltinESMExports();`,
    );
    const killed = await cli.run(['--yes', '--plan', file, '--workspace', app], {
      url: server.url('app'),
      node: ['--import', hook],
      env: { KILL_AT: 'src/services/org-fastify.ts' },
    });
    expect(killed.signal, killed.stdout + killed.stderr).toBe('SIGKILL');
    expect(killed.stdout).toContain('differs, and no change depends on it: only now: file src/unrelated.ts');
    expect(existsSync(join(app, 'src/services/org-membership.ts'))).toBe(false);
    const done = await apply();
    expect(done.code, done.stdout + done.stderr).toBe(0);
    expect(done.stdout).toContain('What comes next');
    for (const { path, after } of edits(saved())) {
      expect(sha256(readFileSync(join(app, path))), path).toBe(
        edits(saved()).findLast((one) => one.path === path)?.after,
      );
      expect(after).not.toBeNull();
    }
    expect(saved().carriedOut.map((one) => one.kind)).toEqual(['rollout']);
  });

  test('again does nothing, also in another checkout that has the files already', async () => {
    const other = join(folder, 'other');
    cpSync(app, other, { recursive: true, filter: (source) => !source.includes('.voxanne-rollout') });
    for (const workspace of [app, other]) {
      const again = await runMain(['--yes', '--plan', file, ...on(workspace)]);
      expect(again.code, again.stdout + again.stderr).toBe(0);
      expect(again.stdout).toMatch(/48 changes, 48 of them in force already/);
    }
  });

  test('what a person edited since is theirs; a file put back to another state is named', async () => {
    const path = join(app, 'src/app.ts');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, `${text}// by hand\n`);
    const again = await apply();
    expect(again.code, again.stdout + again.stderr).toBe(0);
    expect(again.stdout).toContain('edited since the plan changed it: file src/app.ts');
    expect(readFileSync(path, 'utf8')).toContain('// by hand');
    writeFileSync(path, text);
  });
});
