import type { ClientBase } from 'pg';
import { decide } from '../../../src/config/answers.ts';
import { usersPassing } from '../../../src/database/access/passing.ts';
import type { Policy } from '../../../src/database/catalog/types.ts';
import { identifier, literal } from '../../../src/database/quote.ts';
import { rolledBack } from '../../../src/database/rolled-back.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import { plural } from '../../../src/rollout/text.ts';
import type { Survey } from '../survey.ts';
import { decidedName, type Judged, type PolicyContext, reachesUsers } from './judged.ts';
import { ownersOf } from './owners.ts';
import { peopleOf } from './people.ts';
import type { Rule } from './rules.ts';

/** A policy that lets callers in because of who they are, and that is about to be narrowed to their own organization. */
export type Narrowed = {
  readonly rule: Rule;
  readonly policy: Policy;
  /** What it asks of the caller, any of these. */
  readonly conditions: readonly string[];
  /** Those of them that may name the platform's own people, rather than whoever has a role in an organization. */
  readonly asked: readonly Condition[];
};

/** The part that asks the caller, and the one that asks the row; `text` is both. */
type Condition = { readonly text: string; readonly who: string; readonly where: string | null };

export const narrowedOf = (rule: Rule, leaving: readonly Judged[], decisions: PolicyContext['decisions']): Narrowed[] =>
  leaving.flatMap(({ policy, using, check, fails, dropped }) => {
    const wide = [...using, ...check].filter(({ anywhere }) => anywhere !== null);
    const undecided = decisions[decidedName(nameOf(policy))] === undefined;
    if (fails || dropped || wide.length === 0 || !undecided || !reachesUsers(policy)) return [];
    const conditions = new Map(wide.map((one) => [one.text, one.anywhere]));
    const asked = [...conditions].flatMap(([text, anywhere]) =>
      anywhere?.by === 'person' ? [{ text, who: anywhere.who, where: anywhere.where }] : [],
    );
    return [{ rule, policy, conditions: [...conditions.keys()], asked }];
  });

/** Users who reach rows of organizations that they do not belong to, because a condition holds for them. */
export type Reaching = {
  readonly users: readonly string[];
  /** The most rows that one of them reaches by a policy, by its name; null where they could not be counted. */
  readonly rows: ReadonlyMap<string, number | null>;
  /** How many users were asked, where it were not all. */
  readonly sample: { readonly asked: number; readonly all: number } | null;
};

/** By the text of the condition; one that lets in everybody who belongs somewhere tells nobody apart. */
export type Reached = (all: readonly Narrowed[]) => Promise<ReadonlyMap<string, Reaching>>;

/**
 * What lets some callers in everywhere is narrowed to their own organization. Whether they are the platform's own people
 * or an app's admins who reach too far, names do not tell: where a real user would lose rows by it, somebody says so.
 */
export async function askAnywhere(
  all: readonly Narrowed[],
  reached: Reached,
): Promise<{ readonly blockers: readonly Blocker[]; readonly notes: readonly Note[] }> {
  if (all.length === 0) return { blockers: [], notes: [] };
  const found = await reached(all);
  const blockers: Blocker[] = [];
  const notes: Note[] = [];
  const groups = new Map<string, Narrowed[]>();
  for (const one of all) {
    const reaching = reachingOf(one, found);
    if (reaching.some(({ rows }) => (rows.get(nameOf(one.policy)) ?? 1) > 0)) {
      const key = one.asked.map(({ text }) => text).join('\n');
      groups.set(key, [...(groups.get(key) ?? []), one]);
    } else notes.push(noteOf(one, reaching));
  }
  for (const group of groups.values()) blockers.push(question(group, found));
  return { blockers, notes };
}

const nameOf = (policy: Policy): string => `${policy.schema}.${policy.table}: ${policy.name}`;

const reachingOf = ({ asked }: Narrowed, found: ReadonlyMap<string, Reaching>): readonly Reaching[] =>
  asked.flatMap(({ text }) => found.get(text) ?? []);

function noteOf({ policy, conditions }: Narrowed, reaching: readonly Reaching[]): Note {
  const label = `${policy.schema}.${policy.table}`;
  const [sample] = reaching.flatMap((one) => (one.sample === null ? [] : [one.sample]));
  const asked =
    sample === undefined
      ? ''
      : ` Only ${sample.asked} of ${plural(sample.all, 'user')} were asked whether they are let in.`;
  return {
    text: `${label}: "${policy.name}" let callers reach rows of every organization because of who they are; from now on they reach those of their own.${asked} If they are the platform's own people, keep the policy: ${decide('keepPolicy', [nameOf(policy)], '').flag}`,
    detail: conditions.join('\n'),
  };
}

function question(group: readonly Narrowed[], found: ReadonlyMap<string, Reaching>): Blocker {
  const [first] = group;
  const reaching = first === undefined ? [] : reachingOf(first, found);
  const users = [...new Set(reaching.flatMap((one) => one.users))];
  const [sample] = reaching.flatMap((one) => (one.sample === null ? [] : [one.sample]));
  const names = group.map(({ policy }) => nameOf(policy));
  const rowsOf = (name: string): string => {
    const counts = reaching.map(({ rows }) => rows.get(name) ?? null);
    if (counts.includes(null)) return 'rows that could not be counted';
    const most = Math.max(0, ...counts.map((one) => one ?? 0));
    return most > counted ? `more than ${plural(counted, 'row')}` : plural(most, 'row');
  };
  const policies = group.map(
    ({ policy }) => `"${policy.name}" of ${policy.schema}.${policy.table} (${rowsOf(nameOf(policy))})`,
  );
  const who = `${sample === undefined ? '' : 'at least '}${plural(users.length, 'user')}`;
  const keep = decide(
    'keepPolicy',
    names,
    `${names.length === 1 ? 'The policy stays' : 'The policies stay'}: ${plural(users.length, 'user')} and whoever else the condition holds for ${users.length === 1 ? 'goes' : 'go'} on reaching rows of every organization.`,
  );
  const drop = decide(
    'dropPolicy',
    names,
    `${plural(users.length, 'user')} ${users.length === 1 ? 'loses' : 'lose'} the rows of other organizations; what the condition allows is kept to their own.`,
  );
  return {
    problem: `${policies.length === 1 ? 'Policy' : 'Policies'} ${policies.join(', ')} ${policies.length === 1 ? 'lets' : 'let'} ${who} reach rows of organizations that they do not belong to, because of who they are: ${first?.asked.map(({ text }) => text).join(' or ')}. If they are the platform's own people, that is meant; if they are admins of one organization, it is a leak.`,
    remedy: `Keep it with ${keep.flag}, or keep these users to their own organizations with ${drop.flag} (decisions.keepPolicy, decisions.dropPolicy).`,
    detail: [
      ...users.slice(0, shown).map((id) => `user ${id}`),
      ...(users.length > shown ? [`and ${users.length - shown} more`] : []),
    ].join('\n'),
    answers: [keep, drop],
  };
}

/** Users who are named, and rows that are counted before it is "more than". */
const shown = 10;
const counted = 1_000;

/** Asks the database, as every user in turn. */
export const reachedIn =
  (client: ClientBase, found: Survey): Reached =>
  async (all) => {
    if (all.every((one) => one.asked.length === 0)) return new Map();
    const people = peopleOf(found);
    const conditions = [...new Map(all.flatMap((one) => one.asked.map((each) => [each.text, each]))).values()];
    const searchPath = [...new Set(['public', ...found.catalog.tables.map((table) => table.schema)])];
    const passing = await usersPassing(
      client,
      people,
      searchPath,
      conditions.map(({ who }) => who),
    );
    const sample = passing.asked < passing.all ? { asked: passing.asked, all: passing.all } : null;
    const belonging = await membersOf(client, people.belongs);
    const result = new Map<string, Reaching>();
    for (const [at, { text, where }] of conditions.entries()) {
      const users = passing.users[at] ?? [];
      const everybody = where === null && belonging.size > 1 && [...belonging.keys()].every((id) => users.includes(id));
      const reaching = everybody ? [] : users;
      const rows = new Map<string, number | null>();
      const losing = new Set<string>();
      for (const { rule, policy } of all.filter((one) => one.asked.some((each) => each.text === text))) {
        const each = await rowsOfOthers(client, found, rule, policy, where, reaching, belonging);
        for (const [id, count] of each ?? reaching.map((id) => [id, 1] as const)) if (count > 0) losing.add(id);
        rows.set(nameOf(policy), each === null ? null : Math.max(0, ...each.values()));
      }
      result.set(text, { users: reaching.filter((id) => losing.has(id)), rows, sample });
    }
    return result;
  };

async function membersOf(
  client: ClientBase,
  belongs: ReturnType<typeof peopleOf>['belongs'],
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (belongs === null) return new Map();
  const { rows } = await client.query<{ id: string; organizations: readonly string[] }>(
    `select s.id::text as id, array_agg(distinct s.org) as organizations from (select ${belongs.user} as id, ${belongs.org}::text as org
       from ${belongs.from} where ${belongs.where}) s join auth.users u on u.id::text = s.id::text where s.org is not null group by 1`,
  );
  return new Map(rows.map((one) => [one.id, one.organizations]));
}

/** Rows of other organizations that users reach by a policy that does not ask whose a row is, user by user. */
async function rowsOfOthers(
  client: ClientBase,
  found: Survey,
  rule: Rule,
  policy: Policy,
  where: string | null,
  users: readonly string[],
  belonging: ReadonlyMap<string, readonly string[]>,
): Promise<ReadonlyMap<string, number> | null> {
  if (users.length === 0) return new Map();
  // Conditions call the row by the name of its table.
  const row = identifier(rule.table.name);
  const { organizations } = ownersOf(found, rule.table, row);
  const table = literal(rule.sql);
  const privileges = { ALL: 'SELECT', SELECT: 'SELECT', INSERT: 'INSERT', UPDATE: 'UPDATE', DELETE: 'DELETE' } as const;
  const privilege = literal(privileges[policy.command]);
  const may =
    policy.command === 'DELETE'
      ? `pg_catalog.has_table_privilege('authenticated', ${table}, ${privilege})`
      : `pg_catalog.has_any_column_privilege('authenticated', ${table}, ${privilege})`;
  // Whoever belongs to the same organizations reaches the same rows.
  const kinds = new Map<string, readonly string[]>();
  const keyOf = (id: string): string => [...(belonging.get(id) ?? [])].sort().join(' ');
  for (const id of users) kinds.set(keyOf(id), belonging.get(id) ?? []);
  try {
    return await rolledBack(
      client,
      async () => {
        await client.query(`set local statement_timeout = '3s'`);
        const counts = new Map<string, number>();
        for (const [key, own] of kinds) {
          const { rows } = await client.query<{ rows: number }>(
            `select count(*)::int as rows from (select 1 from ${rule.sql} ${row}, lateral (select ${organizations} as orgs) voxanne_owners
               where ${may} and (${where ?? 'true'}) and cardinality(voxanne_owners.orgs) > 0 and not voxanne_owners.orgs && $1::text[] limit ${counted + 1}) x`,
            [own],
          );
          counts.set(key, rows[0]?.rows ?? 0);
        }
        return new Map(users.map((id) => [id, counts.get(keyOf(id)) ?? 0]));
      },
      'read only',
    );
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null;
    throw error;
  }
}
