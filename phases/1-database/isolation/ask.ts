import { decide } from '../../../src/config/answers.ts';
import type { Policy } from '../../../src/database/catalog/types.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import type { Alternative } from './classify.ts';
import { calledIn, textOf } from './definer-bodies.ts';
import { decidedName, type Judged, keptSuffix, type PolicyContext } from './judged.ts';
import type { Rule } from './rules.ts';
import type { Judging } from './scope.ts';

export type Asked = {
  readonly blockers: readonly Blocker[];
  /** Parts of policies that stay, where the rest becomes the new rule. */
  readonly pieces: readonly { readonly name: string; readonly policy: Policy }[];
  /** Policies that stay whole. */
  readonly stay: ReadonlySet<Policy>;
};

/** Policies whose rows are meant for others too are kept or dropped by name, and neither without being told to. */
export async function askKeeping(rule: Rule, old: readonly Judged[], context: PolicyContext): Promise<Asked> {
  const blockers: Blocker[] = [];
  const pieces: { name: string; policy: Policy }[] = [];
  const stay = new Set<Policy>();
  for (const one of old) {
    if (one.fails || one.dropped) continue;
    const { policy } = one;
    const key = decidedName(`${policy.schema}.${policy.table}: ${policy.name}`);
    const decided = context.decisions[key];
    // Whether what shares rows reaches those of others, the rows tell: nothing is asked here, but an answer counts. So it
    // does for what callers write of their own, in whichever organization it is, and for whom a policy lets in everywhere:
    // an app's own admins, who must not, or the platform's people, who should; the names do not tell.
    const named = (each: Alternative): boolean =>
      each.shares ||
      each.anywhere !== null ||
      (policy.command !== 'SELECT' && (each.meaning === 'own' || each.meaning === 'shared'));
    const says = (each: Alternative): boolean =>
      decides(each, rule, policy, context.world) || (decided === 'keep' && named(each));
    const using = one.using.filter(says);
    const check = one.check.filter(says);
    if (using.length + check.length === 0) continue;
    if (decided === 'keep') {
      const whole = using.length === one.using.length && check.length === one.check.length;
      if (whole) stay.add(policy);
      else
        pieces.push({
          name: keptName(policy.name),
          policy: { ...policy, using: joinedBy(using), check: joinedBy(check) },
        });
    } else if (decided !== 'drop') {
      blockers.push(await question(rule, policy, using, check, key, context));
    }
  }
  return { blockers, pieces, stay };
}

function decides(one: Alternative, rule: Rule, policy: Policy, world: Judging): boolean {
  if (one.meaning === 'public' || one.meaning === 'metadata') return true;
  if (policy.command !== 'INSERT') return false;
  // Who is invited makes their own membership: without it they wait for ever, and what it asks may be too little.
  if (rule.kind === 'memberships' && (one.meaning === 'own' || one.meaning === 'within') && !one.bound)
    return asksInvitations(one.text, world);
  if (one.meaning !== 'open') return false;
  // A form for everybody; or whoever signs up makes an organization.
  return rule.kind === 'organizations' || policy.roles.includes('public');
}

/** Itself, or through a function that it calls. */
function asksInvitations(text: string, { functions }: Judging): boolean {
  const texts = new Set([text]);
  // A set takes what is added while it is walked.
  for (const one of texts) {
    if (/invit/i.test(one)) return true;
    const called = calledIn(one);
    for (const fn of functions) if (called.includes(fn.name.toLowerCase())) texts.add(textOf(fn));
  }
  return false;
}

const joinedBy = (all: readonly Alternative[]): string | null =>
  all.length === 0 ? null : all.map((one) => `(${one.text})`).join(' or ');

function keptName(name: string): string {
  let short = name;
  while (Buffer.byteLength(short + keptSuffix) > 63) short = short.slice(0, -1);
  return short + keptSuffix;
}

const verbs = {
  ALL: 'read and write',
  SELECT: 'read',
  INSERT: 'add',
  UPDATE: 'change',
  DELETE: 'delete',
} as const;

async function question(
  rule: Rule,
  policy: Policy,
  using: readonly Alternative[],
  check: readonly Alternative[],
  key: string,
  context: PolicyContext,
): Promise<Blocker> {
  const roles = policy.roles
    .map((role) => (role === 'public' ? 'everyone (anon and authenticated)' : role))
    .join(' and ');
  const conditions = [...new Set([...using, ...check].map((one) => one.text))];
  const told = conditions.filter((one) => one !== 'true').join(' or ');
  const believed = [...using, ...check].some((one) => one.meaning === 'metadata');
  const rows = using.length === 0 ? null : await context.count(rule.sql, joinedBy(using) ?? 'true');
  const now = rows === null ? '' : ` (${rows.some} of ${rows.all} rows now)`;
  const chosen = rule.kind === 'memberships' && policy.command === 'INSERT' && !/role/i.test(told);
  const keep = decide(
    'keepPolicy',
    [key],
    `The policy stays: ${roles} may go on to ${verbs[policy.command]} these rows${believed ? ', and anyone may make themselves one of them' : ''}${chosen ? '; it does not ask which role they give themselves' : ''}.`,
  );
  const drop = decide(
    'dropPolicy',
    [key],
    `The policy is dropped: ${roles} may ${verbs[policy.command]} only what the organization's rule allows.`,
  );
  return {
    problem: `Policy "${policy.name}" of ${rule.table.schema}.${rule.table.name} lets ${roles} ${verbs[policy.command]} rows of any organization${told === '' ? '' : ` where ${told}`}${now}${believed ? ', by what users write about themselves' : ''}. The organization's rule does not say that, so it is your decision.`,
    remedy: `Keep it with ${keep.flag}, or drop it with ${drop.flag} (decisions.keepPolicy, decisions.dropPolicy); ${believed ? 'user metadata is written by its user, so keeping it leaves it open to anyone.' : 'a policy that is kept goes on as it is, and the checks accept it by name.'}`,
    detail: conditions.join('\n'),
    answers: [keep, drop],
  };
}
