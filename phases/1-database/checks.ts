import { decide } from '../../src/config/answers.ts';
import { isCalledIn } from '../../src/database/catalog/calls.ts';
import type { Policy } from '../../src/database/catalog/types.ts';
import type { Circle } from '../../src/database/circles.ts';
import { checkExistingUsers } from '../../src/database/probes/data.ts';
import { checkPlan } from '../../src/database/probes/plan-checks.ts';
import { probeSignUps, type SignUpOptions } from '../../src/database/probes/sign-up.ts';
import { probeFollowing } from '../../src/database/probes/sign-up-follows.ts';
import { type IsolationOptions, probeIsolation, type TableName } from '../../src/database/probes/two-org.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Target } from '../target.ts';
import { belongsOf } from './existing-users/belongs.ts';
import { portalsOf } from './existing-users/judge.ts';
import { mayBelongNowhere, signUpMakesOrganization } from './existing-users/nowhere.ts';
import { decidedName } from './isolation/judged.ts';
import { keptLook } from './isolation/kept-look.ts';
import { rulesOf } from './isolation/rules.ts';
import { standingPolicies } from './isolation/tables.ts';
import { madeAnonymously, madeTwice, madeWithoutMember, signUpAdvice } from './sign-up/advice.ts';
import { firstRole } from './sign-up/given.ts';
import { idFrom, namesOf } from './sign-up/names.ts';
import { allowedValues, memberRole, ownerRole, roleColumnOf } from './survey/roles.ts';
import type { Counts } from './survey/types.ts';
import { orgColumnOf, primaryColumn, profileUser, type Survey, tenantOf } from './survey.ts';

/** Acts out every kind of sign-up in transactions that are rolled back. */
export async function* checkSignUps(
  target: Target,
  found: Survey,
  signal: AbortSignal,
  step: '1.4' | '1.6' = '1.4',
): AsyncIterable<CheckResult> {
  if (found.organizations === null) {
    yield missing(`${step}/sign-up`, 'Sign-ups', 'There is no organizations table.');
    return;
  }
  const names = namesOf(found, 'now', target);
  const { memberships } = found;
  const first = firstRole(found, target)?.role ?? null;
  const client = await target.session.work();
  const options: SignUpOptions = {
    organizations: named(found.organizations),
    organizationKey: primaryColumn(found.organizations)?.name ?? 'id',
    profiles:
      found.profiles === null
        ? null
        : {
            ...named(found.profiles),
            idColumn: profileUser(found),
            orgColumn: tenantOf(found, found.profiles)?.key.name ?? null,
          },
    memberships:
      memberships === null || names?.memberships == null
        ? null
        : {
            ...named(memberships.table),
            userColumn: memberships.userColumn,
            orgColumn: orgColumnOf(found, memberships.table),
            // Where no label says which role the owner of a new organization has, none is expected.
            roleColumn: first === null ? null : memberships.roleColumn,
            ownerRole: first ?? ownerRole(memberships.roles),
            memberRole: memberRole(memberships.roles),
            active: memberships.active('m'),
            member: names.memberships.member,
          },
    anonymous: target.config.decisions.anonymousUsers,
    newUsers: target.config.decisions.newUsers,
    living: found.living,
    renamed: found.from,
    advise: (error) => signUpAdvice(found, target, error),
    ...(signUpMakesOrganization(target)
      ? { twice: madeTwice, anonymously: madeAnonymously }
      : { incomplete: madeWithoutMember(found) }),
    idPrefix: `${step}/sign-up`,
    refusalsAlone: step === '1.6',
    signal,
  };
  const accepted = target.config.decisions.acceptNotChecked;
  // A kind of sign-up that somebody looked at in 1.4 is not asked about again.
  for await (const result of probeSignUps(client, options))
    yield step === '1.6' && accepted.includes(result.id.replace(step, '1.4')) ? { ...result, matters: false } : result;
  if (step === '1.4') yield* probeFollowing(client, options);
}

/** No user without a profile, an organization or a stamp, but those who are nobody's member on purpose. */
export async function* checkUsers(target: Target, found: Survey, _signal: AbortSignal): AsyncIterable<CheckResult> {
  const client = await target.session.work();
  const at = belongsOf(found, 'now', target, false, await portalsOf(client, found));
  if (found.organizations === null || at === null) {
    yield missing('1.5/users', 'Existing users', 'There is no organizations table.');
    return;
  }
  const stays = mayBelongNowhere(target) ? 'true' : at.outsider;
  const outsider = stays === 'false' ? undefined : `(${at.org(false)} is null and ${stays})`;
  yield* checkExistingUsers(client, {
    organizations: named(found.organizations),
    organizationKey: primaryColumn(found.organizations)?.name ?? 'id',
    profiles:
      found.profiles === null
        ? null
        : { ...named(found.profiles), idColumn: profileUser(found), orgColumn: found.profileOrg },
    memberships: at.member,
    users: at.whole,
    ...(outsider === undefined ? {} : { outsider }),
    idFrom: (text) => idFrom(text, found.idType),
    anonymous: target.config.decisions.anonymousUsers,
  });
}

/** The three checks that the planning documents ask for, each with the step that makes it true. */
export async function* checkDocuments(target: Target, found: Survey, step: '1.4' | '1.7'): AsyncIterable<CheckResult> {
  if (found.organizations === null) {
    yield missing('1/plan', 'Columns, trigger and row security', 'There is no organizations table.');
    return;
  }
  const results = checkPlan(await target.session.work(), {
    organizations: named(found.organizations),
    profiles: found.profiles === null ? null : named(found.profiles),
    orgColumn: found.profiles !== null && found.profileOrg === null ? null : found.to,
    type: found.idType,
  });
  for await (const result of results) {
    if ((result.id === '1/plan/on-auth-user-created') === (step === '1.4')) yield result;
  }
}

/** Two organizations, a user in each, every table: what can one do to the other? */
export async function* checkIsolation(
  target: Target,
  found: Survey,
  signal: AbortSignal,
  /** `schema.table` of those that are probed; without it all tables, views and functions. */
  only?: ReadonlySet<string>,
  /** What `lookAtAccess` kept from before the step. */
  before: unknown = null,
): AsyncIterable<CheckResult> {
  if (found.organizations === null) {
    yield missing('1.7/two-org', 'Isolation', 'There is no organizations table.');
    return;
  }
  const leftOut = new Set(found.excluded.map((table) => `${table.schema}.${table.name}`));
  for (const name of leftOut) {
    yield {
      id: `1.7/two-org/${name}/left-out`,
      title: `${name} is isolated`,
      kind: 'probe',
      verdict: 'skipped',
      expected: 'no row of another organization',
      observed: 'not checked',
      advice: 'The configuration leaves this table out ("exclude").',
      milliseconds: 0,
    };
  }
  const look = keptLook(before);
  const options = {
    ...isolationOptions(found, named(found.organizations), signal),
    failedBefore: new Set(look.failed),
    sameOrganization: target.config.decisions.sameOrganizationReferences,
  };
  const kept = await keptPolicies(found, target.config, look.anywhere);
  const results = probeIsolation(await target.session.work(), found.catalog, {
    ...options,
    ...(only === undefined ? {} : { only }),
  });
  for await (const result of results) {
    if (!leftOut.has(result.id.split('/')[2] ?? ''))
      yield asAccepted(
        asLookedAt(asKept(result, kept), found, target.config.decisions.acceptFunction),
        target.config.decisions.acceptAccess,
      );
  }
}

/** What a check of the probe tries, as commands of policies; without an entry a kept policy excuses nothing. */
const triedBy: Readonly<Record<string, readonly string[]>> = {
  read: ['SELECT'],
  insert: ['INSERT'],
  update: ['UPDATE'],
  move: ['UPDATE'],
  delete: ['DELETE'],
  'token-forged': ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  invited: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  'token-without-claim': ['SELECT'],
  'token-not-a-uuid': ['SELECT'],
};

/**
 * Policies that were kept by name and by which a member without any further right may reach rows of others. One that
 * asks who is calling, or did before the step, was kept for those people: that it lets in anybody else, nobody decided.
 */
async function keptPolicies(
  found: Survey,
  config: Target['config'],
  before: ReadonlySet<string>,
): Promise<readonly Policy[]> {
  const { keepPolicy } = config.decisions;
  if (keepPolicy.length === 0) return [];
  const { anywhere } = await standingPolicies(found, config);
  return found.catalog.policies.filter((one) => {
    const name = `${one.schema}.${one.table}: ${one.name}`;
    const named = decidedName(name);
    return one.permissive && keepPolicy.includes(named) && !anywhere.has(name) && !before.has(named);
  });
}

/** A row of another organization that a policy lets through which the operator kept by name is their decision. */
function asKept(result: CheckResult, kept: readonly Policy[]): CheckResult {
  const [, , name = '', what = ''] = result.id.split('/');
  const commands = triedBy[what.replace(/^anon-/, '')];
  if (result.verdict !== 'failed' || commands === undefined) return result;
  const through = kept.filter(
    (one) => `${one.schema}.${one.table}` === name && (one.command === 'ALL' || commands.includes(one.command)),
  );
  if (through.length === 0) return result;
  const names = through.map((one) => `"${one.name}"`).join(', ');
  return {
    ...result,
    verdict: 'skipped',
    observed: `${result.observed}; ${names} was kept by name`,
    advice: 'This is the decision that was given with keepPolicy; remove it there to close it.',
  };
}

/**
 * A function that could not be called keeps the step shut until somebody has looked at it, or nobody may call it; the
 * second ends also what one reaches that was called.
 */
function asLookedAt(result: CheckResult, found: Survey, accepted: readonly string[]): CheckResult {
  const [, signature = ''] = /\/two-org\/(.+\))(?:\/(?:(?:anon-)?call|invited))?$/.exec(result.id) ?? [];
  const fn = found.catalog.functions.find((one) => one.signature === signature);
  if (fn === undefined || (result.matters !== true && result.verdict !== 'failed')) return result;
  const conditions = found.catalog.policies.flatMap((one) => [one.using ?? '', one.check ?? '']);
  const needed = isCalledIn(fn, conditions);
  const revoke = decide('revokeFunction', [signature], 'API roles can no longer call it; the service role keeps it.');
  const isAccepted = accepted.some((name) => name.replace(/\s+/g, '') === signature.replace(/\s+/g, ''));
  if (result.verdict === 'failed') {
    // Otherwise the same function seems to be asked about twice.
    const before = isAccepted
      ? 'It was left as it is by name (decisions.acceptFunction), which says nothing of what a call now reached. '
      : '';
    if (needed) return isAccepted ? { ...result, advice: `${before}${result.advice ?? ''}` } : result;
    const advice = `${before}${(result.advice ?? '').replace(/\.$/, '')} with ${revoke.flag} (decisions.revokeFunction).`;
    return { ...result, advice, answers: [...(result.answers ?? []), revoke] };
  }
  if (isAccepted) return { ...result, matters: false };
  const accept = decide('acceptFunction', [signature], 'It stays as it is, after a look: API roles call it.');
  return {
    ...result,
    advice: `${result.advice ?? ''} It runs with its owner's rights: look at what it does with rows of others, then leave it with ${accept.flag} (decisions.acceptFunction)${needed ? '' : `, or revoke EXECUTE with ${revoke.flag} (decisions.revokeFunction)`}.`,
    answers: needed ? [accept] : [accept, revoke],
  };
}

/** What the probe reached or was refused is a failure until the operator accepts it by the name of the check. */
function asAccepted(result: CheckResult, accepted: readonly string[]): CheckResult {
  if (result.verdict !== 'failed' || result.answers?.length === 0) return result;
  if (accepted.includes(result.id))
    return {
      ...result,
      verdict: 'skipped',
      observed: `${result.observed}; accepted by name`,
      advice: 'This is the decision that was given with acceptAccess; remove it there to close it.',
    };
  const answer = decide('acceptAccess', [result.id], `It stays so, and the check no longer stops the step.`);
  return {
    ...result,
    advice: `${(result.advice ?? 'Change what the check names.').replace(/\.$/, '')}; or, where this is meant, accept it by name with ${answer.flag} (decisions.acceptAccess).`,
    answers: [...(result.answers ?? []), answer],
  };
}

/** What members cannot do with rows of their own today, on tables with row security: ids of checks that would fail. */
export async function ownFailures(
  target: Target,
  found: Survey,
  signal: AbortSignal,
  only?: ReadonlySet<string>,
  /** Tables that nobody can read at all, since their policies ask in a circle. */
  circular: ReadonlyMap<string, Circle> = new Map(),
): Promise<readonly string[]> {
  if (found.organizations === null) return [];
  const guarded = found.catalog.tables
    .filter((table) => table.rowSecurity)
    .map((table) => `${table.schema}.${table.name}`)
    .filter((name) => only?.has(name) !== false);
  if (guarded.length === 0) return [];
  const failed: string[] = [];
  const results = probeIsolation(await target.session.work(), found.catalog, {
    ...isolationOptions(found, named(found.organizations), signal),
    only: new Set(guarded),
    ownOnly: true,
    circular,
  });
  const guards = new Set(guarded);
  for await (const { id, verdict } of results) {
    if (verdict === 'failed' && (memberTable(found, id) === null || guards.has(memberTable(found, id) ?? '')))
      failed.push(id);
  }
  return failed;
}

/** The table that decides what a member may do there: only where row security guards it already is that the app's rule. */
function memberTable(found: Survey, id: string): string | null {
  const what = /\/members\/(.*)$/.exec(id)?.[1];
  if (what === undefined) return null;
  const table = what.includes('organization')
    ? found.organizations
    : what.includes('profile')
      ? found.profiles
      : (found.memberships?.table ?? null);
  return table === null ? '' : `${table.schema}.${table.name}`;
}

const isolationOptions = (found: Survey, organizations: TableName, signal: AbortSignal): IsolationOptions => ({
  tenantColumn: (table) => tenantOf(found, table)?.key.name ?? null,
  organizations,
  profiles: profilesOf(found),
  memberships: membershipsOf(found),
  appendOnly: new Set(
    rulesOf(found)
      .filter((rule) => rule.kind === 'log')
      .map(({ table }) => `${table.schema}.${table.name}`),
  ),
  schemas: [...new Set(found.catalog.tables.map((table) => table.schema))],
  signal,
});

const profilesOf = (found: Survey) => {
  const { profiles } = found;
  if (profiles === null) return null;
  const role = roleColumnOf(profiles);
  const allowed = role === null ? [] : allowedValues(profiles, role, found.enums);
  return {
    ...named(profiles),
    userColumn: profileUser(found),
    ...countingOf(found.profileCounts),
    ...(role === null || allowed.length === 0
      ? {}
      : { role: { column: role.name, owner: ownerRole(allowed), member: memberRole(allowed) } }),
  };
};

const membershipsOf = (found: Survey) => {
  const { memberships } = found;
  if (memberships === null) return null;
  return {
    ...named(memberships.table),
    userColumn: memberships.userColumn,
    orgColumn: orgColumnOf(found, memberships.table),
    roleColumn: memberships.roleColumn,
    ownerRole: ownerRole(memberships.roles),
    memberRole: memberRole(memberships.roles),
    ...countingOf(memberships),
  };
};

const countingOf = ({ active, activeValues, overValues }: Counts) => ({
  counts: activeValues,
  over: overValues,
  ...(overValues.length === 0 ? {} : { counting: active }),
});

const named = (table: { readonly schema: string; readonly name: string }) => ({
  schema: table.schema,
  table: table.name,
});

const missing = (id: string, title: string, reason: string): CheckResult => ({
  id,
  title,
  kind: 'probe',
  verdict: 'failed',
  expected: 'tables to probe',
  observed: reason,
  milliseconds: 0,
});
