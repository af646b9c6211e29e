import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RealTerminal } from '../wizard/terminal.ts';
import { changedFiles, checkout, flags, removeCheckouts } from './checkout.ts';
import {
  applyShown,
  keys,
  openStage,
  openStep,
  type Place,
  previewed,
  restored,
  type Stage,
  upTo,
  verified,
} from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  await stage?.close();
  removeCheckouts();
});

/** After one Ctrl-C: what the screen says was done, and the end of the run with its code. */
const stopped = async (terminal: RealTerminal, done: RegExp, step: string): Promise<void> => {
  await terminal.press(keys.ctrlC);
  await terminal.wait('Stopped.');
  await terminal.wait(done);
  await terminal.wait(/the\s+one\s+under\s+way\s+was\s+cancelled\s+on\s+the\s+server/);
  await left(terminal, step);
};

const left = async (terminal: RealTerminal, step: string): Promise<void> => {
  await terminal.press('q');
  expect(await terminal.exit).toMatchObject({ code: 130 });
  restored(terminal);
  expect(terminal.screen()).toMatch(new RegExp(`◷ stopped +${step.replace('.', '\\.')} `));
};

/** A later run: shows what was left, does the rest of the step and verifies it. */
const goOn = async (
  place: Place,
  step: string,
  { args = [], settled }: { args?: readonly string[]; settled?: RegExp } = {},
): Promise<void> => {
  const terminal = place.start(args);
  await terminal.wait(/An earlier run got to \d+ of \d+ steps verified/);
  await terminal.press(keys.enter);
  await terminal.wait(new RegExp(`› .* ${step.replace('.', '\\.')} `));
  await openStep(terminal, step);
  await applyShown(terminal);
  if (settled !== undefined) {
    await terminal.wait(settled);
    // What was removed first is no longer as the preview found it: that is shown again before anything is done.
    await terminal.wait(/✓ verified |Look at the new preview and decide again\./);
    if (!/✓ verified /.test(terminal.screen())) {
      await terminal.press(keys.escape);
      await previewed(terminal, step);
      await applyShown(terminal);
    }
  }
  await verified(terminal, step);
  await terminal.press('q');
  expect(await terminal.exit).toMatchObject({ code: 0 });
};

describe('Ctrl-C once', () => {
  test('during a backfill in batches: what was written stays and is journalled, and a later run writes the rest', async () => {
    const place = await stage.place();
    const users = 3000;
    // Each is stamped in a transaction of its own: that lasts.
    await place.sql(
      `with made as (
         insert into auth.users (id, aud, role, email, email_confirmed_at, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
         select gen_random_uuid(), 'authenticated', 'authenticated', 'user' || n || '@example.test', now(), '{}', '{}', now(), now()
         from generate_series(1, ${users}) n returning id)
       insert into public.profiles (id, organization_id) select id, 'a0000000-0000-4000-8000-000000000001' from made`,
    );
    const stamped = async (): Promise<number> => {
      const [row] = await place.sql(`select count(*)::int as n from auth.users where raw_app_meta_data ? 'org_id'`);
      return Number(row?.n);
    };
    const terminal = place.start(['--batch-size', '1']);
    await upTo(terminal, '1.5');
    const before = await stamped();
    await applyShown(terminal);
    await expect.poll(stamped, { timeout: 30_000 }).toBeGreaterThan(before + 20);
    await terminal.wait(/[\d,]+ of [\d,]+ rows/);
    await stopped(terminal, /\d of \d changes applied and journalled/, '1.5');
    const written = await stamped();
    expect(written).toBeGreaterThan(before);
    expect(written).toBeLessThan(users);
    await goOn(place, '1.5', { args: ['--batch-size', '1000'] });
    expect(await stamped()).toBeGreaterThanOrEqual(users);
  });

  test('while an index waits for a transaction: a later run removes what the server left, and makes it', async () => {
    const place = await stage.place();
    const terminal = place.start();
    await upTo(terminal, '1.3');
    const app = await place.session();
    await app.query('begin');
    // Writing beside it is what CONCURRENTLY is for; the index only waits for the end of what had begun.
    await app.query('lock table public.contacts in row exclusive mode');
    await applyShown(terminal);
    await expect
      .poll(
        () =>
          place.sql(
            `select 1 as waiting from pg_stat_activity where datname = current_database() and query ilike 'create index concurrently%' and wait_event_type = 'Lock'`,
          ),
        { timeout: 30_000 },
      )
      .toEqual([{ waiting: 1 }]);
    await terminal.wait(/Index org_id of public\.contacts/);
    await stopped(terminal, /\d+ of \d+ changes applied and journalled/, '1.3');
    const indexes = () =>
      place.sql(
        `select i.indisvalid as valid from pg_index i where i.indrelid = 'public.contacts'::regclass and pg_get_indexdef(i.indexrelid) ~ '\\(org_id\\)'`,
      );
    // The server keeps what it began, marked invalid; the later run removes it.
    expect(await indexes()).toEqual([{ valid: false }]);
    await app.query('rollback');
    await goOn(place, '1.3', { settled: /settled first: index public\.contacts: not in place/ });
    expect(await indexes()).toEqual([{ valid: true }]);
  });

  test.skipIf(process.platform === 'win32')('before a file is changed: none is, and a later run does', async () => {
    const place = await stage.place();
    const workspace = checkout();
    await promisify(execFile)(
      process.execPath,
      [stage.bin, '--yes', '--to', '1.7', '--db-url', place.url, ...flags(workspace)],
      { cwd: place.folder },
    );
    const args = flags(workspace);
    const terminal = place.start(args);
    await terminal.wait(/An earlier run got to 7 of 15 steps verified/);
    await terminal.press(keys.enter);
    await terminal.wait(/› .* 2\.1 /);
    await openStep(terminal, '2.1');
    const rows = await place.sql(
      `select pid from pg_stat_activity where datname = current_database() and application_name like 'voxanne-rollout%'`,
    );
    const backends = rows.map(({ pid }) => Number(pid));
    expect(backends.length).toBeGreaterThan(0);
    // The last look before the change stalls, so that the key surely comes before it.
    for (const pid of backends) process.kill(pid, 'SIGSTOP');
    try {
      await applyShown(terminal);
      await terminal.wait('Looking whether the target is still as it was shown.');
      await terminal.press(keys.ctrlC);
      await terminal.wait(/Stopping|Stopped\./);
    } finally {
      for (const pid of backends) process.kill(pid, 'SIGCONT');
    }
    await terminal.wait('Stopped.');
    await terminal.wait('0 of 1 change applied and journalled');
    await left(terminal, '2.1');
    expect(changedFiles(workspace)).toEqual([]);
    await goOn(place, '2.1', { args });
    expect(changedFiles(workspace)).toEqual(['?? backend/src/services/org-validation.ts']);
  });
});
