import type { Policy } from '../../../src/database/catalog/types.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import { type Narrowed, narrowedOf } from './anywhere.ts';
import { askKeeping } from './ask.ts';
import { joined } from './caller.ts';
import { type Alternative, checkOf, type Guarded, meaningsOf, readBy, usingOf } from './classify.ts';
import { type Composed, compose, covers, sides } from './compose.ts';
import { isContained } from './contained.ts';
import { implies } from './expression.ts';
import { decidedName, type Judged, type PolicyContext, reachesApi, reachesUsers } from './judged.ts';
import { creation, drop, keeping } from './policy-changes.ts';
import type { Asking } from './recursion.ts';
import { type Command, type Condition, commands, type Rule } from './rules.ts';
import type { Judging } from './scope.ts';
import { alternativesOf } from './split.ts';

export type TablePlan = {
  readonly rule: Rule;
  /** New policies; inert where row security is still off. */
  readonly create: readonly SqlChange[];
  /** Policies that were inert and must not come alive when row security goes on. */
  readonly dropInert: readonly SqlChange[];
  readonly enable: readonly SqlChange[];
  /** Policies that let through more than the new ones. */
  readonly dropOld: readonly SqlChange[];
  /** Commands that stay closed, because row security closed them before. */
  readonly closed: readonly Command[];
  readonly notes: readonly Note[];
  readonly blockers: readonly Blocker[];
  /** Policies that are taken away: neither the rule, nor contained in it, nor kept by name. */
  readonly leaving: readonly Policy[];
  /** Names of the policies that stay and let through what is the caller's own, or shared with their organization. */
  readonly own: readonly string[];
  /**
   * Names of the policies that tie rows to callers by something else than the organization that the rows belong to, and
   * of those by which callers write what is their own, whosever organization it is in.
   */
  readonly sharing: readonly string[];
  /** Names of those that let through rows of others for nothing but who is calling. */
  readonly anywhere: readonly string[];
  /** Names of those that also let the caller's organization through: dropping the rest leaves that. */
  readonly binding: readonly string[];
  /** Those that let callers in because of who they are, and no longer will. */
  readonly narrowed: readonly Narrowed[];
  /** The conditions of the new policies, for whoever looks at all policies together. */
  readonly asks: readonly Asking[];
};

/**
 * Plans the policies of one table.
 *
 * Nothing that row security had closed is opened, and nothing that it let through to its owner is lost: a policy that
 * says "the whole organization" becomes the new rule, one that asks more stays beside it, one about a user's own rows
 * stays a policy of its own, and one that lets rows of every organization through on purpose is the operator's decision.
 * Restrictive policies only narrow and stay, as do those for the service role alone.
 */
export async function planTable(rule: Rule, policies: readonly Policy[], context: PolicyContext): Promise<TablePlan> {
  const { table } = rule;
  const label = `${table.schema}.${table.name}`;
  const guarded: Guarded = {
    schema: table.schema,
    name: table.name,
    keys: rule.keys,
    isCallers: (sql, column) =>
      context.isCallers(sql, table.columns.find((one) => one.name === column)?.base.replace(/\(.*\)/, '') ?? ''),
    ...(rule.kind === 'memberships' || rule.kind === 'profiles' ? { isCallersAs: context.isCallersAs } : {}),
    breadth: context.breadth,
  };
  const live = table.rowSecurity;
  const judged: Judged[] = [];
  for (const policy of policies.filter((one) => one.permissive && reachesApi(one))) {
    const one = await judgePolicy(policy, guarded, context.world, policies);
    const name = `${label}: ${policy.name}`;
    judged.push({
      ...one,
      fails: one.fails || (context.broken.has(label) && context.circular.has(name)),
      dropped: context.circular.has(name) && context.decisions[name] === 'drop',
    });
  }
  const kept: Judged[] = [];
  const old: Judged[] = [];
  const unowned = (rule.kind === 'lookup' || rule.kind === 'log' || rule.kind === 'personal') && live;
  for (const one of judged) {
    // A rule may itself be as wide as "whoever is signed in": what says just that is ours.
    const stays = !one.dropped && ((unowned && !isBroken(one, rule)) || (await isSettled(one, rule)));
    (stays ? kept : old).push(one);
  }
  const { strict } = context;
  if (live && strict !== null) {
    // The rule stands: what was added beside it stays where it opens nothing, or where it was kept by name.
    for (const one of [...old]) {
      const named = context.decisions[decidedName(`${label}: ${one.policy.name}`)] === 'keep';
      if (one.fails || one.dropped || !(named || (await isContained(one.policy, rule, guarded, strict)))) continue;
      old.splice(old.indexOf(one), 1);
      kept.push(one);
    }
  }
  const none: TablePlan = {
    rule,
    create: [],
    dropInert: [],
    enable: [],
    dropOld: [],
    closed: [],
    notes: [],
    blockers: [],
    leaving: [],
    own: [],
    sharing: [],
    anywhere: [],
    binding: [],
    narrowed: [],
    asks: [],
  };
  const named = (all: readonly Judged[], is: (side: readonly Alternative[], one: Judged) => boolean): string[] =>
    all.filter((one) => is([...one.using, ...one.check], one)).map(({ policy }) => policy.name);
  const isOwn = ({ meaning }: Alternative): boolean => meaning === 'own' || meaning === 'shared';
  const isBound = ({ bound, meaning }: Alternative): boolean =>
    bound || meaning === 'organization' || meaning === 'never';
  const writesOwn = ({ policy, check }: Judged): boolean => policy.command !== 'SELECT' && check.some(isOwn);
  const working = judged.filter((one) => !one.fails);
  const standing = {
    own: named(kept, (side) => side.some(isOwn)),
    sharing: named(working, (side, one) => writesOwn(one) || side.some(({ shares }) => shares)),
    anywhere: named(
      working,
      (side) =>
        side.some((one) => one.anywhere?.by === 'person') &&
        side.every((one) => one.anywhere !== null || isOwn(one) || isBound(one)),
    ),
    binding: named(working, (side) => side.some(isBound)),
  };
  if (unowned && old.length === 0) return { ...none, ...standing };

  const notes: Note[] = [];
  const asked =
    live && !unowned ? await askKeeping(rule, old, context) : { blockers: [], pieces: [], stay: new Set<Policy>() };
  const leaving = old.filter((one) => !asked.stay.has(one.policy));
  const taken = new Set(policies.map((one) => one.name));
  const create: SqlChange[] = [];
  const asks: Asking[] = [];
  const add = (command: Command, condition: Condition, prefix: string): void => {
    create.push(creation(rule, command, condition, prefix, taken, context));
    const { using, check } = sides(command, condition);
    asks.push({ table: label, name: `${prefix}_${command.toLowerCase()}`, command, conditions: [using, check] });
  };
  const closed: Command[] = [];
  for (const command of commands) {
    const before = leaving.filter(({ policy }) => policy.command === command || policy.command === 'ALL');
    const users = before.filter(({ policy }) => reachesUsers(policy));
    const there = kept.filter(({ policy }) => policy.command === command && reachesUsers(policy));
    let made: Composed;
    if (!live || (users.length === 0 && there.length === 0 && rule.always.includes(command))) {
      made = { main: rule.conditions[command] ?? null, beside: null, notes: [] };
    } else if (users.length === 0) {
      if (there.length === 0 && rule.conditions[command] !== undefined) closed.push(command);
      continue;
    } else {
      made = compose(rule, command, users, label);
    }
    notes.push(...made.notes);
    if (made.main !== null && !(await covered(made.main, command, there))) {
      add(command, made.main, rule.prefix);
    }
    if (made.beside !== null && !(await covered(made.beside, command, there))) {
      add(command, made.beside, 'own');
    }
    if (made.main === null && made.beside === null && there.length === 0) closed.push(command);
  }
  for (const piece of asked.pieces) {
    if (!policies.some((one) => one.name === piece.name)) create.push(keeping(rule, piece, context));
  }
  const created = create.map((one) => one.id);
  const drops = leaving.map((one) => drop(one, rule, live, context));
  const enable: SqlChange[] = live
    ? []
    : [
        {
          kind: 'sql',
          id: `row security ${label}`,
          title: `Turn row security on for ${label}`,
          mode: 'transaction',
          up: `alter table ${rule.sql} enable row level security;`,
          down: `alter table ${rule.sql} disable row level security;`,
          after: created,
        },
      ];
  return {
    rule,
    create,
    dropInert: live ? [] : drops,
    enable,
    dropOld: live ? drops : [],
    closed,
    notes,
    blockers: asked.blockers,
    leaving: leaving.map(({ policy }) => policy),
    ...standing,
    narrowed: live ? narrowedOf(rule, leaving, context.decisions) : [],
    asks,
  };
}

async function judgePolicy(policy: Policy, guarded: Guarded, world: Judging, all: readonly Policy[]): Promise<Judged> {
  const visitors = policy.roles.includes('anon');
  const judgeSide = async (expression: string | null): Promise<readonly Alternative[]> => {
    const found = await meaningsOf(expression, guarded, world, visitors);
    // A policy that names visitors means them: what it opens is a public page.
    return visitors ? found.map((one) => (one.meaning === 'open' ? { ...one, meaning: 'public' } : one)) : found;
  };
  const label = `${policy.schema}.${policy.table}`;
  const reads = [...(await readBy(policy.using)), ...(await readBy(policy.check))].includes(label);
  const readsOnRead = policy.command === 'SELECT' || policy.command === 'ALL';
  const walked = all.some(
    (one) => (one.command === 'SELECT' || one.command === 'ALL') && /\bselect\b/i.test(one.using ?? ''),
  );
  return {
    policy,
    using: policy.command === 'INSERT' ? [] : await judgeSide(usingOf(policy, policy.command)),
    check: ['INSERT', 'UPDATE', 'ALL'].includes(policy.command) ? await judgeSide(policy.check ?? policy.using) : [],
    fails: reads && (readsOnRead || walked),
    dropped: false,
  };
}

const isBroken = (one: Judged, rule: Rule): boolean =>
  (rule.kind === 'personal' || one.policy.command !== 'SELECT') &&
  (one.fails || [...one.using, ...one.check].some(({ meaning }) => meaning === 'open' || meaning === 'metadata'));

/** Nothing about it has to change: it is ours, or it is about what is the caller's own. */
async function isSettled(one: Judged, rule: Rule): Promise<boolean> {
  const { policy } = one;
  if (one.fails || policy.command === 'ALL') return false;
  const { command } = policy;
  const own = async (all: readonly Alternative[]): Promise<boolean> => {
    for (const { meaning, text, safe } of all) {
      // A second organization is the caller's own where it is asked as ours is.
      if (meaning !== 'own' && !(meaning === 'shared' && (await implies(text, safe)))) return false;
    }
    return all.length > 0;
  };
  const writes = command === 'INSERT' || command === 'UPDATE';
  const alone = rule.kind === 'organizations' || !writes;
  if (alone && (await own([...one.using, ...one.check]))) return true;
  if (policy.roles.join() !== 'authenticated') return false;
  const using = usingOf(policy, command);
  const check = checkOf(policy, command);
  const variants = [rule.conditions[command], rule.bound[command], ...ownBounds(rule, command)].filter(
    (each) => each !== undefined,
  );
  const within = async (expression: string, side: 'using' | 'check'): Promise<boolean> => {
    for (const variant of variants) {
      const wanted = sides(command, variant)[side];
      if (wanted === null) continue;
      if (await implies(expression, wanted)) return true;
      // A rule that says "this or that" lets through whatever says one of the two.
      for (const part of alternativesOf(wanted)) if (await implies(expression, joined(part))) return true;
    }
    return false;
  };
  const bounded = async (expression: string | null, side: 'using' | 'check'): Promise<boolean> => {
    if (expression === null) return true;
    if (await within(expression, side)) return true;
    const parts = alternativesOf(expression);
    for (const part of parts) if (!(await within(joined(part), side))) return false;
    return true;
  };
  const usingFits = (await bounded(using, 'using')) || (command !== 'INSERT' && (await own(one.using)));
  return usingFits && (await bounded(check, 'check'));
}

const ownBounds = (rule: Rule, command: Command): readonly Condition[] =>
  rule.ownBound === undefined || command === 'SELECT' || command === 'DELETE' ? [] : [{ using: rule.ownBound }];

async function covered(wanted: Condition, command: Command, there: readonly Judged[]): Promise<boolean> {
  const { using, check } = sides(command, wanted);
  for (const { policy } of there) {
    const fits = async (old: string | null, fresh: string | null): Promise<boolean> =>
      fresh === null || (old !== null && (await covers(old, fresh)));
    if ((await fits(usingOf(policy, command), using)) && (await fits(checkOf(policy, command), check))) return true;
  }
  return false;
}
