import { randomBytes } from 'node:crypto';
import type { ClientBase } from 'pg';
import { identifier, literal } from '../quote.ts';
import { rolledBack } from '../rolled-back.ts';
import { claimsOf, hookCall, type PeopleScope, type SignedIn } from './people.ts';

/** Users for whom a condition that asks nothing of any row is true, condition by condition. */
export type Passing = {
  readonly users: readonly (readonly string[])[];
  /** How many users were asked, and how many there are: there is not always the time for all. */
  readonly asked: number;
  readonly all: number;
};

/** How long users are asked, in milliseconds. */
const patience = 3_000;
const batch = 500;

/**
 * Asks each condition as each user, with the token that the auth server would sign for them now. What a hook or a helper
 * writes on the way (a log of who asked) is rolled back: forbidden, it would make them fail, and a yes look like a no.
 */
export async function usersPassing(
  client: ClientBase,
  scope: Pick<PeopleScope, 'hooks' | 'secondFactor'>,
  searchPath: readonly string[],
  conditions: readonly string[],
): Promise<Passing> {
  return rolledBack(client, async () => {
    await client.query(
      `set local lock_timeout = '1s'; set local search_path = ${[...new Set([...searchPath, 'extensions'])].map(identifier).join(', ')}`,
    );
    const living = `(to_jsonb(u) ->> 'deleted_at') is null`;
    const { rows } = await client.query<{ all: number }>(
      `select count(*)::int as all from auth.users u where ${living}`,
    );
    const users = conditions.map((): string[] => []);
    const ends = performance.now() + patience;
    let asked = 0;
    let last = '00000000-0000-0000-0000-000000000000';
    while (performance.now() < ends) {
      const { rows: some } = await client.query<SignedIn>(
        `select u.id::text, to_jsonb(u) -> 'email' as email, to_jsonb(u) -> 'phone' as phone, u.raw_app_meta_data,
             u.raw_user_meta_data, to_jsonb(u) -> 'is_anonymous' as is_anonymous
           from auth.users u where ${living} and u.id > $1 order by u.id limit ${batch}`,
        [last],
      );
      const final = some.at(-1);
      if (final === undefined) break;
      last = final.id;
      const answers = await inTime(client, () => ask(client, scope, conditions, some));
      if (answers === null) break;
      for (const { id, held } of answers) for (const at of held) users[at]?.push(id);
      asked += some.length;
    }
    return { users, asked, all: rows[0]?.all ?? asked };
  });
}

/** Null where it takes longer than there is patience for. */
async function inTime<T>(client: ClientBase, work: () => Promise<T>): Promise<T | null> {
  try {
    return await rolledBack(client, async () => {
      await client.query(`set local statement_timeout = ${patience}`);
      return await work();
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === '57014') return null;
    throw error;
  }
}

type Held = { readonly id: string; readonly held: readonly number[] };

/** A condition that fails lets nobody through, as the query that asks it would fail. */
async function ask(
  client: ClientBase,
  scope: Pick<PeopleScope, 'hooks' | 'secondFactor'>,
  conditions: readonly string[],
  users: readonly SignedIn[],
): Promise<readonly Held[]> {
  const people = users.map((one) => ({ id: one.id, claims: claimsOf(one, scope.secondFactor) }));
  const hooks = scope.hooks.map(
    (hook) =>
      `begin token := coalesce(${hookCall(hook, `person -> 'id'`, 'token')} -> 'claims', token); exception when others then null; end;`,
  );
  const tag = `$voxanne_${randomBytes(6).toString('hex')}$`;
  const answers = (await client.query(
    `do ${tag} declare me constant name := current_user; person jsonb; token jsonb; held int[]; holds boolean; at int; answers jsonb := '[]';
        conditions constant text[] := array[${conditions.map((one) => literal(`select (${one})`)).join(', ')}]::text[];
      begin
        for person in select value from jsonb_array_elements(${literal(JSON.stringify(people))}::jsonb) loop
          token := person -> 'claims'; held := '{}';
          ${hooks.join('\n          ')}
          perform set_config('request.jwt.claims', token::text, true);
          for at in 1 .. cardinality(conditions) loop
            begin
              set local role authenticated;
              execute conditions[at] into holds;
              execute format('set local role %I', me);
              if holds then held := held || (at - 1); end if;
            exception when others then null; end;
          end loop;
          if cardinality(held) > 0 then answers := answers || jsonb_build_object('id', person -> 'id', 'held', held); end if;
        end loop;
        perform set_config('voxanne_probe.passing', answers::text, true);
      end ${tag};
      select current_setting('voxanne_probe.passing') as passing`,
  )) as unknown as readonly { readonly rows: readonly { readonly passing: string }[] }[];
  return JSON.parse(answers.at(-1)?.rows[0]?.passing ?? '[]') as readonly Held[];
}
