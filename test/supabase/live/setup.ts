import { phase } from '../../../phases/1-database/phase.ts';
import { survey, tenantOf } from '../../../phases/1-database/survey.ts';
import { type DatabaseName, loadDatabase } from '../../../src/demo/databases/load.ts';
import type { EmbeddedServer } from '../../../src/demo/server.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import { type LiveOptions, loadLiveTables } from '../../../src/supabase/live/index.ts';
import { type Gateway, startGateway } from '../../helpers/gateway.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

export const jwtSecret = 'a secret of the tests, long enough for HS256';

/** A project: a database of the platform's shape with an app in it, and its API in front. */
export type Project = AsyncDisposable & {
  readonly at: TestTarget;
  readonly gateway: Gateway;
  readonly database: string;
};

/** Decisions of an operator who lets the tool do everything. */
export const decided = {
  decisions: {
    orphans: 'own-organization',
    trustProfiles: true,
    wrongForeignKeys: 'repair',
    revokeExecute: true,
    disagreeingColumns: 'keep-new',
    ambiguousMemberships: 'owned',
    isolation: 'one',
    renameClaims: true,
  },
};

/** `made`: a copy of the database with that name, on which nobody is connected, instead of a fresh one. */
export async function openProject(
  server: EmbeddedServer,
  name: DatabaseName,
  database: string,
  { made }: { readonly made?: string } = {},
): Promise<Project> {
  if (made === undefined) await loadDatabase(server, name, database);
  else await server.createDatabase(database, made);
  const at = await makeTarget(server, database, decided);
  const gateway = await startGateway({
    databaseUrls: { auth: server.url(database, 'supabase_auth_admin'), rest: server.adminUrl(database) },
    jwtSecret,
  });
  return {
    at,
    gateway,
    database,
    [Symbol.asyncDispose]: async () => {
      await gateway.stop();
      await at.close();
    },
  };
}

/** Applies the steps of phase 1 that are there, in order, and says which were applied. */
export async function applyPhase(project: Project, until?: string): Promise<readonly string[]> {
  const rollout = project.at.rollout([phase]);
  const applied: string[] = [];
  for (const step of phase.steps) {
    const { signal } = new AbortController();
    await rollout.apply(step.id, signal);
    // The gate opens by verification; what fails here is for the tests of that step to say.
    const verified = await rollout.verify(step.id, signal);
    if (verified.failed > 0) throw new Error(`step ${step.id} is not verified`);
    applied.push(step.id);
    if (step.id === until) break;
  }
  await project.gateway.reload();
  return applied;
}

/** What the command line gives to `probeLive`, from the survey of the target. */
export async function liveOptions(project: Project, more: Partial<LiveOptions> = {}): Promise<LiveOptions> {
  const found = await survey(project.at.target);
  const client = await project.at.session.work();
  const named = (table: { readonly schema: string; readonly name: string }) => ({
    schema: table.schema,
    table: table.name,
  });
  const { organizations, profiles, memberships } = found;
  if (organizations === null) throw new Error('no organizations');
  const orgColumn = (table: NonNullable<typeof profiles>): string => tenantOf(found, table)?.key.name ?? found.to;
  return {
    supabaseUrl: project.gateway.url,
    anonKey: project.gateway.anonKey,
    tables: await loadLiveTables(client, found.catalog, (table) => tenantOf(found, table)?.key.name ?? null, [
      'public',
    ]),
    views: found.catalog.views.filter((view) => view.schema === 'public'),
    functions: found.catalog.functions.filter((fn) => fn.schema === 'public'),
    organizations: { ...named(organizations), key: 'id' },
    profiles: profiles === null ? null : { ...named(profiles), idColumn: 'id', orgColumn: orgColumn(profiles) },
    memberships:
      memberships === null
        ? null
        : { ...named(memberships.table), userColumn: memberships.userColumn, orgColumn: orgColumn(memberships.table) },
    signal: new AbortController().signal,
    database: async (work) => work(await project.at.session.work()),
    ...more,
  };
}

export async function collect(results: AsyncIterable<CheckResult>): Promise<readonly CheckResult[]> {
  const all: CheckResult[] = [];
  for await (const result of results) all.push(result);
  return all;
}

export const of = (results: readonly CheckResult[], verdict: CheckResult['verdict']): readonly string[] =>
  results.filter((one) => one.verdict === verdict).map((one) => `${one.id}: ${one.observed}`);
