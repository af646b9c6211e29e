import { existsSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildCli, type Cli } from '../helpers/cli.ts';
import { full } from '../helpers/seeded.ts';
import { openTerminal } from '../wizard/terminal.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await buildCli();
});
afterAll(() => cli?.[Symbol.asyncDispose]());

type Kept = { readonly url: string; readonly app: string };

/** The line for another terminal, as somebody would copy it; a narrow screen cuts it into rows. */
function keptIn(text: string): Kept {
  const whole = text.slice(text.indexOf('In another terminal:')).replace(/\r?\n/g, '');
  const [, url = '', app = ''] = /--db-url '([^']+)' --workspace '([^']+)'/.exec(whole) ?? [];
  return { url, app };
}
const ask = async (url: string, sql: string): Promise<readonly Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
};
/** Once it has ended, neither the server nor the copy of the app is there. */
const gone = async ({ url, app }: Kept): Promise<void> => {
  await expect(ask(url, 'select 1')).rejects.toThrow(/ECONNREFUSED/);
  expect(existsSync(app)).toBe(false);
};

describe('demo --keep', () => {
  test('in a terminal keeps both after the wizard, with a connection string that works, until Ctrl-C', async () => {
    const terminal = openTerminal(cli.bin, ['demo', '--keep'], {
      columns: 100,
      rows: 30,
      cwd: cli.folder('terminal'),
      env: { HOME: cli.folder('home') },
      patience: 120_000,
    });
    await terminal.wait('both stay until Ctrl-C');
    await terminal.wait('Nothing is changed without a question');
    expect(terminal.screen()).not.toMatch(/removed/);
    await terminal.press('q');
    await terminal.wait('Kept until Ctrl-C');
    await terminal.wait(/--workspace\s+'[^']+'/);
    const kept = keptIn(terminal.screen());
    expect(await ask(kept.url, 'select count(*)::int > 0 as filled from public.organizations')).toEqual([
      { filled: true },
    ]);
    expect(existsSync(kept.app)).toBe(true);
    const looked = await cli.run(['status', '--db-url', kept.url, '--workspace', kept.app]);
    expect(looked, looked.stderr).toMatchObject({ code: 0, stdout: expect.stringMatching(/^· 1\.1 /m) });
    terminal.type('\u0003');
    expect(await terminal.exit).toMatchObject({ code: 0 });
    await gone(kept);
  });

  // The whole rollout of the demo, which the try of the package goes through as well.
  test.runIf(full)('with --yes rolls nothing back, and says where it is', async () => {
    const running = cli.start(['demo', '--yes', '--keep']);
    await running.seen(/In another terminal: .*\n/);
    running.child.kill('SIGINT');
    const { code, stdout } = await running.ended;
    expect(stdout).toContain('both stay until Ctrl-C');
    expect(stdout).not.toMatch(/removed|Now everything is rolled back/);
    expect(code).toBe(0);
    await gone(keptIn(stdout));
  });
});
