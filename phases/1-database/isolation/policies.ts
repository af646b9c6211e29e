import type { Policy } from '../../../src/database/catalog/types.ts';
import { identifier } from '../../../src/database/quote.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import type { Note } from '../../../src/rollout/step.ts';
import { conditionOf, type Guarded, type Meaning, meaningOf } from './classify.ts';
import { implies } from './expression.ts';
import { type Command, type Condition, commands, type Rule } from './rules.ts';

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
};

export type PolicyContext = {
  readonly directories: ReadonlySet<string>;
  /** Rewrites column names of now to those that stand after step 1.2. */
  readonly renamed: (expression: string) => string;
  /** Changes that the preview must run before a policy can be created. */
  readonly after: readonly string[];
};

const apiRoles = new Set(['public', 'anon', 'authenticated']);
export const reachesApi = (policy: Policy): boolean => policy.roles.some((role) => apiRoles.has(role));
const reachesUsers = (policy: Policy): boolean =>
  policy.roles.some((role) => role === 'public' || role === 'authenticated');

/**
 * Plans the policies of one table.
 *
 * Nothing that row security had closed is opened: where it is on, a command gets a policy only if some policy allowed
 * it, and a condition that is not known to mean the whole organization is kept beside the new one. Permissive policies
 * are joined by OR, so every old one that reaches API roles goes, whatever it says; restrictive ones only narrow and
 * stay, as do those for the service role alone.
 */
export async function planTable(rule: Rule, policies: readonly Policy[], context: PolicyContext): Promise<TablePlan> {
  const { table } = rule;
  const label = `${table.schema}.${table.name}`;
  const guarded: Guarded = {
    schema: table.schema,
    name: table.name,
    keys: rule.keys,
    user: rule.user,
    directories: context.directories,
  };
  const permissive = policies.filter((one) => one.permissive && reachesApi(one));
  const ours = new Map<Command, Policy>();
  for (const command of commands) {
    const wanted = rule.conditions[command];
    if (wanted === undefined) continue;
    for (const policy of permissive) {
      if (policy.command === command && !ours.has(command) && (await isOurs(policy, command, wanted))) {
        ours.set(command, policy);
      }
    }
  }
  const kept = new Set(ours.values());
  const old = permissive.filter((one) => !kept.has(one));
  const meanings = new Map<Policy, Meaning>();
  for (const policy of old) meanings.set(policy, await worst(policy, guarded));

  const notes: Note[] = [];
  // Without an organization there is nothing to prove these policies wrong by, unless they are plainly open: then those
  // go, and with them nothing else.
  const shared = (rule.kind === 'lookup' || rule.kind === 'log' || rule.kind === 'personal') && table.rowSecurity;
  const broken = old.filter(
    (one) => isBroken(meanings.get(one)) && (rule.kind === 'personal' || one.command !== 'SELECT'),
  );
  if (shared && broken.length === 0)
    return { rule, create: [], dropInert: [], enable: [], dropOld: [], closed: [], notes };
  const leaving = shared ? broken : old;

  const create: SqlChange[] = [];
  const taken = new Set(policies.map((one) => one.name));
  const closed: Command[] = [];
  for (const command of commands) {
    const wanted = rule.conditions[command];
    if (wanted === undefined || ours.has(command)) continue;
    const before = old.filter((one) => (one.command === command || one.command === 'ALL') && reachesUsers(one));
    if (table.rowSecurity && before.length === 0 && !rule.always.includes(command)) {
      closed.push(command);
      continue;
    }
    const extra = table.rowSecurity ? await narrower(before, command, rule, guarded) : null;
    if (extra !== null) {
      notes.push({
        text: `${label}: ${before.map((one) => `"${one.name}"`).join(', ')} asked more of ${command} than the organization; the new policy asks it as well.`,
        detail: extra.using,
      });
    }
    create.push(creation(rule, command, wanted, extra, taken, context));
  }
  const created = create.map((one) => one.id);
  const drops = leaving.map((one) => drop(one, meanings.get(one) ?? 'narrower', table.rowSecurity, context));
  for (const one of leaving) {
    if (!reachesUsers(one) && meanings.get(one) !== 'open') {
      notes.push({
        text: `${label}: policy "${one.name}" let people who are not signed in ${one.command === 'ALL' ? 'read and write' : one.command.toLowerCase()} rows of every organization; it is dropped. If that is meant, serve it from the backend.`,
      });
    }
  }
  const enable: SqlChange[] = table.rowSecurity
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
    dropInert: table.rowSecurity ? [] : drops,
    enable,
    dropOld: table.rowSecurity ? drops : [],
    closed,
    notes,
  };
}

/** Same command, for signed-in users only, and at least as strict as the rule. */
async function isOurs(policy: Policy, command: Command, wanted: Condition): Promise<boolean> {
  if (policy.roles.join() !== 'authenticated') return false;
  const { using, check } = sides(command, wanted);
  if (!(await implies(policy.using, using))) return false;
  // An UPDATE policy without WITH CHECK checks the new row by USING.
  return implies(command === 'UPDATE' ? (policy.check ?? policy.using) : policy.check, check);
}

const sides = (command: Command, condition: Condition): { using: string | null; check: string | null } => ({
  using: command === 'INSERT' ? null : condition.using,
  check: command === 'INSERT' || command === 'UPDATE' ? (condition.check ?? condition.using) : null,
});

/** The meaning that explains best why a policy goes: of USING or of WITH CHECK, whichever is worse. */
async function worst(policy: Policy, table: Guarded): Promise<Meaning> {
  const all = [
    ...(policy.command === 'INSERT' ? [] : [await meaningOf(policy.using, table)]),
    ...(policy.check === null ? [] : [await meaningOf(policy.check, table)]),
  ];
  return order.find((one) => all.includes(one)) ?? 'narrower';
}
const order: readonly Meaning[] = ['recursive', 'user_metadata', 'open', 'narrower', 'own row', 'organization'];
const isBroken = (meaning: Meaning | undefined): boolean =>
  meaning === 'recursive' || meaning === 'user_metadata' || meaning === 'open';

/** What the old policies of a command asked beyond the organization, or null if one of them let the whole of it through. */
async function narrower(
  before: readonly Policy[],
  command: Command,
  rule: Rule,
  table: Guarded,
): Promise<{ readonly using: string; readonly check: string } | null> {
  const using: string[] = [];
  const check: string[] = [];
  for (const policy of before) {
    const condition = conditionOf(policy, command);
    const meaning = await meaningOf(condition, table);
    if (meaning === 'organization' || isBroken(meaning)) return null;
    // The rule itself says that users write their own row only.
    if (meaning === 'own row' && rule.kind === 'profiles' && command !== 'SELECT') return null;
    if (condition === null) return null;
    using.push(condition);
    check.push(policy.check ?? condition);
  }
  if (using.length === 0) return null;
  return { using: using.join(' or '), check: check.join(' or ') };
}

function creation(
  rule: Rule,
  command: Command,
  wanted: Condition,
  extra: { readonly using: string; readonly check: string } | null,
  taken: Set<string>,
  context: PolicyContext,
): SqlChange {
  const label = `${rule.table.schema}.${rule.table.name}`;
  const name = freeName(`${rule.prefix}_${command.toLowerCase()}`, taken);
  const { using, check } = sides(command, wanted);
  const both = (condition: string, more: string | undefined): string =>
    more === undefined ? condition : `${bracketed(condition)} and (${context.renamed(more)})`;
  const clauses = [
    ...(using === null ? [] : [`using (${both(using, extra?.using)})`]),
    ...(check === null ? [] : [`with check (${both(check, extra?.check)})`]),
  ];
  return {
    kind: 'sql',
    id: `policy ${label} ${command.toLowerCase()}`,
    title: `${verbs[command]} ${label}: ${reasons[rule.kind]}`,
    mode: 'transaction',
    up: `create policy ${identifier(name)} on ${rule.sql} for ${command.toLowerCase()} to authenticated\n  ${clauses.join('\n  ')};`,
    down: `drop policy ${identifier(name)} on ${rule.sql};`,
    ...(context.after.length > 0 ? { after: context.after } : {}),
  };
}

const bracketed = (condition: string): string => (/ or /.test(condition) ? `(${condition})` : condition);

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

function freeName(name: string, taken: Set<string>): string {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}_${n}`;
    if (taken.has(candidate)) continue;
    taken.add(candidate);
    return candidate;
  }
}

export const dropId = (policy: Policy): string => `drop policy ${policy.schema}.${policy.table} ${policy.name}`;

function drop(policy: Policy, meaning: Meaning, live: boolean, context: PolicyContext): SqlChange {
  const label = `${policy.schema}.${policy.table}`;
  const on = `${identifier(policy.schema)}.${identifier(policy.table)}`;
  const whom = policy.roles.includes('public') ? 'everyone' : policy.roles.join(' and ');
  const why: Readonly<Record<Meaning, string>> = {
    open: `it lets ${whom} pass for every row`,
    user_metadata: 'it believes what users write about themselves',
    recursive: 'it reads the table that it guards and fails',
    organization: 'the new policies say the same',
    'own row': 'the new policies say the same',
    narrower: 'it passes beside the new policies, which keep its condition',
  };
  return {
    kind: 'sql',
    id: dropId(policy),
    title: `Drop policy "${policy.name}" of ${label}: ${live ? why[meaning] : `it did nothing while row security was off, and would add to the new ones`}`,
    mode: 'transaction',
    up: `drop policy ${identifier(policy.name)} on ${on};`,
    down: policySql(policy, context.renamed),
  };
}

/** The statement that makes a policy again exactly as the catalog shows it. */
export function policySql(policy: Policy, renamed: (expression: string) => string = (text) => text): string {
  const roles = policy.roles.map((role) => (role === 'public' ? 'public' : identifier(role))).join(', ');
  return [
    `create policy ${identifier(policy.name)} on ${identifier(policy.schema)}.${identifier(policy.table)}`,
    `as ${policy.permissive ? 'permissive' : 'restrictive'} for ${policy.command.toLowerCase()} to ${roles}`,
    ...(policy.using === null ? [] : [`using (${renamed(policy.using)})`]),
    ...(policy.check === null ? [] : [`with check (${renamed(policy.check)})`]),
  ]
    .join('\n  ')
    .concat(';');
}
