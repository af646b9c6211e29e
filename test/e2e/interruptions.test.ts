import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inCi } from '../helpers/seeded.ts';
import type { RealTerminal, TerminalSettings } from '../wizard/terminal.ts';
import {
  applyShown,
  goOn,
  keys,
  leftAtOnce,
  openStage,
  openStep,
  overview,
  type Place,
  restored,
  type Stage,
  upTo,
  verified,
} from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

/** A session that holds a table as an open transaction of the app does; resolves to how it lets go. */
const hold = async (place: Place, table: string): Promise<() => Promise<unknown>> => {
  const client = await place.session();
  await client.query('begin');
  await client.query(`lock table ${table} in access share mode`);
  return () => client.query('rollback');
};

/**
 * Step 1.2 under way: the first rename is done and the second waits for a table that somebody else holds. The table is
 * taken after the preview, which would have noticed.
 */
const blocked = async (
  place: Place,
  settings: TerminalSettings = {},
): Promise<{ terminal: RealTerminal; release: () => Promise<unknown> }> => {
  const terminal = place.start([], settings);
  await upTo(terminal, '1.2');
  const release = await hold(place, 'public.contacts');
  await applyShown(terminal);
  await terminal.wait(/try \d+: /);
  await terminal.wait(/blocked by nightly-report, pid \d+, user postgres/);
  return { terminal, release };
};

/** What is true of the database after the first rename of 1.2 and nothing else. */
const halfWay = async (place: Place): Promise<void> => {
  const columns = await place.sql(
    `select table_name || '.' || column_name as name from information_schema.columns
      where table_schema = 'public' and table_name in ('calls', 'contacts') and column_name in ('org_id', 'organization_id', 'tenant_id')
      order by 1`,
  );
  expect(columns).toEqual([{ name: 'calls.org_id' }, { name: 'contacts.tenant_id' }]);
};

describe('a table that somebody else holds', () => {
  test('its retries and holder are shown, at every size; once it is free the step goes on', async () => {
    const place = await stage.place();
    const { terminal, release } = await blocked(place);
    for (const [columns, rows] of [
      [60, 20],
      [120, 40],
      [70, 12],
      [80, 24],
    ] as const) {
      terminal.resize(columns, rows);
      await terminal.wait(new RegExp(`^─{${columns}}\\n[\\s\\S]*waiting[\\s\\S]*^─{${columns}}\\n.*ctrl-c stop`, 'm'));
      const lines = terminal.screen().split('\n');
      expect(lines[0]).toContain(place.database);
      expect(lines[0]).toContain('staging');
      expect(lines[rows - 1]?.trim()).toBe('');
      await terminal.wait(/try \d+: /);
    }
    await release();
    await verified(terminal, '1.2');
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 0 });
    restored(terminal);
  });

  test('Ctrl-C once: the change is not kept, what was done stays, and the step can go on later', async () => {
    const place = await stage.place();
    const { terminal, release } = await blocked(place);
    await terminal.press(keys.ctrlC);
    await terminal.wait('Stopped.');
    await terminal.wait('1 of 3 changes applied and journalled');
    await halfWay(place);
    await release();
    await terminal.press(keys.escape);
    await terminal.wait(/^ 1\.2 [\s\S]* a apply /m);
    await applyShown(terminal);
    await verified(terminal, '1.2');
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 0 });
    restored(terminal);
  });

  test('Ctrl-C twice: left at once with 130, saying what state is left; a later run finishes', async () => {
    const place = await stage.place();
    const { terminal, release } = await blocked(place, { inShell: true });
    // Before the table is let go of: what waited for it does not get it afterwards.
    await leftAtOnce(terminal, place);
    await release();
    await halfWay(place);
    await goOn(place, '1.2');
  });

  test.each(inCi(['SIGTERM', 'SIGHUP'], 1))('%s: ended in order, the terminal given back, 130', async (signal) => {
    const place = await stage.place();
    const { terminal } = await blocked(place);
    terminal.kill(signal);
    expect(await terminal.exit).toMatchObject({ code: 130 });
    restored(terminal);
    expect(terminal.screen()).toMatch(/◷ stopped +1\.2 /);
    await halfWay(place);
  });

  test('kill -9: the next run shows what was left, goes on from there, and finishes', async () => {
    const place = await stage.place();
    const { terminal, release } = await blocked(place);
    terminal.kill('SIGKILL');
    await terminal.exit;
    await release();
    const again = place.start();
    await again.wait(/An earlier run got to 1 of \d+ steps verified/);
    await again.wait(/1\.2 Rename to org_id +(?:1 change in place|half-way)/);
    await again.press(keys.enter);
    await again.wait(/› .* 1\.2 /);
    await openStep(again, '1.2');
    await applyShown(again);
    await verified(again, '1.2');
    await again.press('q');
    expect(await again.exit).toMatchObject({ code: 0 });
    expect(again.screen()).toMatch(/applied, verified 1\.2 .*\(2 changes; /);
  });
});

describe('other ways to end', () => {
  test('Ctrl-C while nothing runs leaves with 130', async () => {
    const place = await stage.place();
    const terminal = place.start();
    await terminal.wait('Nothing is changed without a question');
    await terminal.press(keys.ctrlC);
    expect(await terminal.exit).toMatchObject({ code: 130 });
    restored(terminal);
  });

  test.skipIf(process.platform === 'win32')('a server that stalls freezes no key', async () => {
    const place = await stage.place();
    const terminal = place.start();
    await overview(terminal);
    const rows = await place.sql(`select pid from pg_stat_activity where application_name like 'voxanne-rollout%'`);
    const backends = rows.map(({ pid }) => Number(pid));
    expect(backends.length).toBeGreaterThan(0);
    // Stopped in the middle, as behind a network that swallows everything: no error, no answer.
    for (const pid of backends) process.kill(pid, 'SIGSTOP');
    try {
      await terminal.press(keys.enter);
      await terminal.wait('Testing in a transaction that is rolled back');
      await terminal.press('?');
      await terminal.wait('Keys that work here');
      await terminal.press('?');
      await terminal.press(keys.escape);
      await terminal.wait(/ 1 {2}Database/);
      await terminal.press('j');
      await terminal.wait(/› .* 1\.2 /);
      await terminal.press(keys.ctrlC + keys.ctrlC);
      expect(await terminal.exit).toMatchObject({ code: 130 });
      restored(terminal);
    } finally {
      for (const pid of backends) process.kill(pid, 'SIGCONT');
    }
  });
});
