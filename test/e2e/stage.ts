import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { expect } from 'vitest';
import { type DatabaseName, loadDatabase } from '../../src/demo/databases/load.ts';
import { builtProgram } from '../helpers/build.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { openTerminal, type RealTerminal, readsLines, type TerminalSettings } from '../wizard/terminal.ts';

/** The built command line, a server, and databases made from one template. */
export type Stage = {
  readonly bin: string;
  readonly server: EmbeddedServer;
  /** A fresh database and an empty workspace whose configuration grants what the database needs. */
  readonly place: (settings?: Readonly<Record<string, unknown>>, name?: string) => Promise<Place>;
  readonly close: () => Promise<void>;
};

export type Place = {
  readonly database: string;
  readonly folder: string;
  readonly url: string;
  readonly start: (args?: readonly string[], settings?: TerminalSettings) => RealTerminal;
  /** A session beside the rollout, as the app or another person would hold one. */
  readonly session: () => Promise<pg.Client>;
  readonly sql: (text: string) => Promise<readonly Record<string, unknown>[]>;
};

/** The decisions that the sample databases need; on a real target the operator makes them. */
const decisions = {
  orphans: 'own-organization',
  trustProfiles: true,
  ambiguousMemberships: 'owned',
  isolation: 'one',
  wrongForeignKeys: 'repair',
  revokeExecute: true,
};

export const openStage = async (template: DatabaseName = 'tiny'): Promise<Stage> => {
  const program = builtProgram();
  const server = await startServer();
  const folders: string[] = [];
  const terminals: RealTerminal[] = [];
  const sessions: pg.Client[] = [];
  let made = 0;
  return {
    bin: program.bin,
    server,
    place: async (settings = {}, name) => {
      made += 1;
      const database = name ?? `clinic_${made}`;
      // A copy of a template from the second time on.
      await loadDatabase(server, template, database);
      const folder = mkdtempSync(path.join(tmpdir(), 'voxanne-e2e-app-'));
      folders.push(folder);
      writeFileSync(
        path.join(folder, 'voxanne-rollout.config.json'),
        JSON.stringify({ environment: 'staging', decisions, ...settings }),
      );
      const url = server.url(database);
      const session = async (): Promise<pg.Client> => {
        const client = new pg.Client({ connectionString: url, application_name: 'nightly-report' });
        client.on('error', () => undefined);
        await client.connect();
        sessions.push(client);
        return client;
      };
      let looking: Promise<pg.Client> | undefined;
      return {
        database,
        folder,
        url,
        session,
        start: (args = [], { env = {}, ...rest } = {}) => {
          const terminal = openTerminal(program.bin, args, {
            cwd: folder,
            ...rest,
            env: { SUPABASE_DB_URL: url, ...env },
          });
          terminals.push(terminal);
          return terminal;
        },
        sql: async (text) => {
          looking ??= session();
          return (await (await looking).query(text)).rows;
        },
      };
    },
    close: async () => {
      for (const terminal of terminals) {
        try {
          process.kill(terminal.pid, 'SIGKILL');
        } catch {
          // It ended by itself, as it should have.
        }
      }
      await Promise.all(sessions.map((client) => client.end().catch(() => undefined)));
      await server.stop();
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
      program.remove();
    },
  };
};

export const keys = { enter: '\r', escape: '\u001b', ctrlC: '\u0003', ctrlU: '\u0015', down: '\u001b[B' } as const;

/** To the overview, as anybody begins. */
export const overview = async (terminal: RealTerminal): Promise<void> => {
  await terminal.wait('Nothing is changed without a question');
  await terminal.press(keys.enter);
  await terminal.wait(/ 1 {2}Database +.*of 7 verified/);
};

/** Opens the step that the cursor is on, and waits for the end of its preview. */
export const openStep = async (terminal: RealTerminal, step: string): Promise<void> => {
  await terminal.press(keys.enter);
  await previewed(terminal, step);
};

export const previewed = (terminal: RealTerminal, step: string): Promise<void> =>
  terminal.wait(new RegExp(`^ ${step.replace('.', '\\.')} [\\s\\S]* a apply `, 'm'));

/** Applies the step on the screen with a plain y. */
export const applyShown = async (terminal: RealTerminal): Promise<void> => {
  await terminal.press('a');
  await terminal.wait('on this target?');
  await terminal.press('y');
};

export const verified = (terminal: RealTerminal, step: string): Promise<void> =>
  terminal.wait(new RegExp(`Verify ${step.replace('.', '\\.')} [\\s\\S]*✓ verified [\\s\\S]*enter next step`));

/** Steps before `step`, one after the other, and then `step` on the screen with its preview. */
export const upTo = async (terminal: RealTerminal, step: string): Promise<void> => {
  await overview(terminal);
  const last = Number(step.split('.')[1]);
  for (let number = 1; number < last; number += 1) {
    await openStep(terminal, `1.${number}`);
    await applyShown(terminal);
    await verified(terminal, `1.${number}`);
  }
  await openStep(terminal, step);
};

/** The terminal as it was found: nothing of the wizard is left but what it says at the end. */
export const restored = (terminal: RealTerminal): void => {
  expect(terminal.buffer()).toBe('normal');
  expect(terminal.cursorShown()).toBe(true);
  expect(terminal.screen()).not.toContain('? keys');
};

/** Ctrl-C twice, in one go, while a change is under way: the process ends at once, whatever holds the change up. */
export const atOnce = async (terminal: RealTerminal): Promise<void> => {
  await terminal.press(keys.ctrlC + keys.ctrlC);
  const pressed = Date.now();
  expect(await terminal.exit).toMatchObject({ code: 130 });
  expect(Date.now() - pressed).toBeLessThan(3000);
  restored(terminal);
  expect(readsLines(terminal)).toBe(true);
  expect(terminal.screen()).toMatch(/was\s+still\s+running\s+when\s+you\s+left/);
};

/** The server stops what it was doing as soon as it looks whether somebody still waits for the answer. */
export const gone = (place: Place): Promise<void> =>
  expect
    .poll(
      () =>
        place.sql(
          `select state, query from pg_stat_activity where datname = current_database() and application_name like 'voxanne-rollout%'`,
        ),
      { timeout: 10_000 },
    )
    .toEqual([]);

export const leftAtOnce = async (terminal: RealTerminal, place: Place): Promise<void> => {
  await atOnce(terminal);
  await gone(place);
};

/** A later run: shows what was left, does the rest of the step and verifies it. */
export const goOn = async (
  place: Place,
  step: string,
  { args = [], settled }: { args?: readonly string[]; settled?: RegExp } = {},
): Promise<void> => {
  const terminal = place.start(args);
  await resumed(terminal, step);
  await applyAgain(terminal, step, settled);
  await verified(terminal, step);
  await terminal.press('q');
  expect(await terminal.exit).toMatchObject({ code: 0 });
};

/** A later run, with the step on the screen that an earlier one did not finish. */
export const resumed = async (terminal: RealTerminal, step: string): Promise<void> => {
  await terminal.wait(/An earlier run got to \d+ of \d+ steps verified/);
  await terminal.press(keys.enter);
  await terminal.wait(new RegExp(`› .* ${step.replace('.', '\\.')} `));
  await openStep(terminal, step);
};

/** Applies the step on the screen again; `settled` is what the screen says of what was left half-done. */
export const applyAgain = async (terminal: RealTerminal, step: string, settled?: RegExp): Promise<void> => {
  await applyShown(terminal);
  if (settled === undefined) return;
  await terminal.wait(settled);
  // What was removed first is no longer as the preview found it: that is shown again before anything is done.
  await terminal.wait(/✓ verified |Look at the new preview and decide again\./);
  if (/✓ verified /.test(terminal.screen())) return;
  await terminal.press(keys.escape);
  await previewed(terminal, step);
  await applyShown(terminal);
};
