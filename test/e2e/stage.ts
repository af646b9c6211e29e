import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { expect } from 'vitest';
import { type DatabaseName, loadDatabase } from '../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../src/demo/server.ts';
import { openTerminal, type RealTerminal, type TerminalSettings } from '../wizard/terminal.ts';
import { buildProgram } from './program.ts';

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
  ambiguousMemberships: 'owned',
  wrongForeignKeys: 'repair',
  revokeExecute: true,
};

export const openStage = async (template: DatabaseName = 'tiny'): Promise<Stage> => {
  const program = buildProgram();
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
        sql: async (text) => (await (await session()).query(text)).rows,
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
