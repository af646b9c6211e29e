import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Drift, lookForDrift } from '../../phases/guard/drift.ts';
import { main } from '../../src/cli/main.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { placeText } from '../../src/rollout/guard-finding.ts';
import { full } from '../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { folderOf } from '../workspace/scan/files.ts';
import { databaseWeaknesses } from './seeds/database.ts';
import { harmlessChanges } from './seeds/harmless.ts';
import { placedWeaknesses, siblings } from './seeds/kinds.ts';
import { decisions, type Guarded, rolledOut } from './stage.ts';

let server: EmbeddedServer;
let guarded: Guarded;
let folder: Awaited<ReturnType<typeof folderOf>>;

beforeAll(async () => {
  server = await startServer();
  guarded = await rolledOut(server, 'guarded');
  folder = await folderOf({ 'voxanne-rollout.config.json': JSON.stringify({ decisions }) });
}, 240_000);
afterAll(async () => {
  await guarded?.[Symbol.asyncDispose]();
  await folder?.remove();
  await server?.stop();
});

/** Runs `guard` in this process; everything on stdout. */
async function guard(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  let out = '';
  vi.stubEnv('SUPABASE_DB_URL', server.url('guarded'));
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  try {
    const code = await main(['node', 'voxanne-rollout', 'guard', '--workspace', folder.root, ...args]);
    return { code, out };
  } finally {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  }
}

const database = ['--only', 'database'] as const;

describe('guard on a database', () => {
  it('finds nothing after a rollout, and leaves the database and its journal as they are', async () => {
    const journal = (): Promise<unknown[]> =>
      guarded.at.sql(
        `select (select count(*) from voxanne_rollout.records) as records, (select count(*) from voxanne_rollout.fingerprints) as states,
           (select md5(string_agg(e::text, '' order by seq)) from voxanne_rollout.entries e) as entries`,
      );
    const before = [await guarded.at.executor.fingerprint(), await journal()];
    expect(await guard(...database)).toMatchObject({
      code: 0,
      out: expect.stringContaining('0 new findings in the database.'),
    });
    expect([await guarded.at.executor.fingerprint(), await journal()]).toEqual(before);
  });

  it('says what is new, and accepts what a baseline has until it changes', async () => {
    await guarded.at.sql('create policy "<debug> & co" on public.calls for select using (true)');
    try {
      const json = await guard(...database, '--format', 'json');
      expect(json.code).toBe(1);
      const { findings, notLookedAt } = JSON.parse(json.out);
      expect(notLookedAt).toEqual([]);
      expect(findings).toContainEqual(
        expect.objectContaining({
          id: expect.stringMatching(/^[0-9a-f]{12}$/),
          part: 'database',
          place: { kind: 'object', object: 'public.calls' },
          reason: expect.stringContaining('<debug> & co'),
          instruction: expect.stringMatching(/\w/),
        }),
      );
      const baseline = path.join(folder.root, 'accepted.json');
      await writeFile(baseline, json.out);
      expect((await guard(...database, '--baseline', baseline)).code).toBe(0);
      await guarded.at.sql(`alter policy "<debug> & co" on public.calls using (seconds is not null)`);
      expect((await guard(...database, '--baseline', baseline)).code).toBe(1);
    } finally {
      await guarded.at.sql('drop policy "<debug> & co" on public.calls');
    }
  });

  it('says what it could not look at, and exits 2', async () => {
    const both = await guard('--db-url', 'postgresql://postgres@127.0.0.1:1/nothing');
    expect(both).toMatchObject({
      code: 2,
      out: expect.stringMatching(/the code: not checked[\s\S]*the database: not checked/),
    });
    await loadDatabase(server, 'base', 'empty');
    expect(await guard(...database, '--db-url', server.url('empty'))).toMatchObject({
      code: 2,
      out: expect.stringContaining('Nothing is rolled out on it'),
    });
  });
});

const counted = (drift: Drift): readonly string[] =>
  drift.findings.filter((one) => one.level !== 'note').map((one) => `${one.kind} ${placeText(one.place)}`);

it('looks past what was decided at the rollout and is not told again', async () => {
  const forgotten = { acceptFunction: [] };
  const quiet = await guarded.after('select 1', forgotten);
  expect([counted(quiet), quiet.notLookedAt]).toEqual([[], []]);
  expect(quiet.findings.map((one) => one.instruction).join()).toContain('give the decision that was given then');
  // An open question hides nothing else: a plan with one holds no changes.
  expect(counted(await guarded.after('grant truncate on calls to authenticated', forgotten))).toEqual([
    'database-undone public.calls',
  ]);
  const changed = `create or replace function invitation_of(p_token text) returns text language sql stable security definer set search_path = '' as $$ select max(o.name) from public.organizations o $$`;
  expect(counted(await guarded.after(changed, forgotten))).toContain('database-open public.invitation_of(text)');
});

it('names the function of ours that lost its search_path, and what puts it back', async () => {
  const { findings } = await guarded.after('alter function my_org_ids() reset search_path');
  expect(findings.map((one) => one.kind)).toEqual(['database-undone']);
});

it('says what it could not look at for whatever reason, and looks at everything else', async () => {
  const { signal } = new AbortController();
  const broken = {
    ...guarded.kept,
    look: () => Promise.reject(new TypeError('cannot read what is not there')),
  };
  const drift = await lookForDrift(guarded.at.target, broken, signal);
  expect(drift.notLookedAt).toContainEqual({ what: 'public buckets', reason: expect.stringContaining('not there') });
  // A function of the app may raise any code; the connection is none the worse for it.
  const raising = await guarded.after(
    `create function nobody() returns trigger language plpgsql as $$ begin raise exception 'gone' using errcode = '57P01'; end $$; create trigger nobody before insert on contacts for each row execute function nobody(); alter table calls disable row level security`,
  );
  expect(counted(raising)).toContainEqual('database-undone public.calls');
});

/** CI tries a few of different kinds; `npm run bench` and FULL=1 try all. */
const some = <T>(all: readonly T[], every: number): readonly T[] =>
  full ? all : all.filter((_, at) => at % every === 3);

it.each(some(databaseWeaknesses, 40))(
  'catches: $name',
  async ({ sql }) => {
    expect(counted(await guarded.after(sql))).not.toEqual([]);
  },
  120_000,
);

it.each(some(placedWeaknesses, 30))(
  'catches, and says where: $name',
  async ({ sql, at }) => {
    const { findings } = await guarded.after(sql);
    const told = findings.filter((one) => one.level !== 'note').map((one) => `${placeText(one.place)} ${one.reason}`);
    expect(told.filter((one) => one.includes(at))).not.toEqual([]);
  },
  120_000,
);

it.each(some([...harmlessChanges, ...siblings], 22))(
  'says nothing of: $name',
  async ({ sql }) => {
    const drift = await guarded.after(sql);
    expect([counted(drift), drift.notLookedAt]).toEqual([[], []]);
  },
  120_000,
);
