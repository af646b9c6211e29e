import type { DbFunction } from '../../src/database/catalog/types.ts';
import { identifier, literal } from '../../src/database/quote.ts';
import type { SqlChange } from '../../src/rollout/change.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Blocker, Note } from '../../src/rollout/step.ts';
import type { Target } from '../target.ts';
import { loadMigration, statements } from './migration.ts';
import { belongsTo, idFrom, isMember, namesOf } from './sign-up/names.ts';
import type { Survey } from './survey.ts';

const schema = 'public';
const name = 'custom_access_token_hook';
const signature = `${schema}.${name}(jsonb)`;

/** What an operator has to do by hand: SQL cannot enable a hook. */
export const enableHook = `Dashboard: Authentication > Hooks > Customize Access Token (JWT) Claims hook > Postgres, schema ${schema}, function ${name}.
supabase/config.toml:
[auth.hook.custom_access_token]
enabled = true
uri = "pg-functions://postgres/${schema}/${name}"`;

const disableFirst = `Disable the hook before a rollback removes the function: while the hook is enabled and the function is missing, nobody can sign in.`;

export type HookPlan = {
  readonly changes: readonly SqlChange[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
};

/**
 * Plans the access-token hook, an option of the sign-up step: no changes where it is in place already, or where the app
 * has a hook of its own, which is shown and left alone (a project has one such hook, and what to merge is for people).
 */
export function planAccessTokenHook(found: Survey, target: Target): HookPlan {
  const [definition, ...privileges] = hookSql(found, target);
  if (definition === undefined) return { changes: [], notes: [], blockers: [] };
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

/** The statements of `migrations/access_token_hook.sql` for what says who belongs where: the function, then its grants. */
export function hookSql(found: Survey, target: Target): readonly string[] {
  const names = namesOf(found, 'then', target);
  if (names === null || (names.memberships === null && names.profiles?.org == null)) return [];
  const stamp = idFrom('v_stamp', names.idType);
  const { organizations: o } = names;
  return statements(
    loadMigration('access_token_hook.sql', {
      type: `  v_org ${names.idType};`,
      stands: `  if ${isMember(names, 'v_user', stamp)} then
    return event;
  end if;
  if v_stamp is not null and not exists (select from ${o.sql} o where o.${o.key} = ${stamp}) then
    return event;
  end if;
  v_org := ${belongsTo(names, 'v_user')};`,
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
      text: `The app has an access-token hook of its own, ${before.signature}; it is not replaced. A project can have only one: add to it what sets org_id.`,
      detail: `${before.definition ?? before.body}\n\n-- Ours, to copy from:\n${definition}`,
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
export async function* checkAccessTokenHook(target: Target, found: Survey): AsyncIterable<CheckResult> {
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
  const names = namesOf(found, 'now', target);
  if (names === null || (names.memberships === null && names.profiles?.org == null)) return;
  const claims = (value: string): string =>
    `public.${name}(pg_catalog.jsonb_build_object('user_id', u.id, 'claims', pg_catalog.jsonb_build_object('app_metadata', ${value})))`;
  const sql = `select u.org::text as org, ${claims(`'{"provider": "email"}'::jsonb`)} #>> '{claims,app_metadata,org_id}' as added,
  ${claims(`'{"org_id": "kept"}'::jsonb`)} #>> '{claims,app_metadata,org_id}' as kept,
  public.${name}(${literal('{"claims": null}')}::jsonb)::text as odd
from (select u.id, ${belongsTo(names, 'u.id')} as org from auth.users u) u where u.org is not null limit 1`;
  const client = await target.session.work();
  const began = performance.now();
  const { rows } = await client.query<{ org: string; added: string | null; kept: string | null; odd: string }>(sql);
  const [row] = rows;
  const passed = row !== undefined && row.added === row.org && row.kept === 'kept' && row.odd === '{"claims": null}';
  yield {
    id: `${id}/adds`,
    title: 'The access-token hook adds org_id where it is absent',
    kind: 'probe',
    verdict: row === undefined ? 'skipped' : passed ? 'passed' : 'failed',
    expected: "the user's organization, and other claims kept",
    observed:
      row === undefined
        ? 'no user with an organization to ask for'
        : passed
          ? 'added; kept'
          : `added ${row.added}, kept ${row.kept}`,
    evidence: `${sql};`,
    ...(passed
      ? {}
      : { advice: row === undefined ? 'No user has an organization yet.' : 'Look at the body of the hook.' }),
    milliseconds: performance.now() - began,
  };
}
