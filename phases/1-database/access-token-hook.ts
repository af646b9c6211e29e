import type { ClientBase } from 'pg';
import type { DbFunction } from '../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../src/database/quote.ts';
import type { SqlChange } from '../../src/rollout/change.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Blocker, Note } from '../../src/rollout/step.ts';
import { loadMigration, statements } from './migration.ts';
import { profileUser, type Survey, tenantOf } from './survey.ts';

const schema = 'public';
const name = 'custom_access_token_hook';
const signature = `${schema}.${name}(jsonb)`;

/** What an operator has to do by hand: SQL cannot enable a hook. */
export const enableHook = `Dashboard: Authentication > Hooks > Customize Access Token (JWT) Claims hook > Postgres, schema ${schema}, function ${name}.
supabase/config.toml:
[auth.hook.custom_access_token]
enabled = true
uri = "pg-functions://postgres/${schema}/${name}"`;

const disableFirst = `Disable the hook before a rollback takes the function away: while it is enabled and the function is not there, nobody can sign in.`;

export type HookPlan = {
  readonly changes: readonly SqlChange[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
};

/**
 * Plans the access-token hook, an option of the sign-up step: no changes where it is in place already, or where the app
 * has a hook of its own, which is shown and left alone (a project has one such hook, and what to merge is for people).
 */
export function planAccessTokenHook(found: Survey): HookPlan {
  const { profiles } = found;
  if (profiles === null) {
    const problem = 'The access-token hook reads the profiles, and there is no table of profiles.';
    return {
      changes: [],
      notes: [],
      blockers: [{ problem, remedy: 'Name it with names.profiles in the configuration file.' }],
    };
  }
  const [definition = '', ...privileges] = hookSql(found);
  const before = found.catalog.functions.find((one) => one.schema === schema && one.name === name && takesEvent(one));
  if (before !== undefined && sameBody(before, definition) && sameGrants(before)) {
    return {
      changes: [],
      blockers: [],
      notes: [{ text: 'The access-token hook is there already.', detail: enableHook }],
    };
  }
  if (before !== undefined && !sameBody(before, definition)) return kept(before, definition);
  const others = otherHooks(found);
  const [other] = others;
  if (other !== undefined) return kept(other, definition);
  const change: SqlChange = {
    kind: 'sql',
    id: `function ${signature}`,
    title: `${before === undefined ? 'Create' : 'Grant'} function ${signature}, the access-token hook`,
    mode: 'transaction',
    up: [definition, ...privileges.filter((one) => !usageStands(one))].join('\n'),
    down: before === undefined ? `drop function ${signature};` : hookGrants(before),
  };
  return {
    changes: [change],
    blockers: [],
    notes: [{ text: `Enable the hook after this step. ${disableFirst}`, detail: enableHook }],
  };
}

/** The statements of `migrations/access_token_hook.sql` for the profiles that were found: the function, then its grants. */
export function hookSql(found: Survey): readonly string[] {
  const { profiles } = found;
  if (profiles === null) return [];
  const user = profileUser(found);
  const org =
    tenantOf(found, profiles)?.renamed === true ? found.to : (tenantOf(found, profiles)?.key.name ?? found.to);
  const type = profiles.columns.find((one) => one.name === user)?.type ?? 'uuid';
  return statements(
    loadMigration('access_token_hook.sql', {
      profile: `  select p.${identifier(org)}::text into v_org from ${qualified(profiles.schema, profiles.name)} p
    where p.${identifier(user)} = (event ->> 'user_id')::${type};`,
    }),
  );
}

/** The auth server has USAGE on public on every project; a grant of it would not be taken back exactly. */
const usageStands = (statement: string): boolean => /^grant usage on schema/m.test(statement);

/** Another function of a hook's shape that the auth server may execute: most likely it is enabled. */
export const otherHooks = (found: Survey): readonly DbFunction[] =>
  found.catalog.functions.filter(
    (one) =>
      !(one.schema === schema && one.name === name) && takesEvent(one) && one.executors.includes('supabase_auth_admin'),
  );

const takesEvent = (one: DbFunction): boolean =>
  one.kind === 'function' && one.returns === 'jsonb' && one.arguments.map(({ type }) => type).join() === 'jsonb';

const kept = (before: DbFunction, definition: string): HookPlan => ({
  changes: [],
  blockers: [],
  notes: [
    {
      text: `The app has an access-token hook of its own, ${before.signature}; it is not replaced. A project has one: add to it what sets org_id.`,
      detail: `${before.definition ?? before.body}\n\n-- Ours, to take from:\n${definition}`,
    },
  ],
});

const sameBody = (before: DbFunction, ddl: string): boolean =>
  before.body === /\$function\$([\s\S]*)\$function\$/.exec(ddl)?.[1] &&
  before.securityDefiner &&
  before.settings.includes('search_path=""');

const sameGrants = (before: DbFunction): boolean => before.executors.join() === 'supabase_auth_admin';

const hookGrants = (before: DbFunction): string =>
  [
    `revoke all on function ${signature} from public, anon, authenticated, service_role, supabase_auth_admin;`,
    ...before.executors.map(
      (role) => `grant execute on function ${signature} to ${role === 'PUBLIC' ? 'public' : identifier(role)};`,
    ),
  ].join('\n');

/**
 * What SQL can prove of the hook: its rights, and that it gives org_id to a token without one, leaves one that is there
 * alone, and passes on what it does not understand. Whether it is enabled only a sign-in shows; see `probeLive`.
 */
export async function* checkAccessTokenHook(client: ClientBase, found: Survey): AsyncIterable<CheckResult> {
  const before = found.catalog.functions.find((one) => one.schema === schema && one.name === name && takesEvent(one));
  if (before === undefined) return;
  const id = '1.4/hook';
  yield {
    id: `${id}/grants`,
    title: 'Only the auth server may execute the access-token hook',
    kind: 'catalog',
    verdict: sameGrants(before) ? 'passed' : 'failed',
    expected: 'supabase_auth_admin',
    observed: before.executors.join(', ') || 'nobody but the owner',
    ...(sameGrants(before) ? {} : { advice: 'Apply step 1.4 again: it sets the rights of the hook.' }),
    milliseconds: 0,
  };
  const { profiles } = found;
  if (profiles === null) return;
  const org = tenantOf(found, profiles)?.key.name ?? found.to;
  const sql = `select p.${identifier(profileUser(found))}::text as id, p.${identifier(org)}::text as org,
  ${signature.replace('(jsonb)', '')}(jsonb_build_object('user_id', p.${identifier(profileUser(found))}, 'claims', '{"app_metadata": {"provider": "email"}}'::jsonb))
    #>> '{claims,app_metadata,org_id}' as added,
  ${signature.replace('(jsonb)', '')}(jsonb_build_object('user_id', p.${identifier(profileUser(found))}, 'claims', '{"app_metadata": {"org_id": "kept"}}'::jsonb))
    #>> '{claims,app_metadata,org_id}' as kept,
  ${signature.replace('(jsonb)', '')}(${literal('{"claims": null}')}::jsonb)::text as odd
from ${qualified(profiles.schema, profiles.name)} p where p.${identifier(org)} is not null limit 1`;
  const began = performance.now();
  const { rows } = await client.query<{ org: string; added: string | null; kept: string | null; odd: string }>(sql);
  const [row] = rows;
  const passed = row !== undefined && row.added === row.org && row.kept === 'kept' && row.odd === '{"claims": null}';
  yield {
    id: `${id}/adds`,
    title: 'The access-token hook adds org_id where it is absent',
    kind: 'probe',
    verdict: row === undefined ? 'skipped' : passed ? 'passed' : 'failed',
    expected: "the profile's organization, and a claim that is there kept",
    observed:
      row === undefined ? 'no profile to ask for' : passed ? 'added; kept' : `added ${row.added}, kept ${row.kept}`,
    evidence: `${sql};`,
    ...(passed ? {} : { advice: row === undefined ? 'There is no profile yet.' : 'Look at the body of the hook.' }),
    milliseconds: performance.now() - began,
  };
}
