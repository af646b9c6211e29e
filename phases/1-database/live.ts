import type { CheckResult } from '../../src/rollout/check.ts';
import { resolveState } from '../../src/workspace/paths.ts';
import type { Target } from '../target.ts';
import { signUpMakesOrganization } from './existing-users/nowhere.ts';
import { orgColumnOf, primaryColumn, profileUser, type Survey, tenantOf } from './survey.ts';

/**
 * The two-org probe once more through the project's API, with users who really sign up. Only where the operator names
 * the API; without its key it says that it was not checked.
 */
export async function* checkLive(target: Target, found: Survey, signal: AbortSignal): AsyncIterable<CheckResult> {
  const { config, session, keys = { anon: null, service: null } } = target;
  const { supabaseUrl } = config;
  const { organizations, profiles, memberships, catalog } = found;
  if (supabaseUrl === null || organizations === null) return;
  const notMade = (advice: string): CheckResult => ({
    id: '1.7/live',
    title: 'Two users cannot reach each other’s rows through the API',
    kind: 'http',
    verdict: 'skipped',
    expected: 'neither reaches what the other has',
    observed: 'not checked',
    advice,
    milliseconds: 0,
  });
  if (!signUpMakesOrganization(target)) {
    yield notMade(
      'A sign-up makes no organization here (decisions.newUsers), so two users who sign up have nothing to compare. The probe in the database made theirs itself.',
    );
    return;
  }
  if (keys.anon === null) {
    yield notMade('Export SUPABASE_ANON_KEY (and SUPABASE_SERVICE_ROLE_KEY where sign-up needs a confirmed mail).');
    return;
  }
  const { loadLiveTables, probeLive, waitForColumn } = await import('../../src/supabase/live/index.ts');
  const exposed = new Set(config.exposedSchemas);
  const named = (table: { readonly schema: string; readonly name: string }) => ({
    schema: table.schema,
    table: table.name,
  });
  const access = { supabaseUrl, anonKey: keys.anon, ...(keys.service === null ? {} : { serviceKey: keys.service }) };
  const tables = await loadLiveTables(
    await session.work(),
    catalog,
    (table) => tenantOf(found, table)?.key.name ?? null,
    config.exposedSchemas,
  );
  if (profiles !== null) {
    yield await waitForColumn({ ...access, table: named(profiles), column: found.to, key: profileUser(found), signal });
  }
  yield* probeLive({
    ...access,
    tables,
    views: catalog.views.filter((view) => exposed.has(view.schema)),
    functions: catalog.functions.filter((fn) => exposed.has(fn.schema)),
    organizations: { ...named(organizations), key: primaryColumn(organizations)?.name ?? 'id' },
    profiles:
      profiles === null
        ? null
        : { ...named(profiles), idColumn: profileUser(found), orgColumn: orgColumnOf(found, profiles) },
    memberships:
      memberships === null
        ? null
        : {
            ...named(memberships.table),
            userColumn: memberships.userColumn,
            orgColumn: orgColumnOf(found, memberships.table),
          },
    signal,
    database: async (work) => work(await session.work()),
    journalDir: await resolveState(config.workspace),
    ...(config.probeEmailDomain === null ? {} : { emailDomain: config.probeEmailDomain }),
    ...(config.accessTokenHook && keys.service !== null ? { hook: true } : {}),
  });
}
