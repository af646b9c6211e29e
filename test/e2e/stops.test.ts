import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { full, inCi } from '../helpers/seeded.ts';
import type { RealTerminal } from '../wizard/terminal.ts';
import { changedFiles, checkout, flags, removeCheckouts } from './checkout.ts';
import {
  applyAgain,
  applyShown,
  atOnce,
  gone,
  goOn,
  keys,
  leftAtOnce,
  openStage,
  previewed,
  restored,
  resumed,
  type Stage,
  upTo,
} from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  await stage?.close();
  removeCheckouts();
});

/** After one Ctrl-C: what the screen says was done. */
const stoppedOnce = async (terminal: RealTerminal, done: RegExp): Promise<void> => {
  await terminal.press(keys.ctrlC);
  await terminal.wait('Stopped.');
  await terminal.wait(done);
  await terminal.wait(/under\s+way\s+was\s+cancelled\s+on\s+the\s+server/);
};

/** The same, and the end of the run with its code. */
const stopped = async (terminal: RealTerminal, done: RegExp, step: string): Promise<void> => {
  await stoppedOnce(terminal, done);
  await left(terminal, step);
};

const left = async (terminal: RealTerminal, step: string): Promise<void> => {
  await terminal.press('q');
  expect(await terminal.exit).toMatchObject({ code: 130 });
  restored(terminal);
  expect(terminal.screen()).toMatch(new RegExp(`◷ stopped +${step.replace('.', '\\.')} `));
};

const [moment] = inCi(['batches', 'index', 'file'] as const, 1);
const at = (wanted: typeof moment): boolean => full || moment === wanted;

describe('Ctrl-C once and twice', () => {
  test.runIf(at('batches'))(
    'during a backfill in batches: what was written stays, and later runs write the rest',
    async () => {
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
      const underWay = async (terminal: RealTerminal): Promise<void> => {
        const before = await stamped();
        await applyShown(terminal);
        await expect.poll(stamped, { timeout: 30_000 }).toBeGreaterThan(before + 20);
        await terminal.wait(/[\d,]+ of [\d,]+ rows/);
      };
      const first = place.start(['--batch-size', '1'], { inShell: true });
      await upTo(first, '1.5');
      await underWay(first);
      await leftAtOnce(first, place);
      const left = await stamped();
      expect(left).toBeLessThan(users);

      const second = place.start(['--batch-size', '1']);
      await resumed(second, '1.5');
      await underWay(second);
      await stopped(second, /\d of \d changes? applied and journalled/, '1.5');
      const written = await stamped();
      expect(written).toBeGreaterThan(left);
      expect(written).toBeLessThan(users);

      await goOn(place, '1.5', { args: ['--batch-size', '1000'] });
      expect(await stamped()).toBeGreaterThanOrEqual(users);
    },
  );

  test.runIf(at('index'))(
    'while an index waits for a transaction: what the server left is removed, and the index made',
    async () => {
      const place = await stage.place();
      const terminal = place.start([], { inShell: true });
      await upTo(terminal, '1.3');
      const app = await place.session();
      /** Writing beside it is what CONCURRENTLY is for; the index only waits for the end of what had begun. */
      const hold = async (table: string): Promise<void> => {
        await app.query('begin');
        await app.query(`lock table ${table} in row exclusive mode`);
      };
      const indexWaits = async (table: string): Promise<void> => {
        await expect
          .poll(
            () =>
              place.sql(
                `select substring(query from 'public\\.\\w+') as "table" from pg_stat_activity where datname = current_database() and query ilike 'create index concurrently%' and wait_event_type = 'Lock'`,
              ),
            { timeout: 30_000 },
          )
          .toEqual([{ table }]);
        await terminal.wait(new RegExp(`Create index on ${table.replace('.', '\\.')}`));
      };
      const indexes = (table: string) =>
        place.sql(
          `select i.indisvalid as valid from pg_index i where i.indrelid = '${table}'::regclass and pg_get_indexdef(i.indexrelid) ~ '\\(org_id\\)'`,
        );

      await hold('public.contacts');
      await applyShown(terminal);
      await indexWaits('public.contacts');
      await stoppedOnce(terminal, /\d+ of \d+ changes applied and journalled/);
      // The server keeps what it began, marked invalid; the next attempt removes it.
      expect(await indexes('public.contacts')).toEqual([{ valid: false }]);
      await app.query('rollback');

      // In the same run: the first index is made, and the second one waits.
      await hold('public.profiles');
      await terminal.press(keys.escape);
      await previewed(terminal, '1.3');
      await applyAgain(terminal, '1.3', /recovered first: index public\.contacts: not in place/);
      await indexWaits('public.profiles');
      await leftAtOnce(terminal, place);
      expect(terminal.screen()).toMatch(/◷ stopped +1\.3 /);
      expect(await indexes('public.contacts')).toEqual([{ valid: true }]);
      expect(await indexes('public.profiles')).toEqual([{ valid: false }]);
      await app.query('rollback');

      await goOn(place, '1.3', { settled: /recovered first: index public\.profiles: not in place/ });
      expect(await indexes('public.profiles')).toEqual([{ valid: true }]);
    },
  );

  test.runIf(at('file') && process.platform !== 'win32')(
    'before a file is changed: none is, whatever the server does, and a later run changes it',
    async () => {
      const place = await stage.place();
      const workspace = checkout();
      await promisify(execFile)(
        process.execPath,
        [stage.bin, '--yes', '--to', '1.7', '--db-url', place.url, ...flags(workspace)],
        { cwd: place.folder },
      );
      const args = flags(workspace);
      const terminal = place.start(args, { inShell: true });
      await resumed(terminal, '2.1');
      /** The last look before the change stalls, so that the key surely comes before it. */
      const stalled = async (act: () => Promise<void>): Promise<void> => {
        const rows = await place.sql(
          `select pid from pg_stat_activity where datname = current_database() and application_name like 'voxanne-rollout%'`,
        );
        const backends = rows.map(({ pid }) => Number(pid));
        expect(backends.length).toBeGreaterThan(0);
        for (const pid of backends) process.kill(pid, 'SIGSTOP');
        try {
          await applyShown(terminal);
          await terminal.wait('Checking that nothing changed since the preview.');
          await act();
        } finally {
          for (const pid of backends) process.kill(pid, 'SIGCONT');
        }
      };
      await stalled(async () => {
        await terminal.press(keys.ctrlC);
        await terminal.wait(/Stopping|Stopped\./);
      });
      await terminal.wait('Stopped.');
      await terminal.wait('0 of 1 change applied and journalled');
      expect(changedFiles(workspace)).toEqual([]);
      await terminal.press(keys.escape);
      await previewed(terminal, '2.1');

      // A server that does not answer holds up no leave.
      await stalled(() => atOnce(terminal));
      await gone(place);
      expect(terminal.screen()).toMatch(/◷ stopped +2\.1 /);
      expect(changedFiles(workspace)).toEqual([]);
      await goOn(place, '2.1', { args });
      expect(changedFiles(workspace)).toEqual(['?? backend/src/services/org-validation.ts']);
    },
  );
});
