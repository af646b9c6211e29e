import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { changeHash, planName, planText, readSavedPlan, type SavedPlan, sealed } from '../../src/rollout/saved-plan.ts';
import { tinyDecisions } from '../helpers/cli.ts';
import { runMain } from '../helpers/in-process.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';

let server: EmbeddedServer;
let folder: string;
let file: string;
beforeAll(async () => {
  server = await startServer();
  folder = mkdtempSync(join(tmpdir(), 'voxanne-plans-'));
  file = join(folder, 'plan.json');
  await loadDatabase(server, 'tiny', 'app');
  await sql(
    'app',
    `create function public.call_home() returns bigint language sql as $fn$
    select count(*) from public.calls where organization_id is not null and '${key}' <> '' $fn$`,
  );
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** As somebody might have put it into a function of the app. */
const key = 'sb_secret_Qz81LmN0pXr7TtYw';

const sql = async (database: string, ...texts: readonly string[]): Promise<readonly Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: server.url(database) });
  await client.connect();
  try {
    let rows: readonly Record<string, unknown>[] = [];
    for (const text of texts) rows = (await client.query(text)).rows;
    return rows;
  } finally {
    await client.end();
  }
};
const on = (database: string): readonly string[] => ['--db-url', server.url(database), '--workspace', folder];
const apply = (database: string, ...more: readonly string[]) =>
  runMain(['--yes', '--plan', file, ...more, ...on(database)]);
const saved = (): SavedPlan => readSavedPlan(readFileSync(file, 'utf8'), file, toolOf(file));
const toolOf = (path: string): string => (JSON.parse(readFileSync(path, 'utf8')) as SavedPlan).made.tool;
const nothingApplied = async (): Promise<void> => {
  const [row] = await sql('app', `select to_regclass('voxanne_rollout.entries') is null as none`);
  expect(row).toEqual({ none: true });
};

describe('a plan file', () => {
  test('holds every change with its inverse, is private, and nothing was changed for it', async () => {
    const made = await runMain(['plan', '--out', file, ...tinyDecisions, ...on('app')]);
    expect(made.code, made.stderr).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await nothingApplied();
    const plan = saved();
    expect(plan.steps.map((one) => one.step)).toEqual(['1.1', '1.2', '1.3', '1.4', '1.5', '1.6', '1.7']);
    const changes = plan.steps.flatMap((one) => one.changes);
    expect(changes.length).toBeGreaterThan(20);
    // What a change was computed from is named, except where it only makes something new.
    const rename = changes.find((one) => one.change.title.startsWith('Rename'));
    expect(rename?.reads.length).toBeGreaterThan(0);
    expect(made.stdout).toMatch(/Not part of the plan:\n +2\.1, .*4\.2: there is no code in/);
  });

  test('holds no password and no row', async () => {
    const text = readFileSync(file, 'utf8');
    const password = new URL(server.url('app')).password;
    expect(text).not.toContain(password);
    const rows = await sql(
      'app',
      'select email::text as text from auth.users union all select name from public.organizations',
    );
    expect(rows.length).toBeGreaterThan(3);
    for (const { text: value } of rows) expect(text).not.toContain(value);
    // A key in a function of the app is masked; what is applied is computed on the target and compared by its hash.
    expect(text).not.toContain(key);
    expect(saved().steps.flatMap((step) => step.changes.filter((one) => one.hidden)).length).toBe(1);
  });

  test('is not overwritten unless that is said', async () => {
    const before = readFileSync(file, 'utf8');
    const again = await runMain(['plan', '--out', file, ...tinyDecisions, ...on('app')]);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('is there already') });
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  test('is shown without a database, for people and for programs', async () => {
    const shown = await runMain(['show', file]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/^1\.7 .+ \d\d changes$/m);
    expect(shown.stdout).toContain('Not rehearsed');
    const lines = (await runMain(['show', file, '--json'])).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.find((one) => one.type === 'saved-plan').plan.hash).toBe(saved().hash);
  });
});

/** What somebody might write in place of a value. */
function otherThan(value: unknown): readonly unknown[] {
  if (typeof value === 'string') return [`${value}x`, null];
  if (typeof value === 'number') return [value + 1, String(value)];
  if (typeof value === 'boolean') return [!value];
  if (value === null) return ['x', {}];
  if (Array.isArray(value)) return [[...value, value[0] ?? 'x'], ...(value.length > 0 ? [value.slice(1)] : [])];
  return [{ ...value, extra: 1 }];
}

function replaced(within: unknown, [key, ...rest]: readonly (string | number)[], value: unknown): unknown {
  if (key === undefined) return value;
  if (Array.isArray(within)) return within.map((one, index) => (index === key ? replaced(one, rest, value) : one));
  return Object.fromEntries(
    Object.entries(within ?? {}).map(([name, one]) => [name, name === key ? replaced(one, rest, value) : one]),
  );
}

describe('refused before anything is connected', () => {
  const variant = (change: (plan: SavedPlan) => unknown): string => {
    const path = join(folder, 'variant.json');
    writeFileSync(path, JSON.stringify(change(saved())) ?? '{');
    return path;
  };
  const editedChange = (plan: SavedPlan): unknown => ({
    ...plan,
    steps: plan.steps.map((step) => ({
      ...step,
      changes: step.changes.map((one) =>
        one.change.kind === 'sql' ? { ...one, change: { ...one.change, up: `${one.change.up} -- x` } } : one,
      ),
    })),
  });

  test.each([
    ['an edited change, by its name', editedChange, /was edited since it was written: step 1\.2, rename/],
    ['an edited title', (plan: SavedPlan) => ({ ...plan, made: { ...plan.made, at: 'yesterday' } }), /was edited/],
    ['a change left out', (plan: SavedPlan) => ({ ...plan, steps: plan.steps.slice(0, 3) }), /was edited/],
    ['a decision added', (plan: SavedPlan) => ({ ...plan, settings: { decisions: {} } }), /was edited/],
    ['a key of somebody else', (plan: SavedPlan) => ({ ...plan, note: 'x' }), /was edited/],
    [
      'another version of the tool',
      (plan: SavedPlan) => sealed({ ...plan, made: { ...plan.made, tool: '9.9.9' } }),
      /another version/,
    ],
    ['another format', (plan: SavedPlan) => ({ ...plan, format: 99 }), /another version/],
    ['no plan at all', () => ({ kind: 'something else' }), /not a plan file/],
    ['no JSON', () => undefined, /not valid JSON/],
  ])('%s', async (_, change, problem) => {
    const path = variant(change);
    for (const args of [
      ['show', path],
      ['--yes', '--plan', path],
    ]) {
      const refused = await runMain([...args, '--workspace', folder]);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(problem) });
    }
  });

  test('every field of it, changed by hand in any way', () => {
    const { tool } = saved().made;
    const text = JSON.stringify(saved());
    let tried = 0;
    const passed: string[] = [];
    const visit = (value: unknown, at: readonly (string | number)[]): void => {
      for (const other of otherThan(value)) {
        tried++;
        const name = `${at.join('.')} as ${JSON.stringify(other)}`;
        try {
          readSavedPlan(JSON.stringify(replaced(JSON.parse(text), at, other)), name, tool);
          passed.push(name);
        } catch (error) {
          expect(error, name).toMatchObject({ exitCode: 2 });
        }
      }
      if (typeof value !== 'object' || value === null) return;
      // The definitions of a few objects stand for those of all.
      const entries = Object.entries(value).slice(0, at.length === 1 && at[0] === 'state' ? 3 : undefined);
      for (const [key, one] of entries) visit(one, [...at, Array.isArray(value) ? Number(key) : key]);
    };
    for (const [key, one] of Object.entries(saved())) visit(one, [key]);
    expect(passed).toEqual([]);
    expect(tried).toBeGreaterThan(500);
  });

  test('the same content in another layout is the same plan', () => {
    expect(readSavedPlan(JSON.stringify(JSON.parse(planText(saved()))), 'x', saved().made.tool)).toEqual(saved());
  });

  test('a plan without --yes, and a decision that contradicts it', async () => {
    expect((await runMain(['--plan', file, ...on('app')])).code).toBe(2);
    const other = await apply('app', '--orphans=leave');
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('decisions.orphans "own-organization"') });
    await nothingApplied();
  });

  test('a plan for another database', async () => {
    await loadDatabase(server, 'tiny', 'other');
    const other = await apply('other');
    expect(other).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/was made for .*\/app, and this is .*\/other/),
    });
  });
});

describe('a target that differs', () => {
  test.each([
    [
      'a policy that a change drops',
      `create policy extra on public.calls for select using (true)`,
      `drop policy extra on public.calls`,
      'only now: policy public.calls.extra',
    ],
    [
      'a column of a table that is changed',
      'alter table public.contacts add column extra int',
      'alter table public.contacts drop column extra',
      'only now: column public.contacts.extra',
    ],
    [
      'an index of such a table',
      'create index extra on public.calls (id)',
      'drop index public.extra',
      'only now: index public.extra',
    ],
    ['a table that would be exposed', 'create table public.extra (id int)', 'drop table public.extra', 'public.extra'],
  ])('%s stops the run before the first change', async (_, change, back, named) => {
    await sql('app', change);
    try {
      const stopped = await apply('app');
      expect(stopped.code).toBe(1);
      expect(stopped.stderr).toContain('Nothing was changed');
      expect(stopped.stderr).toContain(named);
      await nothingApplied();
    } finally {
      await sql('app', back);
    }
  });
});

test('rows that come in the meantime are no difference; unrelated drift is named and let pass; a second run does nothing', async () => {
  await sql('app', `insert into public.calls (organization_id, caller) select id, 'later' from public.organizations`);
  await sql('app', `create type public.mood as enum ('calm', 'keen')`);
  const first = await apply('app', '--to', '1.3');
  expect(first.code, first.stdout + first.stderr).toBe(0);
  expect(first.stdout).toContain('only now: type public.mood');
  expect(first.stdout).toContain(`fits this database: ${saved().steps.flatMap((step) => step.changes).length} changes`);
  const rest = await apply('app');
  expect(rest.code, rest.stdout + rest.stderr).toBe(0);
  const again = await apply('app');
  expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') });
  const journalled = await sql(
    'app',
    `select change from voxanne_rollout.entries where state = 'applied' order by seq`,
  );
  const wanted = saved().steps.flatMap((step) => step.changes.map((one) => one.hash));
  expect(journalled.map((row) => changeHash(JSON.parse(String(row.change))))).toEqual(wanted);
  const [record] = await sql(
    'app',
    `select detail from voxanne_rollout.records where state = 'applied' order by seq limit 1`,
  );
  expect(record?.detail).toContain(`plan ${planName(saved())}`);
});
