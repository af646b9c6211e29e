/**
 * The sample app over the clinic database, with everything that a person and a rollout do to it: users of several
 * organizations, the app's processes, and all phases with the executors of a real run. Supabase's own auth server and data
 * API are not run: their places are taken by the stand-ins of `../helpers/gateway.ts`.
 */
import { randomBytes } from 'node:crypto';
import { readCode } from '../../phases/code/code.ts';
import { scanCode } from '../../phases/code/scan.ts';
import { createWorkspaceTarget } from '../../phases/code/workspace-target.ts';
import { phases } from '../../phases/index.ts';
import type { Target } from '../../phases/target.ts';
import type { Config } from '../../src/config/schema.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Fingerprint } from '../../src/rollout/journal.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { createRollout } from '../../src/rollout/runner.ts';
import { discoverWorkspace } from '../../src/workspace/discover.ts';
import { createWorkspaceExecutor } from '../../src/workspace/executor.ts';
import { takeBaselines } from '../../src/workspace/type-check.ts';
import { waive } from '../../src/workspace/waivers.ts';
import { type AppCopy, type Backend, copyApp, startBackend } from '../helpers/backend.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { makeTarget, type TestTarget } from '../helpers/target.ts';

export const acacia = 'a0000000-0000-4000-8000-000000000001';
export const birch = 'a0000000-0000-4000-8000-000000000002';
const cedar = 'a0000000-0000-4000-8000-000000000003';
export const password = 'correct horse';

/** Who signed up before the rollout, and what the app made them. Nobody's token names an organization yet. */
const people = {
  owner: { org: acacia, role: 'owner' },
  viewer: { org: acacia, role: 'viewer' },
  stranger: { org: birch, role: 'owner' },
  /** Wrote Birch into the metadata that everybody may write, and belongs to Cedar. */
  liar: { org: cedar, role: 'agent', data: { org_id: birch } },
} as const;
export type Person = keyof typeof people;
export const emailOf = (person: Person): string => `${person}@example.test`;

export type AppStage = {
  readonly at: TestTarget;
  readonly app: AppCopy;
  readonly gateway: Gateway;
  /** Everything that happened in checks so far, by id: the last verdict of each. */
  readonly checks: ReadonlyMap<string, CheckResult>;
  /** What the plans said beside their changes. */
  readonly notes: ReadonlySet<string>;
  /** A rollout of all phases; with a backend's address, its HTTP checks ask there. */
  readonly rollout: (backendUrl?: string) => Rollout;
  /** Applies and verifies every step, waiving what only a person can decide. Returns the findings that were waived. */
  readonly rollOut: () => Promise<readonly string[]>;
  readonly fingerprint: () => Promise<Fingerprint>;
  readonly signIn: (person: Person) => Promise<string>;
  /** The app's backend as its files are now. */
  readonly startBackend: () => Promise<Backend>;
  readonly close: () => Promise<void>;
};

const { signal } = new AbortController();

export async function openAppStage(): Promise<AppStage> {
  const closers: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one();
  };
  try {
    return await fill(closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function fill(closers: (() => unknown)[], close: () => Promise<void>): Promise<AppStage> {
  const server: EmbeddedServer = await startServer();
  closers.push(() => server.stop());
  await loadDatabase(server, 'clinic', 'app');
  const at = await makeTarget(server, 'app', {
    decisions: {
      orphans: 'own-organization',
      trustProfiles: true,
      ambiguousMemberships: 'owned',
      isolation: 'one',
      wrongForeignKeys: 'repair',
      revokeExecute: true,
    },
  });
  closers.push(() => at.close());
  const gateway = await startGateway({
    databaseUrls: { auth: server.url('app', 'supabase_auth_admin'), rest: server.adminUrl('app') },
    jwtSecret: randomBytes(32).toString('hex'),
  });
  closers.push(() => gateway.stop());
  const app = copyApp();
  closers.push(() => app.remove());
  for (const [person, { org, role, ...given }] of Object.entries(people)) {
    const { user } = await gateway.signUp('email', { email: `${person}@example.test`, password, ...given });
    await at.sql('insert into user_org_roles (user_id, org_id, role) values ($1, $2, $3)', [user.id, org, role]);
  }

  const executor = createWorkspaceExecutor({
    root: app.directory,
    beforeFirst: async (abort) => takeBaselines(await discoverWorkspace(app.directory), abort),
  });
  closers.push(() => executor.close());
  const checks = new Map<string, CheckResult>();
  const notes = new Set<string>();
  const failing = (): readonly CheckResult[] => [...checks.values()].filter((one) => one.verdict === 'failed');
  const targetFor = (backendUrl: string | null): Target => {
    const config: Config = { ...at.target.config, workspace: app.directory, backendUrl };
    return { ...at.target, config, workspace: createWorkspaceTarget({ config, session: at.session }, app.directory) };
  };
  const rollout = (backendUrl?: string): Rollout => {
    const made = createRollout({
      phases,
      target: targetFor(backendUrl ?? null),
      executors: { database: at.executor, workspace: executor },
    });
    made.listen((event) => {
      if (event.type === 'check') checks.set(event.result.id, event.result);
      if (event.type === 'planned') for (const note of event.plan.notes) notes.add(`${event.step} ${note.text}`);
    });
    return made;
  };
  return {
    at,
    app,
    gateway,
    checks,
    notes,
    rollout,
    rollOut: async () => {
      const run = rollout();
      const target = targetFor(null);
      const waived: string[] = [];
      for (const { step } of await run.status()) {
        await run.apply(step, signal);
        if ((await run.verify(step, signal)).failed === 0) continue;
        // What fails now is what only a person can decide; the demo waives it as well.
        const ids = failing().flatMap((one) => /^\d\.\d\/scan\/([0-9a-f]{12})$/.exec(one.id)?.[1] ?? []);
        const { findings } = await scanCode(await readCode(target), { signal });
        for (const one of findings.filter(({ id }) => ids.includes(id))) {
          await waive(app.directory, one, 'nobody here can decide it', 'tester');
          waived.push(`${one.kind} ${one.file}`);
          checks.delete(`${step}/scan/${one.id}`);
        }
        if ((await run.verify(step, signal)).failed === 0) continue;
        const told = failing().map((one) => `${one.id} ${one.title}: ${one.observed}`);
        throw new Error(`${step}: ${told.join('\n')}`);
      }
      // The hosted data API sees new columns by itself.
      await gateway.reload();
      return waived;
    },
    fingerprint: () => at.executor.fingerprint(),
    signIn: async (person) => (await gateway.signIn({ email: emailOf(person), password })).access_token,
    startBackend: () => startBackend(app.directory, gateway),
    close,
  };
}
