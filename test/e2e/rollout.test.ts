import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyShown, keys, openStage, openStep, overview, restored, type Stage, upTo, verified } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

describe('a rollout by keyboard', () => {
  test('every step of the database, from the first frame to the summary', async () => {
    const place = await stage.place();
    const terminal = place.start();
    await terminal.wait(`${place.database}  ·  127.0.0.1  ·  staging`);
    await upTo(terminal, '1.7');
    await applyShown(terminal);
    await verified(terminal, '1.7');
    await terminal.press('e');
    await terminal.wait('run this to see the same:');
    await terminal.press('l');
    await terminal.wait(/Command log {2}[\d,]+ lines/);
    await terminal.press('L');
    await terminal.wait('The command log is in');
    await terminal.press(keys.escape);
    await terminal.wait('✓ 7 of 7 verified');
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 0 });
    restored(terminal);
    expect(terminal.screen()).toMatch(/✓ applied, verified 1\.7 .*\(\d+ changes; \d+ checks passed\)/);
    expect(terminal.screen()).toMatch(/7 of \d+ steps verified, \d+ left\./);
    const [, report] = /Report: (\S+?report\.md)/.exec(terminal.screen().replaceAll('\n', '')) ?? [];
    expect(readFileSync(report ?? '', 'utf8')).toContain(place.database);
    // What the screens said is so: the old names are gone, and row security is on.
    expect(
      await place.sql(
        `select 1 from information_schema.columns where table_schema = 'public' and column_name in ('organization_id', 'tenant_id')`,
      ),
    ).toEqual([]);
    expect(
      await place.sql(
        `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity`,
      ),
    ).toEqual([]);
  });

  test('a check that fails, its rollback with a question of its own, and the proof', async () => {
    const place = await stage.place();
    const terminal = place.start();
    await upTo(terminal, '1.2');
    await applyShown(terminal);
    await verified(terminal, '1.2');
    // Somebody else brings an old name back: the checks must notice.
    await place.sql('alter table public.calls add column tenant_id uuid references public.organizations');
    await terminal.press('r');
    await terminal.wait(/✗ not verified +1 failed/);
    await terminal.wait(/› ✗ failed +No app table still uses/);
    await terminal.press('u');
    await terminal.wait(/Roll back 1\.2 [\s\S]*to roll back, newest first/);
    await terminal.press('u');
    await terminal.wait('on this target?');
    await terminal.press('y');
    await terminal.wait('Rolled back: the target is proven to be as it was before the step.');
    await terminal.press(keys.escape);
    await terminal.wait(/^ 1\.2 .*↺ rolled back/m);
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 1 });
    restored(terminal);
    expect(terminal.screen()).toMatch(/✗ failed +1\.2/);
    expect(terminal.screen()).toMatch(/↺ rolled back +1\.2 .*\(proven/);
    expect(
      await place.sql(
        `select column_name from information_schema.columns where table_schema = 'public' and table_name = 'contacts' and column_name in ('org_id', 'tenant_id')`,
      ),
    ).toEqual([{ column_name: 'tenant_id' }]);
  });
});

describe('consent', () => {
  test('production asks for the name: a wrong one, a pasted one with its line end, and then Enter', async () => {
    const place = await stage.place({ environment: 'production' });
    const terminal = place.start();
    await terminal.wait('▲ production');
    await terminal.wait('Because the environment is named production.');
    await overview(terminal);
    await openStep(terminal, '1.1');
    await terminal.press('a');
    await terminal.wait(`Type ${place.database} to record`);
    await terminal.press('y');
    await terminal.press(keys.enter);
    await terminal.wait(`"y" is not ${place.database}. Nothing was done.`);
    await terminal.press(keys.ctrlU);
    await terminal.press(`${place.database}\r`);
    await terminal.wait('enter record');
    expect(await place.sql(`select 1 from pg_namespace where nspname = 'voxanne_rollout'`)).toEqual([]);
    await terminal.press(keys.enter);
    await verified(terminal, '1.1');
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 0 });
  });

  test('the key that opens the question does not answer it, and Enter cancels', async () => {
    const place = await stage.place();
    const terminal = place.start();
    await overview(terminal);
    await openStep(terminal, '1.1');
    await terminal.press('a');
    await terminal.press('a');
    await terminal.wait('Press y to record, n to cancel.');
    await terminal.press(keys.enter);
    await terminal.wait('a apply');
    await terminal.press('ay');
    await terminal.wait('That came with other keys.');
    await terminal.press('q');
    await terminal.wait('a apply');
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 0 });
    expect(terminal.screen()).toContain('Nothing was changed.');
    expect(await place.sql(`select 1 from pg_namespace where nspname = 'voxanne_rollout'`)).toEqual([]);
  });
});

describe('the terminal', () => {
  test('200 keys at once, and 100 arrows after them, all arrive', async () => {
    const place = await stage.place();
    const terminal = place.start();
    await overview(terminal);
    // An odd one out at the end of each burst: one lost key anywhere would leave the cursor elsewhere.
    await terminal.press(`${'jk'.repeat(99)}jj`);
    await terminal.wait(/› . \S+ +1\.3 /);
    await terminal.press(`${'\u001b[B\u001b[A'.repeat(50)}\u001b[B`);
    await terminal.wait(/› . \S+ +1\.4 /);
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 0 });
    restored(terminal);
  });

  test('NO_COLOR: not one colour is written', async () => {
    const place = await stage.place();
    const terminal = place.start([], { env: { NO_COLOR: '1' } });
    await overview(terminal);
    await openStep(terminal, '1.1');
    await terminal.press('q');
    expect(await terminal.exit).toMatchObject({ code: 0 });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
    expect(terminal.written()).not.toMatch(/\u001b\[[\d;]*m/);
  });

  test('no terminal: the plan in plain lines, nothing changed, exit 2', async () => {
    const place = await stage.place();
    const { CI: _, ...env } = process.env;
    const run = (...args: readonly string[]) =>
      promisify(execFile)(process.execPath, [stage.bin, ...args], {
        cwd: place.folder,
        env: { ...env, SUPABASE_DB_URL: place.url },
      }).then(
        (done) => ({ code: 0, ...done }),
        ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
      );
    const forced = await run('--interactive');
    expect(forced).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('needs a terminal') });
    const result = await run();
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes applies the plan') });
    expect(result.stdout).toContain('1.1');
    expect(result.stdout).not.toContain('\u001b');
    expect(await place.sql(`select 1 from pg_namespace where nspname = 'voxanne_rollout'`)).toEqual([]);
  });
});
