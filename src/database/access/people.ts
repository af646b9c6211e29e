import type { ClientBase } from 'pg';
import type { Kind, Person } from '../../isolation/rights.ts';
import { identifier, literal } from '../quote.ts';
import { rolledBack } from '../rolled-back.ts';

/** Rows of a table that each belong to one user: SQL, over the ranges of `from`. */
export type Belonging = {
  readonly from: string;
  /** The user's id. */
  readonly user: string;
  /** The organization. */
  readonly org: string;
  readonly where: string;
};

/** SQL for where users belong, and what tells them apart; a user is called `person`. */
export type PeopleScope = {
  /** Active memberships, or profiles where those say it. */
  readonly belongs: Belonging | null;
  /** All memberships, whether they count or not. */
  readonly members: Belonging | null;
  /** Their roles, in lower case, and which of them run an organization. */
  readonly roles: (Belonging & { readonly role: string; readonly leads: string }) | null;
  /** Whether they have a profile; null where the app has none. */
  readonly profile: string | null;
  /** Names under which a claim may carry the organization. */
  readonly claims: readonly string[];
  /** Further columns that hold users, outside profiles and memberships. */
  readonly elsewhere: readonly { readonly table: string; readonly sql: string; readonly column: string }[];
  /** Signatures of access-token hooks, which add to what the auth server signs. */
  readonly hooks: readonly string[];
  /** A call that says which organization is open for the caller; null where they see all of theirs. */
  readonly current: string | null;
  /** Tokens say that a second factor was used: policies ask for it. */
  readonly secondFactor: boolean;
};

/** A person with the token that the auth server would sign for them now. */
export type Actor = Person & { readonly role: 'anon' | 'authenticated'; readonly claims: string };

/** Users that are told apart by kind: the first so many by id, which is random; fewer where that takes too long. */
const considered = [20_000, 500] as const;
const perKind = 2;
const most = 30;

/** Without `again` a sample of every kind; with it, those same users as they are now. */
export async function findPeople(
  client: ClientBase,
  scope: PeopleScope,
  again: readonly Person[] | null,
  signal: AbortSignal,
): Promise<{ readonly actors: readonly Actor[]; readonly kinds: readonly Kind[] }> {
  const ids = again?.flatMap((one) => (one.id === null ? [] : [one.id])) ?? null;
  const rows = await ask(client, scope, ids, signal);
  const kinds = [...new Map(rows.map((one) => [one.kind, one])).values()].sort((a, b) => b.users - a.users);
  // Where there are more kinds than can be looked at, one of each as far as it goes, the largest first.
  const chosen = ids !== null || rows.length <= most ? rows : kinds.slice(0, most).map((kind) => kind);
  const closed: Actor[] = [];
  for (const one of chosen) closed.push(await toActor(client, scope, one));
  const actors = scope.current === null ? closed : await open(client, scope.current, closed);
  return {
    actors: [...actors, nobody],
    kinds: kinds.map(({ kind, users }) => ({
      kind,
      users,
      sampled: chosen.filter((one) => one.kind === kind).length,
    })),
  };
}

async function ask(
  client: ClientBase,
  scope: PeopleScope,
  ids: readonly string[] | null,
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const [many, few] = considered;
  try {
    return await rolledBack(client, async () => (await client.query<Found>(peopleSql(scope, ids, many))).rows);
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== '57014') throw error;
    signal.throwIfAborted();
    return (await client.query<Found>(peopleSql(scope, ids, few))).rows;
  }
}

const nobody: Actor = {
  id: null,
  kind: 'without a login',
  organizations: [],
  leads: [],
  former: [],
  current: null,
  role: 'anon',
  claims: JSON.stringify({ role: 'anon' }),
};

type Found = {
  readonly id: string;
  readonly kind: string;
  readonly users: number;
  readonly organizations: readonly string[];
  readonly leads: readonly string[];
  readonly former: readonly string[];
  readonly user: Omit<SignedIn, 'id'>;
};

/** Of a row of `auth.users`: what a token says of its user. */
export type SignedIn = {
  readonly id: string;
  readonly email?: string | null;
  readonly phone?: string | null;
  readonly raw_app_meta_data?: unknown;
  readonly raw_user_meta_data?: unknown;
  readonly is_anonymous?: boolean | null;
};

function peopleSql(scope: PeopleScope, ids: readonly string[] | null, most: number): string {
  const stamp = `coalesce(${scope.claims.map((name) => `person.raw_app_meta_data ->> ${literal(name)}`).join(', ')})`;
  const elsewhere = scope.elsewhere.map(
    ({ table, sql, column }) =>
      `case when person.id::text in (select e.${identifier(column)}::text from ${sql} e) then ' in ' || ${literal(table)} end`,
  );
  const wanted = ids?.map((id) => `${literal(id)}::uuid`).join(', ') ?? '';
  const where = ids === null ? 'true' : ids.length === 0 ? 'false' : `u.id in (${wanted})`;
  // Each table is read once for all users: a membership table need not have an index by user.
  const joined = (name: string, value: string, source: Belonging | null): string =>
    source === null
      ? `${name} as (select null::uuid as id, null::text[] as list where false)`
      : `${name} as (select s.id, array_agg(distinct s.value order by s.value) as list
    from (select ${source.user} as id, ${value} as value from ${source.from} where ${source.where}) s
    where s.value is not null and s.id in (select p.id from people p) group by s.id)`;
  const org = (source: Belonging | null): string => `(${source?.org ?? 'null'})::text`;
  const { belongs, members, roles } = scope;
  const list = (name: string): string => `coalesce(${name}.list, '{}')`;
  return `with people as materialized (
    select u.* from auth.users u where ${where} and (to_jsonb(u) ->> 'deleted_at') is null order by u.id limit ${most}
  ), ${joined('belongs', org(belongs), belongs)},
  ${joined('members', org(members), members)},
  ${joined('roles', roles?.role ?? '', roles)},
  ${joined('leads', org(roles), roles === null ? null : { ...roles, where: `(${roles.where}) and ${roles.leads}` })},
  facts as materialized (
    select person.id, ${list('belongs')} as organizations, ${list('leads')} as leads,
      array(select unnest(${list('members')}) except select unnest(${list('belongs')})) as former, ${list('roles')} as roles,
      ${scope.profile ?? 'null::boolean'} as profile, ${stamp} as stamp, (to_jsonb(person) ->> 'is_anonymous')::boolean as anonymous,
      nullif(concat(${elsewhere.length === 0 ? `''` : elsewhere.join(', ')}), '') as elsewhere
    from people person left join belongs on belongs.id = person.id left join members on members.id = person.id
      left join roles on roles.id = person.id left join leads on leads.id = person.id
  ), named as (
    select f.*, concat(
      case when f.anonymous then 'anonymous, ' end,
      case cardinality(f.organizations) when 0 then 'no organization' when 1 then 'member of 1 organization'
        else 'member of ' || cardinality(f.organizations) || ' organizations' end,
      case when cardinality(f.roles) > 0 then ' as ' || (select string_agg(distinct r, ' and ' order by r) from unnest(f.roles) r) end,
      case when cardinality(f.former) > 0 then ', with a membership that does not count' end,
      case when f.profile is false then ', without profile' end,
      case when f.stamp is null then ', no organization in the token'
        when not (lower(f.stamp) = any (f.organizations)) then ', another organization in the token' end,
      case when cardinality(f.organizations) = 0 then f.elsewhere end) as kind
    from facts f
  ), ranked as (
    select n.*, count(*) over (partition by n.kind)::int as users, row_number() over (partition by n.kind order by md5(n.id::text)) as rank from named n
  )
  select r.id::text, r.kind, r.users, r.organizations, r.leads, r.former, jsonb_build_object('email', to_jsonb(u) -> 'email',
    'phone', to_jsonb(u) -> 'phone', 'raw_app_meta_data', u.raw_app_meta_data,
    'raw_user_meta_data', u.raw_user_meta_data, 'is_anonymous', to_jsonb(u) -> 'is_anonymous') as user
  from ranked r join people u on u.id = r.id ${ids === null ? `where r.rank <= ${perKind}` : ''} order by r.kind, r.rank`;
}

async function toActor(client: ClientBase, scope: PeopleScope, found: Found): Promise<Actor> {
  const { user, id, kind, organizations, leads, former } = found;
  let claims: unknown = claimsOf({ ...user, id }, scope.secondFactor);
  for (const hook of scope.hooks) claims = await hooked(client, hook, id, claims);
  return {
    id,
    kind,
    organizations,
    current: null,
    leads,
    former,
    role: 'authenticated',
    claims: JSON.stringify(claims),
  };
}

/** What the auth server signs for a user, before any hook. */
export function claimsOf(user: SignedIn, secondFactor: boolean): unknown {
  const now = Math.floor(Date.now() / 1000);
  return {
    aud: 'authenticated',
    sub: user.id,
    role: 'authenticated',
    email: user.email ?? '',
    phone: user.phone ?? '',
    app_metadata: user.raw_app_meta_data ?? {},
    user_metadata: user.raw_user_meta_data ?? {},
    aal: secondFactor ? 'aal2' : 'aal1',
    amr: [{ method: 'password', timestamp: now }],
    session_id: user.id,
    is_anonymous: user.is_anonymous === true,
    exp: now + 3600,
  };
}

/** Asks, as each of them, which organization is open. */
async function open(client: ClientBase, call: string, actors: readonly Actor[]): Promise<readonly Actor[]> {
  const claims = literal(JSON.stringify(actors.map((one) => one.claims)));
  const answers = (await client.query(
    `do $voxanne$ declare me constant name := current_user; token text; answer text; answers jsonb := '[]';
      begin
        for token in select value from jsonb_array_elements_text(${claims}) loop
          answer := null;
          begin
            perform set_config('request.jwt.claims', token, true);
            set local role authenticated;
            select ${call}::text into answer;
            execute format('set local role %I', me);
          exception when others then answer := null; end;
          answers := answers || to_jsonb(coalesce(answer, ''));
        end loop;
        perform set_config('voxanne_probe.open', answers::text, true);
      end $voxanne$;
      select current_setting('voxanne_probe.open') as open`,
  )) as unknown as readonly { readonly rows: readonly { readonly open: string }[] }[];
  const found = JSON.parse(answers.at(-1)?.rows[0]?.open ?? '[]') as readonly string[];
  return actors.map((one, at) => ({ ...one, current: found[at] === '' ? null : (found[at] ?? null) }));
}

/** The call of an access-token hook for a user, both as SQL: it gives what the auth server takes for the claims. */
export const hookCall = (hook: string, user: string, claims: string): string =>
  hook.replace(
    /\([^()]*\)$/,
    () => `(jsonb_build_object('user_id', ${user}, 'claims', ${claims}, 'authentication_method', 'password'))`,
  );

/** What an access-token hook makes of the claims; they stay as they are where it fails, as it would for a person. */
async function hooked(client: ClientBase, hook: string, user: string, claims: unknown): Promise<unknown> {
  const call = hookCall(hook, literal(user), `${literal(JSON.stringify(claims))}::jsonb`);
  const answers = (await client.query(
    `do $voxanne$ begin perform set_config('voxanne_probe.claims', coalesce((${call} -> 'claims')::text, ''), true);
      exception when others then perform set_config('voxanne_probe.claims', '', true); end $voxanne$;
      select current_setting('voxanne_probe.claims') as claims`,
  )) as unknown as readonly { readonly rows: readonly { readonly claims: string }[] }[];
  const text = answers.at(-1)?.rows[0]?.claims ?? '';
  return text === '' ? claims : JSON.parse(text);
}
