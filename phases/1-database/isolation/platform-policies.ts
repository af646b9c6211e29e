import type { ClientBase } from 'pg';
import { decide } from '../../../src/config/answers.ts';
import type { Policy } from '../../../src/database/catalog/types.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import type { Survey } from '../survey.ts';
import { type Alternative, judging, meaningsOf } from './classify.ts';
import type { PolicyContext } from './judged.ts';
import { dropId, policySql } from './policy-changes.ts';
import type { Judging } from './scope.ts';

/** What the platform's own tables let API roles do: files of storage, private channels of realtime. */
export type PlatformFacts = {
  readonly policies: readonly Policy[];
  readonly columns: Readonly<Record<string, readonly string[]>>;
  /** Buckets whose files anybody reads by their address, and how many of those lie below an organization's id. */
  readonly publicBuckets: readonly { readonly id: string; readonly files: string }[];
};

const guarded = ['storage.objects', 'storage.buckets', 'realtime.messages'];

export async function platformFacts(client: ClientBase, organizations: string | null): Promise<PlatformFacts> {
  const { rows: policies } = await client.query<Policy>(
    `select schemaname as schema, tablename as "table", policyname as name, permissive = 'PERMISSIVE' as permissive,
       cmd as command, roles::text[] as roles, qual as using, with_check as check
     from pg_catalog.pg_policies where schemaname || '.' || tablename = any ($1) order by 1, 2, 3`,
    [guarded],
  );
  const { rows: columns } = await client.query<{ table: string; columns: readonly string[] }>(
    `select n.nspname || '.' || c.relname as table, array_agg(a.attname::text order by a.attnum) as columns
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where n.nspname || '.' || c.relname = any ($1) group by 1`,
    [guarded],
  );
  const shape = Object.fromEntries(columns.map((one) => [one.table, one.columns]));
  const known = (table: string, ...wanted: readonly string[]): boolean =>
    wanted.every((name) => shape[table]?.includes(name) === true);
  if (
    organizations === null ||
    !known('storage.buckets', 'id', 'public') ||
    !known('storage.objects', 'bucket_id', 'name')
  ) {
    return { policies, columns: shape, publicBuckets: [] };
  }
  const { rows: publicBuckets } = await client.query<{ id: string; files: string }>(
    `select b.id, count(o.name)::text as files from storage.buckets b left join storage.objects o on o.bucket_id = b.id
       and exists (select from ${organizations} t where o.name like t.id::text || '/%')
     where b.public group by b.id order by b.id`,
  );
  return { policies, columns: shape, publicBuckets };
}

export type PlatformPlan = {
  readonly changes: readonly SqlChange[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
};

/**
 * A policy there that binds neither to the caller nor to an organization opens every organization's files or channels.
 * Nothing is known to replace it: it is kept or dropped by name.
 */
export async function planPlatform(
  facts: PlatformFacts,
  world: Judging,
  decisions: PolicyContext['decisions'],
): Promise<PlatformPlan> {
  const columns = new Map(world.columns);
  for (const [table, names] of Object.entries(facts.columns)) columns.set(table, new Set(names));
  const changes: SqlChange[] = [];
  const blockers: Blocker[] = [];
  const open = new Set(facts.publicBuckets.map((one) => one.id));
  for (const policy of facts.policies) {
    const label = `${policy.schema}.${policy.table}`;
    const reaches = policy.roles.some((role) => ['public', 'anon', 'authenticated'].includes(role));
    if (!policy.permissive || !reaches) continue;
    const sides = await sidesOf(policy, { ...world, columns });
    const wide = sides.filter(
      (one) => ['open', 'public', 'metadata'].includes(one.meaning) && !readsPublic(one, policy, open),
    );
    if (wide.length === 0) continue;
    const key = `${label}: ${policy.name}`;
    if (decisions[key] === 'keep') continue;
    if (decisions[key] === 'drop') {
      changes.push({
        kind: 'sql',
        id: dropId(policy),
        title: `Drop policy "${policy.name}" of ${label}, as decided`,
        mode: 'transaction',
        up: `drop policy ${identifier(policy.name)} on ${qualified(policy.schema, policy.table)};`,
        down: policySql(policy),
      });
      continue;
    }
    const what = policy.table === 'messages' ? 'channels' : policy.table === 'buckets' ? 'buckets' : 'files';
    const drop = decide(
      'dropPolicy',
      [key],
      `The policy is dropped: nobody may ${verbs[policy.command]} these ${what} through it any more.`,
    );
    const keep = decide(
      'keepPolicy',
      [key],
      `The policy stays: ${policy.roles.join(' and ')} may ${verbs[policy.command]} ${what} of every organization.`,
    );
    blockers.push({
      problem: `Policy "${policy.name}" of ${label} is open: it lets ${policy.roles.join(' and ')} ${verbs[policy.command]} ${what} of every organization where ${[...new Set(wide.map((one) => one.text))].join(' or ')}.`,
      remedy: `Bind it to the organization, for instance by the first folder of the path; or drop it with ${drop.flag}; or keep it, where that is meant, with ${keep.flag} (decisions.dropPolicy, decisions.keepPolicy).`,
      answers: [drop, keep],
    });
  }
  const notes = facts.publicBuckets
    .filter((one) => one.files !== '0')
    .map((one) => ({
      text: `Bucket ${one.id} is public: anybody reads ${one.files} ${one.files === '1' ? 'file' : 'files'} of organizations by ${one.files === '1' ? 'its' : 'their'} address, whatever the policies say. Make it private where that is not meant.`,
    }));
  return { changes, blockers, notes };
}

/** What every alternative of a policy there amounts to, of both its conditions. */
async function sidesOf(policy: Policy, world: Judging): Promise<readonly Alternative[]> {
  const table = {
    schema: policy.schema,
    name: policy.table,
    keys: [],
    isCallers: (column: string) => column,
    breadth: 'current' as const,
  };
  const judge = (text: string | null): Promise<readonly Alternative[]> => meaningsOf(text, table, world, true);
  return [
    ...(policy.command === 'INSERT' ? [] : await judge(policy.using)),
    ...(policy.check === null && policy.command !== 'INSERT' ? [] : await judge(policy.check)),
  ];
}

/**
 * Policies there by what they let through, as `storage.objects: own avatar`: what is the caller's own and nothing else;
 * everything, for callers whom they let in because of who they are.
 */
export async function standingPlatformPolicies(
  client: ClientBase,
  found: Survey,
): Promise<{ readonly own: ReadonlySet<string>; readonly anywhere: ReadonlySet<string> }> {
  const facts = await platformFacts(client, null);
  const world = await judging(found, found.from);
  const columns = new Map(world.columns);
  for (const [table, names] of Object.entries(facts.columns)) columns.set(table, new Set(names));
  const own = new Set<string>();
  const anywhere = new Set<string>();
  for (const policy of facts.policies) {
    const sides = await sidesOf(policy, { ...world, columns });
    const name = `${policy.schema}.${policy.table}: ${policy.name}`;
    if (sides.length === 0) continue;
    if (sides.every(({ meaning }) => meaning === 'own')) own.add(name);
    if (sides.every((one) => one.anywhere?.by === 'person')) anywhere.add(name);
  }
  return { own, anywhere };
}

const verbs = { ALL: 'read and write', SELECT: 'read', INSERT: 'add', UPDATE: 'change', DELETE: 'delete' } as const;

/** Reading buckets that are public anyway, or their files, opens nothing. */
function readsPublic(one: Alternative, policy: Policy, open: ReadonlySet<string>): boolean {
  if (policy.command !== 'SELECT') return false;
  const names = policy.table === 'buckets' ? /(?<![\w$])id\s*=\s*'([^']+)'/g : /bucket_id\s*=\s*'([^']+)'/g;
  const named = [...one.text.matchAll(names)].map(([, id]) => id ?? '');
  return named.length > 0 && named.every((id) => open.has(id));
}
