import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { phase } from '../../phases/1-database/phase.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { differences } from '../../src/rollout/fingerprint.ts';
import { applyDatabase, clinicDecisions, tinyDecisions } from '../helpers/cli.ts';
import { settingsOf } from '../helpers/databases.ts';
import { runHere } from '../helpers/in-process.ts';
import { makeTarget } from '../helpers/target.ts';
import { openStage, type Stage } from './setup.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

describe('a journal that is not as it was written', () => {
  test.each([
    [
      'an inverse',
      `update voxanne_rollout.entries set change = replace(change, 'rename', 'drop') where seq = 1`,
      /changed outside this tool/,
    ],
    ['its format', 'update voxanne_rollout.meta set format = 99', /has format 99, and this version reads format 3/],
  ] as const)('%s was changed: every command refuses it, and nothing changes', async (what, edit, problem) => {
    const url = await stage.tiny(`journal_${what.replace(/\W/g, '_')}`);
    await stage.succeed(url, '--yes', '--to', '1.3', ...tinyDecisions);
    await stage.sql(url, edit);
    const before = await stage.stateOf(url);
    for (const args of [[...applyDatabase, ...tinyDecisions], ['rollback', '--all', '--yes'], ['status'], ['verify']]) {
      const result = await runHere(args, { url });
      expect(result.code, args.join(' ')).toBe(1);
      expect(result.stderr).toMatch(problem);
      expect(result.stderr.split('\n')[1]).toMatch(/^[A-Z].*\.$/);
    }
    expect(await stage.stateOf(url)).toEqual(before);
  });
});

test('a preview leaves no trace: catalog, rows and the absence of a journal', async () => {
  await loadDatabase(stage.server, 'clinic', 'previewed');
  const url = stage.server.url('previewed');
  const start = await stage.stateOf(url);
  await stage.succeed(url, 'plan', ...clinicDecisions);
  expect(await stage.stateOf(url)).toEqual(start);
  expect(start.journal).toBe(false);
  await using at = await makeTarget(stage.server, 'previewed', {
    decisions: {
      orphans: 'own-organization',
      trustProfiles: true,
      ambiguousMemberships: 'owned',
      isolation: 'one',
      wrongForeignKeys: 'repair',
      revokeExecute: true,
    },
  });
  for (const step of phase.steps) await at.rollout(phase.steps).preview(step.id, new AbortController().signal);
  expect(await stage.stateOf(url)).toEqual(start);
});

test('a plan that was shown is refused when the target has moved since', async () => {
  await loadDatabase(stage.server, 'tiny', 'stale');
  await using at = await makeTarget(stage.server, 'stale', settingsOf('tiny'));
  const { signal } = new AbortController();
  const rollout = at.rollout(phase.steps);
  await rollout.apply('1.1', signal);
  const said: string[] = [];
  rollout.listen((event) => {
    if (event.type === 'check' && event.result.verdict === 'failed') said.push(event.result.observed);
  });
  await rollout.verify('1.1', signal);
  expect(said).toEqual([]);
  const shown = await rollout.preview('1.2', signal);
  await at.sql('create table late (id int primary key, tenant_id uuid references organizations)');
  const before = await stage.stateOf(stage.server.url('stale'));
  await expect(rollout.apply('1.2', signal, shown.hash)).rejects.toThrow(/no longer the one that was shown/);
  expect(await stage.stateOf(stage.server.url('stale'))).toEqual(before);
  const { hash } = await rollout.plan('1.2');
  expect(await rollout.apply('1.2', signal, hash)).toBeGreaterThan(0);
});

test('values that users changed since, and what they made, stay through a rollback and are reported', async () => {
  const url = await stage.tiny('lived_in');
  const start = await stage.stateOf(url);
  await stage.succeed(url, '--yes', '--to', '1.5', ...tinyDecisions);
  const [eve] = await stage.sql<{ org: string }>(url, `select org_id as org from profiles where full_name = 'Eve'`);
  await stage.sql(
    url,
    `insert into calls (org_id, caller) values ('${eve?.org}', '+15550100099');
     update profiles set full_name = 'Finn the First' where id = 'b0000000-0000-4000-8000-000000000006';
     update organizations set name = 'Eve and Partners' where id = '${eve?.org}';`,
  );
  const back = await stage.succeed(url, 'rollback', '--all', '--yes');
  // The organization that the tool made for Eve holds a call now, and has another name: it is hers.
  expect(back.stdout).toMatch(/stays public\.organizations row \S+: changed since, left as it is/);
  expect(await stage.sql(url, `select name from organizations where id = '${eve?.org}'`)).toEqual([
    { name: 'Eve and Partners' },
  ]);
  expect(await stage.sql(url, `select caller from calls where organization_id = '${eve?.org}'`)).toEqual([
    { caller: '+15550100099' },
  ]);
  const catalog = differences(start.catalog, (await stage.stateOf(url)).catalog);
  expect(catalog).toEqual([]);
});

test('a row that users added to an organization that the tool made keeps it, though nobody renamed it', async () => {
  const url = await stage.tiny('joined');
  await stage.succeed(url, '--yes', '--to', '1.5', ...tinyDecisions);
  const [eve] = await stage.sql<{ org: string }>(url, `select org_id as org from profiles where full_name = 'Eve'`);
  await stage.sql(url, `insert into contacts (org_id, name) values ('${eve?.org}', 'Zoe')`);
  const back = await runHere(['rollback', '--all', '--yes'], { url });
  expect(back.code, back.stdout + back.stderr).toBe(0);
  expect(await stage.sql(url, `select name from contacts where tenant_id = '${eve?.org}'`)).toEqual([{ name: 'Zoe' }]);
  expect(back.stdout).toMatch(/stays .*organizations/);
});

test('a backfill ends while users keep signing up, and all of them end up with an organization', async () => {
  const url = await stage.tiny(
    'busy',
    `insert into auth.users (id, aud, role, email, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
       select gen_random_uuid(), 'authenticated', 'authenticated', 'user' || n || '@example.test', '{}', '{}', now(), now()
       from generate_series(1, 600) n`,
  );
  const writer = await stage.connect(url);
  let on = true;
  let signedUp = 0;
  const signUps = (async () => {
    while (on) {
      await writer.query(
        `insert into auth.users (id, aud, role, email, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
         values (gen_random_uuid(), 'authenticated', 'authenticated', 'late' || $1 || '@example.test', '{}', '{}', now(), now())`,
        [++signedUp],
      );
      await pause(5);
    }
  })();
  const result = await runHere(['--yes', '--to', '1.5', '--batch-size', '200', ...tinyDecisions], { url });
  on = false;
  await signUps;
  expect(result.code, result.stdout + result.stderr).toBe(0);
  expect(signedUp).toBeGreaterThan(10);
  const [left] = await stage.sql<{ n: string }>(
    url,
    `select count(*) as n from auth.users u left join profiles p on p.id = u.id
     where p.org_id is null or u.raw_app_meta_data ->> 'org_id' is distinct from p.org_id::text`,
  );
  expect(left?.n).toBe('0');
});

test('a disk that is full: one sentence, nothing of the change done, and it goes on when there is room', async () => {
  // The server's own error for a full disk, raised where a batch is written: a disk of its own would need root.
  const url = await stage.tiny('full_disk');
  const start = await stage.stateOf(url);
  await stage.succeed(url, '--yes', '--to', '1.4', ...tinyDecisions);
  const fill = `create function voxanne_rollout.no_room() returns trigger language plpgsql as $$ begin
      raise exception 'could not extend file "base/16384/16385": No space left on device' using errcode = '53100', hint = 'Check free disk space.';
    end $$;
    create trigger no_room before insert on voxanne_rollout.kept execute function voxanne_rollout.no_room();
    alter table voxanne_rollout.kept enable always trigger no_room;`;
  await stage.sql(url, fill);
  const before = await stage.stateOf(url);
  const result = await runHere([...applyDatabase, ...tinyDecisions], { url });
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/^Error: The disk of the database server is full\.\nFree some space/);
  expect(await stage.stateOf(url)).toEqual(before);
  await stage.sql(url, 'drop trigger no_room on voxanne_rollout.kept; drop function voxanne_rollout.no_room()');
  await stage.finishAndTakeBack(url, start);
});
