import type { Policy } from '../../../src/database/catalog/types.ts';
import { identifier, literal } from '../../../src/database/quote.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import type { Alternative } from './classify.ts';
import { sides } from './compose.ts';
import { apiRoles, type Judged, type PolicyContext } from './judged.ts';
import type { Command, Condition, Rule } from './rules.ts';

export function creation(
  rule: Rule,
  command: Command,
  wanted: Condition,
  prefix: string,
  taken: Set<string>,
  context: PolicyContext,
): SqlChange {
  const label = `${rule.table.schema}.${rule.table.name}`;
  const name = freeName(`${prefix}_${command.toLowerCase()}`, taken);
  const { using, check } = sides(command, wanted);
  const own = prefix === 'own' && rule.kind !== 'personal';
  const shown = rule.kind === 'personal' && /\bmy_colleagues\b/.test(using ?? '');
  return {
    kind: 'sql',
    id: `policy ${label} ${own ? 'own ' : ''}${command.toLowerCase()}`,
    title: `${verbs[command]} ${label}: ${own ? "also the caller's own rows, as before" : shown ? "only the caller's own rows and their colleagues'" : reasons[rule.kind]}`,
    mode: 'transaction',
    up: [
      `create policy ${identifier(name)} on ${rule.sql} for ${command.toLowerCase()} to authenticated`,
      ...(using === null ? [] : [`using (${context.renamed(using)})`]),
      ...(check === null ? [] : [`with check (${context.renamed(check)})`]),
    ]
      .join('\n  ')
      .concat(';'),
    down: `drop policy ${identifier(name)} on ${rule.sql};`,
    ...(context.after.length > 0 ? { after: context.after } : {}),
  };
}

/** A part of a policy that the operator keeps, where the rest of it becomes the new rule. */
export function keeping(
  rule: Rule,
  piece: { readonly name: string; readonly policy: Policy },
  context: PolicyContext,
): SqlChange {
  return {
    kind: 'sql',
    id: `policy ${rule.table.schema}.${rule.table.name} ${piece.name}`,
    title: `Keep what policy "${piece.policy.name}" of ${rule.table.schema}.${rule.table.name} lets through, as decided`,
    mode: 'transaction',
    up: policySql({ ...piece.policy, name: piece.name }, context.renamed),
    down: `drop policy ${identifier(piece.name)} on ${rule.sql};`,
  };
}

const verbs = { SELECT: 'Read', INSERT: 'Insert into', UPDATE: 'Update', DELETE: 'Delete from' } as const;
const reasons = {
  tenant: "only the caller's organization",
  organizations: "only the caller's own organization",
  profiles: "the caller's organization, written by its user",
  memberships: "the caller's organization, written by its owners and admins",
  child: "only where the parent row belongs to the caller's organization",
  personal: "only the caller's own rows",
  log: 'signed-in users may add, only the service role reads',
  lookup: 'signed-in users may read, only the service role writes',
} as const;

export function freeName(name: string, taken: Set<string>): string {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}_${n}`;
    if (taken.has(candidate)) continue;
    taken.add(candidate);
    return candidate;
  }
}

export const dropId = (policy: Policy): string => `drop policy ${policy.schema}.${policy.table} ${policy.name}`;

export function drop(one: Judged, rule: Rule, live: boolean, context: PolicyContext): SqlChange {
  const { policy } = one;
  const label = `${policy.schema}.${policy.table}`;
  const on = `${identifier(policy.schema)}.${identifier(policy.table)}`;
  const others = policy.roles.filter((role) => !apiRoles.has(role) && role !== 'service_role');
  const why = live ? whyGone(one, rule) : 'it did nothing while row security was off, and would add to the new ones';
  const to = (roles: readonly string[]): string =>
    roles.map((role) => (role === 'public' ? 'public' : identifier(role))).join(', ');
  if (others.length > 0 && live) {
    return {
      kind: 'sql',
      id: dropId(policy),
      title: `Leave policy "${policy.name}" of ${label} to ${others.join(' and ')} alone: ${why}`,
      mode: 'transaction',
      up: `alter policy ${identifier(policy.name)} on ${on} to ${to(others)};`,
      down: `alter policy ${identifier(policy.name)} on ${on} to ${to(policy.roles)};`,
    };
  }
  return {
    kind: 'sql',
    id: dropId(policy),
    title: `Drop policy "${policy.name}" of ${label}: ${why}`,
    mode: 'transaction',
    up: `drop policy ${identifier(policy.name)} on ${on};`,
    down: policySql(policy, context.renamed),
  };
}

/** Why a policy goes that lets nobody reach more than the new ones do. */
export const repeats = 'the new policies say the same';

/** The true reason, in the order of weight. */
function whyGone(one: Judged, rule: Rule): string {
  const { policy } = one;
  const whom = policy.roles.includes('public') ? 'everyone' : policy.roles.join(' and ');
  const all = [...one.using, ...one.check];
  const has = (meaning: Alternative['meaning']): boolean => all.some((each) => each.meaning === meaning);
  if (one.dropped) return "it refers to itself in a circle; as decided, the organization's rule takes its place";
  if (one.fails) return 'it reads the table that it guards and fails';
  if (/user_meta_?data/.test(`${policy.using} ${policy.check}`)) return 'it trusts user-editable metadata';
  if (has('open')) return `it lets ${whom} pass for every row`;
  if (has('public') || has('metadata')) return 'as decided; what else it says is kept beside the new rule';
  if (has('within')) return 'the new policies ask its condition beside the organization';
  if (has('own') || has('shared')) {
    return rule.kind === 'profiles' || rule.kind === 'memberships' || rule.kind === 'personal'
      ? 'the new policies say what of it stays'
      : 'what it says stays in a policy for each command';
  }
  if (has('never') && !has('organization')) return 'it lets nobody pass';
  const directory = ['organizations', 'memberships', 'profiles'].includes(rule.kind);
  // Who may change who belongs where is less than everybody who belongs.
  return directory && policy.command !== 'SELECT' ? 'it lets every member of the organization write here' : repeats;
}

/** The statements that make a policy again exactly as the catalog shows it. */
export function policySql(policy: Policy, renamed: (expression: string) => string = (text) => text): string {
  const roles = policy.roles.map((role) => (role === 'public' ? 'public' : identifier(role))).join(', ');
  const at = `${identifier(policy.name)} on ${identifier(policy.schema)}.${identifier(policy.table)}`;
  const create = [
    `create policy ${at}`,
    `as ${policy.permissive ? 'permissive' : 'restrictive'} for ${policy.command.toLowerCase()} to ${roles}`,
    ...(policy.using === null ? [] : [`using (${renamed(policy.using)})`]),
    ...(policy.check === null ? [] : [`with check (${renamed(policy.check)})`]),
  ].join('\n  ');
  return policy.comment == null ? `${create};` : `${create};\ncomment on policy ${at} is ${literal(policy.comment)};`;
}
