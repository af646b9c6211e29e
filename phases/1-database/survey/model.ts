import type { Catalog, DbFunction, Policy, Table } from '../../../src/database/catalog/types.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import { escapeRegExp, mentions, wordPattern } from '../../../src/database/words.ts';
import { plural } from '../../../src/rollout/text.ts';
import type { Ask } from './ask.ts';
import { isUnique, nameOf, primaryColumn } from './shape.ts';
import type { Memberships, Model, ModelConflict, TenantTable } from './types.ts';

/** How the app says who sees what: what its policies, functions and rows say about users with several memberships. */
export type ModelFound = {
  readonly model: Model;
  readonly because: string;
  readonly conflict: ModelConflict | null;
};

export type ModelFacts = {
  readonly catalog: Catalog;
  /** Old names of keys that step 1.2 renamed. */
  readonly renamed: readonly string[];
  readonly tenants: readonly TenantTable[];
  readonly organizations: Table | null;
  readonly profiles: Table | null;
  readonly memberships: Memberships | null;
  readonly living: (alias: string) => string;
};

/** What a policy gives a member: rows of all organizations, of one at a time, or something else. */
type Vote = 'all' | 'one' | null;

export async function findModel(facts: ModelFacts, decided: Model | null, ask: Ask): Promise<ModelFound> {
  const { memberships, tenants, catalog, profiles } = facts;
  if (decided !== null) return { model: decided, because: 'decisions.isolation says so', conflict: null };
  if (memberships === null)
    return {
      model: 'one',
      because: 'no table of memberships: a user has the organization of their profile',
      conflict: null,
    };
  if (isUnique(memberships.table, [memberships.userColumn]))
    return { model: 'one', because: `${nameOf(memberships.table)} has one row per user`, conflict: null };

  const own = new Set([nameOf(memberships.table), ...(profiles === null ? [] : [nameOf(profiles)])]);
  const speaks = functionVotes(catalog.functions, memberships.table);
  const votes = { all: new Set<string>(), one: new Set<string>() };
  for (const { table, key, also } of tenants.filter((one) => !own.has(nameOf(one.table)))) {
    const keys = [key, ...also].map((one) => one.name);
    for (const policy of catalog.policies.filter((one) => one.schema === table.schema && one.table === table.name)) {
      const vote = policy.permissive ? voteOf(policy, memberships.table, speaks, keys) : null;
      if (vote !== null) votes[vote].add(nameOf(table));
    }
  }
  const users = await severalMemberships(facts, ask);
  const several = users === null ? 'an unknown number of users has' : `${plural(users, 'user has', 'users have')}`;
  const count = (n: number): string => `${plural(n, 'table')}`;
  const said = `${several} several memberships`;
  const hint = activeHint(facts);
  if (votes.all.size > 0 && votes.one.size === 0)
    return {
      model: 'all',
      because: `policies of ${count(votes.all.size)} give the rows of every organization of the user; ${said}`,
      conflict: null,
    };
  if (votes.one.size > 0 && votes.all.size === 0) {
    if (hint !== null)
      return {
        model: 'active',
        because: `${hint}; policies of ${count(votes.one.size)} give one organization at a time; ${said}`,
        conflict: null,
      };
    if (users === 0)
      return {
        model: 'one',
        because: `policies of ${count(votes.one.size)} give one organization; no user has several memberships`,
        conflict: null,
      };
    const because = `policies of ${count(votes.one.size)} give one organization at a time; ${said}`;
    // A profile's column says which; where there is none, nothing says which of several it is.
    const says = profiles !== null && tenants.some((one) => one.table === profiles);
    return {
      model: 'active',
      because,
      conflict: says
        ? null
        : await conflictOf(
            facts,
            votes,
            users ?? 0,
            'policies give one organization, and nothing says which of several it is',
            ask,
          ),
    };
  }
  if (users === 0) {
    const model: Model = votes.all.size >= Math.max(1, votes.one.size) ? 'all' : hint === null ? 'one' : 'active';
    return {
      model,
      because: `no user has several memberships${votes.all.size === 0 ? '' : `; policies of ${count(votes.all.size)} give the rows of every organization`}`,
      conflict: null,
    };
  }
  const reason =
    votes.all.size === 0
      ? `${said}, and no policy says whether they see one organization at a time or all`
      : `policies of ${count(votes.all.size)} give the rows of every organization of a user, those of ${count(votes.one.size)} of one`;
  const model: Model = votes.all.size > 0 && votes.all.size >= votes.one.size ? 'all' : 'active';
  return { model, because: reason, conflict: await conflictOf(facts, votes, users ?? 0, reason, ask) };
}

/** What functions that read memberships give: a set or a test of the row's key is all; one value is one. */
function functionVotes(functions: readonly DbFunction[], memberships: Table): ReadonlyMap<string, Vote> {
  const votes = new Map<string, Vote>();
  // A helper may call another: three rounds reach what apps do.
  for (let round = 0; round < 3; round += 1) {
    for (const one of functions) {
      if (one.kind !== 'function' || /trigger$/.test(one.returns)) continue;
      const body = one.body === '' ? (one.definition ?? '') : one.body;
      const called = [...votes].filter(([name]) => name !== one.name && mentions(body, name)).map(([, vote]) => vote);
      const reads = mentions(body, memberships.name);
      const many = one.returnsSet || one.returns.endsWith('[]') || /\bsetof\b|\btable\b/i.test(one.returns);
      const tests = one.returns === 'boolean' && one.arguments.some((each) => each.mode === 'i');
      if (one.name === 'current_org_id') votes.set(one.name, 'one');
      else if (many && (reads || called.includes('all'))) votes.set(one.name, 'all');
      else if (tests && (reads || called.includes('all'))) votes.set(one.name, called.includes('one') ? 'one' : 'all');
      else if (
        !many &&
        !tests &&
        /^(uuid|text|bigint|integer|character varying)/.test(one.returns) &&
        one.arguments.every((each) => each.mode !== 'i') &&
        (reads || saysCaller(body) || called.includes('one'))
      )
        votes.set(one.name, 'one');
    }
  }
  return votes;
}

/** A header or a setting of the request says which organization is meant, and not whose anybody is. */
const saysCaller = (text: string): boolean => /auth\.(uid|jwt)\(\)|request\.jwt/i.test(text);

function voteOf(policy: Policy, memberships: Table, speaks: ReadonlyMap<string, Vote>, keys: readonly string[]): Vote {
  const text = `${policy.using ?? ''} ${policy.check ?? ''}`;
  const called = [...speaks]
    .filter(([name]) => new RegExp(`${wordPattern(name)}\\s*\\(`, 'i').test(text))
    .map(([, vote]) => vote);
  if (called.includes('one')) return 'one';
  if (called.includes('all')) return 'all';
  if (mentions(text, memberships.name)) return /\blimit\s+1\b/i.test(text) ? 'one' : 'all';
  // A token also says who is calling, by what address and with how many factors: none of that is an organization.
  return /app_metadata|current_setting|auth\.jwt/i.test(text) && keys.some((key) => mentions(text, key)) ? 'one' : null;
}

/** What says which of several organizations is open: a column of profiles, or a function that changes it. */
function activeHint({ catalog, profiles, tenants, renamed }: ModelFacts): string | null {
  const says =
    /^(active|current|selected|default|last)_(org|organi[sz]ation|tenant|team|workspace|company|account|clinic|business)/;
  const own = tenants.find((one) => one.table === profiles)?.key.name;
  const column = [
    ...(profiles?.columns.map((one) => one.name) ?? []).filter((name) => says.test(name)),
    // Step 1.2 takes the telling name away, and what it told stays true.
    ...[...(own === undefined ? [] : [own]), ...renamed].filter((name) =>
      /^(active|current|selected|default|last)_/.test(name),
    ),
  ][0];
  if (profiles !== null && column !== undefined)
    return `${column} of ${nameOf(profiles)} says which organization is open`;
  const key = tenants.find((one) => one.table === profiles)?.key.name;
  const switching = catalog.functions.find((one) =>
    /^(switch|set_active|set_current|change|select)_(org|organi[sz]ation|tenant|team|workspace|company|account|clinic|active)/.test(
      one.name,
    ),
  );
  if (switching !== undefined) return `${switching.name}() changes which organization is open`;
  const writes =
    key === undefined || profiles === null
      ? undefined
      : catalog.functions.find(
          (one) =>
            !/trigger$/.test(one.returns) &&
            new RegExp(
              `update\\s+(\\w+\\.)?"?${escapeRegExp(profiles.name)}"?\\s[^;]*\\bset\\b[^;]*${wordPattern(key)}\\s*=`,
              'i',
            ).test(one.body),
        );
  return writes === undefined ? null : `${writes.name}() changes the organization of a profile`;
}

/** Users with several memberships that count; null where counting took too long. */
async function severalMemberships({ memberships, tenants }: ModelFacts, ask: Ask): Promise<number | null> {
  if (memberships === null) return 0;
  const key = tenants.find((one) => one.table === memberships.table)?.key.name ?? '';
  const user = identifier(memberships.userColumn);
  const counted = (from: string): string =>
    `select count(*)::int as n from (select m.${user} from ${from} m where m.${user} is not null and ${memberships.active('m')}
      group by m.${user} having count(distinct m.${identifier(key)}) > 1) s`;
  // Where all of them take too long, those of the first rows say at least that there are some.
  const rows =
    (await ask<{ n: number }>(counted(memberships.sql))) ??
    (await ask<{ n: number }>(counted(`(select * from ${memberships.sql} limit 20000)`)));
  return rows?.[0]?.n ?? null;
}

/** What each answer would take: rows of organizations beyond one, where policies gave them. */
async function conflictOf(
  facts: ModelFacts,
  votes: { readonly all: ReadonlySet<string>; readonly one: ReadonlySet<string> },
  users: number,
  reason: string,
  ask: Ask,
): Promise<ModelConflict> {
  const { memberships, tenants, organizations } = facts;
  const open = tenants.filter((one) => votes.all.has(nameOf(one.table)) && !one.table.isPartition);
  const key = tenants.find((one) => one.table === memberships?.table)?.key.name ?? '';
  const id = primaryColumn(organizations)?.name;
  let rows: number | null = 0;
  if (memberships !== null && id !== undefined && open.length > 0) {
    const user = identifier(memberships.userColumn);
    const org = identifier(key);
    // Of every user with several, all rows but those of the organization where they have most.
    const counted = await ask<{ n: number }>(
      `with belongs as (select distinct m.${user}::text as who, m.${org}::text as org from ${memberships.sql} m where ${memberships.active('m')}),
        many as (select who from belongs group by who having count(*) > 1),
        sizes as (select s.org, sum(s.n) as n from (${open.map((one) => `select t.${identifier(one.key.name)}::text as org, count(*) as n from ${qualified(one.table.schema, one.table.name)} t group by 1`).join(' union all ')}) s group by 1)
      select coalesce(sum(each.lost), 0)::int8::float8 as n from (select b.who, sum(coalesce(s.n, 0)) - max(coalesce(s.n, 0)) as lost
        from belongs b join many using (who) left join sizes s using (org) group by b.who) each`,
    );
    rows = counted?.[0]?.n ?? null;
  }
  return {
    reason,
    users,
    answers: [
      { model: 'one', users: open.length === 0 ? 0 : users, rows },
      { model: 'active', users: open.length === 0 ? 0 : users, rows },
      { model: 'all', users: 0, rows: 0 },
    ],
  };
}
